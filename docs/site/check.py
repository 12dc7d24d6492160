"""What a finished site is held to: every link inside of it leads somewhere, and the whole C and Python APIs are in it.

    python docs/site/check.py SITE
"""

from __future__ import annotations

import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import header

ROOT = Path(__file__).resolve().parents[2]
ABI = ROOT / "abi" / "ndferry.json"


class Page(HTMLParser):
    """The anchors of a page, where it leads, and the text of each anchored definition."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []  # what a browser fetches by itself
        self.said: dict[str, str] = {}
        self.programs: list[str] = []
        self._in_program = False
        self._term = ""
        self._depth = 0
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        anchors = {value for key in ("id", "name") if (value := values.get(key))}
        self.anchors |= anchors
        self.links += [value for key in ("href", "src") if (value := values.get(key))]
        if tag != "a" and values.get("rel") != "canonical":
            self.loads += [value for key in ("href", "src") if (value := values.get(key))]
        if tag == "pre":
            self._in_program = True
            self.programs.append("")
        if tag == "dt" and values.get("id") and not self._depth:
            self._term = values["id"] or ""
        elif tag == "dd" and self._term:
            self._depth += 1

    def handle_endtag(self, tag: str) -> None:
        if tag == "pre":
            self._in_program = False
        if tag == "dd" and self._depth:
            self._depth -= 1

    def handle_data(self, data: str) -> None:
        if self._in_program:
            self.programs[-1] += data
        if self._depth:
            self.said[self._term] = self.said.get(self._term, "") + data


def broken(pages: dict[Path, Page], site: Path) -> list[str]:
    """Links that lead nowhere; what other hosts have is not asked."""
    found = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            anchor = unquote(parts.fragment)
            if not target.is_file():
                found.append(f"{path.relative_to(site)}: {link} is no file of the site")
            elif anchor and target in pages and anchor not in pages[target].anchors:
                found.append(f"{path.relative_to(site)}: {link} names no place on that page")
    return found


def foreign(pages: dict[Path, Page], site: Path) -> list[str]:
    """What pages load from other hosts: the site is read without a network, too."""
    return [
        f"{path.relative_to(site)}: loads {link}"
        for path, page in pages.items()
        for link in page.loads
        if urlsplit(link).netloc
    ]


def escaped(pages: dict[Path, Page], site: Path) -> list[str]:
    """Lines of programs that hold the marks of a text: who copies them gets a syntax error."""
    return [
        f"{path.relative_to(site)}: a program has `{line.strip()}`"
        for path, page in pages.items()
        for program in page.programs
        for line in program.splitlines()
        if re.search(r"\\[*_|]", line)
    ]


def undocumented(pages: dict[Path, Page]) -> list[str]:
    """Names of abi/ndferry.json of which the site says nothing."""
    abi = json.loads(ABI.read_text(encoding="utf-8"))
    said: dict[str, str] = {}
    for page in pages.values():
        said |= {anchor.rsplit(".", 1)[-1]: text for anchor, text in page.said.items() if anchor.startswith("c.")}
        said |= {anchor.rsplit(".", 1)[-1]: "a status" for anchor in page.anchors if anchor.startswith("c.ndf_status.")}
    names = [name for kind in ("functions", "types", "structs", "constants") for name in abi[kind]]
    missing = [name for name in names if not said.get(name, "").strip()]
    return [f"{name}: no page of docs/c-api shows it (src/ffi/{header.homes().get(name, '…')}.rs)" for name in missing]


def unexplained(pages: dict[Path, Page]) -> list[str]:
    """Names that the Python package exports and no page explains. Element types are in a table of their own."""
    import ndferry
    from ndferry._declarations import DTYPES

    anchors = set().union(*(page.anchors for page in pages.values()))
    names = [name for name in ndferry.__all__ if name not in DTYPES]
    return [f"ndferry.{name}: not documented on any page" for name in names if f"ndferry.{name}" not in anchors]


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    site = Path(sys.argv[1]).resolve()
    pages = {path: Page(path) for path in sorted(site.rglob("*.html"))}
    if not pages:
        raise SystemExit(f"{site} holds no pages")
    faults = [*broken(pages, site), *foreign(pages, site), *escaped(pages, site), *undocumented(pages), *unexplained(pages)]
    if faults:
        raise SystemExit("\n".join(faults))
    print(f"{len(pages)} pages, {sum(len(page.links) for page in pages.values())} links")


if __name__ == "__main__":
    main()
