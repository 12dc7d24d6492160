"""Every row of the table of consumers, asked of the library itself, field by field: a release that behaves otherwise fails
here by name. Where the row says that the library takes something, it must share it with the right values; where the row
says no, it must not.

Libraries that are not installed are skipped. The row of NumPy before 2.1 needs an environment of its own.
"""

from __future__ import annotations

import importlib
from functools import cache

import ndferry
import probe
import pytest

ROWS = ndferry.consumers()
CASES = probe.cases()
LIBRARIES = [name for name, row in ROWS.items() if row.is_tested]


def is_installed(library: str) -> bool:
    module = {"mlx": "mlx.core", "tvm-ffi": "tvm_ffi", "numpy<2.1": "numpy"}.get(library, library)
    if importlib.util.find_spec(module.partition(".")[0]) is None:
        return False
    version = importlib.import_module("numpy").__version__.split(".")
    # The rows are those of current releases; what can be installed beside an old NumPy is as old.
    return (tuple(map(int, version[:2])) < (2, 1)) == (library == "numpy<2.1")


@pytest.fixture(params=LIBRARIES)
def row(request):
    if not is_installed(request.param):
        pytest.skip(f"{request.param} is not installed, or not in a current release")
    return ROWS[request.param]


def struct_of(row) -> str:
    return "legacy" if row.structs == "legacy" else "versioned"


@cache
def answers(library: str) -> dict[str, dict]:
    struct = struct_of(ROWS[library])
    asked = {what: {"struct": struct} | case for what, case in CASES.items()}
    asked["read-only"] = {"struct": struct, "read_only": struct == "versioned"}
    return probe.ask(library, asked)


def takes(row, case: dict) -> bool:
    """What the row claims of a case."""
    shape, strides = case.get("shape", (4, 3)), case.get("strides")
    return (
        (row.structs == "both" or case.get("struct", row.structs) == row.structs)
        and (row.dtypes is None or dtype_name(case) in row.dtypes)
        and (strides is None or row.strides in STRIDES_TAKEN[kind(shape, strides)])
        and case.get("offset", 0) % row.alignment == 0
        and (row.devices is None or device_name(case) in row.devices)
        and len(shape) <= row.max_ndim
    )


def dtype_name(case: dict) -> str:
    code, bits, lanes = case.get("dtype", (2, 32, 1))
    return str(probe.of_struct(probe.c.ndf_dtype(code=code, bits=bits, lanes=lanes)))


def device_name(case: dict) -> str:
    return str(ndferry.Device(*case.get("device", (1, 0)))).partition(":")[0]


STRIDES_TAKEN = {
    "row-major": ("any", "not-negative", "dense", "row-major"),
    "dense": ("any", "not-negative", "dense"),
    "not-negative": ("any", "not-negative"),
    "any": ("any",),
}


def kind(shape, strides) -> str:
    """The strictest word that is true of some strides, found out by looking at every element's place."""
    axes = [(extent, stride) for extent, stride in zip(shape, strides) if extent > 1]
    places = [0]
    for extent, stride in axes:
        places = [place + i * stride for place in places for i in range(extent)]
    if any(stride < 0 for _, stride in axes):
        return "any"
    if sorted(places) != list(range(len(places))):
        return "not-negative"
    return "row-major" if places == sorted(places) else "dense"


@pytest.mark.parametrize("what", CASES)
def test_a_library_takes_what_its_row_says_and_nothing_else(row, what):
    answer = answers(row.name)[what]
    if takes(row, CASES[what]):
        assert answer["does"] == ("shares" if row.shares else "copies"), answer
    else:
        assert answer["does"] != "shares", answer


def test_a_library_keeps_read_only_what_its_row_says(row):
    answer = answers(row.name)["read-only"]
    assert answer["does"] == ("shares" if row.shares else "copies")
    # What a library copies is nobody else's.
    assert row.keeps_read_only == (answer["read_only"] or not row.shares)


def test_a_row_that_is_asked_has_cases_of_both_outcomes(row):
    outcomes = [takes(row, case) for case in CASES.values()]
    assert sum(outcomes) > 30 and not all(outcomes)
