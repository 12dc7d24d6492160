"""What memory allows: as many bytes moved without a thought."""

from __future__ import annotations

import ctypes
from functools import cache

import numpy as np

from cases import moved_bytes, room, touched_bytes

from .entry import Array, Entry, Job, Native, Unable

LEAST_TO_STREAM = 1 << 20  # bytes written
MOST = 320 << 20
PART = 16 << 20


class Span(ctypes.Structure):
    """`struct bench_span` of roof.c."""

    _fields_ = [
        ("source", ctypes.c_void_p), ("target", ctypes.c_void_p), ("read", ctypes.c_size_t),
        ("written", ctypes.c_size_t), ("streams", ctypes.c_int), ("threads", ctypes.c_int),
    ]  # fmt: skip


@cache
def scratch(huge_pages: bool, side: int) -> Array:
    """Memory for every case: pages that were never touched would cost time, and zeros are written faster than other bytes."""
    found = room(MOST, huge_pages)
    part = np.random.default_rng(side).integers(0, 256, PART, np.uint8)
    for start in range(0, MOST, PART):
        found[start : start + PART] = part
    return found


def moved(job: Job, read: int, written: int, streams: bool, function: str) -> Entry:
    read, written = (min(MOST, max(64, -(-size // 64) * 64)) for size in (read, written))
    ends = (scratch(job.huge_pages, side).ctypes.data for side in (0, 1))
    span = Span(*ends, read, written, streams, job.threads)
    return Entry(Native(job.timing.address(function), (ctypes.addressof(span),), (span,)))


def sizes(job: Job) -> tuple[int, int]:
    """Bytes in the cache lines that are read and written."""
    if job.kind == "fill":
        return 0, touched_bytes(job.target)
    if job.kind == "equal":
        return touched_bytes(job.source) + touched_bytes(job.target), 0
    return touched_bytes(job.source), touched_bytes(job.target)


def memcpy(job: Job) -> Entry:
    """libc's, which reads and writes as many bytes in all as the case."""
    size = moved_bytes(job.kind, job.source, job.target) // 2
    return moved(job, size, size, False, "bench_memcpy")


def plain(job: Job) -> Entry:
    return moved(job, *sizes(job), False, "bench_roof")


def stream(job: Job) -> Entry:
    if sizes(job)[1] < LEAST_TO_STREAM:
        raise Unable
    return moved(job, *sizes(job), True, "bench_roof")
