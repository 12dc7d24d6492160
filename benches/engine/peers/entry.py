"""What a peer is given, and what it answers with."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


class Unable(Exception):
    """The peer has nothing for such a case, or is not here."""


@dataclass
class Native:
    """A C function of three pointers that returns 0, timed from C."""

    function: int
    arguments: tuple[Any, ...]
    keeps: tuple[Any, ...] = ()


@dataclass
class Entry:
    """One peer on one case."""

    call: Native | Callable[[], object]
    before: Callable[[], object] | None = None  # sets the number of threads, which is not part of the call


class Call(ctypes.Structure):
    """`struct bench_call` of timing.c."""

    _fields_ = [
        ("function", ctypes.c_void_p), ("real", ctypes.c_double * 2), ("whole", ctypes.c_ssize_t * 12),
        ("step", ctypes.c_ssize_t * 12), ("images", ctypes.c_ssize_t), ("returns_status", ctypes.c_int),
    ]  # fmt: skip


class Timing:
    """timing.c, loaded so that the interpreter's lock is kept: NumPy's C functions need it."""

    def __init__(self, path: Path) -> None:
        self.folder = path.parent
        self.library = ctypes.PyDLL(str(path))
        self._time = self.library.bench_time
        self._time.restype = ctypes.c_double
        self._time.argtypes = [ctypes.c_void_p] * 4 + [ctypes.c_long]

    def address(self, name: str) -> int:
        return address(self.library[name])

    def nanoseconds(self, call: Native, count: int) -> float:
        """A call's, of so many; every one of them must have returned 0."""
        found = self._time(call.function, *(*call.arguments, None, None)[:3], count)
        if found < 0:
            raise RuntimeError("the call failed")
        return found

    def indirect(
        self, function: Any, *whole: int, real: tuple[float, ...] = (), step: tuple[int, ...] = (), images: int = 1,
        status: bool = True, keeps: tuple[Any, ...] = (),
    ) -> Native:  # fmt: skip
        """A C function of other arguments; `step` is added to them from one image to the next."""
        call = Call(address(function) if not isinstance(function, int) else function, images=images, returns_status=status)
        call.whole[: len(whole)] = whole
        call.step[: len(step)] = step
        call.real[: len(real)] = real
        return Native(self.address("bench_indirect"), (ctypes.addressof(call),), (call, *keeps))


@dataclass
class Job:
    """A case with its memory: what is to be written where."""

    kind: str  # copy, scale, fill, equal
    source: Array
    target: Array
    timing: Timing
    options: dict[str, Any]
    packed: str = ""  # the source's bytes are really two elements each of this type
    threads: int = 1
    huge_pages: bool = True
    tune: bool = False

    def with_threads(self, threads: int) -> Job:
        return replace(self, threads=threads)

    def plain(self, *, same: bool = False) -> tuple[Array, Array]:
        """The two sides of a copy or conversion, for peers that do nothing else."""
        if self.kind != "copy" or self.packed:
            raise Unable
        if same and self.source.dtype != self.target.dtype:
            raise Unable
        return self.source, self.target


@dataclass
class Axes:
    """A copy in fewest axes: those of extent 1 dropped, those that run on in both sides merged. Strides in bytes."""

    extents: list[int]
    source: list[int]
    target: list[int]


def axes(source: Array, target: Array) -> Axes:
    """In the target's order, outermost first."""
    found = sorted(
        (one for one in zip(source.shape, source.strides, target.strides) if one[0] != 1),
        key=lambda one: -abs(one[2]),
    )
    merged: list[tuple[int, int, int]] = []
    for extent, read, written in found:
        if merged and (merged[-1][1], merged[-1][2]) == (read * extent, written * extent):
            merged[-1] = (merged[-1][0] * extent, read, written)
        else:
            merged.append((extent, read, written))
    if not merged:
        merged = [(1, source.itemsize, target.itemsize)]
    return Axes([one[0] for one in merged], [one[1] for one in merged], [one[2] for one in merged])


@dataclass
class Transposition:
    """Images of rows and columns that change places, of whole bytes without gaps inside a row."""

    images: int
    rows: int  # of the source
    columns: int
    source_pitch: int
    target_pitch: int
    source_image: int
    target_image: int


def transposition(source: Array, target: Array) -> Transposition:
    """The case as a batch of matrices."""
    found, size = axes(source, target), source.itemsize
    if len(found.extents) == 2:
        found = Axes([1, *found.extents], [0, *found.source], [0, *found.target])
    if len(found.extents) != 3:
        raise Unable
    (images, columns, rows), (_, read, pitch), (_, written, one) = found.extents, found.source, found.target
    if read != size or one != size or pitch < columns * size or written < rows * size or min(found.source) < 0:
        raise Unable
    return Transposition(images, rows, columns, pitch, written, found.source[0], found.target[0])


def flat(source: Array, target: Array) -> int:
    """How many elements in a row both sides are, if that is all."""
    found = axes(source, target)
    if found.extents != [source.size] or [*found.source, *found.target] != [source.itemsize, target.itemsize]:
        raise Unable
    return source.size


def address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def capsule_pointer(capsule: object) -> int:
    get = ctypes.PyDLL(None).PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return get(capsule, None)


def distribution(name: str) -> dict[str, str]:
    try:
        return {name: metadata.version(name)}
    except metadata.PackageNotFoundError:
        return {}
