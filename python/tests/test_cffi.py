"""include/ndferry.cdef is what cffi's ABI mode needs: every function, every struct, every number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import ndferry
from ndferry import _declarations as c
from ndferry._library import lib as ours

cffi = pytest.importorskip("cffi")
CDEF = Path(__file__).resolve().parents[2] / "include" / "ndferry.cdef"


@pytest.fixture(scope="module")
def ffi() -> Any:
    made = cffi.FFI()
    made.cdef(CDEF.read_text(encoding="utf-8"))
    return made


@pytest.fixture(scope="module")
def library(ffi: Any) -> Any:
    return ffi.dlopen(ours.path)


def test_a_matrix_is_turned_through_cffi_alone(ffi: Any, library: Any) -> None:
    values = ffi.new("float[]", [1, 2, 3, 4, 5, 6])
    tensor, view, turned = ffi.new("ndf_tensor **"), ffi.new("ndf_tensor **"), ffi.new("ndf_tensor **")
    float32 = ffi.new("ndf_dtype *", {"code": library.NDF_CODE_FLOAT, "bits": 32, "lanes": 1})[0]
    before = ndferry.statistics().live_tensors
    null = ffi.NULL
    assert library.ndf_tensor_wrap(values, float32, 2, [2, 3], null, null, null, null, tensor) == library.NDF_OK
    assert library.ndf_tensor_permute(tensor[0], 2, [1, 0], view) == library.NDF_OK
    assert library.ndf_tensor_contiguous(view[0], library.NDF_ORDER_C, turned) == library.NDF_OK
    data = ffi.cast("float *", library.ndf_tensor_data(turned[0]))
    assert list(data[0:6]) == [1, 4, 2, 5, 3, 6]
    assert library.ndf_tensor_permute(tensor[0], 2, [0, 0], view) != library.NDF_OK
    assert b"axes" in ffi.string(library.ndf_last_error_message())
    for one in (view, turned, tensor):
        library.ndf_tensor_release(one[0])
    assert ndferry.statistics().live_tensors == before


def test_every_function_is_there(ffi: Any, library: Any) -> None:
    missing = [name for name in c.FUNCTIONS if not callable(getattr(library, name))]
    assert not missing and len(c.FUNCTIONS) > 80


def test_structs_have_the_sizes_that_ctypes_gives_them(ffi: Any) -> None:
    import ctypes

    structs = {name: one for name, one in vars(c).items() if isinstance(one, type) and issubclass(one, ctypes.Structure)}
    sizes = {name: ffi.sizeof(name) for name in structs if name.startswith("ndf_")}
    assert sizes == {name: ctypes.sizeof(structs[name]) for name in sizes} and len(sizes) > 10
