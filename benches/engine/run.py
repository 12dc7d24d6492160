"""How fast strided elements are copied and converted: ours, and everybody else, in one process, taking turns.

    run.py --timing LIBRARY [--cases REGEX] [--only PEER…] [--threads 1 2] [--pages huge small] [--rounds N]
           [--json FILE] [--report FOLDER] [--smoke]
    run.py --timing LIBRARY --hunt SECONDS [--seed N]

GB/s are useful bytes read plus useful bytes written. Every round gives each peer one turn on the same memory; a row
shows medians. What a peer wrote is compared with what NumPy writes before it is timed. See README.md.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from pathlib import Path

import hunt
import report
from cases import Case, load
from measure import Effort, Row, Timing, contenders, measure


def line(row: Row) -> str:
    name, rate = row.best
    pages = "4k" if row.pages == "small" else "2M"
    wrong = f"  WRONG: {', '.join(row.wrong)}" if row.wrong else ""
    memcpy = row.rates.get("memcpy", math.nan)
    return (
        f"{row.case:32} {pages} {row.threads} {row.ours:8.1f} | {name:12} {rate:8.1f} | ×best {row.ratio:6.2f} | "
        f"of roof {row.ours / row.roof:5.2f} | memcpy {memcpy:6.1f} roof {row.roof:6.1f}{wrong}"
    )


def chosen(arguments: argparse.Namespace) -> list[Case]:
    found = load(arguments.cases)
    if arguments.smoke:
        found = [case for case in found if math.prod(case.source["base_shape"]) <= 1 << 12]
    if not found:
        sys.exit("no case matches")
    return found


def run(arguments: argparse.Namespace, timing: Timing) -> list[Row]:
    effort = Effort(1, 0.0, look=0.0) if arguments.smoke else Effort(arguments.rounds, tune=arguments.tune)
    only = set(arguments.only) if arguments.only else None
    rows: list[Row] = []
    cases = chosen(arguments)
    end = time.monotonic() + 60 * arguments.minutes
    for number, case in enumerate(cases):
        able = only
        effort.budget = min(1.5, max(0.0, end - time.monotonic()) / (len(cases) - number) / len(arguments.pages) / 2)
        for pages in arguments.pages:
            found = measure(case, timing, arguments.threads, pages == "huge", able, effort)
            able = contenders(found) if only is None else only
            rows += found
            print("\n".join(line(row) for row in found), flush=True)
    return rows


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--timing", type=Path, required=True, help="timing.c and roof.c as a shared library")
    parser.add_argument("--cases", help="a regular expression, or a group")
    parser.add_argument("--only", nargs="+", help="the peers to measure")
    parser.add_argument("--threads", nargs="+", type=int, default=sorted({1, min(2, os.cpu_count() or 1)}))
    parser.add_argument("--pages", nargs="+", choices=["huge", "small"], default=["huge", "small"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--minutes", type=float, default=20.0, help="more rounds than three only as long as this lasts")
    parser.add_argument("--tune", action="store_true", help="HPTT tries out its plans for large cases: ten seconds each")
    parser.add_argument("--smoke", action="store_true", help="small cases, once: shows only that it works")
    parser.add_argument("--json", type=Path, help="where every figure goes")
    parser.add_argument("--report", type=Path, metavar="FOLDER", help="where engine.md, engine.json and engine.svg go")
    parser.add_argument("--from-json", type=Path, help="report what an earlier run measured")
    parser.add_argument("--hunt", type=float, metavar="SECONDS", help="draw random cases, and show those that are behind")
    parser.add_argument("--seed", type=int, default=0, help="of the hunt")
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    timing = Timing(arguments.timing)
    if arguments.hunt:
        print(hunt.report(hunt.hunt(timing, arguments.hunt, arguments.seed)))
        return
    if arguments.from_json:
        rows, conditions = report.read(arguments.from_json)
    else:
        conditions = report.conditions(arguments)
        rows = run(arguments, timing)
        conditions["seconds"] = report.seconds_since(conditions)
    if not arguments.smoke:  # one call each says nothing about speed
        print(report.summary(rows))
    if arguments.json:
        report.write_json(arguments.json, rows, conditions)
    if arguments.report:
        report.write(arguments.report, rows, conditions)
    if wrong := sorted({row.case for row in rows if "ndferry" in row.wrong}):
        sys.exit(f"ndferry failed, or wrote something else than NumPy: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
