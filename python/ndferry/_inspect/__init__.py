"""What an array-like says about itself on every protocol, and where it breaks their rules."""

from __future__ import annotations

from typing import Any

from . import _array, _array_struct, _arrow, _buffer, _dlpack, _exchange, _interface
from ._compare import compare
from ._examination import Examination, Finding
from ._facts import Facts
from ._report import Report
from ._rules import RULES, SEVERITIES, Rule

__all__ = ["RULES", "SEVERITIES", "Facts", "Finding", "Report", "Rule", "inspect"]

# The dictionaries before the struct, which is compared with them.
_PROTOCOLS = (_dlpack, _exchange, _interface, _array_struct, _buffer, _array, _arrow)


def inspect(obj: Any, *, copy_limit: int = 64 * 2**20) -> Report:
    """What `obj` says about itself on every protocol, side by side, with whatever contradicts itself, another protocol
    or a standard.

    The report has `findings`, `protocols`, and a text and an HTML form. Nothing is written to the object's memory, and
    no element is read. Some rules are about copies: they are tried with at most `copy_limit` bytes.

    >>> report = ndferry.inspect(bytearray(3))
    >>> [finding.severity for finding in report.findings if finding.severity == "error"]
    []
    """
    exam = Examination(obj, copy_limit)
    for protocol in _PROTOCOLS:
        protocol.examine(exam)
    compare(exam)
    return Report(type(obj), exam.protocols, exam.findings)
