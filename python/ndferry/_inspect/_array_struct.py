"""`__array_struct__`: a C struct in a capsule."""

from __future__ import annotations

import gc
from ctypes import c_void_p, cast
from math import prod
from typing import Any

from .. import _declarations as c
from . import _structs as s
from ._examination import Examination
from ._facts import Facts, is_contiguous, type_named

STRUCT = "__array_struct__"
_C, _F, _ALIGNED, _NOT_SWAPPED, _WRITEABLE, _HAS_DESCR = 0x1, 0x2, 0x100, 0x200, 0x400, 0x800
_FOREIGN = ">" if memoryview(b"\1\0").cast("H")[0] == 1 else "<"
_NATIVE = "<" if _FOREIGN == ">" else ">"


def examine(exam: Examination) -> None:
    answer = exam.attribute(STRUCT, STRUCT)
    if answer is None or answer.error is not None:
        return
    if not s.is_capsule(answer.value) or s.name_of(answer.value) is not None:
        named = f", named {s.name_of(answer.value)!r}" if s.is_capsule(answer.value) else ""
        exam.find("struct-capsule", STRUCT, f"`{STRUCT}` is a {type(answer.value).__name__}{named}")
        exam.refused(STRUCT, "no capsule without a name")
        return
    struct = c.ndf_array_struct.from_address(s.pointer_in(answer.value, None) or 0)
    if struct.two != 2:
        exam.find("struct-two", STRUCT, f"the struct starts with {struct.two}")
        exam.refused(STRUCT, "the struct is of another kind")
        return
    facts = _facts(exam, struct)
    if facts is None:
        exam.refused(STRUCT, "the struct cannot be read")
        return
    exam.protocols[STRUCT] = facts
    _judge_flags(exam, struct, facts)
    _judge_descr(exam, struct, facts)


def _facts(exam: Examination, struct: Any) -> Facts | None:
    nd = struct.nd
    if not 0 <= nd <= s.MAX_NDIM or nd and not (struct.shape and struct.strides) or struct.itemsize < 0:
        missing = ", ".join(name for name in ("shape", "strides") if not getattr(struct, name))
        exam.find(
            "struct-shape", STRUCT, f"`nd` is {nd}, `itemsize` {struct.itemsize}" + (missing and f", NULL: {missing}")
        )
        return None
    if nd and not (s.is_address(struct.shape) and s.is_address(struct.strides)):
        exam.find("struct-shape", STRUCT, "`shape` or `strides` is at an address where no integers can lie")
        return None
    shape = tuple(struct.shape[:nd]) if nd else ()
    if any(extent < 0 for extent in shape):
        exam.find("struct-shape", STRUCT, f"the shape is {shape}")
        return None
    kind = struct.typekind.decode(errors="replace")
    order = "|" if struct.itemsize == 1 or kind in "SV" else _NATIVE if struct.flags & _NOT_SWAPPED else _FOREIGN
    size = struct.itemsize // 4 if kind == "U" else struct.itemsize
    return Facts(
        STRUCT,
        pointer=struct.data or 0,
        shape=shape,
        strides=tuple(struct.strides[:nd]) if nd else (),
        dtype=_dtype(struct, f"{order}{kind}{size}"),
        itemsize=struct.itemsize,
        device=(s.CPU, 0),
        read_only=not struct.flags & _WRITEABLE,
        owner="the capsule",
        details={"flags": struct.flags},
    )


def _dtype(struct: Any, typestr: str) -> str:
    """The type's name: that of the fields, where there are some."""
    if struct.flags & _HAS_DESCR and struct.descr:
        descr = _list_at(cast(struct.descr, c_void_p).value)
        if descr is not None and descr != [("", typestr)]:
            return type_named(descr)[0]
    return type_named(typestr)[0]


def _list_at(address: int | None) -> list[Any] | None:
    """Python's list at an address. It is looked for, not looked at: who knows what lies there."""
    return next((one for one in gc.get_objects() if id(one) == address and type(one) is list), None)


def _judge_flags(exam: Examination, struct: Any, facts: Facts) -> None:
    for flag, order in ((_C, "C"), (_F, "F")):
        is_dense = is_contiguous(facts.shape or (), facts.strides or (), facts.itemsize or 0, order)
        if bool(struct.flags & flag) != is_dense:
            told = "says contiguous" if struct.flags & flag else "does not say contiguous"
            exam.find("struct-flags", STRUCT, f"the flag for {order} order {told}, the strides are {facts.strides}")
    # How far the elements of a structured type are aligned, only their owner knows.
    size = facts.itemsize or 0
    unit = 4 if struct.typekind == b"U" else size // 2 if struct.typekind == b"c" else size
    if struct.typekind in (b"S", b"V", b"O") or not prod(facts.shape or ()) or unit not in (1, 2, 4, 8):
        return
    steps = [one for extent, one in zip(facts.shape or (), facts.strides or ()) if extent > 1]
    if struct.flags & _ALIGNED and any(one % unit for one in (facts.pointer or 0, *steps)):
        exam.find(
            "struct-flags", STRUCT, f"the flag says aligned, the address is {facts.pointer:#x}, strides {facts.strides}"
        )


def _judge_descr(exam: Examination, struct: Any, facts: Facts) -> None:
    has_flag, has_descr = bool(struct.flags & _HAS_DESCR), bool(struct.descr)
    if has_flag and not has_descr:
        exam.find("struct-descr", STRUCT, "the flag says that there is a descr, `descr` is NULL")
    interface = exam.protocols.get("__array_interface__")
    if not has_flag and interface is not None and (interface.dtype or "").startswith(("[", "{")):
        told = f"`__array_interface__` has the fields of {interface.dtype}, the struct says {facts.dtype}"
        exam.find("struct-fields-lost", STRUCT, told)
