"""All trials of a run, and what they are worth."""

from __future__ import annotations

import datetime
import platform
import sys
from dataclasses import dataclass, field
from typing import Any

from .. import __version__
from ._cases import Case
from ._libraries import LIBRARIES
from ._outcomes import EMPTY, HARMFUL, OUTCOMES, Trial, best
from ._protocols import PROTOCOLS

SCHEMA = "ndferry-matrix-1"


@dataclass
class Result:
    """What a run found. `versions` has every library that was asked for, and None where it is missing."""

    case: Case
    protocols: list[str]
    versions: dict[str, str | None]
    trials: list[Trial]
    started: datetime.datetime = field(default_factory=lambda: datetime.datetime.now(datetime.timezone.utc))
    seconds: float = 0.0
    is_whole: bool = True  # nobody interrupted it

    def __post_init__(self) -> None:
        self._cells: dict[tuple[str, str], list[Trial]] = {}
        for trial in self.trials:
            self._cells.setdefault((trial.producer, trial.consumer), []).append(trial)
        order = list(PROTOCOLS)
        for trials in self._cells.values():
            trials.sort(key=lambda one: order.index(one.protocol))

    def cell(self, producer: str, consumer: str) -> list[Trial]:
        return self._cells.get((producer, consumer), [])

    def best(self, producer: str, consumer: str) -> Trial | None:
        """The best way from one library to another."""
        trials = self.cell(producer, consumer)
        return best(trials) if trials else None

    @property
    def present(self) -> list[str]:
        return [key for key, version in self.versions.items() if version is not None]

    @property
    def missing(self) -> list[str]:
        return [key for key, version in self.versions.items() if version is None]

    @property
    def producers(self) -> list[str]:
        """Those that had an array to give, whatever became of it."""
        return [one for one in self.present if any(t.outcome not in EMPTY for t in self.trials if t.producer == one)]

    @property
    def consumers(self) -> list[str]:
        """Those that have some function to take one with."""
        taking = {trial.consumer for trial in self.trials if trial.outcome not in EMPTY}
        return [one for one in self.present if one in taking]

    @property
    def idle(self) -> dict[str, str]:
        """Producers that had no such array, and why."""
        idle: dict[str, str] = {}
        producers = set(self.producers)
        for trial in self.trials:
            if trial.outcome == "unmade" and trial.producer not in producers:
                idle.setdefault(trial.producer, trial.detail)
        return idle

    def with_outcome(self, *outcomes: str) -> list[Trial]:
        return [trial for trial in self.trials if trial.outcome in outcomes]

    @property
    def is_harmless(self) -> bool:
        return not self.with_outcome(*HARMFUL)

    def counts(self) -> dict[str, int]:
        """How many trials ended each way."""
        return {key: len(self.with_outcome(key)) for key in OUTCOMES}

    def to_dict(self) -> dict[str, Any]:
        """The run as JSON has it; `docs/matrix.md` says what is in it."""
        return {
            "schema": SCHEMA,
            "ndferry": __version__,
            "python": platform.python_version(),
            "platform": f"{sys.platform} {platform.machine()}",
            "started": self.started.isoformat(timespec="seconds"),
            "seconds": round(self.seconds, 1),
            "complete": self.is_whole,
            "dtype": self.case.dtype,
            "layout": self.case.layout,
            "protocols": {key: PROTOCOLS[key] for key in self.protocols},
            "outcomes": {key: one.text for key, one in OUTCOMES.items()},
            "libraries": [
                {"key": key, "title": LIBRARIES[key].title, "version": version}
                for key, version in self.versions.items()
            ],
            "counts": self.counts(),
            "trials": [trial.to_dict() for trial in self.trials],
        }
