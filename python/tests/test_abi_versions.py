"""What was released stays as it was, and programs that were compiled with it go on working."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import ndferry._library
import pytest

ABI = Path(__file__).resolve().parents[2] / "abi"
sys.path.insert(0, str(ABI))
specification = importlib.util.spec_from_file_location("versions", ABI / "versions.py")
assert specification is not None and specification.loader is not None
versions = importlib.util.module_from_spec(specification)
specification.loader.exec_module(versions)

TEXT = versions.declarations.HEADER.read_text(encoding="utf-8")
has_libabigail = pytest.mark.skipif(
    shutil.which("abidiff") is None or platform.machine() != versions.MACHINE or shutil.which("cc") is None,
    reason="no libabigail, or not the machine of what it extracted",
)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A copy of what is kept, to spoil."""
    return Path(shutil.copytree(ABI, tmp_path / "abi"))


def replaced(text: str, a: str, b: str) -> str:
    assert text.count(a) == 1, text.count(a)
    return text.replace(a, b)


def swap(text: str, a: str, b: str) -> str:
    return replaced(replaced(replaced(text, a, "\0"), b, a), "\0", b)


def test_what_is_kept_lies_there_as_it_was_released() -> None:
    assert versions.kept(ABI)
    assert versions.changed(ABI) == []
    assert versions.broken(ABI, TEXT) == []


@pytest.mark.parametrize("name", ["ndferry.h", "ndferry.hpp", "ndferry.abi"])
def test_a_file_that_is_changed_after_its_release_is_named(kept: Path, name: str) -> None:
    with (kept / "0.1.0" / name).open("a", encoding="utf-8") as file:
        file.write("\n")
    assert versions.changed(kept) == [f"0.1.0/{name} is not as it was released"]


def test_a_file_that_is_gone_or_added_after_the_release_is_named(kept: Path) -> None:
    (kept / "0.1.0" / "ndferry_view.hpp").rename(kept / "0.1.0" / "ndferry_look.hpp")
    assert versions.changed(kept) == [
        "0.1.0/ndferry_look.hpp was not released with its version", "0.1.0/ndferry_view.hpp is gone",
    ]  # fmt: skip


def test_a_version_is_kept_once(kept: Path) -> None:
    with pytest.raises(SystemExit, match=r"0\.1\.0 are kept already"):
        versions.keep(kept, versions.declarations.HEADER.parent, "0.1.0")


def test_what_breaks_programs_of_a_release_is_named_with_the_release() -> None:
    text = TEXT.replace("ndf_tensor_permute(", "ndf_tensor_permuted(")
    assert versions.broken(ABI, text) == ["0.1.0: function ndf_tensor_permute is gone"]


def test_another_abi_number_may_change_everything() -> None:
    text = replaced(TEXT, "#define NDF_ABI_VERSION 0", "#define NDF_ABI_VERSION 1").replace("ndf_tensor_permute(", "ndf_permute(")
    assert versions.broken(ABI, text) == []
    assert versions.differences(ABI / "0.1.0", text) == ""


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
@pytest.mark.parametrize(("number", "expected"), [(1, "has ABI 1, this package needs ABI 0"), (0, "does not fit this package: .*ndf_")])
def test_the_package_refuses_a_library_that_it_does_not_fit(tmp_path: Path, number: int, expected: str) -> None:
    path = versions.build(f"""
        enum ndf_status {{ NDF_OK = 0 }};
        unsigned ndf_abi_version(void) {{ return {number}; }}
        #define NDF_ABI_VERSION {number}
        """.replace("        ", ""), tmp_path)  # fmt: skip
    with pytest.raises(ImportError, match=expected):
        ndferry._library.Library(str(path))


# Each breaks programs; libabigail's report has the words.
BREAKS: dict[str, tuple[Callable[[str], str], tuple[str, ...]]] = {
    "two fields of one type change places": (
        lambda t: swap(t, "  int64_t live_tensors;", "  int64_t live_bytes;"), ("'int64_t live_tensors' offset changed",),
    ),
    "a field comes between others": (
        lambda t: replaced(t, "  ndf_overflow overflow;", "  int64_t early;\n  ndf_overflow overflow;"),
        ("'int64_t early', at offset 64", "'ndf_overflow overflow' offset changed"),
    ),
    "a struct without struct_size grows": (
        lambda t: replaced(t, "  int32_t device_id;", "  int32_t device_id;\n  int64_t more;"), ("'int64_t more', at offset 64",),
    ),
    "a function is gone": (
        lambda t: replaced(t, "ndf_tensor_permute(", "ndf_tensor_permuted("), ("Removed", "{ndf_tensor_permute}"),
    ),
    "a result has another type": (
        lambda t: replaced(t, "size_t ndf_tensor_reference_count(", "uint32_t ndf_tensor_reference_count("),
        ("ndf_tensor_reference_count", "return type changed"),
    ),
    "a callback takes another type": (
        lambda t: replaced(t, "(*ndf_allocate_fn)(void *context, size_t", "(*ndf_allocate_fn)(void *context, int"),
        ("ndf_allocate_fn", "parameter 2 of type"),
    ),
    "a status has another number": (
        lambda t: replaced(t, "NDF_ERROR_SHAPE = 2,", "NDF_ERROR_SHAPE = 4,"), ("NDF_ERROR_SHAPE' from value '2' to '4'",),
    ),
}  # fmt: skip


@has_libabigail
@pytest.mark.parametrize("name", BREAKS)
def test_libabigail_names_what_breaks_programs(name: str) -> None:
    mutate, words = BREAKS[name]
    report = versions.differences(ABI / "0.1.0", mutate(TEXT))
    for word in words:
        assert word in report, report


@has_libabigail
def test_libabigail_allows_what_may_be_added() -> None:
    text = replaced(TEXT, "} ndf_convert_options;", "  int64_t later;\n} ndf_convert_options;")
    text = replaced(text, "NDF_API uint32_t ndf_abi_version(void);", "NDF_API uint32_t ndf_abi_version(void);\nNDF_API int32_t ndf_later(void);")
    text = replaced(text, "NDF_ERROR_SHAPE = 2,", "NDF_ERROR_SHAPE = 2,\n  NDF_ERROR_LATER = 19,")
    assert versions.differences(ABI / "0.1.0", text) == ""


@has_libabigail
def test_libabigail_sees_every_function_and_every_struct_that_one_takes() -> None:
    extracted = (ABI / "0.1.0" / "ndferry.abi").read_text(encoding="utf-8")
    old = versions.gate.interface((ABI / "0.1.0" / "ndferry.h").read_text(encoding="utf-8"))
    for name in old["functions"]:
        assert f"function-decl name='{name}'" in extracted
    for name in old["structs"]:
        assert f"class-decl name='{name}'" in extracted
