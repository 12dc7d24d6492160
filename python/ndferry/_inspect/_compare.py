"""Where two protocols say different things about one object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._array import ARRAY
from ._arrow import ARROW
from ._examination import Examination
from ._facts import OFFERED, Facts, meaningful

_ACCESS = {True: "read-only", False: "writable"}


def compare(exam: Examination) -> None:
    facts = [one for one in exam.protocols.values() if one.state == OFFERED]
    _judge_copies(exam, facts)
    # Arrow is of one axis, and its arrays of structures have an address in each field.
    shaped = [one for one in facts if one.protocol != ARROW]
    together = _of_one_memory(shaped)
    _disagree(exam, "pointer-differs", _without_copies(exam, facts), "starts at", lambda one: one.pointer, hex)
    _disagree(exam, "shape-differs", shaped, "has the shape", lambda one: one.shape)
    _disagree(exam, "strides-differ", together, "has the strides", meaningful)
    _disagree(
        exam, "dtype-differs", _named(exam, _without_copies(exam, facts, True)), "is of type", lambda one: one.dtype
    )
    _disagree(exam, "device-differs", shaped, "is on", lambda one: one.device)
    _disagree(exam, "read-only-differs", together, "is", lambda one: one.read_only, _ACCESS.get)


def _disagree(
    exam: Examination,
    rule: str,
    facts: list[Facts],
    says: str,
    value_of: Callable[[Facts], Any],
    show: Callable[[Any], Any] = str,
) -> None:
    """Notes one finding where the values are not all the same; None says nothing."""
    values: dict[Any, list[str]] = {}
    for one in facts:
        value = value_of(one)
        if value is not None:
            values.setdefault(value, []).append(one.protocol)
    if len(values) > 1:
        told = "; ".join(f"{show(value)} by {', '.join(names)}" for value, names in values.items())
        exam.find(rule, "all", f"the object {says} {told}")


def _judge_copies(exam: Examination, facts: list[Facts]) -> None:
    array = exam.protocols.get(ARRAY)
    others = {one.pointer for one in facts if one.protocol != ARRAY and one.pointer is not None}
    if array is not None and array.state == OFFERED and array.size and others and array.pointer not in others:
        exam.find("array-copies", ARRAY, "`__array__()` copies, other protocols share the memory")


def _without_copies(exam: Examination, facts: list[Facts], empty: bool = False) -> list[Facts]:
    """`__array__` may copy, and convert while it copies. What is `empty` may start anywhere."""
    copies = exam.has_found("array-copies")
    return [one for one in facts if (one.size or empty) and not (copies and one.protocol == ARRAY)]


def _of_one_memory(facts: list[Facts]) -> list[Facts]:
    """Those that show the memory which most of them show."""
    first = next((one.pointer for one in facts if one.pointer is not None), None)
    return [one for one in facts if one.pointer in (first, None) and (one.size or one.protocol != ARRAY)]


def _named(exam: Examination, facts: list[Facts]) -> list[Facts]:
    """Those that name a type. Bytes without a name beside a name are a loss, not a second opinion; so are dates without
    a unit."""
    names = {one.dtype for one in facts if one.dtype is not None and not _is_void(one.dtype)}
    kept = []
    for one in facts:
        wholes = sorted(name for name in names if one.dtype is not None and _is_less(one.dtype, name))
        if not wholes:
            kept.append(one)
        elif not exam.has_found("struct-fields-lost"):
            exam.find("dtype-lost", one.protocol, f"{', '.join(wholes)} is shown as {one.dtype}")
    return kept


def _is_void(dtype: str) -> bool:
    return dtype.lstrip("|<>").startswith(("V", "void"))


def _is_less(dtype: str, name: str) -> bool:
    return _is_void(dtype) or dtype in ("datetime64", "timedelta64") and name.startswith(dtype + "[")
