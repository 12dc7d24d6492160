"""NumPy, from C where it has a function for it; ml_dtypes' types are NumPy's own casts."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import numpy as np

from .entry import Array, Entry, Job, Native, capsule_pointer, distribution

COPY_INTO = 50  # the number of PyArray_CopyInto in NumPy's table of C functions


def entry(job: Job) -> Entry:
    if job.kind == "copy" and not job.packed:
        table = capsule_pointer(np._core._multiarray_umath._ARRAY_API)
        function = ctypes.c_void_p.from_address(table + COPY_INTO * ctypes.sizeof(ctypes.c_void_p)).value or 0
        return Entry(Native(function, (id(job.target), id(job.source)), (job.target, job.source)))
    return Entry(spelled(job))


def spelled(job: Job) -> Callable[[], object]:
    """In as few calls as NumPy's users can."""
    source, target = job.source, job.target
    if job.kind == "fill":
        value = target.dtype.type(job.options["value"])
        return lambda: target.fill(value) if target.flags.c_contiguous else np.copyto(target, value)
    if job.kind == "equal":
        return lambda: np.array_equal(source, target)
    if job.packed:
        return lambda: unpack(source, target, job.packed)
    return lambda: scaled(source, target, job.options)


def along(source: Array, values: list[float], axis: int) -> Array:
    shape = [1] * source.ndim
    shape[axis] = len(values)
    return np.array(values).reshape(shape if len(values) > 1 else [1] * source.ndim)


def scaled(source: Array, target: Array, options: dict[str, object]) -> None:
    """source × scale + bias, in float32 as users do; rounded and clipped for integers."""
    axis = options.get("axis", -1)
    work = target if target.dtype == np.float32 else np.empty(target.shape, np.float32)
    scale = along(source, options.get("scale", [1.0]), axis).astype(np.float32)
    np.multiply(source, scale, out=work, casting="unsafe")
    if bias := options.get("bias"):
        np.add(work, along(source, bias, axis).astype(np.float32), out=work)
    if work is not target:
        if target.dtype.kind in "iu":
            ends = np.iinfo(target.dtype)
            np.rint(work, out=work)
            np.clip(work, ends.min, ends.max, out=work)
        np.copyto(target, work, casting="unsafe")


def unpack(source: Array, target: Array, packed: str) -> None:
    """Two elements a byte, the first in the low half."""
    values = table(packed).astype(target.dtype)
    target[..., 0::2] = values[source & 15]
    target[..., 1::2] = values[source >> 4]


def table(packed: str) -> Array:
    """The 16 values of a type of four bits."""
    if packed == "int4":
        return np.array([*range(8), *range(-8, 0)])
    half = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])
    return np.concatenate([half, -half])


def versions() -> dict[str, str]:
    return distribution("numpy") | distribution("ml_dtypes")
