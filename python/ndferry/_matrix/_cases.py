"""What is exchanged: element types, layouts, and values that no narrower type can hold."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

_FORMATS = {"float16": "e", "float32": "f", "float64": "d"}
_INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
DTYPES = ["bool", *_INTEGERS, *_FORMATS, "bfloat16", "complex64", "complex128"]
LAYOUTS = {
    "vector": "one axis, without gaps",
    "matrix": "two axes in C order",
    "transposed": "two axes in Fortran order, where the library has that",
    "strided": "every other column of a matrix",
    "reversed": "one axis with a negative stride",
    "broadcast": "two axes, one with stride 0",
    "scalar": "no axes",
    "read-only": "one axis, in memory that must not be written",
}


class Cannot(Exception):
    """A library has no such array."""


class Case(NamedTuple):
    """An element type and a layout."""

    dtype: str
    layout: str

    @property
    def itemsize(self) -> int:
        return (
            1
            if self.dtype == "bool"
            else 2
            if self.dtype == "bfloat16"
            else int(self.dtype.lstrip("uintfloacmpex")) // 8
        )

    @property
    def base(self) -> Any:
        """The nested list of which a library makes an array, which then is arranged."""
        shapes = {"matrix": (2, 3), "transposed": (2, 3), "strided": (2, 6), "broadcast": (3,), "scalar": ()}
        return _nested(self.dtype, shapes.get(self.layout, (6,)))

    @property
    def values(self) -> tuple[tuple[int, ...], list[Any]]:
        """The shape and the elements in C order, as they must arrive."""
        base = self.base
        if self.layout == "scalar":
            return (), [base]
        if self.layout in ("vector", "read-only"):
            return (6,), base
        if self.layout == "reversed":
            return (6,), base[::-1]
        if self.layout == "broadcast":
            return (2, 3), base * 2
        if self.layout == "strided":
            return (2, 3), [one for row in base for one in row[::2]]
        if self.layout == "transposed":
            return (3, 2), [one for column in zip(*base) for one in column]
        return (2, 3), [one for row in base for one in row]


def _nested(dtype: str, shape: tuple[int, ...], first: int = 0) -> Any:
    if not shape:
        return value(dtype, first)
    step = 1
    for extent in shape[1:]:
        step *= extent
    return [_nested(dtype, shape[1:], first + i * step) for i in range(shape[0])]


def value(dtype: str, i: int) -> Any:
    """The i-th value: exact in its type, and in no narrower one."""
    if dtype == "bool":
        return i % 3 != 1
    if dtype in _INTEGERS:
        bits = int(dtype.lstrip("uint"))
        return 2 ** (bits - (1 if dtype[0] == "u" else 2)) + i
    if dtype == "bfloat16":
        return i + 0.5
    if dtype in _FORMATS:
        return _rounded(_FORMATS[dtype], i + 0.1)
    part = "f" if dtype == "complex64" else "d"
    return complex(_rounded(part, i + 0.1), _rounded(part, -i - 0.7))


def _rounded(format_: str, number: float) -> float:
    rounded: float = struct.unpack(format_, struct.pack(format_, number))[0]
    return rounded
