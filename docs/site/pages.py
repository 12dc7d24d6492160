"""What holds the site together: its directives, and that every page has a place in it."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from pygments.lexers import CppLexer
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.logging import getLogger

import c_api
import charts
import cpp_api
import header

LOGGER = getLogger(__name__)


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("c-api", c_api.CApi)
    app.add_directive("c-rules", c_api.CRules)
    app.add_directive("cpp-api", cpp_api.CppApi)
    app.add_directive("table-chart", charts.TableChart)
    app.add_directive("engine-chart", charts.EngineChart)
    app.add_directive("measured-pictures", charts.Pictures)
    app.add_role("ownership", ownership)
    app.add_lexer("cpp-file", CppLexer)  # a whole file, which tests compile as one
    app.connect("autodoc-process-docstring", from_markdown)
    app.connect("doctree-read", trimmed)
    app.connect("doctree-read", linked)
    app.connect("env-check-consistency", no_page_is_lost)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def ownership(name: str, source: str, text: str, line: int, inliner: Any, options: Any = None, content: Any = None) -> Any:
    """`[owned: ndf_tensor_release]` as the header has it."""
    return [nodes.inline(source, text, classes=["ownership"])], []


def no_page_is_lost(app: Sphinx, env: Any) -> None:
    listed = {page for pages in env.toctree_includes.values() for page in pages}
    lost = sorted(env.found_docs - listed - {app.config.root_doc})
    for page in lost:
        LOGGER.warning("docs/%s.md is in no table of contents: put it in a {toctree} of docs/index.md", page)


def trimmed(app: Sphinx, document: nodes.document) -> None:
    """What is included of a file ends with its last line, not with the empty ones before the next function."""
    for block in document.findall(nodes.literal_block):
        if isinstance(block.children[0], nodes.Text) and len(block.children) == 1:
            block.rawsource = block.astext().rstrip()
            block.replace(block.children[0], nodes.Text(block.rawsource))


def linked(app: Sphinx, document: nodes.document) -> None:
    """Names of the C and Python APIs lead to what is said of them, wherever they stand in a text."""
    c_names = header.items().keys() | c_api.statuses()
    for literal in list(document.findall(nodes.literal)):
        word = literal.astext().removesuffix("()")
        domain = "c" if word in c_names else "py" if re.fullmatch(r"ndferry\.\w+", word) else ""
        if domain and isinstance(literal.parent, (nodes.paragraph, nodes.entry, nodes.list_item)):
            link = addnodes.pending_xref("", refdomain=domain, reftype="func" if domain == "c" else "obj", reftarget=word)
            link["refdoc"] = app.env.current_document.docname
            literal.replace_self(link)
            link += literal


def from_markdown(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Docstrings say `code` as in Markdown, and set lists and programs off without marks."""
    # A paragraph is a program, which stays as it is, or text, in which nothing but `code` means more than it says.
    paragraphs = re.split(r"(\n(?: *\n)+)", "\n".join(lines))
    text = "".join(one if re.match(r">>> |    ", one) else in_restructured_text(one) for one in paragraphs)
    text = re.sub(r"^(?!- |  )(.+)\n(?=- )", r"\1\n\n", text, flags=re.M)
    text = re.sub(r"^(\S.*)\n\n(?=    \S)", r"\1\n\n::\n\n", text, flags=re.M)
    lines[:] = text.split("\n")


def in_restructured_text(text: str) -> str:
    return re.sub(r"(`[^`\n]+`)|([*_|])", lambda found: f"`{found[1]}`" if found[1] else f"\\{found[2]}", text)
