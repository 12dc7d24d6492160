"""Intel's IPP, and the transposition of MKL that PyTorch carries."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from .entry import Array, Entry, Job, Native, Unable, axes, distribution, flat, transposition
from .torch_ import library as torch_library

UNITS = {1: "8u", 2: "16u", 4: "32s"}
KINDS = {"uint8": "8u", "int8": "8s", "uint16": "16u", "int16": "16s", "int32": "32s", "int64": "64s", "float16": "16f", "float32": "32f", "float64": "64f"}
CONVERSIONS = {"16s32f", "16u32f", "32f64f", "32s32f", "32s64f", "64f32f", "64s64f", "8s16s", "8s32f", "8u32f", "16s32s", "16f32f"}
TO_ZERO, NEAR, ACROSS_X, ACROSS_Y, BOTH = 0, 1, 0, 1, 2


@cache
def library(part: str) -> Any:
    """The part for this processor. The dispatching libraries look for files that pip's package does not have."""
    folder = Path(sys.prefix) / "lib"
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    kind = "k0" if "avx512vl" in flags else "l9" if "avx2" in flags else "y8"
    try:
        for needed in ("core", f"vm{kind}"):
            ctypes.CDLL(str(folder / f"libipp{needed}.so.12"), ctypes.RTLD_GLOBAL)
        return ctypes.CDLL(str(folder / f"libipp{part}{kind}.so.12"))
    except OSError:
        raise Unable from None


def size_of(columns: int, rows: int) -> int:
    """An IppiSize, which travels in one register."""
    return columns | rows << 32


def ipp_entry(job: Job) -> Entry:
    source, target = job.source, job.target
    if job.packed or job.kind not in ("copy", "fill"):
        raise Unable
    if job.kind == "fill":
        return Entry(fill(job))
    for way in (swapped, converted, pixels, planes, mirrored, transposed, window):
        try:
            return Entry(way(job, source, target))
        except Unable:
            continue
    raise Unable


def fill(job: Job) -> Native:
    target, kind = job.target, KINDS.get(job.target.dtype.name, "")
    flat(target, target)
    function = find("s", f"ippsSet_{kind}")
    ends = target.ctypes.data, target.size
    if target.dtype.kind == "f":
        value = job.options["value"]
        raw = value if target.itemsize == 8 else float(np.frombuffer(np.array([value, 0], np.float32).tobytes())[0])
        return job.timing.indirect(function, *ends, real=(raw,))
    return job.timing.indirect(function, int(job.options["value"]), *ends)


def find(part: str, name: str) -> Any:
    try:
        return library(part)[name]
    except AttributeError:
        raise Unable from None


def swapped(job: Job, source: Array, target: Array) -> Native:
    if source.dtype.newbyteorder() != target.dtype or source.itemsize not in (2, 4, 8) or source.dtype.kind == "c":
        raise Unable
    count = flat(source, target)
    return job.timing.indirect(find("s", f"ippsSwapBytes_{8 * source.itemsize}u"), source.ctypes.data, target.ctypes.data, count)


def converted(job: Job, source: Array, target: Array) -> Native:
    pair = KINDS.get(source.dtype.name, "?") + KINDS.get(target.dtype.name, "?")
    if not (source.dtype.isnative and target.dtype.isnative) or source.dtype == target.dtype:
        raise Unable
    ends = source.ctypes.data, target.ctypes.data, flat(source, target)
    if pair in CONVERSIONS:
        return job.timing.indirect(find("s", f"ippsConvert_{pair}"), *ends)
    if pair == "32f16f":
        return job.timing.indirect(find("s", "ippsConvert_32f16f"), *ends, NEAR)
    return job.timing.indirect(find("s", f"ippsConvert_{pair}_Sfs"), *ends, TO_ZERO, 0)


def same(source: Array, target: Array) -> str:
    if source.dtype != target.dtype or source.itemsize not in UNITS:
        raise Unable
    return UNITS[source.itemsize]


def pixels(job: Job, source: Array, target: Array) -> Native:
    """Whole pixels of bytes: channels reversed, or one left out."""
    if source.dtype != target.dtype or source.dtype != np.uint8 or source.ndim < 2 or not target.flags.c_contiguous:
        raise Unable
    step, channel = source.strides[-2:]
    if source.shape[-1] != 3 or (step, channel) not in ((3, -1), (4, 1), (1, 0)) or len(axes(source, target).extents) > 2:
        raise Unable
    columns = source.shape[-2]
    rows = source.size // 3 // columns
    low = source.ctypes.data + (-2 if channel < 0 else 0)
    ends = low, columns * step, target.ctypes.data, columns * 3, size_of(columns, rows)
    if channel == 0:
        return job.timing.indirect(find("i", "ippiDup_8u_C1C3R"), *ends)
    order = (ctypes.c_int * 3)(*((2, 1, 0) if channel < 0 else (0, 1, 2)))
    name = "ippiSwapChannels_8u_C3R" if channel < 0 else "ippiSwapChannels_8u_C4C3R"
    return job.timing.indirect(find("i", name), *ends, ctypes.addressof(order), keeps=(order,))


