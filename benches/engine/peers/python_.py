"""Peers that can only be asked from Python and make their result anew: JAX and NumKong."""

from __future__ import annotations

from typing import Any

import numpy as np

from .entry import Array, Entry, Job, Unable, distribution, flat

NUMKONG = {
    "float32": "float32", "float16": "float16", "bfloat16": "bfloat16", "float8_e4m3fn": "e4m3", "float8_e5m2": "e5m2",
    "float64": "float64",
}  # fmt: skip


def dense(source: Array) -> tuple[Array, tuple[int, ...]]:
    """The array whose memory has no gaps, and the order of axes that makes the source of it."""
    if not source.dtype.isnative or any(stride <= 0 for stride in source.strides) or source.ctypes.data % source.itemsize:
        raise Unable
    order = sorted(range(source.ndim), key=lambda axis: -source.strides[axis])
    base = source.transpose(order)
    if not base.flags.c_contiguous:
        raise Unable
    return base, tuple(int(one) for one in np.argsort(order))


def jax_entry(job: Job) -> Entry:
    import jax

    jax.config.update("jax_enable_x64", True)
    if job.kind not in ("copy", "scale") or job.packed or not job.target.dtype.isnative:
        raise Unable
    if not job.target.flags.c_contiguous:
        raise Unable  # a result in new memory has no gaps: whoever wants it there has it to copy still
    base, back = dense(job.source)
    origin = jax.device_put(base)
    move = jax.jit(lambda x: convert(jax.numpy, jax.numpy.transpose(x, back), job))
    move(origin).block_until_ready()
    return Entry(lambda: move(origin).block_until_ready())


def convert(numbers: Any, x: Any, job: Job) -> Any:
    if job.kind == "copy":
        return x.astype(job.target.dtype)
    shape = [1] * x.ndim
    axis = job.options.get("axis", -1)

    def values(name: str, default: float) -> Any:
        found = numbers.asarray(job.options.get(name, [default]), numbers.float32)
        shape[axis] = found.size
        return found.reshape(shape if found.size > 1 else [1] * x.ndim)

    y = x.astype(numbers.float32) * values("scale", 1.0) + values("bias", 0.0)
    if job.target.dtype.kind in "iu":
        ends = numbers.iinfo(job.target.dtype)
        y = numbers.clip(numbers.rint(y), ends.min, ends.max)
    return y.astype(job.target.dtype)


def numkong_entry(job: Job) -> Entry:
    import numkong

    source, target = job.plain()
    names = [NUMKONG.get(one.dtype.name) for one in (source, target)]
    if None in names or names[0] == names[1] or flat(source, target) == 0:
        raise Unable
    raw = source.reshape(-1)
    made = numkong.from_pointer(raw.ctypes.data, raw.shape, names[0], owner=raw)
    return Entry(lambda: made.astype(names[1]))


def versions() -> dict[str, str]:
    return distribution("jax") | distribution("numkong")
