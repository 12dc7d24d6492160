"""What it costs in Python to hand a 4 by 4 float32 array around: the twin of exchange.c.

    exchange.py [--smoke] [--markdown FILE]

Every case runs in many short blocks, and the blocks of all cases take turns, so that a disturbance of the machine hits
all of them alike. A row gives the best and the median block, without the cost of the loop itself.
"""

from __future__ import annotations

import argparse
import ctypes
import statistics
import sys
import timeit
from collections.abc import Callable
from pathlib import Path

import numpy

import ndferry

Case = tuple[str, Callable[[], object], float | None]


def cases() -> list[Case]:
    """What is measured, and the target in nanoseconds where there is one."""
    array = numpy.zeros((4, 4), numpy.float32)
    tensor = ndferry.from_dlpack(array)
    strlen = ctypes.CDLL(None).strlen
    strlen.argtypes, strlen.restype = [ctypes.c_char_p], ctypes.c_size_t
    found: list[Case] = [
        ("a typed ctypes call alone", lambda: strlen(b"x"), None),
        ("numpy to numpy: numpy.from_dlpack", lambda: numpy.from_dlpack(array), None),
        ("ndferry to numpy: numpy.from_dlpack", lambda: numpy.from_dlpack(tensor), 450),
        ("ndferry to numpy: numpy.asarray", lambda: numpy.asarray(tensor), None),
        ("numpy to ndferry: ndferry.from_dlpack", lambda: ndferry.from_dlpack(array), None),
        ("numpy: __dlpack__", lambda: array.__dlpack__(max_version=(1, 0)), None),
        ("ndferry: __dlpack__", lambda: tensor.__dlpack__(max_version=(1, 0)), None),
        ("numpy: a view by slicing", lambda: array[1:3], None),
        ("ndferry: a view by slicing", lambda: tensor[1:3], None),
    ]
    try:
        import tvm_ffi
    except ImportError:
        print("tvm-ffi is not installed (apache-tvm-ffi)", file=sys.stderr)
        return found
    other = tvm_ffi.from_dlpack(array)
    return found + [
        ("tvm-ffi to numpy: numpy.from_dlpack", lambda: numpy.from_dlpack(other), None),
        ("numpy to tvm-ffi: tvm_ffi.from_dlpack", lambda: tvm_ffi.from_dlpack(array), None),
    ]


def measure(calls: list[Callable[[], object]], blocks: int, count: int) -> list[list[float]]:
    """Nanoseconds a call, block by block, for each of `calls`."""
    timers = [timeit.Timer(call) for call in calls]
    times: list[list[float]] = [[] for _ in timers]
    for _ in range(blocks):
        for timer, results in zip(timers, times):
            results.append(timer.timeit(count) / count * 1e9)
    return times


def table(found: list[Case], times: list[list[float]]) -> str:
    """Best and median of each case as Markdown; the first of `times` is the loop and an empty call."""
    loop_best, loop_median = min(times[0]), statistics.median(times[0])
    medians = {name: statistics.median(blocks) - loop_median for (name, _, _), blocks in zip(found, times[1:])}
    reference = medians["numpy to numpy: numpy.from_dlpack"]
    lines = ["| what | best, ns | median, ns | target, ns | × numpy to numpy |", "|---|---:|---:|---:|---:|"]
    for (name, _, target), blocks in zip(found, times[1:]):
        best = min(blocks) - loop_best
        aim = f"{target:.0f}" if target else ""
        lines.append(f"| {name} | {best:.0f} | {medians[name]:.0f} | {aim} | {medians[name] / reference:.2f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="a quick run that only shows that it works")
    parser.add_argument("--markdown", type=Path, help="a file to write the table to")
    arguments = parser.parse_args()
    blocks, count = (3, 100) if arguments.smoke else (150, 2000)
    found = cases()
    calls = [lambda: None] + [call for _, call, _ in found]
    measure(calls, 2, count)
    text = table(found, measure(calls, blocks, count))
    print(f"Python {sys.version.split()[0]}, NumPy {numpy.__version__}; {blocks} blocks of {count} calls\n\n{text}")
    if arguments.markdown:
        arguments.markdown.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
