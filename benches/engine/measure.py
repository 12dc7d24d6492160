"""One case, every peer: who is right, and how fast, taking turns on the same memory."""

from __future__ import annotations

import math
import statistics
import time
import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cases import Case, useful_bytes
from peers import LIMITS, Entry, Native, Timing, entries

__all__ = ["Row", "Timing", "measure"]

TURN = 2e-3  # seconds that a turn takes at least


@dataclass
class Row:
    """What came out of a case."""

    case: str
    group: str
    size: int  # useful bytes, read and written
    threads: int
    pages: str
    rates: dict[str, float] = field(default_factory=dict)  # bytes a nanosecond, which is GB/s
    wrong: list[str] = field(default_factory=list)


def turn(entry: Entry, timing: Timing, count: int) -> float:
    """Nanoseconds a call."""
    if isinstance(entry.call, Native):
        return timing.nanoseconds(entry.call, count)
    call = entry.call
    start = time.perf_counter_ns()
    for _ in range(count):
        call()
    return (time.perf_counter_ns() - start) / count


def is_right(entry: Entry, expected: np.ndarray[Any, Any], target: np.ndarray[Any, Any], timing: Timing) -> bool:
    """Whether one call writes what NumPy writes."""
    if entry.name in LIMITS or entry.allocates:
        return True
    target[...] = 0
    try:
        turn(entry, timing, 1)
    except RuntimeError:
        return False
    if expected.dtype.kind in "fc" or expected.dtype.type.__module__ == "ml_dtypes":
        same = (target == expected) | ((target != target) & (expected != expected))
    else:
        same = target == expected
    return bool(same.all())


def measure(
    case: Case, timing: Timing, threads: int, huge: bool, rounds: int, only: set[str] | None, least: float = TURN
) -> Row:
    source, target = case.views(huge, seed=zlib.crc32(case.name.encode()))
    expected = np.empty_like(target)
    with np.errstate(all="ignore"):
        expected[...] = source
    found, wrong = [], []
    for entry in entries(source, target, timing, threads, only):
        (found if is_right(entry, expected, target, timing) else wrong).append(entry)
    counts = [max(1, math.ceil(least * 1e9 / max(1.0, turn(one, timing, 1)))) for one in found]
    times: list[list[float]] = [[] for _ in found]
    for _ in range(rounds):
        for entry, count, results in zip(found, counts, times):
            results.append(turn(entry, timing, count))
    size = useful_bytes(source) + useful_bytes(target)
    rates = {one.name: size / statistics.median(results) for one, results in zip(found, times)}
    return Row(case.name, case.group, size, threads, "huge" if huge else "small", rates, [one.name for one in wrong])
