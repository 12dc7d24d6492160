"""One glance: for every case how far we are from the best peer, and from the roof. Plain SVG."""

from __future__ import annotations

import math
from html import escape

from measure import Row
from targets import GROUPS

LEFT, WIDTH, STEP, HEAD, TOP = 220, 400, 12, 28, 78
COLUMN = LEFT + WIDTH + 140
LEAST, MOST = 1 / 16, 64.0
Group = tuple[str, list[Row]]
STYLE = """
svg { background: #fff; font: 11px system-ui, sans-serif; fill: #24292f; }
.title { font-size: 17px; font-weight: 600; } .group { font-weight: 600; font-size: 12px; } .soft { fill: #57606a; }
.name { font-size: 10px; } .grid { stroke: #d0d7de; } .one { stroke: #24292f; stroke-width: 1.2; }
.ahead { fill: #1a7f37; } .behind { fill: #cf222e; } .roof { stroke: #9a6700; stroke-width: 2; }
@media (prefers-color-scheme: dark) {
svg { background: #0d1117; fill: #e6edf3; } .soft { fill: #9198a1; } .grid { stroke: #30363d; } .one { stroke: #e6edf3; }
.ahead { fill: #3fb950; } .behind { fill: #f85149; } .roof { stroke: #d29922; }
}"""


def x(ratio: float) -> float:
    """Where a ratio lies, on a logarithmic scale."""
    held = min(MOST, max(LEAST, ratio))
    return LEFT + WIDTH * (math.log2(held) - math.log2(LEAST)) / (math.log2(MOST) - math.log2(LEAST))


def draw(rows: list[Row]) -> str:
    """Bars from the best peer's speed (1) to ours; a mark where the roof is. Groups fill two columns."""
    known = [row for row in rows if row.ratio > 0]
    groups = [(words, sorted((row for row in known if row.group == name), key=lambda row: -row.ratio)) for name, words in GROUPS.items()]
    columns = halves([(words, some) for words, some in groups if some])
    height = TOP + max(tall(column) for column in columns) + 20
    width = COLUMN * len(columns)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<style>{STYLE}</style>", *legend(known),
    ]  # fmt: skip
    for at, column in enumerate(columns):
        parts += [f'<g transform="translate({COLUMN * at} 0)">', *grid(TOP + tall(column)), *bars(column), "</g>"]
    return "\n".join([*parts, "</svg>"]) + "\n"


def tall(column: list[Group]) -> int:
    return sum(HEAD + STEP * len(some) for _, some in column)


def halves(groups: list[Group]) -> list[list[Group]]:
    """The groups in their order, cut where the taller side is least."""
    cuts = [(max(tall(groups[:at]), tall(groups[at:])), at) for at in range(1, len(groups))]
    if not cuts:
        return [groups]
    at = min(cuts)[1]
    return [groups[:at], groups[at:]]


def bars(column: list[Group]) -> list[str]:
    found, y = [], TOP
    for words, some in column:
        found.append(f'<text class="group" x="12" y="{y + 20}">{escape(words)}</text>')
        y += HEAD
        for row in some:
            found += bar(row, y)
            y += STEP
    return found


def legend(rows: list[Row]) -> list[str]:
    ahead = sum(row.ratio >= 1 for row in rows)
    middle = math.exp(sum(math.log(row.ratio) for row in rows) / max(1, len(rows)))
    return [
        '<text class="title" x="12" y="24">ndferry against the best peer of each case</text>',
        f'<text class="soft" x="12" y="42">{len(rows)} cases, ahead in {ahead}, {middle:.2f} × in geometric mean. '
        "Bars: our speed over the best peer's, on a logarithmic scale.</text>",
        '<line class="roof" x1="560" x2="560" y1="14" y2="25"/>',
        '<text class="soft" x="568" y="24">the roof: what memory allows</text>',
    ]


def grid(height: int) -> list[str]:
    found = []
    for power in range(round(math.log2(LEAST)), round(math.log2(MOST)) + 1):
        ratio = 2.0**power
        place = x(ratio)
        kind = "one" if ratio == 1 else "grid"
        found.append(f'<line class="{kind}" x1="{place:.1f}" x2="{place:.1f}" y1="{TOP - 8}" y2="{height + 4}"/>')
        label = f"{ratio:.0f}×" if ratio >= 1 else f"1/{1 / ratio:.0f}"
        found.append(f'<text class="soft" text-anchor="middle" x="{place:.1f}" y="{TOP - 14}">{label}</text>')
    return found


def bar(row: Row, y: int) -> list[str]:
    name, rate = row.best
    start, end = sorted((x(1), x(row.ratio)))
    kind = "ahead" if row.ratio >= 1 else "behind"
    roof = x(row.roof / rate) if row.roof > 0 else None
    title = f"{row.case}: {row.ours:.1f} GB/s, {name} {rate:.1f}, roof {row.roof:.1f}"
    found = [
        f"<g><title>{escape(title)}</title>",
        f'<text class="name" text-anchor="end" x="{LEFT - 8}" y="{y + 9}">{escape(row.case)}</text>',
        f'<rect class="{kind}" x="{start:.1f}" y="{y + 1}" width="{max(1.0, end - start):.1f}" height="{STEP - 4}" rx="1.5"/>',
        f'<text class="name soft" x="{LEFT + WIDTH + 10}" y="{y + 9}">{row.ratio:.2f} × {escape(name)}</text>',
    ]
    if roof is not None:
        found.append(f'<line class="roof" x1="{roof:.1f}" x2="{roof:.1f}" y1="{y}" y2="{y + STEP - 2}"/>')
    return [*found, "</g>"]
