"""A report as HTML, for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._html import escape, theme
from ._report import COLUMNS, MARKS
from ._rules import DISAGREEMENT, NOTE, VIOLATION

if TYPE_CHECKING:
    from ._examination import Finding
    from ._report import Report

_COLOURS = {VIOLATION: "bad", DISAGREEMENT: "poor", NOTE: "none"}
STYLE = (
    theme(".ndferry-inspect")
    + """
.ndferry-inspect{font:14px/1.5 system-ui,sans-serif;color:var(--nf-text);background:var(--nf-ground);padding:4px 2px}
.ndferry-inspect .nf-scroll{overflow-x:auto}
.ndferry-inspect table{border-collapse:collapse;margin:8px 0;font-size:13px;background:none;color:inherit}
.ndferry-inspect th,.ndferry-inspect td{text-align:left;padding:3px 10px;border-bottom:1px solid var(--nf-line);white-space:nowrap;background:none;color:inherit}
.ndferry-inspect thead th{color:var(--nf-soft);font-weight:500}
.ndferry-inspect td{font-family:ui-monospace,monospace;font-size:12px}
.ndferry-inspect ul{list-style:none;margin:10px 0;padding:0}
.ndferry-inspect li{margin:6px 0;padding:6px 10px;border-left:4px solid var(--c);background:var(--nf-panel)}
.ndferry-inspect .nf-tag{display:inline-block;padding:0 8px;border-radius:9px;font-size:12px;margin-right:6px}
.ndferry-inspect code{font:12px ui-monospace,monospace;color:inherit;background:none}
.ndferry-inspect .nf-soft{color:var(--nf-soft);font-size:12px}
""".replace("\n", "")
)


def fragment(report: Report) -> str:
    head = "".join(f'<th scope="col">{one}</th>' for one in COLUMNS)
    rows = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>' + "".join(f"<td>{escape(one)}</td>" for one in row[1:]) + "</tr>"
        for row in report.rows()
    )
    refused, absent = report.others()
    others = [f"<b>{escape(one.protocol)}</b> refused: {escape(one.reason)}" for one in refused]
    others += [f"not offered: {escape(', '.join(absent))}"] if absent else []
    table = f'<div class="nf-scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    told = "".join(f'<div class="nf-soft">{one}</div>' for one in others)
    findings = "".join(map(_item, report.findings))
    return (
        f'<div class="ndferry-inspect"><style>{STYLE}</style><div><b>{escape(report.type)}</b>: '
        f"{escape(report.summary)}</div>{table if rows else ''}{told}<ul>{findings}</ul></div>"
    )


def _item(finding: Finding) -> str:
    colour = _COLOURS[finding.severity]
    tag = (
        f'<span class="nf-tag" style="background:var(--nf-{colour});color:var(--nf-{colour}-text)">'
        f"{MARKS[finding.severity]} {finding.severity}</span>"
    )
    return (
        f'<li style="--c:var(--nf-{colour}-text)">{tag}<code>{finding.id}</code> '
        f'<span class="nf-soft">{escape(finding.protocol)}</span><div>{escape(finding.message)}</div>'
        f'<div class="nf-soft">{escape(finding.rule.text)} ({escape(finding.source)})</div></li>'
    )
