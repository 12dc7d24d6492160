"""HPTT, if benches/CMakeLists.txt found it: it is in no package, so HPTT_ROOT has to say where it was built."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from .entry import Entry, Job, Native, Unable, axes

SMALL_ENOUGH = 4 << 20  # bytes; a larger plan tries itself out for up to ten seconds
TYPES = {"float32": 0, "float64": 1, "complex64": 2, "complex128": 3}


class Plan:
    """A tuned plan, and its end."""

    def __init__(self, library: Any, pointer: int) -> None:
        self._library, self.pointer = library, pointer

    def __del__(self) -> None:
        self._library.bench_hptt_free(ctypes.c_void_p(self.pointer))


def outer(strides: list[int], extents: list[int], size: int) -> list[int]:
    """Extents of the memory around it, in which a row of an axis is as long as the stride says; innermost first."""
    order = sorted(range(len(extents)), key=lambda axis: strides[axis])
    if strides[order[0]] != size:
        raise Unable
    found = []
    for here, after in zip(order, order[1:]):
        if strides[after] % strides[here] or strides[after] < strides[here] * extents[here]:
            raise Unable
        found.append(strides[after] // strides[here])
    return [*found, extents[order[-1]]]


def entry(job: Job) -> Entry:
    source, target = job.plain(same=True)
    kind = TYPES.get(source.dtype.name) if source.dtype.isnative else None
    try:
        library = ctypes.CDLL(str(job.timing.folder / "libbench_hptt.so"))
    except OSError:
        raise Unable from None
    found = axes(source, target)
    if kind is None or min(found.source + found.target) <= 0 or source.ctypes.data % source.itemsize:
        raise Unable
    rank = len(found.extents)
    numbers = ctypes.c_int * rank
    order = sorted(range(rank), key=lambda axis: found.source[axis])  # HPTT's axes: the source's, innermost first
    last = sorted(range(rank), key=lambda axis: found.target[axis])
    sides = [numbers(*outer(side, found.extents, source.itemsize)) for side in (found.source, found.target)]
    function = library.bench_hptt_plan
    function.restype = ctypes.c_void_p
    pointer = function(
        kind, numbers(*[order.index(axis) for axis in last]), rank, numbers(*[found.extents[axis] for axis in order]),
        ctypes.c_void_p(source.ctypes.data), sides[0], ctypes.c_void_p(target.ctypes.data), sides[1], job.threads,
        job.tune or source.nbytes <= SMALL_ENOUGH,
    )  # fmt: skip
    plan = Plan(library, pointer)
    run = ctypes.cast(library.bench_hptt_execute, ctypes.c_void_p).value or 0
    return Entry(Native(run, (pointer,), (plan, np.empty(0))))


def versions() -> dict[str, str]:
    return {}
