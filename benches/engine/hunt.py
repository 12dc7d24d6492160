"""Random cases as users have them: where is ndferry not the fastest?

Draws shapes, permutations, windows, steps, reversals, broadcasts, paddings and pairs of types, and measures each beside
NumPy and PyTorch (and memcpy, where the answer is a plain copy). Cases that come out behind are measured again before
they count. Every one is printed as a line of cases.json, so that `--file` measures it again.
"""

from __future__ import annotations

import json
import math
import random
import statistics
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from cases import parse, useful_bytes
from measure import Effort, Row, Timing, measure

PEERS = {"ndferry", "numpy", "torch"}
LEAST_FOR_MEMCPY = 64 << 10  # bytes; below that it is what it does not check that makes it fast
SIZES = {"tiny": (1, 1000), "medium": (1 << 12, 1 << 18), "large": (1 << 21, 1 << 24)}  # elements
ODDS = {"tiny": 5, "medium": 5, "large": 2}
SAME = ["u8", "f16", "bf16", "f32", "f64", "i64", "i16", "c64", "c128", "bool", "f32be"]
PAIRS = [
    ("u8", "f32"), ("f32", "u8"), ("f32", "f16"), ("f16", "f32"), ("f32", "bf16"), ("bf16", "f32"), ("f64", "f32"),
    ("f32", "f64"), ("i64", "i32"), ("i32", "i64"), ("i64", "f32"), ("i32", "f32"), ("f32", "i32"), ("bool", "f32"),
    ("f32", "bool"), ("f32", "e4m3"), ("e4m3", "f32"), ("e5m2", "f32"), ("f16", "bf16"), ("i16", "f32"), ("u16", "f32"),
    ("i8", "f32"), ("f32", "i8"), ("f64", "i64"), ("i64", "f64"), ("u8", "i32"), ("i32", "u8"), ("u8", "i64"),
    ("bool", "u8"), ("u8", "bool"), ("f64", "f16"), ("u8", "f16"), ("f16", "u8"), ("f32be", "f32"), ("i16be", "f32"),
    ("f32", "c64"), ("u8", "bf16"), ("f64be", "f64"), ("i16be", "i16"), ("f64", "bf16"),
]  # fmt: skip


@dataclass
class Found:
    """A measured draw."""

    line: dict[str, Any]
    row: Row
    ratio: float  # of our speed to the best peer's

    def classes(self) -> list[str]:
        """What it is an example of, without its exact numbers."""
        return [self.line["group"]]


def extent(dice: random.Random) -> int:
    """An extent as users have it: small ones, powers of two, round numbers, and any."""
    kind = dice.random()
    if kind < 0.3:
        return dice.choice([1, 2, 3, 4, 5, 7, 8])
    if kind < 0.55:
        return 1 << dice.randint(3, 10)
    if kind < 0.75:
        return dice.choice([10, 12, 20, 24, 28, 32, 48, 50, 56, 96, 100, 112, 200, 224, 300, 320, 480, 640, 720, 1000, 1080])
    return round(math.exp(dice.uniform(math.log(2), math.log(2000))))


