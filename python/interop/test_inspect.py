"""`ndferry.inspect` on the arrays of real libraries: it finds their deviations, and no others."""

from __future__ import annotations

import os
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import ndferry
import numpy as np
import pytest

pytestmark = pytest.mark.filterwarnings("ignore")
MATRIX = np.arange(6, dtype="f4").reshape(2, 3)


def found(obj) -> set[str]:
    """The rules that an object breaks. NumPy's refusals of memory orders, which libraries on NumPy share, left out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = ndferry.inspect(obj)
    return {one.id for one in report.findings if not (one.id == "buffer-refusal-class" and "contiguous" in one.message)}


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def test_torch(torch):
    plain = {"dlpack-stream-default", "dlpack-is-copied-missing", "array-copy-keyword"}
    assert found(torch.ones(2, 3)) == plain
    assert found(torch.ones(2, 3).T) == plain
    assert found(torch.ones(3, dtype=torch.bfloat16)) == plain - {"array-copy-keyword"}
    assert found(torch.ones(3).to_sparse()) == {"dlpack-stream-default"}


def test_torchs_table_of_functions_checks_nothing(torch):
    unchecked = {"dlpack-stream-default", "exchange-unchecked"}
    assert found(torch.ones(3, requires_grad=True)) == unchecked
    assert found(torch.ones(3, dtype=torch.complex64).conj()) == unchecked
    assert found(torch._neg_view(torch.ones(3))) == unchecked | {"dlpack-is-copied-missing", "dlpack-lazy-negative"}


def test_jax():
    jax = pytest.importorskip("jax")
    assert found(jax.numpy.asarray(MATRIX)) <= {"dlpack-legacy-only", "dlpack-legacy-read-only"}


def test_tensorflow():
    tensorflow = pytest.importorskip("tensorflow")
    assert found(tensorflow.constant(MATRIX)) == {
        "dlpack-legacy-only", "dlpack-refusal-class", "dlpack-copy-refused", "dlpack-own-device-refused",
        "array-copy-keyword", "read-only-differs",
    }  # fmt: skip


def test_mlx():
    mlx = pytest.importorskip("mlx.core")
    assert found(mlx.array(MATRIX)) == {
        "dlpack-legacy-only", "dlpack-stream-accepted", "array-copy-ignored", "array-dtype-ignored", "buffer-contiguity",
        "buffer-shape",
    }  # fmt: skip


def test_pyarrow():
    pyarrow = pytest.importorskip("pyarrow")
    assert found(pyarrow.array(MATRIX.ravel())) == {"dlpack-legacy-read-only"}
    assert found(pyarrow.array([True, False])) == {"dlpack-type-error"}
    assert found(pyarrow.array([1, None])) == {"dlpack-type-error", "array-copies"}
    assert found(pyarrow.Tensor.from_numpy(MATRIX)) == {"buffer-contiguity", "buffer-unasked"}
    assert found(pyarrow.py_buffer(b"abc")) == {"buffer-unasked"}


def test_onnxruntime():
    onnxruntime = pytest.importorskip("onnxruntime")
    value = onnxruntime.OrtValue.ortvalue_from_numpy(MATRIX)
    assert {"dlpack-keywords", "dlpack-stream-accepted"} <= found(value) <= {
        "dlpack-keywords", "dlpack-stream-accepted", "array-copy-false", "array-copies",
    }  # fmt: skip


def test_tvm_ffi():
    tvm_ffi = pytest.importorskip("tvm_ffi")
    assert found(tvm_ffi.from_dlpack(MATRIX.copy())) == {"dlpack-copy-refused", "dlpack-stream-accepted"}


def test_cuda_core():
    utils = pytest.importorskip("cuda.core.utils")
    assert found(utils.StridedMemoryView.from_dlpack(MATRIX.copy(), -1)) == {
        "dlpack-copy-refused", "dlpack-own-device-refused", "dlpack-stream-accepted", "exchange-old-name",
    }  # fmt: skip


def test_libraries_on_numpy():
    dask, xarray = pytest.importorskip("dask.array"), pytest.importorskip("xarray")
    assert found(dask.from_array(MATRIX)) == {"array-copy-false"} == found(xarray.DataArray(MATRIX))
    pandas, strict = pytest.importorskip("pandas"), pytest.importorskip("array_api_strict")
    assert not found(pandas.Series(MATRIX.ravel())) and not found(strict.asarray(MATRIX))
    units, unyt = pytest.importorskip("astropy.units"), pytest.importorskip("unyt")
    assert not found(units.Quantity(MATRIX, "m")) and not found(unyt.unyt_array(MATRIX, "m"))
    pint, image = pytest.importorskip("pint"), pytest.importorskip("PIL.Image")
    assert found(pint.Quantity(MATRIX, "m")) == {"array-copy-keyword", "array-dtype-ignored"}
    assert not found(image.fromarray(np.zeros((2, 3), "u1")))
