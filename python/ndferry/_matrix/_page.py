"""A run as a page that needs nothing else."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from .._html import escape, page
from ._cases import LAYOUTS
from ._libraries import LIBRARIES
from ._outcomes import HARMFUL, OUTCOMES, Trial
from ._protocols import PROTOCOLS
from ._result import Result


def render(result: Result) -> str:
    """The whole document. What the script knows it reads out of the page's own data."""
    body = "\n".join((_head(result), _choice(result), _grid(result), _legend(), _lists(result), _data(result)))
    folder = files(__package__ or __name__.rpartition(".")[0])
    style = (folder / "page.css").read_text("utf-8")
    script = (folder / "page.js").read_text("utf-8")
    title = f"Who exchanges arrays with whom: {result.case.dtype}, {result.case.layout}"
    return page(title, style, f"<main>{body}</main>", script)


def _head(result: Result) -> str:
    told = result.to_dict()
    facts = (
        f"{result.case.dtype}, {result.case.layout} ({LAYOUTS[result.case.layout]}) · Python {told['python']}, "
        f"{told['platform']} · {told['started'][:10]} · ndferry {told['ndferry']} · {len(result.trials)} trials, "
        f"{result.seconds:.0f} s"
    )
    return (
        f"<header><h1>Who exchanges arrays with whom</h1><p class=soft>{escape(facts)}</p><p>Every cell was tried: "
        "the library of the row made an array, the library of the column took it. Point at a cell, or move with the arrow "
        "keys, to see each way.</p></header>"
    )


def _choice(result: Result) -> str:
    """Which protocol the grid shows."""
    ways = [("best", "The best way")] + [(key, key) for key in result.protocols]
    options = "".join(
        f'<label title="{escape(PROTOCOLS.get(key, "the best of all protocols"))}"><input type="radio" name="way" '
        f'value="{key}"{" checked" if key == "best" else ""}><span>{escape(text)}</span></label>'
        for key, text in ways
    )
    return f'<fieldset><legend class="soft">Show</legend>{options}</fieldset>'


def _grid(result: Result) -> str:
    heads = "".join(f'<th scope="col" class="up"><span>{_name(one)}</span></th>' for one in result.consumers)
    rows = []
    for producer in result.producers:
        cells = "".join(_cell(result, producer, consumer) for consumer in result.consumers)
        rows.append(f'<tr><th scope="row">{_name(producer)}</th>{cells}</tr>')
    return (
        '<div class="scroll"><table class="grid"><caption class="soft">Rows give, columns take.</caption><thead><tr>'
        f'<td class="corner"></td>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
        '<div id="tip" role="status" aria-live="polite" hidden></div>'
    )


def _cell(result: Result, producer: str, consumer: str) -> str:
    best = result.best(producer, consumer)
    outcome = OUTCOMES[best.outcome if best else "untaken"]
    label = f"{LIBRARIES[producer].title} to {LIBRARIES[consumer].title}: {outcome.text}"
    return (
        f'<td><button type="button" tabindex="-1" class="cell {outcome.key}" data-from="{producer}" data-to="{consumer}" '
        f'aria-label="{escape(label)}"><span aria-hidden="true">{outcome.mark}</span></button></td>'
    )


def _name(key: str) -> str:
    return escape(LIBRARIES[key].title)


def _legend() -> str:
    items = "".join(
        f'<li><span class="cell {one.key}" aria-hidden="true">{one.mark}</span> {escape(one.text)}</li>'
        for one in OUTCOMES.values()
        if one.mark.strip()
    )
    return f'<section><h2>Signs</h2><ul class="legend">{items}</ul></section>'


def _lists(result: Result) -> str:
    """What the grid's best ways hide, and which libraries there were."""
    sections = []
    for title, outcomes in (
        ("Look out", HARMFUL), ("Read-only memory that became writable", ("writable",)), ("Kept, not read", ("wrapped",))
    ):  # fmt: skip
        trials = result.with_outcome(*outcomes)
        if trials:
            rows = "".join(map(_row, trials))
            is_open = " open" if outcomes == HARMFUL else ""
            table = f'<div class="scroll"><table class="list"><tbody>{rows}</tbody></table></div>'
            sections.append(f"<details{is_open}><summary><h2>{title} ({len(trials)})</h2></summary>{table}</details>")
    versions = [
        f"{_name(key)} {escape(version or '')}" for key, version in result.versions.items() if version is not None
    ]
    told = f"<p>{', '.join(one.strip() for one in versions)}.</p>"
    for title, names in (
        ("Gives nothing", [f"{_name(key)} ({escape(why)})" for key, why in result.idle.items()]),
        ("Not installed", [_name(key) for key in result.missing]),
    ):
        told += f"<p><b>{title}:</b> {', '.join(names)}.</p>" if names else ""
    return "".join(sections) + f"<section><h2>Libraries</h2>{told}</section>"


def _row(trial: Trial) -> str:
    outcome = OUTCOMES[trial.outcome]
    return (
        f'<tr><td><span class="cell {outcome.key}" aria-hidden="true">{outcome.mark}</span></td>'
        f"<td>{_name(trial.producer)} → {_name(trial.consumer)}</td><td>{escape(trial.protocol)}</td>"
        f"<td>{escape(trial.detail or outcome.text)}</td></tr>"
    )


def _data(result: Result) -> str:
    """The trials for the script; nothing in them can end the element."""
    cells: dict[str, Any] = {}
    for trial in result.trials:
        if trial.outcome != "untaken":
            ways = cells.setdefault(f"{trial.producer} {trial.consumer}", {})
            ways[trial.protocol] = [trial.outcome, trial.flavour, trial.detail]
    data = {
        "cells": cells,
        "best": {
            f"{p} {c}": one.protocol for p in result.producers for c in result.consumers if (one := result.best(p, c))
        },
        "titles": {key: LIBRARIES[key].title for key in result.versions},
        "outcomes": {key: [one.mark, one.text] for key, one in OUTCOMES.items()},
    }
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return f'<script type="application/json" id="data">{text}</script>'
