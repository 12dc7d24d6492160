"""The Python sessions of the documentation: every ```pycon block of a page, in one session."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def blocks(page: Path) -> str:
    """The sessions of a page, each in the line where it is, so that a failure names it."""
    kept, inside = [], False
    for line in page.read_text(encoding="utf-8").splitlines():
        fence = re.match(r"\s*```(\w*)", line)
        if fence:
            inside = fence[1] == "pycon"
        kept.append(line if inside and not fence else "")
    return "\n".join(kept) + "\n"


def libraries(text: str) -> set[str]:
    """What a session imports."""
    lines = re.findall(r"^>>> import (.+)$", text, re.M)
    return {name.split()[0].split(".")[0] for line in lines for name in line.split(",")} | {
        name.split(".")[0] for name in re.findall(r"^>>> from ([\w.]+) import", text, re.M)
    }


PAGES = {path: libraries(text) for path in sorted(DOCS.rglob("*.md")) if (text := blocks(path)).strip()}
# Pages of which the base environment has all libraries; the others are run where the frameworks are.
PLAIN = [page for page, needed in PAGES.items() if needed <= {"ndferry", "numpy", "ctypes", "struct"}]
OTHERS = [page for page in PAGES if page not in PLAIN]


def name(page: Path) -> str:
    return page.relative_to(DOCS).as_posix()


def run(page: Path) -> None:
    session = doctest.DocTestParser().get_doctest(blocks(page), {}, page.name, str(page), 0)
    assert session.examples
    said: list[str] = []
    outcome = doctest.DocTestRunner(optionflags=OPTIONS).run(session, out=said.append)
    assert outcome.failed == 0, "".join(said)