def planes(job: Job, source: Array, target: Array) -> Native:
    """The pixels of one image to planes, and back."""
    unit = {1: "8u", 2: "16u", 4: "32f"}.get(source.itemsize)
    if source.dtype != target.dtype or unit is None or source.ndim != 4 or not target.flags.c_contiguous:
        raise Unable
    size, apart = source.itemsize, source.shape[1] in (3, 4)
    channels = source.shape[1] if apart else source.shape[3]
    dense = source.transpose((0, 2, 3, 1) if apart else (0, 3, 1, 2))
    if channels not in (3, 4) or not dense.flags.c_contiguous:
        raise Unable
    images, rows, columns = source.shape[0], *(source.shape[2:] if apart else source.shape[1:3])
    plane = rows * columns * size
    base = (target if apart else source).ctypes.data
    if images != 1:
        raise Unable  # the table of planes would have to move on with the images
    table = (ctypes.c_void_p * channels)(*[base + plane * one for one in range(channels)])
    wide, narrow, where = columns * size * channels, columns * size, ctypes.addressof(table)
    if apart:
        arguments = source.ctypes.data, wide, where, narrow, size_of(columns, rows)
        return job.timing.indirect(find("i", f"ippiCopy_{unit}_C{channels}P{channels}R"), *arguments, keeps=(table,))
    arguments = where, narrow, target.ctypes.data, wide, size_of(columns, rows)
    return job.timing.indirect(find("i", f"ippiCopy_{unit}_P{channels}C{channels}R"), *arguments, keeps=(table,))


def mirrored(job: Job, source: Array, target: Array) -> Native:
    unit = same(source, target)
    if source.ndim != 2 or min(source.strides) >= 0 or not target.flags.c_contiguous:
        raise Unable
    whole = source[tuple(slice(None, None, -1) if stride < 0 else slice(None) for stride in source.strides)]
    if not whole.flags.c_contiguous:
        raise Unable
    flip = BOTH if max(source.strides) < 0 else ACROSS_X if source.strides[0] < 0 else ACROSS_Y
    rows, columns = source.shape
    pitch = columns * source.itemsize
    ends = whole.ctypes.data, pitch, target.ctypes.data, pitch, size_of(columns, rows), flip
    return job.timing.indirect(find("i", f"ippiMirror_{unit}_C1R"), *ends)


def transposed(job: Job, source: Array, target: Array) -> Native:
    unit, found = same(source, target), transposition(source, target)
    if max(found.source_pitch, found.target_pitch) >= 1 << 31:
        raise Unable
    ends = source.ctypes.data, found.source_pitch, target.ctypes.data, found.target_pitch, size_of(found.columns, found.rows)
    step = found.source_image, 0, found.target_image
    return job.timing.indirect(find("i", f"ippiTranspose_{unit}_C1R"), *ends, step=step, images=found.images)


def window(job: Job, source: Array, target: Array) -> Native:
    """Rows with gaps between them, as bytes."""
    same(source, target)
    found, size = axes(source, target), source.itemsize
    if len(found.extents) > 2 or found.source[-1] != size or found.target[-1] != size or found.source[0] < 0:
        raise Unable
    rows, columns = found.extents if len(found.extents) == 2 else (1, found.extents[0])
    pitches = (found.source[0], found.target[0]) if rows > 1 else (columns * size, columns * size)
    if columns * size >= 1 << 31 or max(pitches) >= 1 << 31 or min(pitches) <= 0:
        raise Unable
    ends = source.ctypes.data, pitches[0], target.ctypes.data, pitches[1], size_of(columns * size, rows)
    return job.timing.indirect(find("i", "ippiCopy_8u_C1R"), *ends)


def mkl_entry(job: Job) -> Entry:
    """mkl_?omatcopy, with a factor of 1."""
    source, target = job.plain(same=True)
    letter = {"float32": "s", "float64": "d"}.get(source.dtype.name)
    found = transposition(source, target)
    if letter is None:
        raise Unable
    size = source.itemsize
    one = 1.0 if letter == "d" else float(np.frombuffer(np.array([1, 0], np.float32).tobytes())[0])
    arguments = ord("R"), ord("T"), found.rows, found.columns, source.ctypes.data, found.source_pitch // size, target.ctypes.data, found.target_pitch // size
    step = 0, 0, 0, 0, found.source_image, 0, found.target_image
    try:
        functions = torch_library()
        function = functions[f"MKL_{letter.upper()}omatcopy"]
    except AttributeError:
        raise Unable from None
    import torch

    call = job.timing.indirect(function, *arguments, real=(one,), step=step, images=found.images, status=False)
    return Entry(call, lambda: torch.set_num_threads(job.threads))


def versions() -> dict[str, str]:
    return distribution("ipp")
