"""What is exchanged with every library, through which door, and what must come of it.

A library has doors out (a tensor becomes its array) and doors in (its array becomes a tensor). A door passes every
element type and every memory layout; its table says what happens: the memory is shared, or copied, or refused with an
exception. All of it is confirmed by running, so a library that changes its mind fails by name. What a door's table does
not name is shared.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

NUMPY = tuple(map(int, np.__version__.split(".")[:2]))
NUMPY_2 = NUMPY >= (2, 0)
PYTHON = sys.version_info[:2]

# Outcomes. The memory is shared, and
SHARES = "shares"  # may be written on one side if it may be on the other
LOCKS = "locks"  # the taker does not write, though it might
UNLOCKS = "unlocks"  # the taker could write what is read-only: a defect of that library
# or there is new memory with the same elements,
COPIES = "copies"
# or there are no elements, hence no memory.
EMPTY = "empty"


class Refuses(NamedTuple):
    """An exception: the name of its class, and words of its text."""

    error: str
    words: str = ""


class Changes(NamedTuple):
    """New memory with other elements: what that library is known for, or a defect of it."""

    why: str


class As(NamedTuple):
    """Another element type on the way in, because the door has no word for the library's own."""

    dtype: str
    outcome: str = SHARES


class Seen(NamedTuple):
    """What a library says of one of its arrays."""

    shape: tuple[int, ...]
    elements: bytes
    address: int | None
    writable: bool


Table = Mapping[str, Any]


@dataclass(frozen=True)
class Door:
    name: str
    go: Callable[[Any], Any]
    expected: Table = field(default_factory=dict)
    otherwise: Any = SHARES


@dataclass(frozen=True)
class Library:
    name: str
    module: str
    see: Callable[[Any], Seen]
    out: tuple[Door, ...] = ()
    into: tuple[Door, ...] = ()
    # How this library makes an array of NumPy's; of which element types; and its layouts, of a (4, 6) array.
    make: Callable[[np.ndarray], Any] | None = None
    dtypes: tuple[str, ...] = ()
    layouts: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)


def load(name: str) -> Any:
    """A module, or None where it is not installed, or not for this NumPy."""
    try:
        return import_module(name)
    except (ImportError, AttributeError):
        return None


# Objects that show one protocol of another object, and nothing else.


class Only:
    def __init__(self, obj: Any, *names: str) -> None:
        self._obj = obj  # what the protocols without an owner rely on
        for name in names:
            setattr(self, name, getattr(obj, name))


def only_dlpack(obj: Any) -> Any:
    return Only(obj, "__dlpack__", "__dlpack_device__")


class Legacy:
    """A producer from before 2023, whose `__dlpack__` knows no versions."""

    def __init__(self, obj: Any) -> None:
        self._obj = obj
        self.__dlpack_device__ = obj.__dlpack_device__

    def __dlpack__(self, stream: Any = None) -> Any:
        return self._obj.__dlpack__()


# Ways to see what lies in memory without ndferry.


class _Memory:
    """Elements at an address, as opaque bytes."""

    def __init__(self, address: int, shape: tuple[int, ...], strides: tuple[int, ...], itemsize: int) -> None:
        self.__array_interface__ = {
            "data": (address, True), "shape": shape, "strides": strides, "typestr": f"|V{itemsize}", "version": 3,
        }  # fmt: skip


def at(address: int, shape: Any, strides: Any, itemsize: int, writable: bool) -> Seen:
    """Elements at an address; strides are in bytes."""
    shape = tuple(shape)
    if not address or 0 in shape:
        return Seen(shape, b"", address, writable)
    # Without the axes of extent 1: NumPy 1 has at most 32.
    pairs = [pair for pair in zip(shape, strides) if pair[0] != 1]
    extents, steps = zip(*pairs) if pairs else ((), ())
    memory = _Memory(address, extents, steps, itemsize)
    return Seen(shape, np.asarray(memory).tobytes(), address, writable)


def in_array(array: np.ndarray) -> Seen:
    return Seen(array.shape, array.tobytes(), array.ctypes.data, array.flags.writeable)


_python = ctypes.PyDLL(None)
_get_pointer = _python["PyCapsule_GetPointer"]
_get_pointer.restype, _get_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]


class _DLTensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p), ("device", ctypes.c_int32 * 2), ("ndim", ctypes.c_int32), ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16), ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)), ("byte_offset", ctypes.c_uint64),
    ]  # fmt: skip


def in_capsule(capsule: Any, writable: bool) -> Seen:
    """What a legacy capsule says, which is not used up by it."""
    dl = _DLTensor.from_address(_get_pointer(capsule, b"dltensor"))
    shape = tuple(dl.shape[: dl.ndim]) if dl.ndim else ()
    address = (dl.data or 0) + dl.byte_offset
    bits = dl.bits * dl.lanes
    if bits % 8:  # several to a byte
        return Seen(shape, ctypes.string_at(address, (int(np.prod(shape)) * bits + 7) // 8), address, writable)
    steps = dl.strides[: dl.ndim] if dl.strides else np.cumprod([1, *shape[:0:-1]])[::-1].tolist()
    return at(address, shape, [step * bits // 8 for step in steps[: dl.ndim]], bits // 8, writable)


# What is exchanged.

NUMPY_NAMES = (
    "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64 complex128"
).split()
FLOAT8 = (
    "float8_e3m4 float8_e4m3 float8_e4m3b11fnuz float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz "
    "float8_e8m0fnu"
).split()
# Types whose elements share bytes, and the same with a byte for each.
PACKED = "int4 uint4 int2 uint2 float4_e2m1fn float6_e2m3fn float6_e3m2fn".split()
PADDED = [f"{name}[padded]" for name in PACKED]
# Types of NumPy that have no words in DLPack.
OF_NUMPY = ("S3", "U2", "V4", "datetime64[s]", "timedelta64[ns]", ">i4", ">f8", "[('x', '<f4'), ('y', '>i2')]")
NAMES = (*NUMPY_NAMES, "bfloat16", "complex32", *FLOAT8, *PACKED, *PADDED, *OF_NUMPY)
READ_ONLY = ("read-only", "read-only, sliced", "zero stride", "overlapping")
RANKS = ("rank 33", "rank 64")


def rows(outcome: Any, *names: str) -> dict[str, Any]:
    """The same outcome for several types or layouts."""
    return dict.fromkeys(names, outcome)


# What ndferry refuses, whoever asks.
NO_WORDS = rows(Refuses("BufferError", "DLPack has no type|byte order"), *OF_NUMPY)
LEGACY = {
    **NO_WORDS,
    **rows(Refuses("BufferError", "legacy DLPack cannot say that .* padded"), *PADDED),
    **rows(Refuses("BufferError", "legacy DLPack cannot say that .* read-only"), *READ_ONLY),
}
NO_FORMAT = {
    **rows(Refuses("BufferError", "no PEP 3118 format"), "bfloat16", "complex32", *FLOAT8, *PADDED),
    **rows(Refuses("BufferError", "no PEP 3118 format"), "datetime64[s]", "timedelta64[ns]"),
    **rows(Refuses("BufferError", "share bytes"), *PACKED),
}
