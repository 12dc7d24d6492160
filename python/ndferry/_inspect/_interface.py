"""The dictionaries: `__array_interface__`, and `__cuda_array_interface__`, which is the same with a stream."""

from __future__ import annotations

import re
from math import prod
from operator import index
from typing import Any

from .._index import fitting, in_words
from . import _structs as s
from ._examination import Examination, ask, describe, shown
from ._facts import Facts, dense_strides, is_contiguous, type_named

INTERFACE, CUDA = "__array_interface__", "__cuda_array_interface__"
_TYPESTR = re.compile(r"[<>|=](?:O|[tbiufcmMOSUV](\d{1,18})(?:\[[^\]]+\])?)")
_TYPESTR_OF_ML_DTYPES = re.compile(r"[a-z]\w+")  # a name, such as bfloat16


def examine(exam: Examination) -> None:
    answer = exam.attribute(INTERFACE, INTERFACE)
    if answer is not None and answer.error is None:
        _Interface(exam, answer.value).examine()
    answer = exam.attribute(CUDA, CUDA)
    if answer is not None and answer.error is None:
        _Cuda(exam, answer.value).examine()


def _extent(value: Any) -> int:
    number = fitting(index(value))
    if number < 0:
        raise ValueError
    return number


class _Interface:
    """`__array_interface__`."""

    protocol = INTERFACE
    keys: tuple[str, ...] = ("shape", "typestr", "version")
    rules = {
        one: f"interface-{one}" for one in ("dict", "keys", "shape", "typestr", "strides", "data", "data-null", "descr")
    }

    def __init__(self, exam: Examination, interface: Any) -> None:
        self.exam = exam
        self.interface = interface
        self.facts = Facts(self.protocol, device=(s.CPU, 0), owner="the object")

    def find(self, rule: str, message: str) -> None:
        self.exam.find(self.rules.get(rule, rule), self.protocol, message)

    def examine(self) -> None:
        if not isinstance(self.interface, dict):
            self.find("dict", f"`{self.protocol}` is a {type(self.interface).__name__}")
            self.exam.refused(self.protocol, "no dict")
            return
        missing = [key for key in self.keys if key not in self.interface]
        if missing:
            self.find("keys", f"there is no {', '.join(missing)}")
        self.read_version()
        if not (self.read_shape() and self.read_type()):
            self.exam.refused(self.protocol, "the dict cannot be read")
            return
        self.read_strides()
        self.read_data()
        self.judge_more()
        self.exam.protocols[self.protocol] = self.facts

    def read_version(self) -> None:
        version = self.interface.get("version")
        self.facts.version = None if version is None else shown(version)
        if version is not None and ask(index, version).value != 3:
            self.find("interface-version", f"`version` is {shown(version)}")

    def read_shape(self) -> bool:
        shape = self.interface.get("shape")
        numbers = ask(lambda: tuple(map(_extent, shape)))
        if not isinstance(shape, tuple) or numbers.error is not None:
            self.find("shape", f"`shape` is {shown(shape)}")
            return False
        self.facts.shape = numbers.value
        return True

    def read_type(self) -> bool:
        typestr = self.interface.get("typestr")
        match = _TYPESTR.fullmatch(typestr) if isinstance(typestr, str) else None
        if match is None and not (isinstance(typestr, str) and _TYPESTR_OF_ML_DTYPES.fullmatch(typestr)):
            self.find("typestr", f"`typestr` is {shown(typestr)}")
            return False
        descr = self.interface.get("descr")
        fields = isinstance(descr, list) and descr != [("", typestr)] and len(descr) > 0
        self.facts.dtype, self.facts.itemsize = type_named(typestr)
        if self.facts.itemsize is None and match is not None and match[1]:
            self.facts.itemsize = int(match[1]) * (4 if typestr[1] == "U" else 1)
        if fields and typestr[1:2] == "V":
            name, size = type_named(descr)
            if size is not None and size != self.facts.itemsize:
                self.find("descr", f"`descr` has {size} bytes, `typestr` has {self.facts.itemsize}")
            self.facts.dtype = name
        return True

    def read_strides(self) -> None:
        strides, shape = self.interface.get("strides"), self.facts.shape or ()
        if strides is not None:
            numbers = ask(lambda: tuple(map(fitting, map(index, strides))))
            if not isinstance(strides, tuple) or numbers.error is not None or len(numbers.value) != len(shape):
                self.find("strides", f"`strides` is {shown(strides)}, the shape has {len(shape)} axes")
            else:
                self.facts.strides = numbers.value
        elif self.facts.itemsize is not None:
            self.facts.strides = dense_strides(shape, self.facts.itemsize)

    def read_data(self) -> None:
        data = self.interface.get("data")
        if isinstance(data, tuple):
            self.read_pointer(data)
            offset = self.interface.get("offset")
            if ask(bool, offset).value is not False:
                self.find("interface-offset", f"`offset` is {shown(offset)} beside an address")
        else:
            self.read_buffer(self.exam.obj if data is None else data)

    def read_pointer(self, data: tuple[Any, ...]) -> None:
        are_numbers = len(data) == 2 and isinstance(data[0], int) and isinstance(data[1], (bool, int))
        if not are_numbers or not 0 <= data[0] < 2**64:
            self.find("data", f"`data` is {shown(data)}")
            return
        self.facts.pointer, self.facts.read_only = data[0], bool(data[1])
        if not data[0] and self.facts.size:
            self.find("data-null", f"the address is 0, there are {self.facts.size} elements")

    def read_buffer(self, exporter: object) -> None:
        """Elements inside a buffer: all of them have to lie there."""
        try:
            view = memoryview(exporter)  # type: ignore[arg-type]
        except TypeError as error:
            self.find("data", f"`data` is neither an address nor a buffer ({describe(error)})")
            return
        given = self.interface.get("offset", 0)
        offset = ask(lambda: fitting(index(given))).value
        self.facts.read_only, self.facts.owner = view.readonly, f"a {type(exporter).__name__}"
        if offset is None:
            self.find("data", f"`offset` is {shown(given)}, no number of bytes")
            return
        self.facts.details["offset"] = offset
        if self.facts.strides is None or self.facts.itemsize is None or not self.facts.size:
            return
        reaches = [(extent - 1) * one for extent, one in zip(self.facts.shape or (), self.facts.strides)]
        low = offset + sum(min(0, reach) for reach in reaches)
        high = offset + sum(max(0, reach) for reach in reaches) + self.facts.itemsize
        if low < 0 or high > view.nbytes:
            reach = f"{in_words(low)} to {in_words(high)}"
            self.find("interface-bounds", f"the elements reach bytes {reach} of a buffer of {view.nbytes}")

    def judge_more(self) -> None:
        if self.interface.get("mask") is not None:
            self.find("interface-mask", "there is a mask")


