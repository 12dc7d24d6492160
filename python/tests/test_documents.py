"""What the documentation shows in Python is what Python does: every ```pycon block of a page, in one session."""

from __future__ import annotations

import doctest
import importlib.util
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
PAGES = sorted(path for path in DOCS.rglob("*.md") if "```pycon" in path.read_text(encoding="utf-8"))


def blocks(page: Path) -> str:
    """The sessions of a page, each in the line where it is, so that a failure names it."""
    kept, inside = [], False
    for line in page.read_text(encoding="utf-8").splitlines():
        fence = re.match(r"\s*```(\w*)", line)
        if fence:
            inside = fence[1] == "pycon"
        kept.append(line if inside and not fence else "")
    return "\n".join(kept) + "\n"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_what_a_page_shows_is_what_happens(page: Path) -> None:
    text = blocks(page)
    for library in re.findall(r"^>>> import (.+)$", text, re.M):
        for name in re.findall(r"(\w+)(?: as \w+)?", library):
            if importlib.util.find_spec(name) is None:
                pytest.skip(f"{name} is not installed")
    session = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    assert session.examples
    said: list[str] = []
    outcome = doctest.DocTestRunner(optionflags=OPTIONS).run(session, out=said.append)
    assert outcome.failed == 0, "".join(said)


def test_pages_with_programs_are_found() -> None:
    assert len(PAGES) >= 5
