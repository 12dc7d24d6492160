"""Dictionaries of `__array_interface__` that lie."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any

import ndferry
from ndferry import DTypeError, InvalidArgumentError, ShapeError, SizeError

from . import Animal, Cage
from .capsules import EXCEPTIONS, Own, raising

DOORS = (ndferry.asarray,)
MEGABYTES = 10_000_000
OUTSIDE = "of `data`, which has 24"


class Shows:
    """An object with an array interface, by default of two rows of three int32 in 24 bytes that are its own."""

    def __init__(self, interface: Any) -> None:
        self.__array_interface__ = interface


class Bytes(bytearray):
    """Bytes whose references can be counted."""


def cage(changes: dict[str, Any], kind: type = dict) -> Cage:
    memory = Bytes(range(24))
    interface = {"shape": (2, 3), "typestr": "<i4", "data": memory, "version": 3} | changes
    interface = {key: value for key, value in interface.items() if value is not ...}
    given = Shows(kind(interface))
    # Nobody may still hold the memory: then it could not change its size.
    return Cage(given, None, (memory, given, interface), after=lambda: memory.extend(b"x"))


def nested(levels: int) -> list[Any]:
    descr: Any = "<i4"
    for _ in range(levels):
        descr = [("x", descr)]
    return descr


def endless() -> list[Any]:
    descr: list[Any] = []
    descr.append(("x", descr))
    return descr


class Raises:
    """A number, a truth, a buffer, that raises."""

    def __init__(self, exception: type[BaseException]) -> None:
        self.exception = exception

    def __index__(self) -> int:
        raise self.exception("planted")

    def __bool__(self) -> bool:
        raise self.exception("planted")

    def __eq__(self, _: object) -> bool:
        raise self.exception("planted")

    __hash__ = object.__hash__


class Changing(dict):
    """A dictionary whose answers are others at each question."""

    def __getitem__(self, key: str) -> Any:
        return {"shape": (2**40, 2**40), "typestr": "|V7"}.get(key, super().__getitem__(key))

    def get(self, key: str, default: Any = None) -> Any:
        return {"version": 3, "strides": (1,), "offset": -(2**70)}.get(key, default)


REFUSED = [
    # Shape.
    ("no shape", {"shape": ...}, ValueError, "lacks 'shape'"),
    ("a shape of text", {"shape": "23"}, ValueError, "tuple of integers"),
    ("a shape that is a number", {"shape": 6}, ValueError, "tuple of integers"),
    ("a shape of None", {"shape": None}, ValueError, "tuple of integers"),
    ("a shape of strings", {"shape": ("2", "3")}, ValueError, "tuple of integers"),
    ("a shape of floats", {"shape": (2.0, 3)}, ValueError, "tuple of integers"),
    ("an extent that is None", {"shape": (None, 3)}, ValueError, "tuple of integers"),
    ("a negative extent", {"shape": (-1, 3)}, ShapeError, "-1"),
    ("two negative extents", {"shape": (-2, -3)}, ShapeError, "-2"),
    ("a negative extent beside an extent of 0", {"shape": (0, -3)}, ShapeError, "-3"),
    ("an extent too many", {"shape": (2, 4)}, ValueError, OUTSIDE),
    ("an axis too many", {"shape": (2, 3, 2)}, ValueError, OUTSIDE),
    ("extents whose product overflows", {"shape": (2**32, 2**32)}, ValueError, OUTSIDE),
    ("an extent that no integer of C holds", {"shape": (2**70,)}, ValueError, OUTSIDE),
    ("an extent of 20000 bits", {"shape": (2**20000, 0)}, OverflowError, "20001 bits"),
    ("65 axes", {"shape": (1,) * 65}, InvalidArgumentError, "65"),
    ("a hundred thousand axes", {"shape": (1,) * 100_000}, InvalidArgumentError, "100000"),
    # Element type.
    ("no typestr", {"typestr": ...}, ValueError, "lacks 'typestr'"),
    ("a typestr that is a number", {"typestr": 4}, ValueError, "must be a string"),
    ("an empty typestr", {"typestr": ""}, DTypeError, ""),
    ("typestr <f3", {"typestr": "<f3"}, DTypeError, 'no type "f3"'),
    ("typestr |V-1", {"typestr": "|V-1"}, DTypeError, '"|V-1"'),
    ("typestr <M8[lightyear]", {"typestr": "<M8[lightyear]"}, DTypeError, "lightyear"),
    ("a typestr of Python objects", {"typestr": "|O8"}, ndferry.UnsupportedError, "Python objects"),
    ("a typestr of a long double", {"typestr": "<f16"}, ndferry.UnsupportedError, "long double"),
    ("a typestr of a bit field", {"typestr": "|t1"}, (DTypeError, ndferry.UnsupportedError), "t1"),
    ("a typestr with a NUL", {"typestr": "<i4\0"}, DTypeError, "NUL"),
    ("a typestr that is not ASCII", {"typestr": "<і4"}, DTypeError, "<і4"),
    ("a typestr with half a surrogate", {"typestr": "\udc80i4"}, UnicodeEncodeError, ""),
    ("a typestr of bytes that are no text", {"typestr": b"\xff\xfe"}, UnicodeDecodeError, ""),
    ("an element larger than memory", {"typestr": "|V99999999999999999999"}, DTypeError, "larger"),
    ("an element larger than the buffer", {"shape": (1,), "typestr": "|V25"}, ValueError, OUTSIDE),
    ("a typestr of ten megabytes", {"typestr": "<f4" * (MEGABYTES // 3)}, DTypeError, "<f4<f4"),
    ("a typestr of ten megabytes of types", {"typestr": "i" * MEGABYTES}, DTypeError, "too many items"),
    ("a typestr of ten megabytes of digits", {"typestr": "<i" + "4" * MEGABYTES}, DTypeError, "<i444"),
    # Fields.
    ("a descr of another size", {"typestr": "|V4", "descr": [("x", "<f8")]}, ValueError, "`descr` has 8 bytes"),
    ("a descr of nonsense", {"typestr": "|V4", "descr": [("x", "nonsense")]}, DTypeError, "nonsense"),
    ("a descr of text", {"typestr": "|V4", "descr": "ab"}, DTypeError, ""),
    ("a descr that is a number", {"typestr": "|V4", "descr": 7}, (TypeError, ValueError), ""),
    ("a descr of numbers", {"typestr": "|V4", "descr": [1, 2]}, DTypeError, ""),
    ("a descr of objects", {"typestr": "|V4", "descr": [("x", object())]}, DTypeError, ""),
    ("a descr with a name twice", {"typestr": "|V4", "descr": [("x", "<i2"), ("x", "<i2")]}, DTypeError, "twice"),
    ("a descr with negative extents", {"typestr": "|V4", "descr": [("x", "<i4", (-1,))]}, DTypeError, ""),
    ("a descr with endless extents", {"typestr": "|V4", "descr": [("x", "<i4", (2**40, 2**40))]}, DTypeError, ""),
    ("a descr of 65536 fields", {"typestr": "|V65536", "descr": [(f"f{i}", "|i1") for i in range(65536)]}, DTypeError, "65536"),
    ("a descr a hundred levels deep", {"typestr": "|V4", "descr": nested(100)}, DTypeError, "nest"),
    ("a descr ten thousand levels deep", {"typestr": "|V4", "descr": nested(10_000)}, DTypeError, "nest"),
    ("a descr that holds itself", {"typestr": "|V4", "descr": endless()}, DTypeError, ""),
    # Memory.
    ("data that is a number", {"data": 7}, TypeError, ""),
    ("data that is text", {"data": "text"}, TypeError, ""),
    ("data that is an object", {"data": object()}, TypeError, ""),
    ("data and no buffer", {"data": None}, TypeError, ""),
    ("no data and no buffer", {"data": ...}, TypeError, ""),
    ("an address alone", {"data": (4096,)}, ValueError, "an address and whether it is read-only"),
    ("an empty address", {"data": ()}, ValueError, "an address and whether it is read-only"),
    ("three addresses", {"data": (1, 2, 3)}, ValueError, "an address and whether it is read-only"),
    ("a negative address", {"data": (-1, False)}, ValueError, "no address"),
    ("an address of 65 bits", {"data": (2**64, False)}, ValueError, "no address"),
    ("an address of 20000 bits", {"data": (2**20000, False)}, ValueError, "20001 bits"),
    ("an address that is no number", {"data": ("x", False)}, ValueError, ""),
    ("an address that is a float", {"data": (1.5, False)}, ValueError, "1.5, which is no address"),
    ("an address that is None", {"data": (None, False)}, ValueError, "None, which is no address"),
    ("address NULL", {"data": (0, False)}, InvalidArgumentError, "`data` is NULL"),
    ("elements behind the last address", {"data": (2**64 - 8, False)}, SizeError, "address space"),
    ("a buffer that is too short", {"data": bytes(23)}, ValueError, "which has 23"),
    ("an empty buffer", {"data": b""}, ValueError, "which has 0"),
    ("a buffer with gaps", {"data": memoryview(bytes(48))[::2]}, BufferError, "gaps"),
    ("an offset without room behind it", {"offset": 1}, ValueError, OUTSIDE),
    ("a negative offset", {"offset": -4}, ValueError, OUTSIDE),
    ("the largest offset", {"offset": 2**64 - 1}, ValueError, OUTSIDE),
    ("an offset of 20000 bits", {"offset": 2**20000}, ValueError, "bits"),
    ("an offset of text", {"offset": "1"}, TypeError, ""),
    ("an offset that is None", {"offset": None}, TypeError, ""),
    # Strides.
    ("a stride too few", {"strides": (4,)}, ValueError, "`strides` has 1 entries, `shape` has 2"),
    ("a stride too many", {"strides": (12, 4, 4)}, ValueError, "`strides` has 3 entries"),
    ("strides of text", {"strides": "ab"}, ValueError, "tuple of integers"),
    ("a stride that is a float", {"strides": (12.0, 4)}, ValueError, "tuple of integers"),
    ("strides that reach before the buffer", {"strides": (-12, 4)}, ValueError, OUTSIDE),
    ("strides that reach behind the buffer", {"strides": (16, 4)}, ValueError, OUTSIDE),
    ("strides that reach behind the buffer by a byte", {"strides": (13, 4)}, ValueError, OUTSIDE),
    ("a stride that overflows", {"strides": (2**62, 4)}, ValueError, OUTSIDE),
    ("a stride that no integer of C holds", {"strides": (-(2**70), 4)}, ValueError, OUTSIDE),
    # The rest.
    ("a mask", {"mask": [True]}, BufferError, "mask"),
    ("version 1", {"version": 1}, ValueError, "version 1"),
    ("version 2", {"version": 2}, ValueError, "version 2"),
    ("version 4", {"version": 4}, ValueError, "version 4"),
    ("version '3'", {"version": "3"}, ValueError, "version '3'"),
    ("version None", {"version": None}, ValueError, "version None"),
]  # fmt: skip

TAKEN = [
    ("a dictionary that is right", {}, lambda t: t.shape == (2, 3) and not t.read_only),
    ("no version", {"version": ...}, lambda t: t.shape == (2, 3)),
    ("a shape in a list", {"shape": [2, 3]}, lambda t: t.shape == (2, 3)),
    ("a typestr of bytes", {"typestr": b"<i4"}, lambda t: t.dtype == "int32"),
    ("keys that nobody knows", {"colour": "red"}, lambda t: t.shape == (2, 3)),
    ("no elements in no bytes", {"shape": (0, 5), "data": b""}, lambda t: t.shape == (0, 5)),
    ("no elements at an address that is none", {"shape": (0, 5), "data": (1, True)}, lambda t: t.size == 0),
    ("an offset", {"shape": (2,), "offset": 16}, lambda t: t.tobytes() == bytes(range(16, 24))),
    ("an offset of an odd byte", {"shape": (5,), "offset": 3}, lambda t: t.tobytes() == bytes(range(3, 23))),
    ("elements backwards", {"shape": (6,), "strides": (-4,), "offset": 20}, lambda t: t.tobytes()[:4] == bytes(range(20, 24))),
    ("overlapping elements", {"shape": (21,), "strides": (1,)}, lambda t: t.tobytes()[:8] == bytes([0, 1, 2, 3, 1, 2, 3, 4])),
    ("the same element for ever", {"shape": (1000, 1000), "strides": (0, 0)}, lambda t: t[999, 999].tobytes() == bytes(range(4))),
    ("elements without bytes", {"shape": (6,), "typestr": "|V0"}, lambda t: t.nbytes == 0),
    ("overlapping fields", {"shape": (3,), "typestr": "|V8", "descr": [("a", "<i4"), ("", "|V4")]}, lambda t: t.itemsize == 8),
    ("a descr that says the same as typestr", {"descr": [("", "<i4")]}, lambda t: t.dtype == "int32"),
    ("a descr beside a typestr of numbers, which is not read", {"descr": nested(10_000)}, lambda t: t.dtype == "int32"),
]  # fmt: skip


def dictionaries() -> Iterator[Animal]:
    for sentence, changes, raises, says in REFUSED:
        slow = any(isinstance(one, (str, list, tuple)) and len(one) > 10_000 for one in changes.values())
        slow |= "ten thousand" in sentence
        make = lambda changes=changes: cage(changes)  # noqa: E731
        yield Animal(sentence, make, raises, says, doors=DOORS, slow=slow)
    for sentence, changes, look in TAKEN:
        make = lambda changes=changes: cage(changes)  # noqa: E731
        yield Animal(sentence, make, look=look, doors=DOORS)
    for what in ((), 7, "text", [("shape", (1,))], b"", object()):
        make = lambda what=what: Cage(Shows(what))  # noqa: E731
        yield Animal(f"an interface that is {type(what).__name__}", make, ValueError, "must be a dict", doors=DOORS)
    struct = type("Struct", (ctypes.Structure,), {"_fields_": [("x", ctypes.c_int)], "__array_interface__": property(lambda self: self)})  # fmt: skip
    yield Animal("an interface that is a struct of ctypes", lambda: Cage(struct()), ValueError, "must be a dict", doors=DOORS)
    yield Animal("a dictionary that answers otherwise each time", lambda: cage({}, Changing), ValueError, "", doors=DOORS)


def exceptions() -> Iterator[Animal]:
    for one in EXCEPTIONS:
        name = one.__name__
        for attribute in ("__array_interface__", "__array_struct__"):
            sentence = f"{attribute} is a property that raises {name}"
            make = lambda one=one, attribute=attribute: Cage(raising(attribute, one))  # noqa: E731
            yield Animal(sentence, make, one, "planted", doors=DOORS, asked=f"`{attribute}`")
    for one in (ValueError, KeyboardInterrupt, Own):
        for key, value in {
            "shape": (Raises(one), 3), "strides": (Raises(one), 4), "data": (Raises(one), False),
            "offset": Raises(one), "version": Raises(one),
        }.items():  # fmt: skip
            make = lambda key=key, value=value: cage({key: value})  # noqa: E731
            yield Animal(f"{key} raises {one.__name__}", make, one, "planted", doors=DOORS)
        make = lambda one=one: cage({"data": (4096, Raises(one))})  # noqa: E731
        yield Animal(f"the read-only word raises {one.__name__}", make, one, "planted", doors=DOORS)


def animals() -> Iterator[Animal]:
    yield from dictionaries()
    yield from exceptions()
