"""`__array__`, as NumPy 2 calls it."""

from __future__ import annotations

import sys
import warnings
from typing import Any

from . import _structs as s
from ._examination import Answer, Examination, ask, lacks_keyword
from ._facts import Facts, type_named

ARRAY = "__array__"


def examine(exam: Examination) -> None:
    if isinstance(exam.obj, type):
        return
    method = exam.attribute(ARRAY, ARRAY)
    if method is None or method.error is not None:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _Converter(exam, method.value).examine()


class _Converter:
    def __init__(self, exam: Examination, method: Any) -> None:
        self.exam = exam
        self.method = method

    def find(self, rule: str, message: str) -> None:
        self.exam.find(rule, ARRAY, message)

    def examine(self) -> None:
        plain = ask(self.method)
        if plain.error is not None:
            self.exam.refused(ARRAY, plain.why)
            return
        numpy = sys.modules.get("numpy")
        if numpy is None or not isinstance(plain.value, numpy.ndarray):
            self.find("array-result", f"`__array__()` returned a {type(plain.value).__name__}")
            self.exam.refused(ARRAY, "no NumPy array")
            return
        array = plain.value
        self.exam.protocols[ARRAY] = Facts(
            ARRAY,
            pointer=array.ctypes.data,
            shape=array.shape,
            strides=array.strides,
            dtype=type_named(array.dtype)[0],
            itemsize=array.itemsize,
            device=(s.CPU, 0),
            read_only=not array.flags.writeable,
            owner="the array",
        )
        if self.exam.may_copy(array.nbytes):
            self.ask_copy(array)
            self.ask_dtype(array, numpy)
        self.ask_no_copy(array)

    def ask_with(self, **keywords: Any) -> Answer | None:
        answer = ask(self.method, **keywords)
        if not lacks_keyword(answer, "copy"):
            return answer
        self.find("array-copy-keyword", "`copy` is not known")
        return None

    def ask_copy(self, array: Any) -> None:
        answer = self.ask_with(copy=True)
        if answer is None or answer.error is not None or not array.size:
            return
        if getattr(answer.value, "ctypes", None) is not None and answer.value.ctypes.data == array.ctypes.data:
            self.find("array-copy-ignored", "`copy=True` gives the same memory")

    def ask_no_copy(self, array: Any) -> None:
        """Two arrays that live at the same time at two addresses are not both the object's memory."""
        one, other = self.ask_with(copy=False), self.ask_with(copy=False)
        if one is None or other is None or one.error is not None or other.error is not None or not array.size:
            return
        if one.value.ctypes.data != other.value.ctypes.data:
            self.find("array-copy-false", "`copy=False` copies")

    def ask_dtype(self, array: Any, numpy: Any) -> None:
        if array.dtype.kind not in "biufc":
            return
        wanted = numpy.dtype("complex128" if array.dtype != "complex128" else "complex64")
        answer = ask(self.method, wanted)
        if isinstance(answer.error, TypeError):
            self.find("array-dtype-argument", f"`__array__(dtype)` raises {answer.why}")
        elif answer.error is None and getattr(answer.value, "dtype", None) != wanted:
            self.find("array-dtype-ignored", f"{wanted} was asked for, the array is {answer.value.dtype}")
        never = ask(self.method, wanted, copy=False)
        if array.size and never.error is None and getattr(never.value, "dtype", None) == wanted:
            self.find("array-copy-false", f"`copy=False` gives {wanted}, which takes a copy")
