"""Crates whose licence nobody agreed to are refused by name, and those that are only used to build are not asked."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

LICENCES = Path(__file__).resolve().parents[2] / "xtask" / "src" / "licences.py"
specification = importlib.util.spec_from_file_location("licences", LICENCES)
assert specification is not None and specification.loader is not None
licences = importlib.util.module_from_spec(specification)
specification.loader.exec_module(licences)

ALLOWED = {"MIT", "Apache-2.0 WITH LLVM-exception", "Unicode-3.0"}


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("MIT/GPL-2.0", True),
        ("GPL-2.0 OR MIT", True),
        ("MIT AND GPL-2.0", False),
        ("(MIT OR GPL-2.0) AND Unicode-3.0", True),
        ("GPL-2.0 OR MIT AND Zlib", False),
        ("Apache-2.0", False),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("MIT WITH LLVM-exception", False),
    ],
)
def test_an_expression_is_allowed_when_one_of_its_choices_is(expression: str, allowed: bool) -> None:
    assert licences.is_allowed(expression, ALLOWED) is allowed


@pytest.mark.parametrize("expression", ["MIT)", "(MIT", "MIT MIT", ""])
def test_an_expression_that_is_none_is_refused(expression: str) -> None:
    with pytest.raises((ValueError, IndexError)):
        licences.is_allowed(expression, ALLOWED)


def package(folder: Path, name: str, licence: str | None, **files: str) -> dict[str, Any]:
    folder = folder / name
    folder.mkdir()
    for file, text in files.items():
        (folder / file.replace("_", "-")).write_text(text)
    return {
        "id": name, "name": name, "version": "1.0.0", "license": licence, "repository": None,
        "manifest_path": str(folder / "Cargo.toml"), "targets": [{"kind": ["lib"]}],
    }  # fmt: skip


def test_a_crate_is_listed_with_its_text_or_refused_by_name(tmp_path: Path) -> None:
    both = package(tmp_path, "both", "MIT OR Apache-2.0", LICENSE_MIT="ours", LICENSE_APACHE="long", NOTICE="note")
    listed = licences.written([both], ALLOWED)
    assert "both 1.0.0 (MIT OR Apache-2.0)" in listed and "ours\n\nnote" in listed and "long" not in listed
    for bad in (
        package(tmp_path, "copyleft", "GPL-3.0-only", LICENSE="text"),
        package(tmp_path, "unnamed", None, LICENSE="text"),
        package(tmp_path, "textless", "MIT"),
    ):
        with pytest.raises(SystemExit, match=bad["name"]):
            licences.written([both, bad], ALLOWED)


def test_what_is_only_needed_to_build_is_not_in_the_library(tmp_path: Path) -> None:
    names = ["ndferry", "needed", "behind", "builder", "macros"]
    packages = {name: package(tmp_path, name, "MIT") for name in names}
    packages["macros"]["targets"][0]["kind"] = ["proc-macro"]

    def node(name: str, **needs: str | None) -> dict[str, Any]:
        return {"id": name, "deps": [{"pkg": other, "dep_kinds": [{"kind": kind}]} for other, kind in needs.items()]}

    nodes = [
        node("ndferry", needed=None, builder="build", macros=None), node("needed", behind=None),
        node("behind"), node("builder"), node("macros", builder=None),
    ]  # fmt: skip
    found = licences.shipped({"packages": list(packages.values()), "resolve": {"nodes": nodes}})
    assert sorted(one["name"] for one in found) == ["behind", "needed"]
