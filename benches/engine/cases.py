"""The cases: which elements go where, and the memory they lie in."""

from __future__ import annotations

import itertools
import json
import math
import mmap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

TYPES = {
    "bool": np.dtype(bool), "u8": np.dtype("u1"), "i8": np.dtype("i1"), "i16": np.dtype("i2"), "u16": np.dtype("u2"),
    "i32": np.dtype("i4"), "i64": np.dtype("i8"), "f16": np.dtype("f2"), "f32": np.dtype("f4"), "f64": np.dtype("f8"),
    "u32": np.dtype("u4"), "u64": np.dtype("u8"),
    "c64": np.dtype("c8"), "c128": np.dtype("c16"), "bf16": np.dtype(ml_dtypes.bfloat16),
    "e4m3": np.dtype(ml_dtypes.float8_e4m3fn), "e5m2": np.dtype(ml_dtypes.float8_e5m2),
    "int4": np.dtype("u1"), "float4_e2m1fn": np.dtype("u1"), "i16be": np.dtype(">i2"), "u16be": np.dtype(">u2"), "i32be": np.dtype(">i4"), "f32be": np.dtype(">f4"), "f64be": np.dtype(">f8"),
}  # fmt: skip

PACKED = {"int4", "float4_e2m1fn"}
SMALL, LARGE = 64 << 10, 16 << 20  # bytes on both sides: below the first-level caches, above the second-level ones


@dataclass
class Case:
    """One line of cases.json: two views of equal shape, of which the first is written into the second."""

    name: str
    group: str
    source_type: np.dtype[Any]
    target_type: np.dtype[Any]
    source: dict[str, Any]
    target: dict[str, Any]
    kind: str = "copy"  # or scale, fill, equal
    options: dict[str, Any] = field(default_factory=dict)
    packed: str = ""  # the source's bytes are two elements each of this type

    def views(self, huge_pages: bool, seed: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Fresh random elements, and a target of garbage, each in memory of its own."""
        source = view(random(self.source, self.source_type, huge_pages, seed), self.source)
        shape = [*source.shape[:-1], 2 * source.shape[-1]] if self.packed else source.shape
        spec = {"base_shape": shape, **self.target}
        target = view(random(spec, np.dtype("u1"), huge_pages, seed, self.target_type), spec)
        return source, target


def parse(one: dict[str, Any]) -> Case:
    """A case from a line of cases.json."""
    types = TYPES[one["from"]], TYPES[one["to"]]
    packed = one["from"] if one["from"] in PACKED else ""
    return Case(
        one["name"], one["group"], *types, one["source"], one.get("target", {}), one.get("kind", "copy"),
        one.get("options", {}), packed,
    )  # fmt: skip


def load(pattern: str | None = None) -> list[Case]:
    """The cases whose names or groups match."""
    import re

    found = []
    for one in json.loads((Path(__file__).parent / "cases.json").read_text(encoding="utf-8")):
        if pattern is None or re.search(pattern, one["name"]) or one["group"] == pattern:
            found.append(parse(one))
    return found


PAGE = 4 << 10
COLOURS = itertools.cycle(range(0, 512, 37))


def room(size: int, huge_pages: bool) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Bytes of their own mapping, on pages of 2 MiB or of the smallest size; each begins some small pages further within
    2 MiB than the one before, as arrays of programs do: some processors tell lines apart by the lower bits of addresses."""
    align = 2 << 20
    # Private memory, as malloc's: what is shared gets large pages by another rule, which mostly says never.
    mapped = mmap.mmap(-1, size + 2 * align, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    advice = getattr(mmap, "MADV_HUGEPAGE" if huge_pages else "MADV_NOHUGEPAGE", None)
    if advice is not None:
        mapped.madvise(advice)
    whole = np.frombuffer(mapped, np.uint8)
    start = -whole.ctypes.data % align + PAGE * next(COLOURS)
    return whole[start : start + size]


def random(
    spec: dict[str, Any], kind: np.dtype[Any], huge_pages: bool, seed: int, stored: np.dtype[Any] | None = None
) -> np.ndarray[Any, Any]:
    """Numbers that occur in practice: floats around 1, bytes of every value."""
    dtype = stored or kind
    shape, skipped = spec["base_shape"], spec.get("offset", 0)
    count = math.prod(shape)
    array = room(count * dtype.itemsize + skipped, huge_pages)[skipped:]
    rng = np.random.default_rng(seed)
    period = 1 << 20  # repeated, for random numbers take longer than what is measured
    if stored is None and (dtype.kind in "fc" or dtype.type.__module__ == "ml_dtypes"):
        with np.errstate(all="ignore"):
            numbers = (rng.standard_normal(min(count, period)) * 3).astype(dtype)
    elif dtype.kind == "b":
        numbers = rng.integers(0, 2, min(count, period), dtype="u1").view(dtype)
    else:
        raw = rng.integers(0, 256, min(count, period) * dtype.itemsize, dtype="u1")
        numbers = raw.view(dtype)
    typed = array.view(dtype)
    for start in range(0, count, period):
        typed[start : start + period] = numbers[: count - start]
    return typed.reshape(shape)


def view(base: np.ndarray[Any, Any], spec: dict[str, Any]) -> np.ndarray[Any, Any]:
    """The slices, the order of axes and the broadcast that a case asks for."""
    if slices := spec.get("slices"):
        base = base[tuple(slice(None) if one is None else slice(*one) for one in slices)]
    if perm := spec.get("perm"):
        base = base.transpose(perm)
    if shape := spec.get("bcast"):
        strides = [0 if had == 1 else stride for had, stride in zip(base.shape, base.strides)]
        base = np.lib.stride_tricks.as_strided(base, shape, strides)
    return base


def useful_bytes(array: np.ndarray[Any, Any]) -> int:
    """Bytes of elements, each counted once."""
    extents = [extent for extent, stride in zip(array.shape, array.strides) if stride]
    return math.prod(extents) * array.itemsize


def moved_bytes(kind: str, source: np.ndarray[Any, Any], target: np.ndarray[Any, Any]) -> int:
    """What is read and what is written; a fill reads nothing."""
    return (useful_bytes(source) if kind != "fill" else 0) + useful_bytes(target)


def touched_bytes(array: np.ndarray[Any, Any]) -> int:
    """The same in whole cache lines, which is what memory moves."""
    moved = sorted((abs(stride), extent) for extent, stride in zip(array.shape, array.strides) if stride and extent > 1)
    run = array.itemsize
    for stride, extent in moved:
        if stride > max(run, 64):
            break
        run += stride * (extent - 1)
        moved = moved[1:]
    lines = math.ceil(run / 64) * 64 if moved else run
    return lines * math.prod(extent for _, extent in moved)
