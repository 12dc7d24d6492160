"""One case, every peer: who is right, and how fast, taking turns on the same memory."""

from __future__ import annotations

import math
import random
import statistics
import sys
import threading
import time
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cases import Case, moved_bytes, touched_bytes
from peers import ALLOCATES, LIMITS, Entry, Job, Native, Timing, entries
from peers.numpy_ import spelled

__all__ = ["Effort", "Row", "Timing", "contenders", "measure"]

CACHED = 64 << 20  # bytes; no cache of a machine this is for holds as many
PEACE = 0.5  # seconds after which a turn begins though somebody still waits busily for work
SCALE_TOLERANCE = 2e-6  # of the largest value: float32 against one rounding from double


@dataclass
class Effort:
    """How long a case may take."""

    rounds: int = 7
    turn: float = 1e-3  # seconds that a peer's turn takes at least
    budget: float = 1.5  # seconds after which three rounds are enough
    slow: float = 4.0  # times the best one's time: who is slower, and not done at once, is timed by a single call
    at_once: float = 2e6  # nanoseconds
    patience: float = 1e8  # nanoseconds; whose two calls both took longer is not asked a third time
    look: float = 25e-3  # seconds for which it is counted how many processors a peer keeps busy: several ticks of the system
    tune: bool = False  # peers that can may try their plans out for as long as they like


@dataclass
class Row:
    """What came out of a case with one number of threads."""

    case: str
    group: str
    size: int  # useful bytes, read and written
    threads: int
    pages: str
    rates: dict[str, float] = field(default_factory=dict)  # bytes a nanosecond, which is GB/s
    used: dict[str, int] = field(default_factory=dict)  # threads of each peer
    wrong: list[str] = field(default_factory=list)

    @property
    def ours(self) -> float:
        return self.rates.get("ndferry", math.nan)

    @property
    def roof(self) -> float:
        return self.rates.get("roof", math.nan)

    @property
    def best(self) -> tuple[str, float]:
        """The fastest peer."""
        rivals = [(name, rate) for name, rate in self.rates.items() if name not in ("ndferry", "memcpy", "roof")]
        return max(rivals, key=lambda one: one[1], default=("none", math.nan))

    @property
    def ratio(self) -> float:
        return self.ours / self.best[1]


@dataclass
class Part:
    """A peer with its number of threads, and the times that it took."""

    name: str
    threads: int
    entry: Entry
    first: float = 0.0
    times: list[float] = field(default_factory=list)


def turn(entry: Entry, timing: Timing, count: int) -> float:
    """Nanoseconds a call."""
    if entry.before is not None:
        entry.before()
    if isinstance(entry.call, Native):
        return timing.nanoseconds(entry.call, count)
    call = entry.call
    start = time.perf_counter_ns()
    for _ in range(count):
        call()
    return (time.perf_counter_ns() - start) / count


def expectation(job: Job) -> np.ndarray[Any, Any]:
    """What NumPy writes."""
    expected = np.empty_like(job.target)
    with np.errstate(all="ignore"):
        if job.kind == "copy" and not job.packed:
            expected[...] = job.source
        else:
            spelled(Job(job.kind, job.source, expected, job.timing, job.options, job.packed))()
    return expected


def is_right(part: Part, expected: np.ndarray[Any, Any], job: Job) -> bool:
    """Whether a call succeeds, and writes what NumPy writes. That of a result in new memory is not looked at."""
    target = job.target
    if part.name not in LIMITS and job.kind != "equal":
        target[...] = 0 if job.kind != "fill" else 1
    try:
        part.first = turn(part.entry, job.timing, 1)
    except Exception:  # of a peer's: each library has a type of its own, and some have none
        if part.name == "ndferry":
            raise
        return False
    if part.name in LIMITS or part.name in ALLOCATES or job.kind == "equal":
        return True
    if job.kind == "scale":
        near = SCALE_TOLERANCE * float(np.abs(expected.astype(np.float64)).max()) if expected.dtype.kind == "f" else 1
        return bool((np.abs(target.astype(np.float64) - expected) <= near).all())
    if target.itemsize in (1, 2, 4, 8):
        bits = f"u{target.itemsize}"
        if (target.view(bits) == expected.view(bits)).all():
            return True
    same = target == expected
    if expected.dtype.kind in "fc" or expected.dtype.type.__module__ == "ml_dtypes":
        same |= (target != target) & (expected != expected)
    return bool(same.all())


def calibrate(part: Part, timing: Timing, least: float) -> int:
    """How many calls fill a turn."""
    count = 1
    while part.first * count < least:
        count = min(math.ceil(least / max(1.0, part.first)), 16 * count)
        part.first = turn(part.entry, timing, count)
    return count


