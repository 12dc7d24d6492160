"""Exporters of the buffer protocol that lie: memoryviews made of a `Py_buffer` that nobody has proved."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from typing import Any

import ndferry
from ndferry import DTypeError, InvalidArgumentError, ShapeError, SizeError, UnsupportedError

from . import Animal, Cage
from .capsules import EXCEPTIONS
from .foreign import Buffer, address, integers, memory_view

DOORS = (ndferry.asarray,)
ASKED = "the buffer protocol"
HUGE, LOWEST = 2**63 - 1, -(2**63)
MEGABYTES = 10_000_000
ROWS = [[0, 1, 2], [3, 4, 5]]


class Given:
    """A memoryview and what it shows."""


def lying(**fields: Any) -> Given:
    """A memoryview on two rows of three int32, spoilt by name; a tuple stands for an array of integers."""
    given = Given()
    given.numbers, given.kept = (ctypes.c_int32 * 8)(*range(8)), []
    honest = {
        "buf": address(given.numbers), "len": 24, "itemsize": 4, "ndim": 2, "format": b"i", "shape": (2, 3),
        "strides": (12, 4),
    }  # fmt: skip
    buffer = Buffer()
    for name, value in (honest | fields).items():
        if isinstance(value, tuple):
            given.kept.append(integers(*value))
            value = address(given.kept[-1])
        elif isinstance(value, bytes):
            given.kept.append(ctypes.create_string_buffer(value))  # the memoryview keeps the pointer
            setattr(buffer, name, ctypes.cast(given.kept[-1], ctypes.c_char_p))
            continue
        setattr(buffer, name, value)
    given.view = memory_view(buffer)
    return given


def take(given: Given) -> ndferry.Tensor:
    return ndferry.asarray(given.view)


def cage(**fields: Any) -> Cage:
    given = lying(**fields)
    # A memoryview that is still exported cannot be released.
    return Cage(given, None, (given, given.view), after=given.view.release)


REFUSED = [
    ("a length that is too small", {"len": 23}, ShapeError, "`len` is 23"),
    ("a length that is too large", {"len": 28}, ShapeError, "`len` is 28"),
    ("a negative length", {"len": -24}, ShapeError, "`len` is -24"),
    ("the largest length", {"len": HUGE}, ShapeError, "`len` is"),
    ("an itemsize that is too small", {"itemsize": 1}, DTypeError, "`itemsize` is 1"),
    ("an itemsize that is too large", {"itemsize": 8, "len": 48}, DTypeError, "`itemsize` is 8"),
    ("an itemsize of 0", {"itemsize": 0, "len": 0}, DTypeError, "`itemsize` is 0"),
    ("a negative itemsize", {"itemsize": -4, "len": -24}, DTypeError, "`itemsize` is -4"),
    ("no format, and elements of 4 bytes", {"format": None}, DTypeError, "itemsize"),
    ("an empty format", {"format": b""}, UnsupportedError, "`format`"),
    ("a format that nobody knows", {"format": b"i%"}, UnsupportedError, "no type"),
    ("a format of Python objects", {"format": b"O", "itemsize": 8, "len": 48}, UnsupportedError, "cannot be carried"),
    ("a format of pointers", {"format": b"P", "itemsize": 8, "len": 48}, UnsupportedError, "cannot be carried"),
    ("a format of functions", {"format": b"X{}", "itemsize": 8, "len": 48}, UnsupportedError, "cannot be carried"),
    ("a format of a long double", {"format": b"g", "itemsize": 16, "len": 96}, UnsupportedError, "cannot be carried"),
    ("a format of bits", {"format": b"t"}, UnsupportedError, "cannot be carried"),
    ("a format that is an array", {"format": b"(2,2)b"}, UnsupportedError, "belongs in the tensor's shape"),
    ("a format that is not closed", {"format": b"T{i:x:"}, UnsupportedError, "no '}'"),
    ("a format with a name that is not closed", {"format": b"T{i:x"}, UnsupportedError, "no ':'"),
    ("a format with a name twice", {"format": b"T{h:x:h:x:}"}, UnsupportedError, "twice"),
    ("a format with a negative extent", {"format": b"(-1)i"}, UnsupportedError, "a bad shape"),
    ("a format with an endless count", {"format": b"9" * 1000 + b"i"}, UnsupportedError, "too large a count"),
    ("a format with endless extents", {"format": b"T{(4294967295,4294967295,4294967295)i:x:}"}, UnsupportedError, "too large an item"),
    ("a format of a hundred levels", {"format": b"T{" * 100 + b"i:x:" + b"}:x:" * 100}, UnsupportedError, "too deep a nesting"),
    ("a format of five million levels", {"format": b"T{" * (MEGABYTES // 2)}, UnsupportedError, "too deep a nesting"),
    ("a format of ten megabytes of types", {"format": b"i" * MEGABYTES}, UnsupportedError, "too many items"),
    ("a format of ten megabytes of gaps", {"format": b"x" * MEGABYTES}, DTypeError, "`itemsize` is 4"),
    ("a format of ten megabytes of digits", {"format": b"4" * MEGABYTES}, UnsupportedError, "too large a count"),
    ("a format of ten megabytes of one name", {"format": b"T{i:" + b"x" * MEGABYTES + b":}", "itemsize": 8}, DTypeError, "`itemsize` is 8"),
    ("a format of ten megabytes of brackets", {"format": b"(" * MEGABYTES}, UnsupportedError, "no ')'"),
    ("a negative extent", {"shape": (2, -3)}, ShapeError, "-3"),
    ("two negative extents", {"shape": (-2, -3)}, ShapeError, "-2"),
    ("a negative extent beside an extent of 0", {"shape": (0, -3), "len": 0}, ShapeError, "-3"),
    ("extents whose product overflows to the length", {"shape": (2**62 + 1, 4), "len": 16}, ShapeError, "`len` is 16"),
    ("extents whose product overflows to 0", {"shape": (2**32, 2**32), "len": 0}, ShapeError, "`len` is 0"),
    ("the largest stride", {"strides": (HUGE - 3, 4)}, SizeError, ""),
    ("the lowest stride", {"strides": (LOWEST, 4)}, SizeError, ""),
    ("elements behind the last address", {"buf": 2**64 - 8}, SizeError, "address space"),
    ("elements below address 0", {"buf": 8, "strides": (-12, 4)}, SizeError, "address space"),
    ("suboffsets", {"suboffsets": (0, -1)}, BufferError, "suboffsets"),
    ("the largest suboffsets", {"suboffsets": (HUGE, HUGE)}, BufferError, "suboffsets"),
]  # fmt: skip

TAKEN = [
    ("a buffer that is right", {}, lambda t: t.tolist() == ROWS),
    ("a buffer that is read-only", {"readonly": 1}, lambda t: t.read_only),
    ("a read-only word of -1", {"readonly": -1}, lambda t: t.read_only),
    ("bytes without a format", {"format": None, "itemsize": 1, "len": 6, "strides": (3, 1)}, lambda t: t.dtype == "uint8"),
    ("no strides", {"strides": None}, lambda t: t.tolist() == ROWS),
    ("no axes", {"ndim": 0, "len": 4, "shape": None, "strides": None}, lambda t: t.tolist() == 0),
    ("no elements at an address that is none", {"buf": 1, "shape": (0, 3), "len": 0}, lambda t: t.size == 0),
    ("the lowest stride on an axis of extent 1", {"shape": (1, 3), "len": 12, "strides": (LOWEST, 4)}, lambda t: t.tolist() == [[0, 1, 2]]),
    ("strides of 0", {"strides": (0, 0)}, lambda t: t.tolist() == [[0] * 3] * 2),
    ("odd strides, which are copied", {"strides": (13, 1)}, lambda t: t.shape == (2, 3)),
    ("64 axes", {"ndim": 64, "shape": (1,) * 64, "strides": (4,) * 64, "len": 4}, lambda t: t.ndim == 64),
    ("ten megabytes of blanks that are a shape", {"format": b"(1" + b" " * MEGABYTES + b")i"}, lambda t: t.dtype == "int32"),
]  # fmt: skip


def descriptions() -> Iterator[Animal]:
    for sentence, fields, raises, says in REFUSED:
        slow = len(fields.get("format") or b"") > 10_000
        make = lambda fields=fields: cage(**fields)  # noqa: E731
        yield Animal(sentence, make, raises, says, doors=(take,), slow=slow)
    for sentence, fields, look in TAKEN:
        slow = len(fields.get("format") or b"") > 10_000
        make = lambda fields=fields: cage(**fields)  # noqa: E731
        yield Animal(sentence, make, look=look, doors=(take,), slow=slow)

    def released() -> Cage:
        one = cage()
        one.given.view.release()
        return one

    yield Animal("a memoryview that was released", released, BufferError, "raised ValueError: operation forbidden", doors=(take,))


def in_dictionaries() -> Iterator[Animal]:
    """A lying buffer as the `data` of an array interface."""

    class Shows:
        def __init__(self, view: memoryview, **more: Any) -> None:
            self.__array_interface__ = {"shape": (6,), "typestr": "<i4", "data": view, "version": 3, **more}

    def make(**fields: Any) -> Cage:
        given = lying(**fields)
        shows = Shows(given.view)
        shows.given = given
        return Cage(shows, None, (shows, given, given.view))

    cases = {
        "a buffer of negative length in a dictionary": ({"len": -24}, ValueError, "which has -24"),
        "a buffer that goes backwards in a dictionary": ({"strides": (-12, -4)}, BufferError, "gaps"),
        "a buffer with suboffsets in a dictionary": ({"suboffsets": (0, -1)}, BufferError, "gaps"),
        "a buffer with negative extents in a dictionary": ({"shape": (-2, -3), "strides": None, "len": 20}, ValueError, "which has 20"),
    }  # fmt: skip
    for sentence, (fields, raises, says) in cases.items():
        yield Animal(sentence, lambda fields=fields: make(**fields), raises, says, doors=DOORS)


def exporters() -> Iterator[Animal]:
    """Objects with `__buffer__` (PEP 688)."""
    for exception in (*EXCEPTIONS, TypeError):

        def get(self: object, flags: int, exception: type[BaseException] = exception) -> memoryview:
            raise exception("planted")

        make = lambda get=get: Cage(type("Exporter", (), {"__buffer__": get})())  # noqa: E731
        yield Animal(f"__buffer__ raises {exception.__name__}", make, exception, "planted", doors=DOORS, asked=ASKED)

        class Releases:
            def __init__(self, exception: type[BaseException]) -> None:
                self.memory, self.exception, self.ends = bytearray(range(8)), exception, 0

            def __buffer__(self, flags: int) -> memoryview:
                return memoryview(self.memory)

            def __release_buffer__(self, view: memoryview) -> None:
                self.ends += 1
                view.release()
                raise self.exception("planted")

        def releases(kind: type = Releases, exception: type[BaseException] = exception) -> Cage:
            one = kind(exception)
            return Cage(one, lambda: one.ends, (one,), after=lambda: one.memory.extend(b"x"))

        yield Animal(
            f"__release_buffer__ raises {exception.__name__}",
            releases, look=lambda t: t.tobytes() == bytes(range(8)), unraisable=(exception,), doors=DOORS,
        )  # fmt: skip
    for what in (None, 7, b"bytes", bytearray(3), object()):
        members = {"__buffer__": lambda self, flags, what=what: what}
        make = lambda members=members: Cage(type("Exporter", (), members)())  # noqa: E731
        yield Animal(f"__buffer__ gives {type(what).__name__}", make, TypeError, doors=DOORS, asked=ASKED)

    class Resizes:
        """Grows, or tries to, each time it is asked."""

        def __init__(self) -> None:
            self.memory, self.refusals = bytearray(range(8)), 0

        def __buffer__(self, flags: int) -> memoryview:
            try:
                self.memory.extend(b"more")
            except BufferError:
                self.refusals += 1
            return memoryview(self.memory)

    def resizes() -> Cage:
        one = Resizes()
        return Cage(one, None, (one,), after=lambda: one.memory.extend(b"x"))

    def twice(given: Resizes) -> ndferry.Tensor:
        first, second = ndferry.asarray(given), ndferry.asarray(given)
        assert given.refusals >= 1 and first.tobytes() == second.tobytes()
        return first

    sentence = "an exporter that grows each time it is asked, and cannot while it is held"
    yield Animal(sentence, resizes, look=lambda t: t.tobytes() == bytes(range(8)) + b"more", doors=(twice,))


def from_testbuffer() -> Iterator[Animal]:
    """Exporters of CPython's own tests, which may change only while nobody holds them."""
    try:
        from _testbuffer import ND_PIL, ND_VAREXPORT, ndarray
    except ImportError:
        return

    def varying() -> Cage:
        one = ndarray([1, 2, 3], shape=[3], format="i", flags=ND_VAREXPORT)
        return Cage(one, None, (one,), after=lambda: one.push([7], shape=[1], format="i"))

    sentence = "an exporter that is another array at each call, if nobody holds it"
    yield Animal(sentence, varying, look=lambda t: t.tolist() == [1, 2, 3], doors=DOORS)

    def pointers() -> Cage:
        one = ndarray(list(range(6)), shape=[2, 3], format="i", flags=ND_PIL)
        return Cage(one, None, (one,))

    yield Animal("an exporter of rows behind pointers", pointers, BufferError, "suboffsets", doors=DOORS)


def animals() -> Iterator[Animal]:
    yield from descriptions()
    yield from in_dictionaries()
    yield from from_testbuffer()
    if sys.version_info >= (3, 12):
        yield from exporters()
