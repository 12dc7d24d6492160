"""ndferry."""

from __future__ import annotations

import ctypes
from typing import Any

import ndferry
import numpy as np
from ndferry._library import lib

from .entry import Array, Entry, Job, Native, address

declarations = ndferry._declarations


def tensor(array: Array) -> ndferry.Tensor:
    """A tensor on the memory of an array, whatever its type."""
    return ndferry.asarray(array, copy=False)


def entry(job: Job) -> Entry:
    before = (lambda: lib.ndf_set_thread_count(job.threads)) if hasattr(lib, "ndf_set_thread_count") else None
    target = tensor(job.target)
    if job.kind == "fill":
        value = ctypes.c_double(job.options["value"])
        double = np.frombuffer(bytes(ndferry.dtype("float64")._struct).ljust(16, b"\0"), np.int64)
        words = -(-ctypes.sizeof(declarations.ndf_dtype) // 8)  # a struct of at most 16 bytes travels in registers
        ends = target.handle, *map(int, double[:words]), ctypes.addressof(value)
        return Entry(job.timing.indirect(lib.ndf_tensor_fill, *ends, keeps=(target, value)), before)
    source = tensor(job.source)
    if job.packed:
        source = source.view(job.packed)
    if job.kind == "equal":
        answer = ctypes.c_int32()
        ends = source.handle, target.handle, ctypes.addressof(answer)
        return Entry(Native(address(lib.ndf_tensor_equal), ends, (source, target, answer)), before)
    how, keeps = options(job)
    arguments = source.handle, target.handle, ctypes.addressof(how)
    return Entry(Native(address(lib.ndf_tensor_copy_into), arguments, (source, target, how, *keeps)), before)


def options(job: Job) -> tuple[Any, tuple[Any, ...]]:
    how = declarations.ndf_convert_options(casting=declarations.NDF_CASTING_UNSAFE)
    how.struct_size = ctypes.sizeof(how)
    keeps = []
    for name in ("scale", "bias"):
        if values := job.options.get(name):
            numbers = np.array(values, np.float64)
            setattr(how, f"{name}_count", len(values))
            setattr(how, name, ctypes.cast(numbers.ctypes.data, ctypes.POINTER(ctypes.c_double)))
            keeps.append(numbers)
    how.axis = job.options.get("axis", -1)
    if job.options.get("saturate"):
        how.overflow = declarations.NDF_OVERFLOW_SATURATE
    return how, tuple(keeps)


def versions() -> dict[str, str]:
    return {"ndferry": ndferry.__version__}