def shape(dice: random.Random, size: str) -> list[int]:
    """Up to six axes whose product lies in the size's range."""
    least, most = SIZES[size]
    rank = dice.choice([1, 2, 2, 2, 3, 3, 3, 4, 4, 5, 6])
    aim = math.exp(dice.uniform(math.log(least), math.log(most)))
    extents = [extent(dice) for _ in range(rank)]
    widest = dice.randrange(rank)
    rest = math.prod(extents) // extents[widest]
    while rest > aim and rank > 1:
        at = max((axis for axis in range(rank) if axis != widest), key=lambda axis: extents[axis])
        extents[at] = max(1, extents[at] // 2)
        rest = math.prod(extents) // extents[widest]
    extents[widest] = max(1, round(aim / rest))
    return extents


def slices(dice: random.Random, extents: list[int]) -> tuple[list[int], list[list[int | None] | None], set[str]]:
    """A base that is somewhat larger, and the slices of it that have these extents."""
    base, cuts, words = list(extents), [None] * len(extents), set()
    for axis in range(len(extents)):
        kind = dice.random()
        inner = axis == len(extents) - 1
        if kind < 0.5:
            continue
        if kind < 0.75:
            before, after = dice.choice([0, 1, 1, 2, 16]), dice.choice([0, 1, 1, 3, 16])
            base[axis] = before + extents[axis] + after
            cuts[axis] = [before, before + extents[axis], 1]
            words.add("window")
        elif kind < 0.87:
            step = dice.choice([2, 2, 2, 3, 4, 5])
            base[axis] = extents[axis] * step
            cuts[axis] = [dice.randrange(step), None, step]
            words.add("step inner" if inner else "step outer")
        else:
            cuts[axis] = [None, None, -1]
            words.add("reversed inner" if inner else "reversed outer")
    return base, cuts, words


def draw(dice: random.Random, number: int) -> dict[str, Any]:
    """One case as a line of cases.json; its group is the class it belongs to."""
    size = dice.choices(list(ODDS), list(ODDS.values()))[0]
    kind = dice.choice(SAME)
    source_type, target_type = (kind, kind) if dice.random() < 0.55 else dice.choice(PAIRS)
    extents = shape(dice, size)
    words = set()
    source: dict[str, Any] = {"base_shape": extents}
    target: dict[str, Any] = {}
    rank = len(extents)
    if dice.random() < 0.4:
        source["base_shape"], source["slices"], more = slices(dice, extents)
        words |= more
    if rank > 1 and dice.random() < 0.6:
        source["perm"] = dice.sample(range(rank), rank)
        if source["perm"] != sorted(source["perm"]):
            words.add(f"permuted {sum(one > 1 for one in extents)}D")
    shaped = [extents[axis] for axis in source.get("perm", range(rank))]
    if dice.random() < 0.1:
        axis = dice.randrange(rank)
        flat = source.get("perm", list(range(rank)))[axis]
        source["base_shape"] = list(source["base_shape"])
        source["base_shape"][flat] = 1
        if "slices" in source:
            source["slices"][flat] = None
        source["bcast"] = shaped
        words.add("broadcast inner" if axis == rank - 1 else "broadcast outer")
    if dice.random() < 0.15:
        target["base_shape"], target["slices"], more = slices(dice, shaped)
        words |= {f"into {one}" for one in more}
    for side in (source, target):
        if dice.random() < 0.12:
            side["offset"] = dice.choice([1, 2, 4, 8])
            words.add("misaligned" if side["offset"] % 8 else "offset")
    words.discard("offset")
    pair = source_type if source_type == target_type else f"{source_type}->{target_type}"
    group = f"{size} {pair}: {', '.join(sorted(words)) or 'contiguous'}"
    line = {"name": f"hunt_{number}", "group": group, "from": source_type, "to": target_type, "source": source}
    return line | ({"target": target} if target else {})


def try_out(line: dict[str, Any], timing: Timing, rounds: int, turn: float) -> Found | None:
    case = parse(line)
    source, target = case.views(True, 0)
    if source.nbytes > 1 << 28 or source.size == 0 or useful_bytes(target) > 1 << 28:
        return None
    plain = source.nbytes >= LEAST_FOR_MEMCPY and source.dtype == target.dtype and source.flags.c_contiguous and target.flags.c_contiguous
    del source, target
    only = PEERS | ({"memcpy"} if plain else set())
    (row,) = measure(case, timing, [1], True, only, Effort(rounds, turn))
    rivals = [rate for name, rate in row.rates.items() if name not in ("ndferry", "roof")]
    if row.wrong or "ndferry" not in row.rates:
        raise AssertionError(f"{row.wrong} wrote something else than NumPy: {json.dumps(line)}")
    return Found(line, row, row.rates["ndferry"] / max(rivals))


def hunt(timing: Timing, seconds: float, seed: int) -> list[Found]:
    """Draws until the time is up."""
    dice, found, end, number = random.Random(seed), [], time.monotonic() + seconds, 0
    while time.monotonic() < end:
        number += 1
        line = draw(dice, number)
        one = try_out(line, timing, 3, 3e-4)
        if one and one.ratio < 1.1:
            again = try_out(line, timing, 9, 1e-3)
            one = again if again and again.ratio > one.ratio else one
        if one:
            found.append(one)
    return found


def size_of(found: Found) -> str:
    return found.line["group"].split(" ", 1)[0]


def words_of(found: Found) -> list[str]:
    return found.line["group"].split(": ", 1)[1].split(", ")


def kind_of(found: Found) -> str:
    return found.line["group"].split(": ", 1)[0].split(" ", 1)[1]


def mean(values: list[float]) -> float:
    return math.exp(statistics.fmean(map(math.log, values)))


def report(found: list[Found]) -> str:
    """The classes in which we are behind, and the cases, worst first."""
    behind = sorted((one for one in found if one.ratio < 1), key=lambda one: one.ratio)
    lines = [f"{len(found)} cases drawn, ours / best peer {mean([one.ratio for one in found]):.2f}, behind on {len(behind)}"]
    for title, key in (
        ("size and view", lambda one: [f"{size_of(one)}: {word}" for word in words_of(one)]),
        ("size and types", lambda one: [f"{size_of(one)}: {kind_of(one)}"]),
        ("size, whole view", lambda one: [f"{size_of(one)}: {', '.join(words_of(one))}"]),
    ):
        classes: dict[str, list[float]] = defaultdict(list)
        for one in found:
            for name in key(one):
                classes[name].append(one.ratio)
        rows = [(name, ratios) for name, ratios in classes.items() if len(ratios) > 1 and min(ratios) < 1]
        rows.sort(key=lambda row: sum(min(0, math.log(ratio)) for ratio in row[1]))
        lines += ["", f"by {title}: geometric mean, cases, behind, worst"]
        lines += [
            f"  {name:55} {mean(ratios):6.2f} {len(ratios):5} {sum(ratio < 1 for ratio in ratios):5} {min(ratios):6.2f}"
            for name, ratios in rows[:25]
        ]
    lines += ["", "cases, worst first: ours / best peer, nanoseconds of ours and of the peers, the case"]
    for one in behind:
        times = ", ".join(f"{name} {one.row.size / rate:.0f}" for name, rate in one.row.rates.items())
        lines.append(f"  {one.ratio:5.2f}  {times}\n         {json.dumps(one.line)}")
    return "\n".join(lines)
