"""The outcome: everything that was said, and what is wrong with it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Any

from ._examination import Finding
from ._facts import ABSENT, OFFERED, Facts
from ._rules import DISAGREEMENT, NOTE, RULES, SEVERITIES, VIOLATION

MARKS = {VIOLATION: "✗", DISAGREEMENT: "≠", NOTE: "·"}
COLUMNS = (
    "protocol",
    "pointer",
    "shape",
    "strides",
    "dtype",
    "device",
    "access",
    "order",
    "aligned",
    "version",
    "owner",
)


class Report:
    """What `ndferry.inspect` found."""

    def __init__(self, type_: type, protocols: dict[str, Facts], findings: list[Finding]) -> None:
        self.type = f"{type_.__module__}.{type_.__qualname__}"
        self.protocols = protocols
        self.findings = findings

    def count(self, severity: str) -> int:
        """Findings of a severity."""
        return sum(one.severity == severity for one in self.findings)

    def is_clean(self, strict: bool = False, *, ignore: Iterable[str] = ()) -> bool:
        """Whether there is something to look at, no violation in it, and if `strict` no disagreement. Notes are no
        faults, nor is what breaks a rule in `ignore`."""
        if isinstance(ignore, str):
            raise TypeError(f"`ignore` is {ignore!r}, it must be a list of rules")
        ignored = set(ignore)
        if unknown := ignored - set(RULES):
            raise ValueError(f"`ignore`: there is no rule {', '.join(sorted(map(str, unknown)))}")
        faults = {one.severity for one in self.findings if one.id not in ignored}
        return self.is_array and VIOLATION not in faults and not (strict and DISAGREEMENT in faults)

    @property
    def is_array(self) -> bool:
        """Whether any protocol is offered, or refused: what offers none is no array."""
        return any(one.state != ABSENT for one in self.protocols.values())

    @property
    def summary(self) -> str:
        if not self.is_array:
            return "offers no array protocol"
        counts = [(self.count(severity), severity) for severity in SEVERITIES]
        return ", ".join(f"{n} {word}{'' if n == 1 else 's'}" for n, word in counts if n) or "nothing to complain of"

    def rows(self) -> list[tuple[str, ...]]:
        """The protocols that are offered as text, in the order of `COLUMNS`."""
        return [_row(one) for one in self.protocols.values() if one.state == OFFERED]

    def others(self) -> tuple[list[Facts], list[str]]:
        """What is refused, and the names of what is not there."""
        others = [one for one in self.protocols.values() if one.state != OFFERED]
        return [one for one in others if one.state != ABSENT], [one.protocol for one in others if one.state == ABSENT]

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON has it; `docs/inspect.md` says what is in it."""
        return {
            "schema": "ndferry-inspect-1",
            "type": self.type,
            "protocols": {name: one.to_dict() for name, one in self.protocols.items()},
            "findings": [one.to_dict() for one in self.findings],
            "counts": {severity: self.count(severity) for severity in SEVERITIES},
        }

    def __str__(self) -> str:
        refused, absent = self.others()
        lines = [f"{self.type}: {self.summary}", ""]
        lines += _table([COLUMNS, *self.rows()])
        lines += [f"{one.protocol:<{_WIDTH}}  refused: {one.reason}" for one in refused]
        if absent:
            lines.append(f"{'not offered':<{_WIDTH}}  {', '.join(absent)}")
        for one in self.findings:
            lines += ["", *_told(one)]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<ndferry.inspect of {self.type}: {self.summary}>"

    def _repr_html_(self) -> str:
        from ._page import fragment

        return fragment(self)


_WIDTH = 21  # of the longest protocol's name


def _row(facts: Facts) -> tuple[str, ...]:
    access = {None: "", True: "read-only", False: "writable"}[facts.read_only]
    pointer = "" if facts.pointer is None else f"{facts.pointer:#x}" if facts.pointer else "NULL"
    texts = (
        facts.protocol, pointer, _numbers(facts.shape), _numbers(facts.strides), facts.dtype, facts.device_name, access,
        facts.order if facts.order != "" else "gaps", facts.alignment, facts.version, facts.owner,
    )  # fmt: skip
    return tuple("" if one is None else str(one) for one in texts)


def _numbers(values: tuple[int, ...] | None) -> str | None:
    return None if values is None else "(" + ", ".join(map(str, values)) + ("," if len(values) == 1 else "") + ")"


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    if len(rows) == 1:
        return []
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    widths[0] = max(widths[0], _WIDTH)
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths) if width).rstrip() for row in rows]


def _told(finding: Finding) -> list[str]:
    head = f"{MARKS[finding.severity]} {finding.severity}  {finding.id}  [{finding.protocol}]"
    message = textwrap.wrap(finding.message, 110, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
    return [head, *message, f"  rule: {finding.rule.text} ({finding.source})"]
