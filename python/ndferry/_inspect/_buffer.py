"""The buffer protocol: what an exporter answers to each kind of request."""

from __future__ import annotations

import struct
from ctypes import byref, c_int, c_void_p, py_object
from math import prod
from typing import Any

from .. import _declarations as c
from . import _structs as s
from ._examination import Answer, Examination, ask
from ._facts import Facts, dense_strides, is_contiguous, type_named

BUFFER = "buffer"
_SIMPLE, _WRITABLE, _FORMAT, _ND, _STRIDES, _INDIRECT = 0, 0x1, 0x4, 0x8, 0x18, 0x118
_REQUESTS = {
    "FULL_RO": 0x11C, "FULL": 0x11D, "RECORDS_RO": 0x1C, "STRIDED_RO": 0x18, "C_CONTIGUOUS": 0x38,
    "F_CONTIGUOUS": 0x58, "ANY_CONTIGUOUS": 0x98, "ND": 0x8, "FORMAT": 0x4, "SIMPLE": 0x0, "WRITABLE": 0x1,
}  # fmt: skip
_CONTIGUOUS = {"C_CONTIGUOUS": "C", "F_CONTIGUOUS": "F", "ND": "C", "FORMAT": "C", "SIMPLE": "C", "WRITABLE": "C"}

_check_buffer = s.python_function("PyObject_CheckBuffer", c_int, py_object)
_get_buffer = s.python_function("PyObject_GetBuffer", c_int, py_object, c_void_p, c_int)
_release = s.python_function("PyBuffer_Release", None, c_void_p)
_SENTINEL = 1  # no object lies there


def examine(exam: Examination) -> None:
    if not _check_buffer(exam.obj):
        exam.protocols[BUFFER] = Facts(BUFFER, "absent")
        return
    _Exporter(exam).examine()


