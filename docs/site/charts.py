"""Charts of what is committed under docs/measurements: bars in SVG, drawn when the site is built."""

from __future__ import annotations

import json
import math
import re
from html import escape
from pathlib import Path
from typing import NamedTuple

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

MEASUREMENTS = Path(__file__).resolve().parents[1] / "measurements"
LABEL, WIDTH, ROOM, STEP = 290, 380, 90, 22
NOT_PEERS = ("ndferry", "memcpy", "roof")


class Bar(NamedTuple):
    label: str
    value: float
    text: str
    is_ours: bool


class TableChart(SphinxDirective):
    """`{table-chart} FILE`: bars of one column of the table under a heading of docs/measurements/FILE."""

    required_arguments = 1
    option_spec = {
        "heading": directives.unchanged_required,
        "column": directives.unchanged_required,
        "rows": directives.unchanged,  # a regular expression
        "ours": directives.unchanged,  # another, for the bars in the site's colour
        "title": directives.unchanged_required,
        "unit": directives.unchanged_required,
    }

    def run(self) -> list[nodes.Node]:
        path = MEASUREMENTS / self.arguments[0]
        self.env.note_dependency(str(path))
        head, rows = table(path.read_text(encoding="utf-8"), self.options["heading"])
        if self.options["column"] not in head:
            raise self.error(f"{path.name} has no table with a column `{self.options['column']}` under `{self.options['heading']}`")
        at = head.index(self.options["column"])
        texts = next(i for i, cell in enumerate(rows[0]) if is_number(cell))  # the columns that say what was measured
        named = [(" · ".join(row[:texts]), row[at]) for row in rows]
        wanted = re.compile(self.options.get("rows", ""))
        values = [(label, float(cell)) for label, cell in named if is_number(cell) and wanted.search(label)]
        if not values:
            raise self.error(f"no row of {path.name} is `{wanted.pattern}`")
        ours = re.compile(self.options.get("ours", "^ndferry"))
        bars = [Bar(label, value, f"{value:g} {self.options['unit']}", bool(ours.search(label))) for label, value in values]
        return [figure(self.options["title"], bars)]


class EngineChart(SphinxDirective):
    """`{engine-chart}`: how far ndferry is from the best peer in each group of docs/measurements/engine.json."""

    def run(self) -> list[nodes.Node]:
        path = MEASUREMENTS / "engine.json"
        if not path.is_file():
            return []
        self.env.note_dependency(str(path))
        found: dict[str, list[float]] = {}
        for row in json.loads(path.read_text(encoding="utf-8"))["rows"]:
            peers = [rate for name, rate in row["rates"].items() if name not in NOT_PEERS and rate > 0]
            ours = row["rates"].get("ndferry", math.nan)
            if row["threads"] == 1 and row["pages"] == "huge" and peers and ours > 0:
                found.setdefault(row["group"], []).append(ours / max(peers))
        means = {f"{group} ({len(some)} cases)": math.exp(sum(map(math.log, some)) / len(some)) for group, some in found.items()}
        bars = [Bar(label, mean, f"{mean:.2f} ×", mean >= 1) for label, mean in means.items()]
        title = "Speed over that of the fastest peer of each case, one thread, geometric means"
        return [figure(title, bars, mark=1.0)] if bars else []


class Pictures(SphinxDirective):
    """`{measured-pictures}`: every SVG that a benchmark has drawn, with the page that explains it."""

    def run(self) -> list[nodes.Node]:
        self.env.note_reread()
        lines = [f"![{path.stem}](measurements/{path.name})" for path in sorted(MEASUREMENTS.glob("*.svg"))]
        return self.parse_text_to_nodes("\n\n".join(lines)) if lines else []


def table(text: str, heading: str) -> tuple[list[str], list[list[str]]]:
    """The first table under the heading that contains these words."""
    section = next((part for part in re.split(r"^#+ ", text, flags=re.M) if heading in part.split("\n")[0]), "")
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("|")]
    return (lines[0], lines[2:]) if len(lines) > 2 else ([], [])


def is_number(cell: str) -> bool:
    return re.fullmatch(r"\d+(\.\d+)?", cell) is not None


def figure(title: str, bars: list[Bar], mark: float = 0.0) -> nodes.Node:
    """Horizontal bars from 0, with a line at `mark` if it is not 0."""
    most = max(bar.value for bar in bars) * 1.02
    height = STEP * len(bars) + 8
    parts = [
        f'<figure class="chart"><figcaption>{escape(title)}</figcaption><div class="scroll">',
        f'<svg viewBox="0 0 {LABEL + WIDTH + ROOM} {height}" role="img" aria-label="{escape(title)}">',
    ]
    for i, bar in enumerate(bars):
        y, length = 4 + STEP * i, WIDTH * bar.value / most
        parts += [
            f'<text class="label" x="{LABEL - 8}" y="{y + 14}">{escape(bar.label)}</text>',
            f'<rect class="{"ours" if bar.is_ours else "theirs"}" x="{LABEL}" y="{y + 2}" width="{length:.1f}" height="{STEP - 6}" rx="2"/>',
            f'<text class="value" x="{LABEL + length + 6:.1f}" y="{y + 14}">{escape(bar.text)}</text>',
        ]
    if mark:
        x = LABEL + WIDTH * mark / most
        parts.append(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height}"/>')
    return nodes.raw("", "\n".join([*parts, "</svg></div></figure>"]), format="html")
