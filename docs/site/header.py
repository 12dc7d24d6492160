"""include/ndferry.h as its readers need it: what is in it, what is said of it, and the chapter that it belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEADER = ROOT / "include" / "ndferry.h"
NAME = re.compile(r"\b(?:ndf|NDF)_\w+")


@dataclass
class Item:
    """A function, type or constant with its comment."""

    kind: str  # function, struct, enum, type, callback, constant
    name: str
    code: str  # without NDF_API, on one line; of a constant, its value
    doc: str
    members: list[tuple[str, str]] = field(default_factory=list)  # declaration, comment


COMMENT = r"^(?P<indent> *)/\*\*\n(?P<doc>.*?)^ *\*/\n"
ENDS = {"#define": r"\n", "typedef struct {": r"\n\} \w+;\n", "enum ": r"\n\};\n", "": r";\n"}
KINDS = {
    "constant": r"#define (NDF_\w+) (.+)",
    "struct": r"typedef struct (?:\{.*\} )?(?:\w+ )?(ndf_\w+);",
    "enum": r"enum (ndf_\w+).*",
    "callback": r"typedef [\w ]+\**\s*\(\*(ndf_\w+)\)\(.*\);",
    "type": r"typedef \w+ (ndf_\w+);",
    "function": r"(?:NDF_API|NDF_NODISCARD|\s)+[\w\s]+?[\s*]*\b(ndf_\w+)\(.*\);",
}


@cache
def items() -> dict[str, Item]:
    """Everything that the header declares, in its order."""
    text = HEADER.read_text(encoding="utf-8")
    found = [*dtypes(text), *(item_at(text, match) for match in re.finditer(COMMENT, text, re.M | re.S) if not match["indent"])]
    return {one.name: one for one in found}


def dtypes(text: str) -> Iterator[Item]:
    """NDF_DTYPE_FLOAT32 and its like, which have no comments: their names say it."""
    for name, code, bits in re.findall(r"^#define NDF_DTYPE_(\w+) NDF_DTYPE\((\d+), (\d+)\)$", text, re.M):
        yield Item("constant", f"NDF_DTYPE_{name}", f"NDF_DTYPE({code}, {bits})", f"The ndf_dtype {name.lower()}.")


def item_at(text: str, comment: re.Match[str]) -> Item:
    rest = text[comment.end() :]
    end = next(end for start, end in ENDS.items() if rest.startswith(start))
    code = rest[: re.search(end, rest).end()]  # type: ignore[union-attr]  # every declaration ends
    for kind, pattern in KINDS.items():
        if match := re.fullmatch(pattern, code.strip(), re.S):
            break
    else:
        raise ValueError(f"{HEADER.name}: this is nothing that the documentation knows:\n{code}")
    if kind == "constant":
        return Item(kind, match[1], match[2], plain(comment["doc"]))
    members = [
        (" ".join(declaration.split()), plain(doc))
        for doc, declaration in re.findall(r"^ +/\*\*\n(.*?)^ +\*/\n +([^;,]+)[;,]", code, re.M | re.S)
    ]
    line = " ".join(re.sub(r"\bNDF_(API|NODISCARD)\b|\btypedef\b", "", code).rstrip(";\n ").split())
    return Item(kind, match[1], line, plain(comment["doc"]), members)


def plain(doc: str) -> str:
    """A comment without its stars."""
    return re.sub(r"^ *\* ?", "", doc, flags=re.M).strip()


@cache
def rules() -> list[tuple[str, str]]:
    """The head of the header: each rule's word, and what it says."""
    head = plain(HEADER.read_text(encoding="utf-8").split("*/")[0])
    paragraphs = [" ".join(one.split()) for one in head.split("\n\n")]
    return [(match[1], match[2]) for one in paragraphs if (match := re.fullmatch(r"([A-Z]\w+)\. (.*)", one))]


@cache
def homes() -> dict[str, str]:
    """The module of src/ffi that each function is in, and every type and constant with the function that needs it first."""
    homes = {
        name: path.stem
        for path in sorted((ROOT / "src" / "ffi").glob("*.rs"))
        for name in re.findall(r'extern "C" fn (ndf_\w+)', path.read_text(encoding="utf-8"))
    }
    every = items()
    left = [one for one in every.values() if one.name not in homes]
    while left:
        found = {one.name: home for one in left if (home := home_of(one, homes, every))}
        if not found:
            raise ValueError(f"{HEADER.name}: no function has to do with {', '.join(one.name for one in left)}")
        homes |= found
        left = [one for one in left if one.name not in found]
    return homes


def home_of(item: Item, homes: dict[str, str], every: dict[str, Item]) -> str | None:
    """Of a constant, where the type is whose name it bears. Else where functions take it; else where what its comment
    names is; else where it is named, if only by `NDF_DLPACK_*`."""
    family = [one for one in every.values() if one.kind == "type" and item.name.startswith(f"{one.name.upper()}_")]
    takes = [one for one in every.values() if one.kind == "function" and re.search(rf"\b{item.name}\b", one.code)]
    named = [every[name] for name in NAME.findall(item.doc) if name in every]
    word = re.compile(rf"\b{item.name}\b|\b{'_'.join(item.name.split('_')[:2])}_\*")
    names = [one for one in every.values() if word.search(" ".join([one.doc, one.code, *map(str, one.members)]))]
    return next((homes.get(one.name) for one in [*family, *takes, *named, *names] if one.name in homes or one in family), None)
