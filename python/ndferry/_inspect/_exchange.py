"""DLPack's table of C functions, as native extensions use it."""

from __future__ import annotations

import ctypes
from ctypes import byref, c_int, c_void_p, py_object
from typing import Any

from . import _structs as s
from ._dlpack import NEW
from ._dlpack_struct import facts_of, read_struct
from ._examination import Examination, ask
from ._facts import ABSENT, OFFERED, REFUSED, Facts

EXCHANGE, BORROWED = "dlpack (exchange API)", "dlpack (borrowed)"
_NAME, _OLD_NAME = "__dlpack_c_exchange_api__", "__c_dlpack_exchange_api__"
_MUST = ("managed_tensor_allocator", "managed_tensor_from_py_object_no_sync", "managed_tensor_to_py_object_no_sync", "current_work_stream")  # fmt: skip

# The functions are called with the interpreter's lock, and set exceptions.
_FROM_OBJECT = ctypes.PYFUNCTYPE(c_int, py_object, c_void_p)
_DELETE = ctypes.PYFUNCTYPE(None, c_void_p)


def examine(exam: Examination) -> None:
    offered = ask(getattr, type(exam.obj), _NAME, None)
    if ask(getattr, type(exam.obj), _OLD_NAME, None).value is not None:
        exam.find("exchange-old-name", EXCHANGE, f"the class has `{_OLD_NAME}`, the name of before 1.3")
    if offered.value is None:
        exam.protocols[EXCHANGE] = Facts(EXCHANGE, ABSENT)
        if ask(getattr, exam.obj, _NAME, None).value is not None:
            exam.find("exchange-on-instance", EXCHANGE, f"the object has `{_NAME}`, its class has not")
        return
    table = _table(exam, offered.value)
    if table is None:
        exam.refused(EXCHANGE, "the table cannot be used")
        return
    _ask_owning(exam, table)
    if table.dltensor_from_py_object_no_sync:
        _ask_borrowed(exam, table)


def _table(exam: Examination, capsule: object) -> Any:
    """The newest table of version 1."""
    if not s.is_capsule(capsule) or s.name_of(capsule) != s.EXCHANGE:
        named = f"named {s.name_of(capsule)!r}" if s.is_capsule(capsule) else "no capsule"
        exam.find("exchange-capsule-name", EXCHANGE, f"`{_NAME}` is a {type(capsule).__name__}, {named}")
        return None
    address = s.pointer_in(capsule, s.EXCHANGE)
    versions = []
    while address and s.is_address(address):
        table = s.DLPackExchangeAPI.from_address(address)
        if table.major == 1:
            missing = [name for name in _MUST if not getattr(table, name)]
            if missing:
                exam.find("exchange-function-null", EXCHANGE, f"{', '.join(missing)} is NULL")
            return None if _MUST[1] in missing else table
        versions.append(f"{table.major}.{table.minor}")
        address = table.prev_api if len(versions) < 100 else None
    if address:
        versions.append(f"none, as one is at {address:#x}")
    exam.find("exchange-version", EXCHANGE, f"the tables are of version {', '.join(versions)}")
    return None


def _ask_owning(exam: Examination, table: Any) -> None:
    out = c_void_p()
    answer = ask(_FROM_OBJECT(table.managed_tensor_from_py_object_no_sync), exam.obj, byref(out))
    if answer.error is not None or answer.value or not out.value or not s.is_address(out.value):
        exam.refused(EXCHANGE, answer.why or f"the function returned {answer.value} and {out.value or 0:#x}")
        return
    try:
        read = read_struct(exam, EXCHANGE, out.value, True)
        if read is None:
            exam.refused(EXCHANGE, "the struct cannot be read")
        else:
            read.facts.details["table"] = f"{table.major}.{table.minor}"
            exam.protocols[EXCHANGE] = read.facts
            _judge_refusals(exam)
    finally:
        # The deleter is the third word whatever the version.
        deleter = s.DLManagedTensorVersioned.from_address(out.value).deleter
        if deleter:
            _DELETE(deleter)(out.value)


def _judge_refusals(exam: Examination) -> None:
    python = exam.protocols.get(NEW)
    if python is not None and python.state == REFUSED:
        exam.find("exchange-unchecked", EXCHANGE, f"`__dlpack__` refuses ({python.reason}), the table exports")
    if exam.has_found("dlpack-lazy-negative"):
        exam.find("exchange-unchecked", EXCHANGE, "a tensor whose negative bit is set is exported as it lies")


def _ask_borrowed(exam: Examination, table: Any) -> None:
    tensor = s.DLTensor()
    answer = ask(_FROM_OBJECT(table.dltensor_from_py_object_no_sync), exam.obj, byref(tensor))
    if answer.error is not None or answer.value:
        exam.refused(BORROWED, answer.why or f"the function returned {answer.value}")
        return
    facts = facts_of(exam, BORROWED, tensor, (table.major, table.minor), 0)
    if facts is not None:
        facts.state, facts.read_only, facts.owner = OFFERED, None, "none: until control returns"
        exam.protocols[BORROWED] = facts
