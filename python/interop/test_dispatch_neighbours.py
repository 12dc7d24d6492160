"""Libraries that hold or take a tensor: docs/neighbours.md says what to write, and each line has its test here."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys

import ndferry
import numpy as np
import pytest

pytestmark = pytest.mark.filterwarnings("ignore")
pandas = pytest.importorskip("pandas")


def grid():
    return ndferry.asarray(np.arange(12.0).reshape(3, 4))


def row():
    return ndferry.asarray([4.0, 5.0, 6.0, 7.0])


def image():
    return ndferry.asarray(np.arange(192, dtype="u1").reshape(8, 8, 3))


def is_on(array, tensor):
    """Whether an array shows the very elements of a tensor."""
    return np.asarray(array).ctypes.data == tensor.data_ptr


def test_pandas_series_and_frames_lie_on_the_tensor():
    t, v = grid(), row()
    series, frame = pandas.Series(v, copy=False), pandas.DataFrame(t, copy=False, columns=list("abcd"))
    assert is_on(series, v) and is_on(frame, t) and series.dtype == frame.dtypes["a"] == "float64"
    back = ndferry.asarray(series)
    assert back.data_ptr == v.data_ptr and back.read_only == (not np.asarray(series).flags.writeable)
    frame["e"] = ndferry.asarray([1, 2, 3])
    assert frame["e"].tolist() == [1, 2, 3] and frame["e"].dtype == "int64"
    assert (pandas.Series([1.0] * 4) + v).tolist() == [5, 6, 7, 8]


def test_pandas_masks_and_isin_need_arrays():
    series, mask = pandas.Series([4.0, 1.0, 6.0]), ndferry.asarray([True, False, True])
    with pytest.raises(KeyError):
        series[mask]
    assert series[mask.numpy()].tolist() == series[mask.tolist()].tolist() == [4, 6]
    # pandas makes a list of what it does not know, and compares objects: nothing is found, and nothing said.
    assert series.isin(row()).tolist() == [False] * 3
    assert series.isin(row().numpy()).tolist() == series.isin(row().tolist()).tolist() == [True, False, True]


def test_xarray_holds_the_tensor():
    xarray = pytest.importorskip("xarray")
    t = grid()
    held = xarray.DataArray(t, dims=("x", "y"))
    assert held.data is t and held.transpose().data.data_ptr == t.data_ptr
    assert held.isel(x=1).data.data_ptr == t[1].data_ptr
    for made in (held + held, np.exp(held), held.astype("f4"), xarray.concat([held, held], "x"), held.roll(x=1)):
        assert type(made.data) is ndferry.Tensor
    np.testing.assert_array_equal(xarray.dot(held, held).data.item(), np.sum(t.numpy() ** 2))
    assert held.mean("x").values.tolist() == [4, 5, 6, 7]
    assert held.values.ctypes.data == t.data_ptr


def test_xarray_picks_shifts_and_masks_after_as_numpy():
    xarray = pytest.importorskip("xarray")
    held = xarray.DataArray(grid(), dims=("x", "y"))
    for call in (lambda a: a.isel(x=[0, 2]), lambda a: a.where(a > 3), lambda a: a.shift(x=1), lambda a: a.sortby("x")):
        with pytest.raises(TypeError, match="picking elements|numpy dtype"):
            call(held)
        assert type(call(held.as_numpy()).data) is np.ndarray


def test_dask_chunks_are_tensors():
    da = pytest.importorskip("dask.array")
    da.register_chunk_type(ndferry.Tensor)
    t = grid()
    lazy = da.from_array(t, chunks=2, asarray=False)
    results = [lazy + 1, lazy.sum(axis=0), lazy.mean(), lazy.std(axis=0), lazy @ lazy.T, lazy.rechunk((3, 1)), lazy.T]
    for made in results:
        assert type(made.compute()) is ndferry.Tensor
    np.testing.assert_allclose(lazy.std(axis=0).compute(), t.numpy().std(axis=0))
    out = ndferry.zeros((3, 4))
    da.store(lazy * 2, out, lock=False)
    assert out.equal(t * 2)


def test_dask_picks_from_chunks_of_numpy():
    da = pytest.importorskip("dask.array")
    da.register_chunk_type(ndferry.Tensor)
    lazy = da.from_array(grid(), chunks=2, asarray=False)
    for call in (lambda a: a[[0, 2]], lambda a: a[a > 3], lambda a: a.argmax(axis=0)):
        with pytest.raises(TypeError, match="picking elements"):
            call(lazy).compute()
        assert call(lazy.map_blocks(np.asarray)).compute().tolist() == call(grid().numpy()).tolist()


def test_pint_quantities_hold_the_tensor():
    pint = pytest.importorskip("pint")
    unit = pint.UnitRegistry()
    t = grid()
    quantity = unit.Quantity(t, "m")
    assert quantity.magnitude is t and (t * unit.m).magnitude.data_ptr != t.data_ptr
    for made in (quantity * quantity, np.sqrt(quantity * quantity), np.mean(quantity), quantity.to("cm"), t * quantity):
        assert type(made.magnitude) is ndferry.Tensor
    assert quantity.to("cm").magnitude.tolist() == (grid().numpy() * 100).tolist()


def test_unyt_takes_a_product_or_an_array():
    unyt = pytest.importorskip("unyt")
    v = row()
    for made in (v * unyt.m, unyt.m * v, v * unyt.unyt_array(np.ones(4), "m")):
        assert type(made) is unyt.unyt_array and made.tolist() == v.tolist() and str(made.units) == "m"
    with pytest.raises(ValueError, match="bool"):
        unyt.unyt_array(v, "m")
    assert is_on(unyt.unyt_array(v.numpy(), "m"), v)


def test_astropy_quantities_lie_on_the_tensor():
    units = pytest.importorskip("astropy.units")
    from astropy.nddata import NDData
    from astropy.table import Table

    v = row()
    assert is_on(units.Quantity(v, "m", copy=False).value, v)
    for made in (units.Quantity(v, "m"), v * units.m, v << units.m):
        assert type(made) is units.Quantity and made.value.tolist() == v.tolist()
    assert Table({"a": v})["a"].tolist() == v.tolist()
    assert NDData(v).data is v


def test_sparse_takes_arrays():
    sparse = pytest.importorskip("sparse")
    made = sparse.COO.from_numpy(grid())
    assert made.todense().tolist() == grid().tolist()
    with pytest.raises(TypeError, match="NotImplemented"):
        np.multiply(sparse.COO(np.eye(4)), row())
    assert (sparse.COO(np.eye(4)) * row().numpy()).todense().tolist() == np.diag(row().numpy()).tolist()
    with pytest.raises(BufferError, match="dense"):
        ndferry.asarray(made)


def test_scipy_sparse_arrays_are_made_of_tensors():
    sparse = pytest.importorskip("scipy.sparse")
    assert sparse.csr_array(grid()).toarray().tolist() == grid().tolist()
    assert (row() @ sparse.csr_array(np.eye(4))).tolist() == row().tolist()
    assert (sparse.csr_array(np.eye(4)) @ row().numpy()).tolist() == row().tolist()


def test_scipy_computes_on_tensors_and_gives_arrays():
    scipy = pytest.importorskip("scipy")
    import scipy.fft
    import scipy.interpolate
    import scipy.linalg
    import scipy.ndimage
    import scipy.spatial
    import scipy.stats

    t, v = grid(), row()
    for function, *arguments in (
        (scipy.linalg.svdvals, t), (scipy.fft.fft, v), (scipy.ndimage.gaussian_filter, t, 1.0), (scipy.stats.zscore, v),
        (scipy.spatial.distance.cdist, t, t), (scipy.special.softmax, v),
    ):  # fmt: skip
        made = function(*arguments)
        arrays = [one.numpy() if isinstance(one, ndferry.Tensor) else one for one in arguments]
        assert type(made) is np.ndarray
        np.testing.assert_array_equal(made, function(*arrays))
    assert type(scipy.special.gamma(v)) is ndferry.Tensor  # a ufunc
    assert scipy.interpolate.CubicSpline(v, v)(5.5) == pytest.approx(5.5)


def test_scipys_dispatch_by_array_api_takes_tensors_as_arrays():
    pytest.importorskip("scipy")
    lines = """
