"""Arrow's C data interface: arrays of one axis, of fixed-width types."""

from __future__ import annotations

from ctypes import c_void_p

from .._arrow import ArrowSchema
from . import _structs as s
from ._examination import Examination, ask
from ._facts import Facts, type_named

ARROW = "__arrow_c_array__"
_FORMATS = {
    "c": "int8", "C": "uint8", "s": "int16", "S": "uint16", "i": "int32", "I": "uint32", "l": "int64", "L": "uint64",
    "e": "float16", "f": "float32", "g": "float64",
}  # fmt: skip


def examine(exam: Examination) -> None:
    method = exam.attribute(ARROW, ARROW)
    if method is None or method.error is not None:
        return
    answer = ask(method.value)
    if answer.error is not None:
        exam.refused(ARROW, answer.why)
        return
    capsules = answer.value
    names = [s.name_of(one) if s.is_capsule(one) else None for one in capsules] if isinstance(capsules, tuple) else []
    if names != [b"arrow_schema", b"arrow_array"]:
        exam.find("arrow-capsule-name", ARROW, f"`{ARROW}()` is {capsules!r:.100}")
        exam.refused(ARROW, "no pair of capsules")
        return
    schema = ArrowSchema.from_address(s.pointer_in(capsules[0], b"arrow_schema") or 0)
    array = s.ArrowArray.from_address(s.pointer_in(capsules[1], b"arrow_array") or 0)
    if not schema.release or not array.release:
        exam.refused(ARROW, "a struct that has been released or moved")
        return
    exam.protocols[ARROW] = _facts(schema, array)


def _facts(schema: ArrowSchema, array: s.ArrowArray) -> Facts:
    words = (schema.format or b"").decode(errors="replace")
    facts = Facts(ARROW, device=(s.CPU, 0), owner="release")
    facts.details = {"nulls": array.null_count, "format": words}
    if words in _FORMATS and array.n_buffers == 2 and array.buffers:
        facts.dtype, facts.itemsize = type_named(_FORMATS[words])
        facts.shape, facts.strides = (array.length,), (facts.itemsize or 1,)
        # Arrow's data are immutable by the specification; whether the memory is, nobody says.
        start = c_void_p(array.buffers[1]).value or 0
        facts.pointer = start + array.offset * (facts.itemsize or 1)
    return facts
