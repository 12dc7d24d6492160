"""How an exchange can end, from best to worst, and how that is shown."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple


class Outcome(NamedTuple):
    """`mark` is the sign in the table, `letter` the same where only ASCII can be shown, `colour` a colour of the page,
    `ansi` one of the terminal."""

    key: str
    mark: str
    letter: str
    colour: str
    ansi: str
    text: str


OUTCOMES = {
    one.key: one
    for one in (
        Outcome("shared", "●", "=", "good", "32", "zero-copy: both sides have the same memory"),
        Outcome("writable", "◐", "w", "poor", "33", "zero-copy, but read-only memory became writable"),
        Outcome("copied", "○", "c", "fair", "36", "copied: the values are the same, the memory is not"),
        Outcome("unproved", "◌", "u", "fair", "36", "the values are the same; whether the memory is cannot be seen"),
        Outcome("wrapped", "▢", "o", "poor", "33", "not read: the consumer keeps the producer as an opaque object"),
        Outcome("wrong", "✗", "X", "bad", "1;31", "wrong: the values or the shape that arrived are others"),
        Outcome("crashed", "☠", "!", "worst", "1;7;31", "crashed: the process died"),
        Outcome("timeout", "∞", "t", "worst", "1;31", "no answer in time"),
        Outcome("refused", "–", "-", "none", "2", "refused with an exception"),
        Outcome("unmade", "·", ".", "none", "2", "the producer has no such array"),
        Outcome("absent", " ", " ", "none", "2", "the producer does not speak the protocol"),
        Outcome("untaken", " ", " ", "none", "2", "the consumer has no function for the protocol"),
    )
}
HARMFUL = ("wrong", "crashed", "timeout")
EMPTY = ("unmade", "absent", "untaken")
_BEST = (
    "shared",
    "writable",
    "copied",
    "unproved",
    "wrong",
    "crashed",
    "timeout",
    "wrapped",
    "refused",
    "unmade",
    "absent",
    "untaken",
)


@dataclass
class Trial:
    """One attempt: who gave what to whom, and how it ended."""

    producer: str
    consumer: str
    protocol: str
    outcome: str
    detail: str = ""
    flavour: str = ""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def best(trials: list[Trial]) -> Trial:
    """The one that a user would choose."""
    return min(trials, key=lambda one: _BEST.index(one.outcome))
