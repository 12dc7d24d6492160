"""A run on a terminal, and how far it has come."""

from __future__ import annotations

import os
import shutil
from typing import IO

from ._cases import LAYOUTS
from ._libraries import LIBRARIES
from ._outcomes import HARMFUL, OUTCOMES, Trial
from ._result import Result

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Style:
    """Whether a stream shows colours and signs beyond ASCII."""

    def __init__(self, stream: IO[str]) -> None:
        is_terminal = stream.isatty()
        # https://no-color.org: any value but an empty one.
        self.has_colour = is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        try:
            "●◐○☠".encode(getattr(stream, "encoding", None) or "ascii")
            self.has_signs = True
        except UnicodeEncodeError:
            self.has_signs = False

    def paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.has_colour else text

    def mark(self, outcome: str) -> str:
        one = OUTCOMES[outcome]
        return self.paint(one.mark if self.has_signs else one.letter, one.ansi)

    def plain(self, text: str) -> str:
        return text if self.has_signs else text.replace("→", "->").replace("−", "-").replace("·", ".")


class Progress:
    """A bar on a terminal; elsewhere nothing."""

    def __init__(self, stream: IO[str], total: int) -> None:
        self.stream, self.total, self.done = stream, total, 0
        self.is_shown = stream.isatty() and os.environ.get("TERM") != "dumb"
        self.current = ""

    def start(self, task: tuple[str, str, str]) -> None:
        producer, consumer, protocol = task
        self.current = f"{LIBRARIES[producer].title} → {LIBRARIES[consumer].title}, {protocol}"

    def step(self) -> None:
        self.done += 1
        if self.is_shown:
            width = 24
            full = width * self.done // max(self.total, 1)
            line = f"[{'#' * full}{'.' * (width - full)}] {self.done}/{self.total}  {self.current}"
            columns = shutil.get_terminal_size().columns - 1
            self._write(f"\r\x1b[K{line[:columns]}")

    def end(self) -> None:
        if self.is_shown:
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        encoding = getattr(self.stream, "encoding", None) or "ascii"
        self.stream.write(text.encode(encoding, "replace").decode(encoding))
        self.stream.flush()


def render(result: Result, style: Style, columns: int) -> str:
    """The whole report."""
    heading = f"{result.case.dtype}, {result.case.layout}: {LAYOUTS[result.case.layout]}"
    parts = [heading, *_grid(result, style, columns), "", *_legend(result, style)]
    parts += _notes(result, style)
    return style.plain("\n".join(parts))


def _grid(result: Result, style: Style, columns: int) -> list[str]:
    """A row for each producer, a column for each consumer: names where they fit, else letters."""
    consumers, producers = result.consumers, result.producers
    if not consumers or not producers:
        return ["nothing was exchanged"]
    title = "from \\ to"
    name_width = max(len(title), *(len(LIBRARIES[one].title) for one in producers))
    by_name = name_width + sum(len(LIBRARIES[one].title) + 2 for one in consumers) <= columns
    letters = dict(zip(consumers, _LETTERS))
    heads = [LIBRARIES[one].title if by_name else letters.get(one, "?") for one in consumers]
    gap = "  " if by_name else " "
    indent = "" if by_name else "  "
    lines = [indent + title.ljust(name_width) + "".join(gap + head for head in heads)]
    for producer in producers:
        cells = [_cell(result, producer, consumer, style, len(head)) for consumer, head in zip(consumers, heads)]
        prefix = "" if by_name else f"{letters.get(producer, ' ')} "
        lines.append(prefix + LIBRARIES[producer].title.ljust(name_width) + "".join(gap + cell for cell in cells))
    others = [one for one in consumers if one not in producers]
    if not by_name and others:
        lines += ["", "  takes only: " + ", ".join(f"{letters.get(one, '?')} {LIBRARIES[one].title}" for one in others)]
    return lines


def _cell(result: Result, producer: str, consumer: str, style: Style, width: int) -> str:
    best = result.best(producer, consumer)
    return (style.mark(best.outcome) if best else " ") + " " * (width - 1)


def _legend(result: Result, style: Style) -> list[str]:
    shown = {one.outcome for p in result.producers for c in result.consumers if (one := result.best(p, c))}
    ways = "the best of all protocols" if len(result.protocols) > 1 else f"over {result.protocols[0]}"
    return [f"Each sign is {ways}:"] + [
        f"  {style.mark(key)} {one.text}" for key, one in OUTCOMES.items() if key in shown and one.mark.strip()
    ]


def _notes(result: Result, style: Style) -> list[str]:
    lines: list[str] = []
    for outcomes, title in ((HARMFUL, "Look out:"), (("writable",), "Read-only memory that became writable:")):
        trials = result.with_outcome(*outcomes)
        if trials:
            lines += ["", style.paint(title, "1")]
            lines += [f"  {style.mark(one.outcome)} {_told(one)}" for one in trials]
    idle = [f"{LIBRARIES[key].title} ({why})" for key, why in result.idle.items()]
    if idle:
        lines += ["", "Gives nothing: " + "; ".join(idle)]
    if result.missing:
        lines += ["", "Not installed: " + ", ".join(LIBRARIES[key].title for key in result.missing)]
    counts = ", ".join(f"{n} {key}" for key, n in result.counts().items() if n and key not in ("untaken", "absent"))
    return [*lines, "", f"{len(result.trials)} trials in {result.seconds:.0f} s: {counts or 'none'}"]


def _told(trial: Trial) -> str:
    names = f"{LIBRARIES[trial.producer].title} → {LIBRARIES[trial.consumer].title}"
    detail = f": {trial.detail}" if trial.outcome != "writable" else ""
    return f"{names} over {trial.protocol}{detail}"
