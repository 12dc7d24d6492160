"""What Rust programs use: `rust-peers/`, if the bench verb built it."""

from __future__ import annotations

import ctypes
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from .entry import Axes, Entry, Job, Native, Unable, address, axes, flat

CONVERSIONS = [
    ("float32", "float64"), ("float64", "float32"), ("uint8", "float32"), ("int64", "int32"), ("int32", "int64"),
    ("int32", "float32"), ("int16", "float32"), ("uint16", "float32"), ("int64", "float64"), ("float32", "bool"),
    ("bool", "float32"),
]  # fmt: skip
SWAPS = {2: 11, 4: 12, 8: 13}
HALVES = [("float32", "float16"), ("float16", "float32"), ("float32", "bfloat16"), ("bfloat16", "float32")]


class Work(ctypes.Structure):
    """`Work` of rust-peers/src/lib.rs."""

    _fields_ = [
        ("source", ctypes.c_void_p), ("target", ctypes.c_void_p), ("rank", ctypes.c_size_t), ("extents", ctypes.c_void_p),
        ("source_strides", ctypes.c_void_p), ("target_strides", ctypes.c_void_p), ("kind", ctypes.c_size_t),
    ]  # fmt: skip


def library() -> Any:
    path = os.environ.get("NDFERRY_RUST_PEERS")
    if not path:
        raise Unable
    return ctypes.CDLL(path)


def made(job: Job, function: str, found: Axes, kind: int) -> Entry:
    strides = [*found.source, *found.target]
    sizes = [job.source.itemsize] * len(found.source) + [job.target.itemsize] * len(found.target)
    misplaced = job.source.ctypes.data % job.source.itemsize or job.target.ctypes.data % job.target.itemsize
    if min(strides) < 0 or misplaced or any(stride % size for stride, size in zip(strides, sizes)):
        raise Unable
    rank = len(found.extents)
    numbers = np.array([*found.extents, *[stride // size for stride, size in zip(strides, sizes)]], np.uintp)
    where = [numbers.ctypes.data + 8 * rank * part for part in range(3)]
    work = Work(job.source.ctypes.data, job.target.ctypes.data, rank, *where, kind)
    return Entry(Native(address(library()[function]), (ctypes.addressof(work),), (work, numbers, job)))


def ndarray_entry(job: Job) -> Entry:
    source, target = job.plain()
    found = axes(source, target)
    if source.dtype == target.dtype:
        return made(job, "rust_ndarray_assign", found, source.itemsize)
    if source.dtype.newbyteorder() == target.dtype and source.dtype.kind != "c" and source.itemsize in SWAPS:
        return made(job, "rust_ndarray_convert", found, SWAPS[source.itemsize])
    pair = source.dtype.name, target.dtype.name
    if pair not in CONVERSIONS or not (source.dtype.isnative and target.dtype.isnative):
        raise Unable
    return made(job, "rust_ndarray_convert", found, CONVERSIONS.index(pair))


def half_entry(job: Job) -> Entry:
    source, target = job.plain()
    pair = source.dtype.name, target.dtype.name
    flat(source, target)
    if pair not in HALVES:
        raise Unable
    return made(job, "rust_half", axes(source, target), HALVES.index(pair))


def transpose_entry(job: Job) -> Entry:
    source, target = job.plain(same=True)
    found = axes(source, target)
    if len(found.extents) != 2 or not source.T.squeeze().flags.c_contiguous or not target.flags.c_contiguous:
        raise Unable
    return made(job, "rust_transpose", found, source.itemsize)


def strided_perm_entry(job: Job) -> Entry:
    source, target = job.plain(same=True)
    found = axes(source, target)
    if 0 in found.source:
        raise Unable
    return made(job, "rust_strided_perm", found, source.itemsize)


def versions() -> dict[str, str]:
    lock = (Path(__file__).parents[1] / "rust-peers/Cargo.lock").read_text(encoding="utf-8")
    names = ("half", "ndarray", "strided-perm", "transpose")
    found = {name: re.search(rf'name = "{name}"\nversion = "([^"]+)"', lock) for name in names}
    return {f"{name} (Rust)": one[1] for name, one in found.items() if one}
