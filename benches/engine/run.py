"""How fast strided elements are copied and converted: ours, and everybody else, in one process, taking turns.

    run.py [--cases REGEX] [--threads 1 2] [--pages huge small] [--rounds N] [--smoke] [--json FILE] [--timing LIBRARY]

GB/s are useful bytes read plus useful bytes written. Every round gives each peer one turn on the same memory; a row
shows medians. What a peer wrote is compared with what NumPy writes before it is timed.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from cases import Case, load, useful_bytes
from peers import LIMITS, Entry, Native, Timing, entries

TURN = 2e-3  # seconds that a turn takes at least


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
    turn(entry, timing, 1)
    if expected.dtype.kind in "fc" or expected.dtype.type.__module__ == "ml_dtypes":
        same = (target == expected) | ((target != target) & (expected != expected))
    else:
        same = target == expected
    return bool(same.all())


def measure(case: Case, timing: Timing, threads: int, huge: bool, rounds: int, only: set[str] | None) -> dict[str, Any]:
    source, target = case.views(huge, seed=hash(case.name) & 0xFFFF)
    expected = np.empty_like(target)
    with np.errstate(all="ignore"):
        expected[...] = source
    found, wrong = [], []
    for entry in entries(source, target, timing, threads, only):
        (found if is_right(entry, expected, target, timing) else wrong).append(entry)
    counts = [max(1, math.ceil(TURN * 1e9 / max(1.0, turn(one, timing, 1)))) for one in found]
    times: list[list[float]] = [[] for _ in found]
    for _ in range(rounds):
        for entry, count, results in zip(found, counts, times):
            results.append(turn(entry, timing, count))
    size = useful_bytes(source) + useful_bytes(target)
    rates = {one.name: size / statistics.median(results) for one, results in zip(found, times)}
    return {
        "case": case.name, "group": case.group, "bytes": size, "threads": threads, "pages": "huge" if huge else "small",
        "rates": rates, "wrong": [one.name for one in wrong],
    }  # fmt: skip


def best_peer(row: dict[str, Any]) -> tuple[str, float]:
    rivals = {name: rate for name, rate in row["rates"].items() if name != "ndferry" and name not in LIMITS}
    return max(rivals.items(), key=lambda one: one[1], default=("none", math.nan))


def line(row: dict[str, Any]) -> str:
    name, rate = best_peer(row)
    rates = row["rates"]
    us, roof = rates.get("ndferry", math.nan), rates.get("roof", math.nan)
    wrong = f"  WRONG: {', '.join(row['wrong'])}" if row["wrong"] else ""
    return (
        f"{row['case']:30} {row['threads']} {us:8.1f} | {name:8} {rate:8.1f} | ×best {us / rate:6.2f} | "
        f"of roof {us / roof:5.2f} | memcpy {rates.get('memcpy', math.nan):6.1f} roof {roof:6.1f}{wrong}"
    )


def mean(values: list[float]) -> float:
    known = [one for one in values if one > 0]
    return math.exp(statistics.fmean(map(math.log, known))) if known else math.nan


def summary(rows: list[dict[str, Any]]) -> str:
    """Geometric means of our rate over each peer's, on the cases that it takes part in."""
    names = sorted({name for row in rows for name in row["rates"]} - {"ndferry"})
    ratios = {name: [r["rates"]["ndferry"] / r["rates"][name] for r in rows if {name, "ndferry"} <= r["rates"].keys()] for name in names}
    best = [r["rates"]["ndferry"] / best_peer(r)[1] for r in rows if "ndferry" in r["rates"]]
    behind = [r["case"] for r, ratio in zip(rows, best) if ratio < 1]
    parts = [f"ndferry / {name}: {mean(values):.2f} over {len(values)}" for name, values in ratios.items()]
    return "\n".join([*parts, f"ndferry / best peer: {mean(best):.2f}; behind on {len(behind)} of {len(best)}: {', '.join(behind)}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", help="a regular expression, or a group")
    parser.add_argument("--only", nargs="+", help="the peers to measure")
    parser.add_argument("--threads", nargs="+", type=int, default=[1])
    parser.add_argument("--pages", nargs="+", choices=["huge", "small"], default=["huge"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--smoke", action="store_true", help="small cases, once: shows only that it works")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--timing", type=Path, required=True, help="timing.c as a shared library")
    arguments = parser.parse_args()
    timing = Timing(arguments.timing)
    chosen = load(arguments.cases)
    if arguments.smoke:
        chosen = [case for case in chosen if math.prod(case.source["base_shape"]) <= 1 << 16]
    rows = []
    for case in chosen:
        for threads in arguments.threads:
            for pages in arguments.pages:
                rounds = 1 if arguments.smoke else arguments.rounds
                only = set(arguments.only) if arguments.only else None
                rows.append(measure(case, timing, threads, pages == "huge", rounds, only))
                print(line(rows[-1]), flush=True)
    print(summary(rows))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    if any("ndferry" in row["wrong"] for row in rows):
        sys.exit("ndferry wrote something else than NumPy")


if __name__ == "__main__":
    main()
