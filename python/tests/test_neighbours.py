"""Tensors among pandas, xarray, Dask, astropy and SciPy, where they are installed, and the worked examples of NumPy's
page "Interoperability" with a tensor in the place of the foreign object."""

from __future__ import annotations

import ndferry
import numpy as np
import pytest

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module", autouse=True)
def _what_xarray_keeps():
    """The first time, xarray keeps the error of a failed import, and with it the array that it looked at."""
    try:
        import xarray
    except ImportError:
        return
    xarray.DataArray([1.0])


def f(x):
    """The function of NumPy's page."""
    return np.mean(np.exp(x))


def tensor():
    return ndferry.asarray([5.0, 6.0, 7.0, 8.0])


def test_the_function_of_numpys_page():
    x = ndferry.asarray([1, 2, 3, 4])
    assert (
        type(f(x)) is ndferry.Tensor
        and f(x).item() == f(np.array([1, 2, 3, 4]))
        and round(f(x).item(), 8) == 21.19775622
    )
    assert type(np.exp(x)) is ndferry.Tensor and np.exp(x).dtype == "float64"
    np.testing.assert_array_equal(np.exp(ndferry.asarray([[1, 2], [3, 4]])).numpy(), np.exp([[1, 2], [3, 4]]))
    assert np.abs(ndferry.asarray([0, 1, 2, 3])).tolist() == [0, 1, 2, 3]


def test_pandas_series_and_tensors():
    pandas = pytest.importorskip("pandas")
    series = pandas.Series([1, 2, 3, 4], index=list("abcd"))
    for made in (np.add(series, tensor()), np.add(tensor(), series), series + tensor(), tensor() + series):
        assert type(made) is pandas.Series and made.tolist() == [6, 8, 10, 12] and list(made.index) == list("abcd")
    assert np.multiply(series, tensor()).dtype == "float64" and (series == tensor()).tolist() == [False] * 4
    with pytest.raises(ValueError, match="coerce"):
        pandas.DataFrame({"x": [1.0, 2.0]}) * ndferry.asarray([[2.0], [3.0]])


def test_xarray_holds_tensors(xarray):
    held = xarray.DataArray(tensor(), dims="x")
    assert type(held.data) is ndferry.Tensor
    for made in (held + 1, np.exp(held), held + held, held * tensor(), tensor() * held):
        assert type(made) is xarray.DataArray and type(made.data) is ndferry.Tensor
    assert (held * tensor()).data.tolist() == [25, 36, 49, 64]
    plain = xarray.DataArray(np.arange(4.0), dims="x")
    assert type(np.add(tensor(), plain)) is xarray.DataArray


def test_astropy_quantities_and_tensors():
    units = pytest.importorskip("astropy.units")
    lengths = np.arange(4.0) * units.m
    t = tensor()
    for made in (t * lengths, lengths * t, np.multiply(t, lengths), np.multiply(lengths, t)):
        assert type(made) is units.Quantity and made.unit == units.m and made.value.tolist() == [0, 6, 14, 24]
    with pytest.raises(units.UnitConversionError):
        tensor() + lengths
    with pytest.raises(units.UnitConversionError):
        np.concatenate([tensor(), lengths])


def test_pint_quantities_and_tensors():
    pint = pytest.importorskip("pint")
    units = pint.UnitRegistry()
    ratios, held = units.Quantity(np.arange(4.0)), units.Quantity(tensor(), "m")
    for made in (ratios + tensor(), tensor() + ratios, np.add(ratios, tensor())):
        assert type(made) is units.Quantity and list(made.magnitude) == [5, 7, 9, 11]
    assert (ratios == tensor()).tolist() == [False] * 4
    doubled = held.to("km") + held
    assert type(doubled.magnitude) is ndferry.Tensor and doubled.magnitude.tolist() == [0.01, 0.012, 0.014, 0.016]
    assert type(np.sum(held).magnitude) is ndferry.Tensor and (held * tensor()).units == units.m
    with pytest.raises(pint.DimensionalityError):
        held + tensor()


def test_scipy_sparse_arrays_and_tensors():
    sparse = pytest.importorskip("scipy.sparse")
    eye = sparse.csr_array(np.eye(4) * 2)
    assert (tensor() @ eye).tolist() == [10, 12, 14, 16]
    assert type(eye @ tensor()) is np.ndarray and (eye @ tensor()).tolist() == [10, 12, 14, 16]
    assert (eye @ np.stack([tensor(), tensor()], 1)).shape == (4, 2)
    assert eye.multiply(tensor()).toarray().tolist() == (eye * tensor().numpy()).toarray().tolist()
    assert (tensor() * eye).toarray().tolist() == (tensor().numpy() * eye).toarray().tolist()


def test_dask_arrays_and_tensors():
    dask = pytest.importorskip("dask.array")
    numbers = dask.from_array(np.arange(4.0), chunks=2)
    dask.register_chunk_type(ndferry.Tensor)
    made = tensor() * numbers
    assert type(made) is dask.Array and type(made.compute()) is ndferry.Tensor
    assert made.compute().tolist() == [0, 6, 14, 24]
    chunked = dask.from_array(tensor(), chunks=2, asarray=False)
    assert type((chunked + 1).compute()) is ndferry.Tensor
    assert np.exp(chunked).compute().tolist() == np.exp([5.0, 6, 7, 8]).tolist()
    mapped = numbers.map_blocks(ndferry.asarray)
    assert type(mapped.compute()) is ndferry.Tensor and mapped.compute().tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(float(f(mapped).compute()), f(np.arange(4.0)))


def test_torch_tensors_and_tensors():
    torch = pytest.importorskip("torch")
    made = np.add(tensor(), torch.ones(4, dtype=torch.float64))
    assert type(made) is torch.Tensor and made.tolist() == [6, 7, 8, 9]
    with pytest.raises(TypeError):
        tensor() + torch.ones(4)
    assert type(torch.ones(4) + tensor()) is torch.Tensor
    assert torch.from_dlpack(np.exp(tensor())).shape == (4,)
