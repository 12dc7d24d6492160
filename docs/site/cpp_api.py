"""The C++ headers without what is inside of functions: `{cpp-api}` shows what each of them offers."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

INCLUDE = Path(__file__).resolve().parents[2] / "include"
SCOPE = re.compile(r"(?:template\s*<.*>\s*)?(?:inline\s+)?(namespace|class|struct|enum class|enum|union)\b\s*(?:\[\[\w+\]\]\s*)?([\w:]*)[^()]*", re.S)
CLOSED = {"(": ")", "[": "]", "{": "}"}


@dataclass
class Declaration:
    comment: list[str]
    head: str
    body: str | None = None  # of a namespace or class; of functions and values there is none

    @property
    def scope(self) -> tuple[str, str]:
        match = SCOPE.fullmatch(self.head.strip()) if self.body is not None else None
        return (match[1], match[2]) if match else ("", "")


class CppApi(SphinxDirective):
    """Each header with a heading, each class in it too, functions and values together."""

    def run(self) -> list[nodes.Node]:
        self.env.note_reread()
        parts = []
        for path in sorted(INCLUDE.glob("ndferry*.hpp"), key=lambda path: (path.stem != "ndferry", path.stem)):
            text = path.read_text(encoding="utf-8")
            offers = list(sections(text))
            if not offers:
                continue
            # The first comment says what the header is; a program in it is indented.
            first = re.match(r"(?://[^\n]*\n)+", text)
            words = re.sub(r"^// ?", "", first[0], flags=re.M) if first else ""
            parts += [f"## `{path.name}`", words, *offers]
        if not parts:
            raise self.error("no header offers anything")
        return self.parse_text_to_nodes("\n\n".join(parts), allow_section_headings=True)


def sections(text: str) -> Iterator[str]:
    """Markdown: classes under headings of their own, what is between them in one block."""
    loose: list[str] = []
    for one in offered(text):
        kind, name = one.scope
        if kind not in ("class", "struct") or one.head.startswith("template <>") or f"{name}<" in one.head:
            loose.append(synopsis(one))
            continue
        yield from block(loose)
        loose = []
        yield f"### `{name}`"
        if words := " ".join(line.lstrip("/ ") for line in one.comment):
            yield words
        yield from block([synopsis(Declaration([], one.head, one.body))])
    yield from block(loose)


def block(parts: list[str]) -> Iterator[str]:
    if parts:
        yield "```cpp\n" + "\n".join(parts) + "\n```"


def offered(text: str) -> Iterator[Declaration]:
    """What stands in namespaces, but for those named detail."""
    code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*\n", "", text, flags=re.M)
    for one in split(code):
        kind, name = one.scope
        is_ahead = one.body is None and re.fullmatch(r"(template\s*<.*>\s*)?(class|struct) \w+", one.head, re.S) and not one.comment
        if kind != "namespace" and not is_ahead and "ndferry::detail::" not in one.head:
            yield one
        elif kind == "namespace" and "detail" not in name:
            yield from offered(one.body or "")


def synopsis(one: Declaration) -> str:
    """A declaration with its comment, its public members if it has any."""
    first, *more = one.head.split("\n")
    head = "\n".join([first, *textwrap.indent(textwrap.dedent("\n".join(more)), "    ").splitlines()])
    lines = [*one.comment, head + (";" if one.body is None else " {")]
    if one.body is not None:
        members = [synopsis(member) for member in public(one)]
        # What a comment says of several members is set off from those before.
        spaced = [f"\n{text}" if i and text.startswith("// ") else text for i, text in enumerate(members)]
        lines += [textwrap.indent("\n".join(spaced), "    "), "};"]
    return "\n".join(line for line in lines if line)


def public(scope: Declaration) -> Iterator[Declaration]:
    if scope.scope[0].startswith("enum"):
        yield Declaration([], (scope.body or "").strip().rstrip(","))
        return
    is_public = scope.scope[0] != "class"
    for member in split(scope.body or ""):
        while match := re.match(r"\s*(public|private|protected)\s*:\s*", member.head):
            is_public = match[1] == "public"
            member.head = member.head[match.end() :]
        comments, member.head = leading(member.head)
        member.comment += comments
        if is_public and member.head:
            yield member


def leading(text: str) -> tuple[list[str], str]:
    """The comments that a text begins with, and what follows."""
    lines = text.strip().split("\n")
    count = next((i for i, line in enumerate(lines) if not line.strip().startswith("//")), len(lines))
    return [line.strip() for line in lines[:count]], textwrap.dedent("\n".join(lines[count:]))


def split(text: str) -> Iterator[Declaration]:
    """The declarations of one scope. Bodies of functions are left out, values in braces are kept."""
    start = at = 0
    while at < len(text):
        if text.startswith("//", at):
            at = text.find("\n", at) % (len(text) + 1)
        elif text[at] in "([\"'":
            at = beyond(text, at)
        elif text[at] == ";":
            one = declaration(text[start:at])
            if match := re.compile(r"[ \t]*///<(.*)").match(text, at + 1):
                one.comment.append(f"///{match[1]}")
            yield one
            at = start = match.end() if match else at + 1
        elif text[at] == "{":
            head, end = text[start:at], beyond(text, at)
            one = declaration(head, text[at + 1 : end - 1])
            after = text[end:].lstrip()[:1]
            if one.scope[0]:
                yield one
                at = start = end + (text[end:].index(";") + 1 if one.scope[0] != "namespace" else 0)
            elif after in tuple(";,{)"):  # a value, or one in a constructor's list
                at = end
            else:
                yield declaration(without_list(head))
                at = start = end
        else:
            at += 1


def declaration(text: str, body: str | None = None) -> Declaration:
    # A comment with an empty line behind it belongs to no declaration.
    *_, last = re.split(r"\n[ \t]*\n(?=\s*\S)", text) or [text]
    comment, head = leading(last)
    return Declaration(comment, head.strip(), body)


def without_list(head: str) -> str:
    """A constructor without what its members begin with."""
    match = re.search(r"\)[\w\s()]*?(?<!:)\s:(?!:)\s", head)
    return head[: match.start() + match[0].rindex(":")].rstrip() if match else head


def beyond(text: str, at: int) -> int:
    """Where what opens at `at` has closed."""
    if text[at] in "\"'":
        return re.compile(r"(\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|.)", re.S).match(text, at).end()  # type: ignore[union-attr]
    start, closing, at = at, CLOSED[text[at]], at + 1
    while not text.startswith(closing, at):
        if at >= len(text):
            raise ValueError(f"this is opened and never closed:\n{text[start : start + 200]}")
        if text.startswith("//", at):
            at = text.index("\n", at)
        elif text[at] in "([{\"'":
            at = beyond(text, at)
        else:
            at += 1
    return at + 1
