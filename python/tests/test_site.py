"""What `cargo xtask docs` holds the site to, on pages made for it. Building it takes Sphinx, which is not needed here."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import ndferry
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs" / "site"))

import check  # noqa: E402
import header  # noqa: E402

ABI = json.loads(check.ABI.read_text(encoding="utf-8"))


def pages(folder: Path, **texts: str) -> dict[Path, check.Page]:
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {path: check.Page(path) for path in folder.glob("*.html")}


def test_a_link_to_a_file_that_is_not_there_is_named(tmp_path):
    found = check.broken(pages(tmp_path, a='<a href="b.html">b</a><a href="https://example.org/">elsewhere</a>'), tmp_path)
    assert found == ["a.html: b.html is no file of the site"]


def test_a_link_to_a_place_that_is_not_there_is_named(tmp_path):
    both = pages(tmp_path, a='<a href="b.html#here">1</a><a href="b.html#there">2</a><a href="#top">3</a>', b='<p id="here">')
    assert check.broken(both, tmp_path) == [
        "a.html: b.html#there names no place on that page",
        "a.html: #top names no place on that page",
    ]


def test_what_would_be_loaded_from_another_host_is_named(tmp_path):
    text = '<script src="https://example.org/a.js"></script><a href="https://example.org/">a link may lead there</a>'
    assert check.foreign(pages(tmp_path, a=text), tmp_path) == ["a.html: loads https://example.org/a.js"]


def test_a_program_that_cannot_be_copied_is_named(tmp_path):
    text = "<p>a\\_b</p><pre>&gt;&gt;&gt; c<span>\\_</span>float \\* 6\n&gt;&gt;&gt; print(&quot;\\n&quot;)</pre>"
    assert check.escaped(pages(tmp_path, a=text), tmp_path) == [r"a.html: a program has `>>> c\_float \* 6`"]


def test_what_the_abi_has_and_no_page_says_is_named(tmp_path):
    said = "".join(
        f'<dl><dt id="c.{name}">{name}</dt><dd><p>What it is.</p></dd></dl>'
        for kind in ("functions", "types", "structs", "constants")
        for name in ABI[kind]
    )
    assert check.undocumented(pages(tmp_path, all=said)) == []
    silent = said.replace('<dt id="c.ndf_tensor_wrap">ndf_tensor_wrap</dt><dd><p>What it is.</p>', '<dt id="c.ndf_tensor_wrap"></dt><dd>')
    silent = silent.replace('id="c.ndf_casting"', "")
    assert check.undocumented(pages(tmp_path, all=silent)) == [
        "ndf_tensor_wrap: no page of docs/c-api shows it (src/ffi/tensor.rs)",
        "ndf_casting: no page of docs/c-api shows it (src/ffi/dtype.rs)",
    ]


def test_what_the_package_exports_and_no_page_says_is_named(tmp_path):
    names = [name for name in ndferry.__all__ if not isinstance(getattr(ndferry, name), ndferry.DType)]
    said = "".join(f'<dl><dt id="ndferry.{name}"></dt></dl>' for name in names)
    assert len(names) > 30 and check.unexplained(pages(tmp_path, all=said)) == []
    assert check.unexplained(pages(tmp_path, all=said.replace("ndferry.wrap", ""))) == ["ndferry.wrap: not documented on any page"]


def test_a_definition_within_another_does_not_speak_for_it(tmp_path):
    nested = '<dl><dt id="c.ndf_dtype"></dt><dd><dl><dt id="c.ndf_dtype.code"></dt><dd>Inner.</dd></dl></dd></dl><dl><dt id="c.ndf_copy"></dt><dd></dd></dl>'
    (page,) = pages(tmp_path, a=nested).values()
    assert set(page.said) <= {"c.ndf_dtype"} and "c.ndf_copy" not in page.said


def test_all_that_the_header_declares_is_read_and_has_a_chapter():
    items, homes = header.items(), header.homes()
    statuses = {member.split()[0] for member, _ in items["ndf_status"].members}
    for kind in ("functions", "types", "structs"):
        assert ABI[kind].keys() <= items.keys()
    assert ABI["constants"].keys() <= items.keys() | statuses
    assert homes.keys() >= items.keys()
    assert homes["ndf_tensor_wrap"] == homes["ndf_wrap_options"] == homes["NDF_WRAP_READ_ONLY"] == "tensor"
    assert homes["NDF_CASTING_SAFE"] == homes["ndf_casting"] == "dtype"


def test_every_item_says_something():
    assert [name for name, item in header.items().items() if not item.doc] == []
    assert [
        f"{name}: {member}" for name, item in header.items().items() for member, what in item.members if not what
    ] == []


def test_a_declaration_that_is_new_to_the_documentation_stops_it():
    text = "/**\n * What it is.\n */\nunion ndf_thing { int a; };\n"
    (comment,) = header.re.finditer(header.COMMENT, text, header.re.M | header.re.S)
    with pytest.raises(ValueError, match="nothing that the documentation knows"):
        header.item_at(text, comment)
