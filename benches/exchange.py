"""What it costs in Python to hand a 4 by 4 float32 array around: the twin of exchange.c.

    exchange.py [--smoke] [--markdown FILE]

Every library gives its array to every other one, ndferry among them, in whatever environment this runs. Every case runs
in many short blocks, and the blocks of all cases take turns, so that a disturbance of the machine hits all of them alike.
A row gives the best and the median block, without the cost of the loop itself, and how many times as long (best by best)
the same pair takes through a helper in pure Python (ctypes_dlpack.py).
"""

from __future__ import annotations

import argparse
import ctypes
import statistics
import sys
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy
from peers import Peer, peers

import ndferry

HELPER = "ctypes-dlpack"
# In nanoseconds.
TARGETS = {"torch to ndferry": 500, "ndferry to numpy": 400}


class Case(NamedTuple):
    name: str
    call: Callable[[], object]
    rival: str | None = None
    """The case that does the same through the helper."""


def exchanges(found: list[Peer]) -> list[Case]:
    """Every library to every other one."""
    cases = []
    for giver in (one for one in found if one.array is not None):
        for taker in found:
            name = f"{giver.name} to {taker.name}"
            if giver is taker and taker.name not in ("numpy", "ndferry"):
                continue
            call: Callable[[], object] = lambda take=taker.take, array=giver.array: take(array)  # noqa: E731
            try:
                call()
            except Exception as error:  # noqa: BLE001 -- foreign libraries raise anything
                print(f"{name} is left out: {type(error).__name__}: {error}", file=sys.stderr)
                continue
            rival = None
            if giver.name == "ndferry" and taker.name != HELPER:
                rival = f"{HELPER} to {taker.name}"
            elif taker.name == "ndferry" and giver.name != HELPER:
                rival = f"{giver.name} to {HELPER}"
            cases.append(Case(name, call, rival))
    return cases


def others(found: list[Peer]) -> list[Case]:
    """What else is called often."""
    array = numpy.zeros((4, 4), numpy.float32)
    tensor = ndferry.from_dlpack(array)
    helper: Any = next(one.array for one in found if one.name == HELPER)
    strlen = ctypes.CDLL(None).strlen
    strlen.argtypes, strlen.restype = [ctypes.c_char_p], ctypes.c_size_t
    return [
        Case("a typed ctypes call alone", lambda: strlen(b"x")),
        Case("numpy: __dlpack__", lambda: array.__dlpack__(max_version=(1, 0))),
        Case(f"{HELPER}: __dlpack__", lambda: helper.__dlpack__(max_version=(1, 0))),
        Case("ndferry: __dlpack__", lambda: tensor.__dlpack__(max_version=(1, 0)), f"{HELPER}: __dlpack__"),
        Case("ndferry to numpy: numpy.asarray", lambda: numpy.asarray(tensor)),
        Case("ndferry to numpy: numpy()", lambda: tensor.numpy()),
        Case("numpy to ndferry: ndferry.asarray", lambda: ndferry.asarray(array)),
        Case("numpy: shape", lambda: array.shape),
        Case("ndferry: shape", lambda: tensor.shape),
        Case("numpy: a view by slicing", lambda: array[1:3]),
        Case("ndferry: a view by slicing", lambda: tensor[1:3]),
    ]


def measure(calls: list[Callable[[], object]], blocks: int, count: int) -> list[list[float]]:
    """Nanoseconds a call, block by block, for each of `calls`."""
    timers = [timeit.Timer(call) for call in calls]
    times: list[list[float]] = [[] for _ in timers]
    for _ in range(blocks):
        for timer, results in zip(timers, times):
            results.append(timer.timeit(count) / count * 1e9)
    return times


def table(cases: list[Case], times: list[list[float]]) -> str:
    """Best and median of each case as Markdown; the first of `times` is the loop and an empty call."""
    loop_best, loop_median = min(times[0]), statistics.median(times[0])
    medians = {case.name: statistics.median(blocks) - loop_median for case, blocks in zip(cases, times[1:])}
    bests = {case.name: min(blocks) - loop_best for case, blocks in zip(cases, times[1:])}
    reference = medians["numpy to numpy"]
    lines = [
        "| what | best, ns | median, ns | target, ns | × numpy to numpy | through ctypes-dlpack |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for case in cases:
        best, median = bests[case.name], medians[case.name]
        rival = f"× {bests[case.rival] / best:.0f}" if case.rival in bests else ""
        aim = TARGETS.get(case.name, "")
        lines.append(f"| {case.name} | {best:.0f} | {median:.0f} | {aim} | {median / reference:.2f} | {rival} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="a quick run that only shows that it works")
    parser.add_argument("--markdown", type=Path, help="a file to write the table to")
    arguments = parser.parse_args()
    blocks, count = (3, 20) if arguments.smoke else (150, 500)
    found = peers()
    cases = exchanges(found) + others(found)
    calls = [lambda: None] + [case.call for case in cases]
    measure(calls, 2, count)
    text = table(cases, measure(calls, blocks, count))
    print(f"Python {sys.version.split()[0]}, NumPy {numpy.__version__}; {blocks} blocks of {count} calls\n\n{text}")
    if arguments.markdown:
        arguments.markdown.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
