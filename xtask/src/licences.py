"""Whose work the library contains: LICENSE-THIRD-PARTY, written out of what cargo knows and the crates carry.

    python licences.py            write it
    python licences.py --check    fail unless it is what would be written

A crate whose licence is not allowed in deny.toml, or that carries no text of it, is an error. Nothing is downloaded that a
build does not need.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LIST = ROOT / "LICENSE-THIRD-PARTY"
PLATFORMS = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"]
TEXTS = re.compile(r"(LICEN[CS]E|COPYING|COPYRIGHT|NOTICE|UNLICENSE)(?![a-z])[^/]*$")
RULE = "-" * 80

HEAD = """\
The library contains, besides ndferry itself, the crates below and the parts of Rust's standard library that it uses.
Written by `cargo xtask licences`.
"""

# What every Rust program contains, which cargo does not know.
STANDARD_LIBRARY = Path(__file__).with_name("standard-library.txt").read_text(encoding="utf-8")


def shipped(metadata: dict[str, Any]) -> list[dict[str, Any]]:
    """The packages whose code gets into the library: not what only builds or tests it, and no macros."""
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    (own,) = (id for id, package in packages.items() if package["name"] == "ndferry")
    found: set[str] = set()
    ahead = [own]
    while ahead:
        id = ahead.pop()
        if id in found or any("proc-macro" in target["kind"] for target in packages[id]["targets"]):
            continue
        found.add(id)
        for needed in nodes[id]["deps"]:
            if any(kind["kind"] is None for kind in needed["dep_kinds"]):
                ahead.append(needed["pkg"])
    return [packages[id] for id in found - {own}]


def is_allowed(expression: str, allowed: set[str]) -> bool:
    """Whether somebody who accepts `allowed` may use what is under an SPDX expression."""
    words = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))

    def operand() -> bool:
        word = words.pop(0)
        if word == "(":
            value = either()
            if words.pop(0) != ")":
                raise ValueError(expression)
            return value
        if words[:1] == ["WITH"]:
            word = f"{word} WITH {words[1]}"
            del words[:2]
        return word in allowed

    def both() -> bool:
        value = operand()
        while words[:1] == ["AND"]:
            del words[0]
            value &= operand()
        return value

    def either() -> bool:
        value = both()
        while words[:1] == ["OR"]:
            del words[0]
            value |= both()
        return value

    value = either()
    if words:
        raise ValueError(expression)
    return value


def texts(package: dict[str, Any]) -> list[str]:
    """What a crate says itself of its licence: MIT's text alone where that is offered, and every notice."""
    folder = Path(package["manifest_path"]).parent
    files = sorted(file for file in folder.iterdir() if file.is_file() and TEXTS.match(file.name))
    mit = [file for file in files if file.name.upper().startswith("LICENSE-MIT")]
    if mit and "AND" not in package["license"].split():
        files = mit + [file for file in files if not file.name.upper().startswith("LICEN")]
    return [file.read_text(encoding="utf-8").strip() for file in files]


def written(packages: list[dict[str, Any]], allowed: set[str]) -> str:
    """The list; ends the program when a crate must not be in it."""
    by_text: dict[str, list[str]] = {}
    for package in sorted(packages, key=lambda package: (package["name"], package["version"])):
        name, licence = f"{package['name']} {package['version']}", package["license"]
        if not licence or not is_allowed(licence, allowed):
            raise SystemExit(f"{name} is under {licence or 'no licence'}, which deny.toml does not allow")
        own = "\n\n".join(texts(package))
        if not own:
            raise SystemExit(f"{name} carries no text of its licence")
        by_text.setdefault(own, []).append(f"{name} ({licence}), {package['repository'] or 'no repository'}\n")
    parts = ["".join(names) + "\n" + text + "\n" for text, names in by_text.items()]
    return f"\n{RULE}\n".join([HEAD, STANDARD_LIBRARY, *parts])


def metadata(platform: str) -> dict[str, Any]:
    command = [os.environ.get("CARGO", "cargo"), "metadata", "--format-version=1", "--locked", "--filter-platform", platform]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    rules = re.search(r"^allow = \[(.*?)\]", (ROOT / "deny.toml").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert rules is not None, "deny.toml has no list of licences"
    allowed = set(re.findall(r'"([^"]+)"', rules[1]))
    packages = {package["id"]: package for platform in PLATFORMS for package in shipped(metadata(platform))}
    text = written(list(packages.values()), allowed)
    print(f"{len(packages)} crates: {', '.join(sorted(package['name'] for package in packages.values()))}")
    if not check:
        LIST.write_text(text, encoding="utf-8")
    elif not LIST.is_file() or LIST.read_text(encoding="utf-8") != text:
        raise SystemExit(f"{LIST.name} is stale: run `cargo xtask licences` and commit it")


if __name__ == "__main__":
    main()
