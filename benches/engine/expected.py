"""What `explain_convert` expects, beside what is measured: one line a way, as parts of memcpy's speed.

    taskset -c 1 python benches/engine/expected.py [--rounds N]

This is where the table of `src/engine/host/tell.rs` comes from. Both figures count bytes read plus bytes written.
"""

from __future__ import annotations

import argparse
import functools
import re
import time
from collections.abc import Callable
from typing import Any

import ndferry
import numpy as np

TURN = 5e-3  # seconds that a turn takes at least
MEDIUM, LARGE = 1 << 16, 1 << 24  # elements


def cases(n: int) -> dict[str, tuple[Any, Any, dict[str, Any]]]:
    """A view, what it becomes, and how, of about `n` elements; one for each kind in the table."""
    side = int(n**0.5)
    flat = np.arange(n, dtype="float32") % 100
    wide = np.arange(2 * n, dtype="float32")
    square = flat[: side * side].reshape(side, side)
    pixels = (np.arange(3 * (n // 3)) % 251).astype("uint8").reshape(-1, 3)
    return {
        "copy": (flat, "float32", {}),
        "copy with gaps": (wide[: 2 * side * side].reshape(side, -1)[:, :side], "float32", {}),
        "convert, narrower": (flat, "bfloat16", {}),
        "convert, wider": (flat, "float64", {}),
        "scale": (flat, "float32", {"scale": 0.5}),
        "saturate": (flat, "uint8", {"overflow": "saturate"}),
        "transpose 1 B": (square.astype("uint8").T, "uint8", {}),
        "transpose 2 B": (square.astype("uint16").T, "uint16", {}),
        "transpose 4 B": (square.T, "float32", {}),
        "transpose 8 B": (square.astype("float64").T, "float64", {}),
        "transpose and convert": (square.T, "bfloat16", {}),
        "pixels to planes": (pixels.T, "uint8", {}),
        "planes to pixels": (np.ascontiguousarray(pixels.T).T, "uint8", {}),
        "pixels to planes, convert": (pixels.T, "float32", {}),
        "every second": (wide[::2], "float32", {}),
        "every second, convert": (wide[::2], "bfloat16", {}),
        "every seventh": (np.arange(7 * n, dtype="float32")[::7], "float32", {}),
        "backwards": (flat[::-1], "float32", {}),
        "byte order": (flat.astype(">f4"), "float32", {}),
        "byte order, transposed": (square.astype(">f4").T, "float32", {}),
        "12 bytes, transposed": (flat[: side * (side // 3 * 3)].view("V12").reshape(side, -1).T, "V12", {}),
        "bits": (flat, "int4", {}),
    }


def turn(act: Callable[[], object]) -> float:
    """Seconds a call."""
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < TURN:
        act()
        count += 1
    return (time.perf_counter() - start) / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    for n in (MEDIUM, LARGE):
        for name, (array, dtype, how) in cases(n).items():
            source = ndferry.asarray(array)
            target = source.convert(dtype, copy=True, **how)
            told = source.explain_convert(dtype, copy=True, **how)
            size = sum(int(a) + int(b) for a, b in re.findall(r"reads (\d+) B, writes (\d+) B", told))
            half = np.zeros(size // 2, "uint8")
            room = np.empty_like(half)
            convert = functools.partial(source.copy_into, target, casting="unsafe", **how)
            # In turns, so that a disturbance meets both; the fastest of each.
            turns = [(turn(functools.partial(np.copyto, room, half)), turn(convert)) for _ in range(rounds)]
            memcpy, ours = (min(times) for times in zip(*turns))
            expected = ", ".join(re.findall(r"about ([\d.]+) of", told))
            way = "; ".join(re.findall(r"way: (.*)\n  kernel: (.*)", told)[0])
            print(f"{name:28}{size:>12} B  expected {expected:5} measured {memcpy / ours:5.2f}   {way}", flush=True)


if __name__ == "__main__":
    main()