def wait_for_peace() -> None:
    """Until helpers of whoever came before, which wait for work busily at first, have gone to sleep."""
    end = time.monotonic() + PEACE
    while others_run() and time.monotonic() < end:
        time.sleep(5e-4)


def others_run() -> bool:
    """Whether threads of this process have a processor, or would like one, but for the one that asks."""
    for stat in Path("/proc/self/task").glob("[0-9]*/stat"):
        try:
            state = stat.read_text().rpartition(")")[2].split()[0]
        except OSError:  # it has ended meanwhile
            continue
        if state == "R" and int(stat.parent.name) != threading.get_native_id():
            return True
    return False


def processors(part: Part, timing: Timing, least: float) -> int:
    """How many calls keep busy: not everybody lets himself be told.

    What threads do that are running on other processors is counted when the system's clock ticks, every 4 ms or so: of a
    single short call it would seem to be nothing, or as much as a hundred processors do.
    """
    count = max(1, math.ceil(least * 1e9 / max(1.0, part.first)))
    wall, work = time.perf_counter(), time.process_time()
    turn(part.entry, timing, count)
    return round((time.process_time() - work) / (time.perf_counter() - wall))


def take_turns(parts: list[Part], timing: Timing, effort: Effort, fits: bool) -> None:
    """Fills in the times. `fits`: the caches may hold what is worked on, so that the first calls of a turn are not timed."""
    for part in parts:  # a first call finds nothing in the caches, starts threads, compiles: it says little
        wait_for_peace()
        part.first = min(part.first, turn(part.entry, timing, 1))
        if part.first < effort.patience:
            part.first = min(part.first, turn(part.entry, timing, 1))
            part.threads = max(part.threads, processors(part, timing, effort.look))
    best = min((part.first for part in parts if part.name not in LIMITS), default=0.0)
    running = []
    for part in parts:
        if part.name != "ndferry" and part.first > max(effort.slow * best, effort.at_once):
            part.times.append(part.first)
        else:
            running.append((part, calibrate(part, timing, effort.turn * 1e9)))
    end = time.monotonic() + effort.budget
    order = random.Random()  # drawn anew: who always came after the same one would have what that leaves in the caches
    for round_ in range(effort.rounds):
        if round_ >= 3 and time.monotonic() > end:
            break
        for part, count in order.sample(running, len(running)):
            wait_for_peace()
            if fits:  # else whoever comes after one that works on other memory would pay for bringing this back
                turn(part.entry, timing, 2 * count)
            part.times.append(turn(part.entry, timing, count))


def contenders(rows: list[Row]) -> set[str]:
    """Who may be the fastest on other pages too."""
    found = {"ndferry", *LIMITS}
    for row in rows:
        found |= {name for name, rate in row.rates.items() if rate >= 0.4 * row.best[1] or name in ("numpy", "torch")}
    return found


def measure(
    case: Case, timing: Timing, threads: list[int], huge: bool, only: set[str] | None = None, effort: Effort | None = None
) -> list[Row]:
    """A row for each number of threads; a peer that has but one thread is in all of them."""
    source, target = case.views(huge, seed=zlib.crc32(case.name.encode()))
    if case.kind == "equal":
        target[...] = source
    effort = effort or Effort()
    job = Job(case.kind, source, target, timing, case.options, case.packed, 1, huge, effort.tune)
    expected = expectation(job)
    parts, wrong = [], []
    for name, count, entry in entries(job, threads, only):
        part = Part(name, count, entry)
        if is_right(part, expected, job):
            parts.append(part)
        else:
            wrong.append(name)
            print(f"  {case.name}: {name} fails, or writes something else than NumPy", file=sys.stderr)
    del expected
    size = moved_bytes(case.kind, source, target)
    take_turns(parts, timing, effort, size < CACHED)
    rows = [Row(case.name, case.group, size, count, "huge" if huge else "small", wrong=sorted(set(wrong))) for count in threads]
    for row in rows:
        for part in parts:
            rate = size / statistics.median(part.times)
            if part.threads <= row.threads and (part.name != "ndferry" or part.threads == row.threads):
                if rate > row.rates.get(part.name, 0):
                    row.rates[part.name], row.used[part.name] = rate, part.threads
        raw = [row.rates.pop(name, 0) for name in ("plain", "stream")]
        if touched_bytes(source) == touched_bytes(target) and case.kind == "copy":
            raw.append(row.rates.get("memcpy", 0))
        if max(raw) > 0:
            row.rates["roof"] = max(raw)
    return rows