import ndferry, numpy, scipy.fft, scipy.special, scipy.stats
t = ndferry.asarray([4.0, 5.0, 6.0, 7.0])
for function in (scipy.stats.zscore, scipy.special.logsumexp, scipy.fft.fft):
    numpy.testing.assert_array_equal(function(t), function(t.numpy()))
    assert type(function(t)) is type(function(t.numpy()))
"""
    subprocess.run([sys.executable, "-c", lines], env=os.environ | {"SCIPY_ARRAY_API": "1"}, check=True, timeout=300)


def test_sklearn_fits_and_predicts_on_tensors():
    linear_model = pytest.importorskip("sklearn.linear_model")
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    t, y = grid(), ndferry.asarray([0.0, 1.0, 2.0])
    np.testing.assert_allclose(linear_model.LinearRegression().fit(t, y).predict(t), [0, 1, 2], atol=1e-9)
    scaled = preprocessing.StandardScaler().fit_transform(t)
    assert type(scaled) is np.ndarray and is_on(scaled, ndferry.asarray(scaled))
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-12)


def test_sklearn_splits_arrays():
    selection = pytest.importorskip("sklearn.model_selection")
    with pytest.raises(TypeError, match="picking elements"):
        selection.train_test_split(grid(), random_state=0)
    train, test = selection.train_test_split(grid().numpy(), random_state=0)
    assert len(train) == 2 and len(test) == 1


def test_opencv_takes_arrays_and_its_results_are_shared():
    cv2 = pytest.importorskip("cv2")
    with pytest.raises(cv2.error, match="numpy array"):
        cv2.resize(image(), (4, 4))
    made = cv2.resize(image().numpy(), (4, 4))
    assert ndferry.asarray(made).data_ptr == made.ctypes.data
    out = image()
    cv2.flip(image().numpy(), 1, dst=out.numpy())
    assert out.equal(image()[:, ::-1])


def test_pillow_images_are_made_of_arrays_and_are_read_back():
    pillow = pytest.importorskip("PIL.Image")
    made = pillow.fromarray(image().numpy())
    assert made.size == (8, 8) and ndferry.asarray(made).equal(image())
    assert pillow.fromarray(image()).tobytes() == image().tobytes()
    assert pillow.frombuffer("RGB", (8, 8), image()).tobytes() == image().tobytes()


def test_numba_compiles_for_arrays_and_its_ufuncs_take_tensors():
    numba = pytest.importorskip("numba")
    total = numba.njit(lambda x: x.sum())
    with pytest.raises(numba.TypingError):  # a buffer to Numba, which has elements and no methods
        total(grid())
    assert numba.njit(lambda x: x[1, 2])(grid()) == grid().tolist()[1][2]
    assert total(grid().numpy()) == 66
    double = numba.vectorize(["f8(f8)"])(lambda x: x * 2)
    assert type(double(row())) is ndferry.Tensor and double(row()).tolist() == [8, 10, 12, 14]


def test_torch_shares_by_from_dlpack_and_as_tensor():
    torch = pytest.importorskip("torch")
    t = grid()
    for share in (torch.from_dlpack, torch.as_tensor, lambda t: torch.from_numpy(t.numpy())):
        assert share(t).data_ptr() == t.data_ptr
    assert torch.tensor(t).data_ptr() != t.data_ptr
    assert torch.asarray(grid()).shape == (12,)  # a buffer without its shape


def test_jax_takes_tensors_by_from_dlpack_or_asarray_and_not_as_operands():
    jax = pytest.importorskip("jax")
    t = ndferry.asarray(np.arange(4, dtype="f4")).copy()  # ndferry's memory is aligned as JAX needs it
    assert jax.dlpack.from_dlpack(t).unsafe_buffer_pointer() == t.data_ptr
    assert jax.numpy.asarray(t).tolist() == [0, 1, 2, 3]
    with pytest.raises(TypeError, match="not a valid JAX type"):
        jax.numpy.sum(t)


def test_arrow_arrays_share_tensors_and_come_back():
    arrow = pytest.importorskip("pyarrow")
    v = row()
    made = arrow.Array.from_dlpack(v)
    assert made.to_pylist() == v.tolist() and made.buffers()[1].address == v.data_ptr
    assert arrow.Tensor.from_dlpack(grid()).shape == (3, 4)
    assert arrow.array(v).buffers()[1].address == v.data_ptr
    back = ndferry.asarray(made)
    assert back.data_ptr == v.data_ptr and back.read_only


def test_onnxruntime_takes_arrays():
    ort = pytest.importorskip("onnxruntime")
    t = grid()
    assert ort.OrtValue.ortvalue_from_numpy(t.numpy()).numpy().tolist() == t.tolist()


def test_mpi_sends_and_receives_in_the_tensors_memory():
    mpi = pytest.importorskip("mpi4py.MPI")
    comm = mpi.COMM_SELF
    t = grid()
    forms = [t, [t, mpi.DOUBLE], [t, 12, mpi.DOUBLE], [t, (12, 0), mpi.DOUBLE]]
    for send in forms:
        out = ndferry.zeros((3, 4))
        comm.Sendrecv(send, dest=0, recvbuf=out, source=0)
        assert out.equal(t)
    part = ndferry.zeros(12)
    comm.Sendrecv([t, 4, 2, mpi.DOUBLE], dest=0, recvbuf=[part, 4, 8, mpi.DOUBLE], source=0)
    assert part.tolist() == [0] * 8 + [2, 3, 4, 5]
    total = ndferry.zeros((3, 4))
    comm.Allreduce(t, total)
    assert total.equal(t)
    request = comm.Isend(t, dest=0)
    again = ndferry.zeros((3, 4))
    comm.Recv(again, source=0)
    request.Wait()
    assert again.equal(t)


def test_mpi_does_not_receive_into_read_only_memory_nor_send_what_has_gaps():
    mpi = pytest.importorskip("mpi4py.MPI")
    comm = mpi.COMM_SELF
    with pytest.raises(Exception, match="read-?only|writable"):
        comm.Sendrecv(row(), dest=0, recvbuf=row().as_read_only(), source=0)
    with pytest.raises(Exception, match="contiguous"):
        comm.Sendrecv(grid()[:, ::2], dest=0, recvbuf=ndferry.zeros((3, 2)), source=0)
    out = ndferry.zeros((3, 2))
    comm.Sendrecv(grid()[:, ::2].contiguous(), dest=0, recvbuf=out, source=0)
    assert out.equal(grid()[:, ::2])
    comm.Sendrecv(row().as_read_only(), dest=0, recvbuf=(sent := ndferry.zeros(4)), source=0)
    assert sent.equal(row())


def test_the_page_has_a_line_for_each_test():
    page = (pathlib.Path(__file__).parents[2] / "docs" / "neighbours.md").read_text()
    named = set(re.findall(r"`(test_\w+)`", page))
    written = set(re.findall(r"^def (test_\w+)", pathlib.Path(__file__).read_text(), re.M))
    assert named == written - {"test_the_page_has_a_line_for_each_test"}
