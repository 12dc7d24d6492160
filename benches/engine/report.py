"""What a run found: a summary, engine.json, engine.md and engine.svg."""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import re
import statistics
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import chart
import peers
from measure import Row
from targets import AHEAD, GROUPS, MORE_THREADS, OF_NUMPY, OF_TORCH, TARGETS, share_of, shortfalls, size_of, target_of


def mean(values: list[float]) -> float:
    """Geometric."""
    known = [one for one in values if one > 0]
    return math.exp(statistics.fmean(map(math.log, known))) if known else math.nan


def over(rows: list[Row], name: str) -> list[float]:
    """Our rate over a peer's, where it takes part."""
    return [row.ours / row.rates[name] for row in rows if name in row.rates and row.ours > 0]


def one_core(rows: list[Row]) -> list[Row]:
    """What most figures are about: one thread, huge pages, or what else was measured first."""
    first = rows[0]
    return [row for row in rows if (row.threads, row.pages) == (first.threads, first.pages)]


def threads_lost(rows: list[Row]) -> list[tuple[Row, float]]:
    """Where more threads are slower than one."""
    alone = {(row.case, row.pages): row.ours for row in rows if row.threads == 1}
    pairs = [(row, row.ours / alone[row.case, row.pages]) for row in rows if row.threads > 1 and (row.case, row.pages) in alone]
    return [(row, ratio) for row, ratio in pairs if ratio < MORE_THREADS]


def behind(rows: list[Row]) -> list[Row]:
    return sorted((row for row in rows if row.ratio < 1), key=lambda row: row.ratio)


def verdict(met: bool) -> str:
    return "met" if met else "MISSED"


def goals(rows: list[Row]) -> list[tuple[str, str, str]]:
    """Each target with what was reached."""
    found = []
    for name, wanted in (("best peer", AHEAD), ("numpy", OF_NUMPY), ("torch", OF_TORCH)):
        ratios = [row.ratio for row in rows if row.ratio > 0] if name == "best peer" else over(rows, name)
        if ratios:
            reached = mean(ratios)
            found.append((f"{wanted} × {name}, geometric mean", f"{reached:.2f} over {len(ratios)}", verdict(reached >= wanted)))
    late = [row for row in rows if any("×" in one for one in shortfalls(row))]
    found.append(("ahead of the best peer in every case", f"behind in {len(late)} of {len(rows)}", verdict(not late)))
    for target in TARGETS:
        shares = [share_of(row, target) for row in rows if target_of(row) is target]
        shares = [share for share in shares if share > 0]
        if shares:
            worst, misses = min(shares), sum(share < target.share for share in shares)
            text = f"{mean(shares):.2f} on average, {worst:.2f} at worst, {misses} of {len(shares)} below"
            found.append((target.words, text, verdict(not misses)))
    if any(row.threads > 1 for row in rows):
        lost = threads_lost(rows)
        found.append(("two threads at most 5 % slower than one", f"{len(lost)} slower", verdict(not lost)))
    return found


def summary(rows: list[Row]) -> str:
    """What is printed last."""
    lines = [""]
    names = sorted({name for row in rows for name in row.rates} - {"ndferry", "roof"})
    for name in names:
        ratios = over(rows, name)
        lines.append(f"ndferry / {name}: {mean(ratios):.2f} over {len(ratios)}")
    lines += [f"{state:6}  {wanted}: {reached}" for wanted, reached, state in goals(rows)]
    lines += [f"behind: {row.case} {row.pages} {row.threads}: {', '.join(shortfalls(row))}" for row in behind(rows)[:40] if shortfalls(row)]
    return "\n".join(lines)


def conditions(arguments: argparse.Namespace) -> dict[str, Any]:
    """The machine, and how it was asked."""
    cpu = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = re.search(r"^model name\s*: (.*)$", cpu, re.MULTILINE)
    family = re.search(r"^cpu family\s*: (\d+)\nmodel\s*: (\d+)", cpu, re.MULTILINE)
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text(encoding="utf-8"))
    return {
        "processor": (model[1] if model else platform.machine()) + (f", family {family[1]} model {family[2]}" if family else ""),
        "cores": os.cpu_count(),
        "caches": ", ".join(caches()),
        "memory": f"{int(memory[1]) >> 20} GiB" if memory else "?",
        "kernel": f"{platform.system()} {platform.release()}",
        "libc": " ".join(platform.libc_ver()),
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "started": time.time(),
        "rounds": arguments.rounds,
        "load": os.getloadavg()[0],
        "versions": peers.versions(),
    }


def seconds_since(found: dict[str, Any]) -> float:
    return round(time.time() - found["started"], 1)


def caches() -> list[str]:
    found = []
    for one in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = ((one / name).read_text(encoding="utf-8").strip() for name in ("level", "type", "size"))
        if kind != "Instruction":
            found.append(f"L{level} {size}")
    return found


