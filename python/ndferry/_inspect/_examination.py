"""One look at one object: what is asked of it, what it said, what was found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ._facts import ABSENT, REFUSED, Facts
from ._rules import RULES, SEVERITIES, Rule


class Finding(NamedTuple):
    """A rule that an object breaks, on which protocol, and how that showed."""

    rule: Rule
    protocol: str
    message: str

    @property
    def id(self) -> str:
        return self.rule.id

    @property
    def severity(self) -> str:
        return self.rule.severity

    @property
    def source(self) -> str:
        return self.rule.source

    def __str__(self) -> str:
        return f"{self.severity} {self.id} ({self.protocol}): {self.message}"

    def to_dict(self) -> dict[str, str]:
        rule = self.rule
        return {
            "rule": rule.id, "severity": rule.severity, "protocol": self.protocol, "message": self.message,
            "text": rule.text, "source": rule.source,
        }  # fmt: skip


class Answer(NamedTuple):
    """What a call gave, or what it raised."""

    value: Any = None
    error: Exception | None = None

    @property
    def why(self) -> str:
        return describe(self.error) if self.error is not None else ""


def describe(error: Exception) -> str:
    """An exception in one short line."""
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words[:200]}" if words else type(error).__name__


def ask(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Answer:
    """Calls a stranger's function."""
    try:
        return Answer(function(*arguments, **keywords))
    except Exception as error:  # whatever strangers raise is what is looked at
        return Answer(error=error.with_traceback(None))  # whose frames hold the object


def shown(value: Any) -> str:
    """A stranger's value in a few words, whatever its own words do."""
    words = ask(repr, value)
    return words.value[:80] if isinstance(words.value, str) else f"{type(value).__name__} without words"


def lacks_keyword(answer: Answer, keyword: str) -> bool:
    """Whether a TypeError is about the call, not about the data."""
    words = str(answer.error)
    signs = ("keyword argument", "incompatible function arguments", "positional argument")
    return isinstance(answer.error, TypeError) and (keyword in words or any(one in words for one in signs))


_MISSING = object()


class Examination:
    """Collects facts and findings about one object. What it copies, producers are asked to copy, is never more than
    `copy_limit` bytes."""

    def __init__(self, obj: Any, copy_limit: int) -> None:
        self.obj = obj
        self.copy_limit = copy_limit
        self.protocols: dict[str, Facts] = {}
        self._found: dict[tuple[str, str], list[str]] = {}

    def find(self, rule: str, protocol: str, message: str) -> None:
        """Notes a broken rule; how it shows in several ways is one finding."""
        messages = self._found.setdefault((RULES[rule].id, protocol), [])
        if message not in messages:
            messages.append(message)

    @property
    def findings(self) -> list[Finding]:
        """The worst first, else in the order of the table of rules."""
        order = {rule.id: (SEVERITIES.index(rule.severity), i) for i, rule in enumerate(RULES.values())}
        found = sorted(self._found.items(), key=lambda one: order[one[0][0]])
        return [Finding(RULES[rule], protocol, "; ".join(messages)) for (rule, protocol), messages in found]

    def has_found(self, *rules: str) -> bool:
        return any(rule in rules for rule, _ in self._found)

    def attribute(self, name: str, protocol: str) -> Answer | None:
        """An attribute of the object; None where it is not offered."""
        answer = ask(getattr, self.obj, name, _MISSING)
        if answer.error is not None:
            self.find("attribute-error", protocol, f"looking for `{name}` raises {answer.why}")
            self.refused(protocol, answer.why)
            return answer
        if answer.value is _MISSING:
            self.protocols[protocol] = Facts(protocol, ABSENT)
            return None
        return answer

    def refused(self, protocol: str, reason: str) -> None:
        self.protocols[protocol] = Facts(protocol, REFUSED, reason)

    def may_copy(self, nbytes: int | None) -> bool:
        return nbytes is not None and nbytes <= self.copy_limit
