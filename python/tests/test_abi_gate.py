"""What breaks programs that are not compiled again is caught, each by name."""

from __future__ import annotations

import copy
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

GATE = Path(__file__).resolve().parents[2] / "abi" / "gate.py"
specification = importlib.util.spec_from_file_location("gate", GATE)
assert specification is not None and specification.loader is not None
gate = importlib.util.module_from_spec(specification)
specification.loader.exec_module(gate)

TEXT = gate.declarations.HEADER.read_text(encoding="utf-8")


def swap(text: str, a: str, b: str) -> str:
    assert text.count(a) == 1 and text.count(b) == 1, (text.count(a), text.count(b))
    return text.replace(a, "\0").replace(b, a).replace("\0", b)


def replaced(text: str, a: str, b: str) -> str:
    assert a in text, a
    return text.replace(a, b)


BREAKS: dict[str, tuple[Callable[[str], str], str]] = {
    "two fields change places": (lambda t: swap(t, "  ndf_overflow overflow;", "  int64_t scale_count;"), "ndf_convert_options: field overflow"),
    "a function is gone": (lambda t: replaced(t, "ndf_tensor_permute(", "ndf_tensor_permuted("), "function ndf_tensor_permute is gone"),
    "a parameter has another type": (
        lambda t: replaced(t, "ndf_tensor_reference_count(const ndf_tensor *", "ndf_tensor_reference_count(int64_t "),
        "function ndf_tensor_reference_count was",
    ),
    "a status has another number": (lambda t: replaced(t, "NDF_ERROR_SHAPE = 2,", "NDF_ERROR_SHAPE = 4,"), "constant NDF_ERROR_SHAPE was `2`"),
    "a constant has another value": (
        lambda t: replaced(t, "#define NDF_DEVICE_CUDA 2", "#define NDF_DEVICE_CUDA 5"), "constant NDF_DEVICE_CUDA was `2`",
    ),
    "a name of an integer becomes a wider one": (
        lambda t: replaced(t, "typedef uint32_t ndf_casting;", "typedef uint64_t ndf_casting;"), "type ndf_casting was `uint32_t`",
    ),
    "a struct without struct_size grows": (
        lambda t: replaced(t, "  int32_t device_id;\n", "  int32_t device_id;\n  int64_t more;\n"), "struct ndf_device: had 8 bytes",
    ),
}  # fmt: skip


def broken(new: str) -> list[str]:
    found: list[str] = gate.breaks(gate.interface(TEXT), gate.interface(new))
    return found


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_interface_is_caught_by_name(name: str) -> None:
    mutate, expected = BREAKS[name]
    found = broken(mutate(TEXT))
    assert any(expected in one for one in found), found


def test_what_is_added_breaks_nothing_and_has_to_be_written_down() -> None:
    new = replaced(TEXT, "} ndf_convert_options;", "  int64_t later;\n} ndf_convert_options;")
    assert broken(new) == []
    assert gate.interface(new) != gate.interface(TEXT)


def test_another_abi_number_may_change_everything() -> None:
    record: dict[str, Any] = copy.deepcopy(gate.interface(TEXT))
    record["abi"] += 1
    record["functions"].clear()
    assert gate.breaks(gate.interface(TEXT), record) == []


@pytest.mark.parametrize("field", ["uint8_t more[8];", "uint32_t more : 4;", "void (*more)(void *context);"])
def test_a_field_that_the_gate_cannot_read_stops_it(field: str) -> None:
    new = replaced(TEXT, "} ndf_device;", f"  {field}\n}} ndf_device;")
    with pytest.raises(SystemExit, match="ndf_device has a field that this script cannot read"):
        gate.interface(new)