def write_json(path: Path, rows: list[Row], found: dict[str, Any]) -> None:
    path.write_text(json.dumps({"conditions": found, "rows": [asdict(row) for row in rows]}, indent=1), encoding="utf-8")


def read(path: Path) -> tuple[list[Row], dict[str, Any]]:
    found = json.loads(path.read_text(encoding="utf-8"))
    return [Row(**row) for row in found["rows"]], found["conditions"]


def write(folder: Path, rows: list[Row], found: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "engine.json", rows, found)
    (folder / "engine.svg").write_text(chart.draw(one_core(rows)), encoding="utf-8")
    (folder / "engine.md").write_text(page(rows, found), encoding="utf-8")


def page(rows: list[Row], found: dict[str, Any]) -> str:
    """engine.md."""
    parts = [HEAD.format(**found, packages=", ".join(f"{name} {version}" for name, version in found["versions"].items()))]
    parts.append(table(["target", "reached", ""], list(goals(rows))))
    parts.append("## Geometric means\n\n" + table(["group", "cases", "× best peer", "× NumPy", "× torch", "of roof"], groups(rows)))
    late = [(row, shortfalls(row)) for row in sorted(rows, key=lambda row: row.ratio)]
    misses = [[row.case, row.pages, str(row.threads), *figures(row), "; ".join(words)] for row, words in late if words]
    columns = ["case", "pages", "threads", "ndferry", "best peer", "", "× best", "of roof"]
    parts.append(f"## Behind the best peer, or below a target: {len(misses)} of {len(rows)}\n\n" + table([*columns, "misses"], misses))
    lost = [[row.case, row.pages, f"{ratio:.2f}"] for row, ratio in threads_lost(rows)]
    if lost:
        parts.append("## Slower with two threads\n\n" + table(["case", "pages", "of one thread's speed"], lost))
    for pages in ("huge", "small"):
        for threads in sorted({row.threads for row in rows}):
            some = [row for row in rows if (row.pages, row.threads) == (pages, threads)]
            if some:
                title = f"## {'2 MiB' if pages == 'huge' else '4 KiB'} pages, {threads} thread{'s' * (threads > 1)}"
                body = [[row.case, *figures(row), *others(row)] for row in some]
                parts.append(f"{title}\n\n" + table(["case", "ndferry", "best peer", "", "× best", "of roof", "NumPy", "torch", "memcpy", "roof"], body))
    return "\n\n".join(parts) + "\n"


def figures(row: Row) -> list[str]:
    name, rate = row.best
    mark = " (allocates)" if name in peers.ALLOCATES else ""
    return [number(row.ours), f"{name}{row.used.get(name, '')}{mark}", number(rate), f"{row.ratio:.2f}", f"{row.ours / row.roof:.2f}"]


def others(row: Row) -> list[str]:
    return [number(row.rates.get(name, math.nan)) for name in ("numpy", "torch", "memcpy", "roof")]


def number(rate: float) -> str:
    return "–" if math.isnan(rate) else f"{rate:.0f}" if rate >= 100 else f"{rate:.1f}"


def groups(rows: list[Row]) -> list[list[str]]:
    found = []
    kinds = [(words, [row for row in rows if row.group == name]) for name, words in GROUPS.items()]
    sizes = [(size, [row for row in rows if size_of(row) == size]) for size in ("small", "medium", "middle", "large")]
    for words, some in [*kinds, *sizes, ("all", rows)]:
        if some:
            ratios = [row.ratio for row in some if row.ratio > 0], over(some, "numpy"), over(some, "torch"), over(some, "roof")
            found.append([words, str(len(some)), *[f"{mean(one):.2f}" for one in ratios]])
    return found


def table(head: list[str], rows: list[Any]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


HEAD = """# How fast elements are copied and converted

`cargo xtask bench engine --peers -- --report docs/measurements` made this on {date}, in {seconds} s. The chart beside it,
`engine.svg`, shows one thread on 2 MiB pages; `engine.json` has every peer's figure.

- Machine: {processor}, {cores} cores, {caches}, {memory}, {kernel}, {libc}. The load was {load:.2f} when it began.
- Peers: {packages}. Python {python}. ml_dtypes' casts are NumPy's on its types: they are in NumPy's column.
- GB/s are useful bytes read plus useful bytes written, medians of {rounds} rounds in which everybody takes turns on the
  same memory. A peer marked *allocates* makes its result anew, as it has no other way; the others write where they are told.
- *memcpy* reads and writes as many bytes in all as the case. The *roof* is the best raw movement of the cache lines that the
  case touches: plain loops, non-temporal stores, memcpy, whichever is fastest. The number behind a name is its threads.
- Other machines, other figures: read the ratios."""
