"""Charts of what is committed under docs/measurements: bars, drawn when the site is built."""

from __future__ import annotations

import ast
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
ROOM = 82.0  # percent of the width for the longest bar; its value stands behind it
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
        words = groups()
        means = {f"{words.get(group, group)} ({len(some)} cases)": math.exp(sum(map(math.log, some)) / len(some)) for group, some in found.items()}
        bars = [Bar(label, mean, f"{mean:.2f} ×", mean >= 1) for label, mean in means.items()]
        title = "Speed over that of the fastest peer of each case, one thread, geometric means"
        return [figure(title, bars, mark=1.0)] if bars else []


class Pictures(SphinxDirective):
    """`{measured-pictures}`: every SVG that a benchmark has drawn, with the page that explains it."""

    def run(self) -> list[nodes.Node]:
        self.env.note_reread()
        lines = [f"[![{path.stem}](measurements/{path.name})](measurements/{path.name})" for path in sorted(MEASUREMENTS.glob("*.svg"))]
        return self.parse_text_to_nodes("\n\n".join(lines)) if lines else []


def groups() -> dict[str, str]:
    """What the benchmark calls each group of cases."""
    tree = ast.parse((MEASUREMENTS.parents[1] / "benches" / "engine" / "targets.py").read_text(encoding="utf-8"))
    values = {node.targets[0].id: node.value for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)}
    return ast.literal_eval(values["GROUPS"])


def table(text: str, heading: str) -> tuple[list[str], list[list[str]]]:
    """The first table under the heading that contains these words."""
    section = next((part for part in re.split(r"^#+ ", text, flags=re.M) if heading in part.split("\n")[0]), "")
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("|")]
    return (lines[0], lines[2:]) if len(lines) > 2 else ([], [])


def is_number(cell: str) -> bool:
    return re.fullmatch(r"\d+(\.\d+)?", cell) is not None


def figure(title: str, bars: list[Bar], mark: float = 0.0) -> nodes.Node:
    """Horizontal bars from 0, with a line at `mark` if it is not 0. Not SVG: on narrow screens the labels go above."""
    share = ROOM / max(bar.value for bar in bars)
    lines = [f'<figure class="chart" style="--mark: {mark * share:.2f}%">' if mark else '<figure class="chart">']
    lines.append(f"<figcaption>{escape(title)}</figcaption>")
    for bar in bars:
        kind = "ours" if bar.is_ours else "theirs"
        lines += [
            f'<div class="row"><span class="label">{escape(bar.label)}</span>',
            f'<span class="track"><span class="{kind}" style="width: {bar.value * share:.2f}%"></span>',
            f'<span class="value">{escape(bar.text)}</span></span></div>',
        ]
    return nodes.raw("", "\n".join([*lines, "</figure>"]), format="html")