class _Cuda(_Interface):
    """`__cuda_array_interface__`."""

    protocol = CUDA
    keys = ("shape", "typestr", "data", "version")
    rules = {"dict": "cuda-dict", "keys": "cuda-dict"} | {
        one: "cuda-fields" for one in ("shape", "typestr", "strides", "data", "data-null", "descr")
    }

    def read_version(self) -> None:
        version = self.interface.get("version")
        self.facts.version = None if version is None else shown(version)
        self.facts.device = None  # the page names none: the pointer belongs to some CUDA device
        if isinstance(version, int) and version < 3:
            self.find("cuda-version", f"`version` is {version}: a consumer cannot know on which stream to wait")

    def read_data(self) -> None:
        data = self.interface.get("data")
        if not isinstance(data, tuple):
            self.find("data", f"`data` is {shown(data)}")
            return
        self.read_pointer(data)
        if self.facts.pointer and not self.facts.size:
            self.find("cuda-empty-data", f"the address is {self.facts.pointer:#x}, there are no elements")

    def judge_more(self) -> None:
        facts = self.facts
        stream = self.interface.get("stream")
        facts.details["stream"] = stream if isinstance(stream, int) else None
        if isinstance(stream, int) and stream == 0:
            self.find("cuda-stream-zero", "`stream` is 0")
        if self.interface.get("mask") is not None:
            self.find("cuda-mask", "there is a mask")
        if self.interface.get("strides") is None or facts.strides is None or facts.itemsize is None:
            return
        if is_contiguous(facts.shape or (), facts.strides, facts.itemsize, "C") and facts.size:
            self.find("cuda-strides", f"`strides` is {facts.strides}, which is C order")