class _Exporter:
    def __init__(self, exam: Examination) -> None:
        self.exam = exam
        self.given: dict[str, c.ndf_buffer] = {}
        self.refusals: dict[str, Answer] = {}

    def find(self, rule: str, message: str) -> None:
        self.exam.find(rule, BUFFER, message)

    def examine(self) -> None:
        try:
            for name, flags in _REQUESTS.items():
                self.ask(name, flags)
            self.note_facts()
            self.judge_refusals()
            self.judge_unasked()
            self.judge_missing()
            for name, buffer in self.given.items():
                self.judge(name, _REQUESTS[name], buffer)
            self.judge_together()
        finally:
            for buffer in self.given.values():
                _release(byref(buffer))

    def ask(self, name: str, flags: int) -> None:
        buffer = c.ndf_buffer()
        buffer.obj = _SENTINEL
        answer = ask(_get_buffer, self.exam.obj, byref(buffer), flags)
        if answer.error is None:
            if buffer.obj in (None, _SENTINEL):
                self.find("buffer-owner", f"{name} is granted, `obj` is not set")
                buffer.obj = None  # nothing to be released
            self.given[name] = buffer
            return
        self.refusals[name] = answer
        if buffer.obj not in (None, _SENTINEL):
            self.find("buffer-owner", f"{name} is refused, `obj` is set")

    def note_facts(self) -> None:
        """What the most telling answer says."""
        for name in ("FULL_RO", "RECORDS_RO", "STRIDED_RO", "ND", "SIMPLE"):
            if name in self.given:
                break
        else:
            self.exam.refused(BUFFER, next(iter(self.refusals.values())).why)
            return
        buffer = self.given[name]
        shape = self.shape_of(name, buffer)
        if shape is None:
            self.exam.refused(BUFFER, "what it says cannot be read")
            return
        dtype = None
        if _REQUESTS[name] & _FORMAT:
            dtype = type_named(buffer.format.decode(errors="replace") if buffer.format else "B")[0]
        self.exam.protocols[BUFFER] = Facts(
            BUFFER,
            pointer=buffer.buf or 0,
            shape=shape,
            strides=self.strides_of(buffer, shape),
            dtype=dtype,
            itemsize=buffer.itemsize,
            device=(s.CPU, 0),
            read_only=bool(buffer.readonly),
            owner="the view",
            details={
                "format": buffer.format.decode(errors="replace") if buffer.format else None,
                "granted": list(self.given),
                "refused": {one: answer.why for one, answer in self.refusals.items()},
            },
        )

    def shape_of(self, name: str, buffer: Any) -> tuple[int, ...] | None:
        """A buffer without a shape is one of bytes."""
        ndim = buffer.ndim
        if not 0 <= ndim <= s.MAX_NDIM:
            self.find("buffer-shape", f"{name}: `ndim` is {ndim}")
            return None
        if not ndim:
            return ()
        if buffer.shape:
            shape = tuple(buffer.shape[:ndim])
            if any(extent < 0 for extent in shape):
                self.find("buffer-shape", f"{name}: the shape is {shape}")
                return None
            return shape
        if _REQUESTS[name] & _ND or ndim != 1:
            if _REQUESTS[name] & _ND:
                self.find("buffer-shape", f"{name}: `shape` is NULL, `ndim` is {ndim}")
            return None
        return (buffer.len // (buffer.itemsize or 1),)

    @staticmethod
    def strides_of(buffer: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
        if buffer.strides and shape:
            return tuple(buffer.strides[: len(shape)])
        return dense_strides(shape, buffer.itemsize)

    def judge(self, name: str, flags: int, buffer: Any) -> None:
        if flags & _WRITABLE and buffer.readonly:
            self.find("buffer-writable", f"{name} is granted with `readonly` set")
        if flags & _INDIRECT != _INDIRECT and buffer.suboffsets:
            self.find("buffer-suboffsets", f"{name} does not ask for suboffsets, they are given")
        self.judge_sizes(name, flags, buffer)
        self.judge_order(name, buffer)

    def judge_refusals(self) -> None:
        reasons: dict[str, list[str]] = {}
        for name, answer in self.refusals.items():
            if not isinstance(answer.error, (BufferError, MemoryError)):
                reasons.setdefault(answer.why, []).append(name)
        for why, names in reasons.items():
            self.find("buffer-refusal-class", f"{', '.join(names)}: {why}, not a BufferError")

    def judge_unasked(self) -> None:
        for field, flag in (("shape", _ND), ("strides", _STRIDES), ("format", _FORMAT)):
            given = [
                name for name, buffer in self.given.items() if _REQUESTS[name] & flag != flag and getattr(buffer, field)
            ]
            if given:
                self.find("buffer-unasked", f"`{field}` is given though {', '.join(given)} did not ask for it")

    def judge_missing(self) -> None:
        missing = [
            name
            for name, buffer in self.given.items()
            if _REQUESTS[name] & _STRIDES == _STRIDES and buffer.ndim > 0 and not buffer.strides
        ]
        if missing:
            self.find("buffer-shape", f"`strides` is NULL though {', '.join(missing)} asked for it")

    def judge_sizes(self, name: str, flags: int, buffer: Any) -> None:
        if flags & _ND and (shape := self.shape_of(name, buffer)) is not None:
            wanted = prod(shape) * buffer.itemsize
            if buffer.len != wanted:
                self.find("buffer-len", f"{name}: `len` is {buffer.len}, the elements have {wanted} bytes")
        if flags & _FORMAT:
            size = _size_of(buffer.format)
            if size is not None and size != buffer.itemsize:
                told = f"the format {buffer.format and buffer.format.decode()!r} has {size}"
                self.find("buffer-itemsize", f"{name}: `itemsize` is {buffer.itemsize}, {told}")

    def judge_order(self, name: str, buffer: Any) -> None:
        facts = self.exam.protocols[BUFFER]
        if name not in (*_CONTIGUOUS, "ANY_CONTIGUOUS") or facts.shape is None or facts.strides is None:
            return
        orders = "CF" if name == "ANY_CONTIGUOUS" else _CONTIGUOUS[name]
        if not any(is_contiguous(facts.shape, facts.strides, facts.itemsize or 0, one) for one in orders):
            self.find("buffer-contiguity", f"{name} is granted, the strides are {facts.strides}")

    def judge_together(self) -> None:
        """A request for the same again, and those that differ in what they ask for only."""
        for what, rule in (
            ("readonly", "buffer-readonly-varies"),
            ("buf", "buffer-moves"),
            ("itemsize", "buffer-itemsize"),
        ):
            answers = {name: getattr(one, what) for name, one in self.given.items() if not _REQUESTS[name] & _WRITABLE}
            if len(set(answers.values())) > 1:
                told = ", ".join(f"{name} {value}" for name, value in answers.items())
                self.find(rule, f"`{what}` varies with the request: {told}")


def _size_of(format_: bytes | None) -> int | None:
    """Bytes of one element; None where that is not known."""
    if not format_:
        return 1
    words = format_.decode(errors="replace")
    size = ask(struct.calcsize, words).value
    return type_named(words)[1] if size is None else size
