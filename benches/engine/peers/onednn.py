"""oneDNN's reorder. Its C API is called by hand: four arguments, which `Timing.indirect` hands over."""

from __future__ import annotations

import ctypes
from ctypes import byref, c_int, c_int64, c_void_p
from functools import cache
from typing import Any

from .entry import Array, Axes, Entry, Job, Unable, axes, distribution

TYPES = {
    "float16": 1, "bfloat16": 2, "float32": 3, "int32": 4, "int8": 5, "uint8": 6, "float64": 7, "float8_e5m2": 9,
    "float8_e4m3fn": 10,
}  # fmt: skip
SAME = {1: 6, 2: 2, 4: 3}  # a type of so many bytes, for elements that only move
FROM, TO = 1, 17


class Argument(ctypes.Structure):
    """`dnnl_exec_arg_t`."""

    _fields_ = [("argument", c_int), ("memory", c_void_p)]


@cache
def library() -> tuple[Any, Any, c_void_p, c_void_p]:
    """The library, its threads, a CPU engine and a stream."""
    import sys
    from pathlib import Path

    path = Path(sys.prefix) / "lib/libdnnl.so.3"
    if not path.exists():
        raise Unable
    found, threads = ctypes.CDLL(str(path)), ctypes.CDLL("libgomp.so.1")
    engine, stream = c_void_p(), c_void_p()
    check(found.dnnl_engine_create(byref(engine), 1, ctypes.c_size_t(0)))
    check(found.dnnl_stream_create(byref(stream), engine, 1))
    return found, threads, engine, stream


def check(status: int) -> None:
    if status:
        raise Unable


class Made:
    """A primitive and all that it needs, and their end."""

    def __init__(self, found: Axes, job: Job) -> None:
        self.library, _, engine, _ = library()
        self.parts: list[tuple[Any, c_void_p]] = []
        sides = []
        for array, strides, kind in zip((job.source, job.target), (found.source, found.target), kinds(job)):
            rank, size = len(found.extents), array.itemsize
            numbers = c_int64 * rank
            memory = self.make("memory_desc", "dnnl_memory_desc_create_with_strides", rank,
                numbers(*found.extents), kind, numbers(*[stride // size for stride in strides]))  # fmt: skip
            sides.append((memory, self.make("memory", "dnnl_memory_create", memory, engine, c_void_p(array.ctypes.data))))
        (read, source), (written, target) = sides
        plan = self.make("primitive_desc", "dnnl_reorder_primitive_desc_create", read, engine, written, engine, None)
        self.primitive = self.make("primitive", "dnnl_primitive_create", plan)
        self.arguments = (Argument * 2)(Argument(FROM, source), Argument(TO, target))

    def make(self, kind: str, function: str, *arguments: Any) -> c_void_p:
        out = c_void_p()
        check(self.library[function](byref(out), *arguments))
        self.parts.append((self.library[f"dnnl_{kind}_destroy"], out))
        return out

    def __del__(self) -> None:
        for destroy, part in reversed(self.parts):
            destroy(part)


def kinds(job: Job) -> tuple[int, int]:
    """What oneDNN calls the two types."""
    if job.source.dtype == job.target.dtype:
        kind = SAME.get(job.source.itemsize)
        if kind is None:
            raise Unable
        return kind, kind
    names = job.source.dtype, job.target.dtype
    found = tuple(TYPES.get(one.name) if one.isnative else None for one in names)
    if None in found:
        raise Unable
    return found  # type: ignore[return-value]


def entry(job: Job) -> Entry:
    source, target = job.plain()
    found = axes(source, target)
    if min(found.source + found.target) <= 0 or len(found.extents) > 12:
        raise Unable
    if any(stride % size for side, size in ((found.source, source.itemsize), (found.target, target.itemsize)) for stride in side):
        raise Unable
    functions, threads, _, stream = library()
    threads.omp_set_num_threads(job.threads)  # a primitive keeps the number that it is made with
    made = Made(found, job)
    call = job.timing.indirect(
        functions.dnnl_primitive_execute, made.primitive.value, stream.value, 2, ctypes.addressof(made.arguments), keeps=(made,)
    )
    return Entry(call, lambda: threads.omp_set_num_threads(job.threads))


def versions() -> dict[str, str]:
    return distribution("onednn-cpu-gomp")
