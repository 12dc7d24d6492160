"""Small libraries of kernels: FBGEMM, which PyTorch carries, and libxsmm, if the system has it."""

from __future__ import annotations

import ctypes

from .entry import Entry, Job, Unable, axes, flat, transposition
from .torch_ import library as torch_library

TRANSPOSE = {1: "h", 2: "t", 4: "f"}  # C++ letters of the types
CONVERT = {
    ("float32", "float16"): "_ZN6fbgemm19FloatToFloat16_simdEPKfPtmb",
    ("float16", "float32"): "_ZN6fbgemm19Float16ToFloat_simdEPKtPfm",
    ("float32", "bfloat16"): "_ZN6fbgemm20FloatToBfloat16_simdEPKfPtm",
    ("bfloat16", "float32"): "_ZN6fbgemm20Bfloat16ToFloat_simdEPKtPfm",
}


def fbgemm_entry(job: Job) -> Entry:
    source, target = job.plain()
    try:
        if source.dtype == target.dtype and source.itemsize in TRANSPOSE:
            letter = TRANSPOSE[source.itemsize]
            function = torch_library()[f"_ZN6fbgemm14transpose_simdI{letter}EEvllPKT_lPS1_l"]
            found, size = transposition(source, target), source.itemsize
            arguments = found.rows, found.columns, source.ctypes.data, found.source_pitch // size, target.ctypes.data, found.target_pitch // size
            step = 0, 0, found.source_image, 0, found.target_image
            return Entry(job.timing.indirect(function, *arguments, step=step, images=found.images, status=False))
        function = torch_library()[CONVERT[source.dtype.name, target.dtype.name]]
    except (AttributeError, KeyError):
        raise Unable from None
    arguments = source.ctypes.data, target.ctypes.data, flat(source, target), 0
    return Entry(job.timing.indirect(function, *arguments, status=False))


def xsmm_entry(job: Job) -> Entry:
    """Transpositions and windows of elements of any size. Debian's package has no shared library:
    benches/CMakeLists.txt makes one of it."""
    source, target = job.plain(same=True)
    try:
        functions = ctypes.CDLL(str(job.timing.folder / "libbench_xsmm.so"))
    except OSError:
        raise Unable from None
    size = source.itemsize
    try:
        found = transposition(source, target)
        arguments = target.ctypes.data, source.ctypes.data, size, found.columns, found.rows, found.source_pitch // size, found.target_pitch // size
        step = found.target_image, found.source_image
        call = job.timing.indirect(functions.libxsmm_otrans, *arguments, step=step, images=found.images, status=False)
    except Unable:
        rows = axes(source, target)
        if len(rows.extents) > 2 or rows.source[-1] != size or rows.target[-1] != size or min(rows.source) < 0:
            raise
        count, run = rows.extents if len(rows.extents) == 2 else (1, rows.extents[0])
        pitches = [rows.source[0] // size, rows.target[0] // size] if count > 1 else [run, run]
        if run >= 1 << 31 or min(pitches) < run:
            raise
        call = job.timing.indirect(functions.libxsmm_matcopy, target.ctypes.data, source.ctypes.data, size, run, count, *pitches, status=False)
    return Entry(call)


def versions() -> dict[str, str]:
    return {}
