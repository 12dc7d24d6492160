"""Capsules of `__array_struct__` that lie."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any

import ndferry
from ndferry import InvalidArgumentError, ShapeError, SizeError

from . import Animal, Cage
from .foreign import LEGACY, ArrayStruct, Source, address, capsule, integers

DOORS = (ndferry.asarray,)
HUGE, LOWEST = 2**63 - 1, -(2**63)
NATIVE, WRITABLE, HAS_DESCR = 0x200, 0x400, 0x800


class Shows:
    def __init__(self, one: object) -> None:
        self.__array_struct__ = one


class Keeper:
    """What a struct points at; the producer holds it."""


def struct(**fields: Any) -> tuple[ArrayStruct, Keeper]:
    """A struct on two rows of three int32; a tuple stands for an array of integers."""
    keeper = Keeper()
    keeper.numbers, keeper.arrays = (ctypes.c_int32 * 6)(*range(6)), []
    honest = {
        "two": 2, "nd": 2, "typekind": b"i", "itemsize": 4, "flags": NATIVE | WRITABLE, "shape": (2, 3),
        "strides": (12, 4), "data": address(keeper.numbers), "descr": None,
    }  # fmt: skip
    one = ArrayStruct()
    for name, value in (honest | fields).items():
        if isinstance(value, tuple):
            keeper.arrays.append(integers(*value))
            value = address(keeper.arrays[-1])
        setattr(one, name, value)
    return one, keeper


def cage(**fields: Any) -> Cage:
    one, keeper = struct(**fields)
    given = Shows(capsule(one, None))
    given.kept = one, keeper
    return Cage(given, None, (given, given.__array_struct__, keeper))


def whole(tensor: ndferry.Tensor) -> bool:
    return tensor.tolist() == [[0, 1, 2], [3, 4, 5]]


REFUSED = [
    ("two is 0", {"two": 0}, BufferError, "`two` is 0"),
    ("two is 3", {"two": 3}, BufferError, "`two` is 3"),
    ("a rank of -1", {"nd": -1}, BufferError, "`nd` is -1"),
    ("a rank of 65", {"nd": 65}, BufferError, "`nd` is 65"),
    ("the largest rank", {"nd": 2**31 - 1}, BufferError, "2147483647"),
    ("a rank of 100 with no shape", {"nd": 100, "shape": None}, BufferError, "`nd` is 100"),
    ("a NULL shape with axes", {"shape": None}, ValueError, "`shape` is NULL"),
    ("typekind NUL", {"typekind": b"\0"}, BufferError, ""),
    ("typekind ?", {"typekind": b"?"}, BufferError, ""),
    ("a typekind that is no ASCII", {"typekind": b"\xff"}, BufferError, ""),
    ("a typekind that is a quote", {"typekind": b'"'}, BufferError, ""),
    ("Python objects", {"typekind": b"O", "itemsize": 8}, BufferError, "Python objects"),
    ("an itemsize of 3", {"itemsize": 3}, BufferError, "i3"),
    ("a negative itemsize", {"itemsize": -4}, BufferError, "`itemsize` is -4"),
    ("the lowest itemsize", {"itemsize": -(2**31)}, BufferError, "-2147483648"),
    ("an int of no bytes", {"itemsize": 0}, BufferError, ""),
    ("the largest itemsize of an int", {"itemsize": 2**31 - 1}, BufferError, ""),
    ("half a character", {"typekind": b"U", "itemsize": 6}, BufferError, "4 bytes"),
    ("a long double", {"typekind": b"f", "itemsize": 16}, BufferError, "long double"),
    ("a date, whose unit a struct cannot say", {"typekind": b"M", "itemsize": 7}, BufferError, ""),
    ("a bool of four bytes", {"typekind": b"b"}, BufferError, ""),
    ("a negative extent", {"shape": (2, -3)}, BufferError, "-3"),
    ("two negative extents", {"shape": (-2, -3)}, BufferError, "-2"),
    ("a negative extent beside an extent of 0", {"shape": (0, -3)}, BufferError, "-3"),
    ("extents whose product overflows", {"shape": (2**32, 2**32)}, BufferError, ""),
    ("extents that overflow only in bytes", {"nd": 1, "shape": (2**61,), "strides": (4,)}, BufferError, "address space"),
    ("extents that overflow without strides", {"shape": (2**40, 2**40), "strides": None}, BufferError, ""),
    ("the largest stride", {"strides": (HUGE - 3, 4)}, BufferError, ""),
    ("the lowest stride", {"strides": (LOWEST, 4)}, BufferError, ""),
    ("half a character, and a stride of odd bytes", {"typekind": b"U", "itemsize": 6, "strides": (13, 4)}, BufferError, "4 bytes"),
    ("no such type, and a stride of odd bytes", {"itemsize": 3, "strides": (13, 4)}, BufferError, "i3"),
    ("a negative extent, and a stride of odd bytes", {"shape": (2, -3), "strides": (13, 4)}, ShapeError, "-3"),
    ("a negative itemsize, and a stride of odd bytes", {"itemsize": -4, "strides": (13, 4)}, BufferError, "`itemsize` is -4"),
    ("NULL data, and a stride of odd bytes", {"data": None, "strides": (13, 4)}, InvalidArgumentError, "`data` is NULL"),
    ("a stride of odd bytes that reaches around memory", {"strides": (HUGE, 4)}, SizeError, "beyond 64 bits"),
    ("NULL data with elements", {"data": None}, ValueError, "`data` is NULL"),
    ("elements behind the last address", {"data": 2**64 - 8}, BufferError, "address space"),
    ("elements below address 0", {"data": 8, "strides": (-12, 4)}, BufferError, "address space"),
]  # fmt: skip

TAKEN = [
    ("a struct that is right", {}, whole),
    ("read-only, by a flag that is missing", {"flags": NATIVE}, lambda t: t.read_only and whole(t)),
    ("all flags", {"flags": -1}, lambda t: whole(t) and not t.read_only),
    ("no flags: read-only and of foreign byte order", {"flags": 0}, lambda t: t.dtype == ">i4" and t.read_only),
    ("flags that say Fortran order falsely", {"flags": NATIVE | WRITABLE | 3}, whole),
    ("a flag for a descr that is NULL", {"flags": NATIVE | HAS_DESCR}, whole),
    ("a flag for a descr at address 3, which is not looked at", {"flags": NATIVE | HAS_DESCR, "descr": 3}, whole),
    ("fields that only descr could say", {"typekind": b"V", "descr": 3, "flags": HAS_DESCR}, lambda t: t.dtype == "|V4"),
    ("a descr without its flag", {"descr": 3}, whole),
    ("no strides", {"strides": None}, whole),
    ("no axes and no shape", {"nd": 0, "shape": None, "strides": None}, lambda t: t.tolist() == 0),
    ("no axes and a shape at address 3", {"nd": 0, "shape": 3, "strides": 5}, lambda t: t.shape == ()),
    ("no elements at NULL", {"shape": (0, 3), "data": None}, lambda t: t.size == 0),
    ("no elements at an address that is none", {"shape": (2, 0), "data": 1}, lambda t: t.size == 0),
    ("the lowest stride on an axis of extent 1", {"shape": (1, 3), "strides": (LOWEST, 4)}, lambda t: t.tolist() == [[0, 1, 2]]),
    ("elements without bytes", {"typekind": b"V", "itemsize": 0, "strides": (0, 0)}, lambda t: t.nbytes == 0),
    ("strides of 0", {"strides": (0, 0)}, lambda t: t.tolist() == [[0] * 3] * 2),
    ("a stride of odd bytes, which is copied", {"strides": (5, 4)}, lambda t: t.tolist() == [[0, 1, 2], [2 << 24, 3 << 24, 4 << 24]]),
]  # fmt: skip


def odd_places() -> Iterator[Animal]:
    def at_odd_addresses() -> Cage:
        one, keeper = struct()
        room = (ctypes.c_char * 128)()
        ctypes.memmove(address(room) + 1, address(one), 56)
        given = Shows(capsule(ctypes.c_char.from_buffer(room, 1), None))
        given.kept = one, keeper, room
        return Cage(given, None, (given, keeper))

    sentence = "a struct at an odd address"
    yield Animal(sentence, at_odd_addresses, ValueError, "no address of a PyArrayInterface", doors=DOORS)

    def odd_arrays() -> Cage:
        one, keeper = struct()
        room = (ctypes.c_char * 64)()
        for place, array in ((1, keeper.arrays[0]), (33, keeper.arrays[1])):
            ctypes.memmove(address(room) + place, address(array), 16)
        one.shape, one.strides = address(room) + 1, address(room) + 33
        given = Shows(capsule(one, None))
        given.kept = one, keeper, room
        return Cage(given, None, (given, keeper))

    sentence = "shape and strides at odd addresses, where NumPy's packed structs may have them"
    yield Animal(sentence, odd_arrays, look=whole, doors=DOORS)


def names() -> Iterator[Animal]:
    for name in (b"", b"array_struct", b"numpy.array_struct"):

        def make(name: bytes = name) -> Cage:
            one, keeper = struct()
            given = Shows(capsule(one, name))
            given.kept = one, keeper
            return Cage(given, None, (given, keeper))

        yield Animal(f"a capsule named {name!r}", make, ValueError, "no `__array_struct__` capsule", doors=DOORS)

    def dlpack() -> Cage:
        source = Source()
        return Cage(Shows(capsule(source.managed, LEGACY)), lambda: source.ends, (source,))

    yield Animal("a capsule of DLPack", dlpack, ValueError, "no `__array_struct__` capsule", doors=DOORS)
    for what in (7, "text", b"", (), object(), ArrayStruct(two=2)):
        make = lambda what=what: Cage(Shows(what))  # noqa: E731
        word = type(what).__name__
        yield Animal(f"{word} in place of a capsule", make, ValueError, "no `__array_struct__` capsule", doors=DOORS)


def rewritten(given: Shows) -> ndferry.Tensor:
    """What the capsule points at is written over once it is taken."""
    tensor = ndferry.asarray(given)
    one, keeper = given.kept
    for array in keeper.arrays:
        ctypes.memset(address(array), 0xFF, 16)
    ctypes.memset(address(one), 0xFF, 56)
    return tensor


def animals() -> Iterator[Animal]:
    for sentence, fields, raises, says in REFUSED:
        make = lambda fields=fields: cage(**fields)  # noqa: E731
        yield Animal(sentence, make, raises, says, doors=DOORS)
    for sentence, fields, look in TAKEN:
        make = lambda fields=fields: cage(**fields)  # noqa: E731
        yield Animal(sentence, make, look=look, doors=DOORS)
    yield Animal("a struct that is written over once it is taken", cage, look=whole, doors=(rewritten,))
    yield from odd_places()
    yield from names()
