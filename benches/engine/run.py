"""How fast strided elements are copied and converted: ours, and everybody else, in one process, taking turns.

    run.py --timing LIBRARY [--cases REGEX] [--threads 1 2] [--pages huge small] [--rounds N] [--smoke] [--json FILE]
    run.py --timing LIBRARY --hunt SECONDS [--seed N]

GB/s are useful bytes read plus useful bytes written. Every round gives each peer one turn on the same memory; a row
shows medians. What a peer wrote is compared with what NumPy writes before it is timed.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from dataclasses import asdict
from pathlib import Path

import hunt
from cases import load
from measure import Row, Timing, measure
from peers import LIMITS


def best_peer(row: Row) -> tuple[str, float]:
    rivals = {name: rate for name, rate in row.rates.items() if name != "ndferry" and name not in LIMITS}
    return max(rivals.items(), key=lambda one: one[1], default=("none", math.nan))


def line(row: Row) -> str:
    name, rate = best_peer(row)
    rates = row.rates
    us, roof = rates.get("ndferry", math.nan), rates.get("roof", math.nan)
    wrong = f"  WRONG: {', '.join(row.wrong)}" if row.wrong else ""
    return (
        f"{row.case:30} {row.threads} {us:8.1f} | {name:8} {rate:8.1f} | ×best {us / rate:6.2f} | "
        f"of roof {us / roof:5.2f} | memcpy {rates.get('memcpy', math.nan):6.1f} roof {roof:6.1f}{wrong}"
    )


def mean(values: list[float]) -> float:
    known = [one for one in values if one > 0]
    return math.exp(statistics.fmean(map(math.log, known))) if known else math.nan


def summary(rows: list[Row]) -> str:
    """Geometric means of our rate over each peer's, on the cases that it takes part in."""
    names = sorted({name for row in rows for name in row.rates} - {"ndferry"})
    ratios = {name: [r.rates["ndferry"] / r.rates[name] for r in rows if {name, "ndferry"} <= r.rates.keys()] for name in names}
    best = [r.rates["ndferry"] / best_peer(r)[1] for r in rows if "ndferry" in r.rates]
    behind = [r.case for r, ratio in zip(rows, best) if ratio < 1]
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
    parser.add_argument("--hunt", type=float, metavar="SECONDS", help="draw random cases, and report those that are slower than a peer")
    parser.add_argument("--seed", type=int, default=0, help="of the hunt")
    arguments = parser.parse_args()
    timing = Timing(arguments.timing)
    if arguments.hunt:
        print(hunt.report(hunt.hunt(timing, arguments.hunt, arguments.seed)))
        return
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
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")
    if any("ndferry" in row.wrong for row in rows):
        sys.exit("ndferry wrote something else than NumPy")


if __name__ == "__main__":
    main()
