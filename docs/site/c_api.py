"""The C API as pages: `{c-api} MODULE…` shows what of include/ndferry.h is in those modules of src/ffi."""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

import header

# In turn: code, a name, an ownership tag.
WORDS = re.compile(r"`([^`\n]+)`|\b((?:ndf|NDF)_\w+\b\*?)|\[((?:owned|borrowed|consumed)\b[^\]]*)\]")
ROLES = {"function": "func", "constant": "macro", "struct": "struct", "enum": "enum", "type": "type", "callback": "type"}


class CApi(SphinxDirective):
    """The functions of some chapters, then their types and constants."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(header.HEADER))
        modules = self.arguments[0].split()
        homes = header.homes()
        here = [one for one in header.items().values() if homes[one.name] in modules]
        functions = [one for one in here if one.kind == "function"]
        if {homes[one.name] for one in functions} != set(modules):
            raise self.error(f"of {self.arguments[0]} some are no modules of src/ffi with functions")
        types = sorted((one for one in here if one.kind != "function"), key=lambda one: one.kind == "constant")
        parts = [overview(functions), *map(entry, functions)]
        if types:
            parts += [".. rubric:: Types and constants", *map(entry, types)]
        text = "\n\n".join(parts)
        return self.parse_text_to_nodes(f"````{{eval-rst}}\n{text}\n````")


class CRules(SphinxDirective):
    """The rules at the header's head."""

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(header.HEADER))
        text = "\n\n".join(f"**{word}.** {inline(rule)}" for word, rule in header.rules())
        return self.parse_text_to_nodes(f"````{{eval-rst}}\n{text}\n````")


def overview(functions: list[header.Item]) -> str:
    """A table: each function, and the first sentence said of it."""
    lines = [".. list-table::", "   :class: overview", "   :widths: auto", ""]
    for one in functions:
        sentence = re.split(r"(?<=[.:;])\s", one.doc.split("\n\n@")[0], maxsplit=1)[0].rstrip(".:;")
        lines += [f"   * - {link(one)}", f"     - {inline(' '.join(sentence.split()))}"]
    return "\n".join(lines)


def entry(item: header.Item) -> str:
    """One declaration with all that is said of it, as Sphinx's C domain has it."""
    doc, _, tags = item.doc.partition("@")
    body = [paragraph(one) for one in doc.strip().split("\n\n") if one]
    if item.kind == "constant":
        body.insert(0, f"``{item.code}``")
    if tags:
        body.append("\n".join(field(one) for one in re.split(r"\n@", tags)))
    for declaration, what in item.members:
        kind = "enumerator" if item.kind == "enum" else "member"
        body.append(f".. c:{kind}:: {declaration}\n   :no-contents-entry:\n\n" + indented("\n\n".join(paragraph(one) for one in what.split("\n\n"))))
    options = "   :no-contents-entry:\n" if item.kind == "constant" else ""
    return f".. c:{directive(item)}:: {signature(item)}\n{options}\n" + indented("\n\n".join(body))


def directive(item: header.Item) -> str:
    return {"constant": "macro", "callback": "type"}.get(item.kind, item.kind)


def signature(item: header.Item) -> str:
    return item.name if item.kind in ("constant", "struct", "enum") else item.code


def field(tag: str) -> str:
    """A line of `@param name  text` or `@returns text`; statuses one by one."""
    words = " ".join(tag.split()) if tag.startswith("returns") else tag.strip()
    if match := re.fullmatch(r"param (\w+)\s+(.*)", words, re.S):
        return f":param {match[1]}: {paragraph(match[2])}"
    if not words.startswith("returns "):
        raise ValueError(f"{header.HEADER.name}: `@{words.split()[0]}` is neither @param nor @returns")
    outcomes = re.split(r"; (?=NDF_|else )", words.removeprefix("returns "))
    if len(outcomes) == 1:
        return f":returns: {paragraph(outcomes[0])}"
    return ":returns:\n" + "\n".join(f"   | {paragraph(one)}" for one in outcomes)


def paragraph(text: str) -> str:
    return inline(" ".join(text.split()))


def inline(text: str) -> str:
    """Comment text in reStructuredText: names are links, tags are marked, all else stands for itself."""
    parts, at = [], 0
    for match in WORDS.finditer(text):
        parts += [escaped(text[at : match.start()]), marked(match)]
        at = match.end()
    return "".join([*parts, escaped(text[at:])])


def escaped(text: str) -> str:
    return re.sub(r"([\\*_|`])", r"\\\1", text)


def marked(match: re.Match[str]) -> str:
    code, name, tag = match.groups()
    if tag:
        return rf"\ :ownership:`{escaped(tag.replace('`', ''))}`\ "
    word = code or name
    if word in header.items():
        return rf"\ {link(header.items()[word])}\ "
    return rf"\ :c:enumerator:`{word}`\ " if word in statuses() else rf"\ ``{word}``\ "


def statuses() -> set[str]:
    return {declaration.split()[0] for declaration, _ in header.items()["ndf_status"].members}


def link(item: header.Item) -> str:
    return f":c:{ROLES[item.kind]}:`{item.name}`"


def indented(text: str) -> str:
    return "\n".join(f"   {line}" if line else "" for line in text.splitlines())
