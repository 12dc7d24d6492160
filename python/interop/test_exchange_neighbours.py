"""Libraries that hold, wrap or compute with arrays of others: what they make of a tensor, and it of them."""

from __future__ import annotations

import array
import ctypes
import io
import mmap
import struct

import ndferry
import numpy as np
import pytest
from libraries import NUMPY_2, load

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module", autouse=True)
def _what_dask_and_xarray_keep():
    """The first time, both keep the error of an import that fails, and with it the array that they looked at."""
    if (dask := load("dask.array")) is not None:
        dask.from_array(np.ones(1), asarray=False).compute()
    if (xarray := load("xarray")) is not None:
        xarray.DataArray([1.0])


def tensor():
    return ndferry.asarray(np.arange(6, dtype="f4").reshape(2, 3))


def matrix():
    return np.arange(6, dtype="f4").reshape(2, 3)


def shares(tensor, array):
    return tensor.data_ptr == array.__array_interface__["data"][0]


@pytest.fixture(scope="module")
def mpi():
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"mpi4py: {error}")
    return MPI


def test_mpi4py_sends_and_receives_tensors(mpi):
    sent, received = tensor(), ndferry.zeros((2, 3), "float32")
    mpi.COMM_SELF.Sendrecv(sent, 0, 0, received, 0, 0)
    assert received.tolist() == sent.tolist()
    assert mpi.buffer(sent).address == sent.data_ptr and not mpi.buffer(sent).readonly
    assert mpi.buffer(sent.as_read_only()).readonly
    with pytest.raises(BufferError, match="read-only|not writable"):
        mpi.COMM_SELF.Recv(received.as_read_only(), 0, 0)
    for strided in sent[:, ::2], sent[::-1]:
        with pytest.raises(BufferError, match="contiguous|negative"):
            mpi.buffer(strided)
    taken = ndferry.asarray(memoryview(mpi.buffer(sent)))
    assert taken.data_ptr == sent.data_ptr and taken.dtype == "uint8"


def test_mpi4py_counts_packed_types_a_byte_an_element(mpi):
    """By the formula of DLPack's header, which rounds each element up; so half of what it would send is not there."""
    assert mpi.buffer(ndferry.zeros(24, "int4")).nbytes == 24


def test_cupy_refuses_memory_of_the_host():
    cupy = pytest.importorskip("cupy")
    with pytest.raises(TypeError, match="CPU arrays cannot be directly imported"):
        cupy.from_dlpack(tensor())
    assert cupy.get_array_module(tensor()) is np
    t = tensor()
    assert shares(t, cupy.asnumpy(t))
    try:
        has_device = cupy.cuda.is_available()
    except Exception:
        has_device = False
    if not has_device:
        with pytest.raises(cupy.cuda.runtime.CUDARuntimeError):
            cupy.asarray(tensor())


def test_numba_compiles_for_what_a_tensor_shows():
    numba = pytest.importorskip("numba")

    @numba.njit
    def write(x):
        x[1, 2] = 7
        return x[1, 0]

    t = tensor()
    assert write(t.numpy()) == 3 and t.tolist()[1][2] == 7
    assert write(tensor().memoryview()) == 3
    with pytest.raises(numba.core.errors.TypingError):
        write(t.as_read_only().numpy())
    assert write(tensor()) == 3  # as a buffer, which a tensor is
    twice = numba.vectorize(["float32(float32)"])(lambda x: x * 2)
    assert type(twice(t)) is ndferry.Tensor and twice(t).tolist()[0] == [0, 2, 4]


def test_dask_holds_and_gives():
    dask = pytest.importorskip("dask.array")
    t = tensor()
    assert type(dask.from_array(t, asarray=False).compute()) is ndferry.Tensor
    computed = ndferry.asarray(dask.ones((4, 3), chunks=2) * 2)
    assert computed.tolist() == [[2.0] * 3] * 4


def test_xarray_holds_and_gives():
    xarray = pytest.importorskip("xarray")
    t = tensor()
    held = xarray.DataArray(t, dims=("a", "b"))
    assert type(held.data) is ndferry.Tensor and shares(t, held.values)
    array = matrix()
    taken = ndferry.asarray(xarray.DataArray(array))
    assert shares(taken, array)


def test_pandas_takes_and_gives():
    pandas = pytest.importorskip("pandas")
    t = tensor()
    assert pandas.Series(t[0]).tolist() == [0, 1, 2] and pandas.Series(t[0]).dtype == "float32"
    assert pandas.DataFrame(t).shape == (2, 3) and pandas.Index(t[1]).tolist() == [3, 4, 5]
    taken = ndferry.asarray(pandas.Series([1.5, 2.5]))
    assert taken.tolist() == [1.5, 2.5]
    # From 3.0 on its arrays must not be written.
    assert taken.read_only == (int(pandas.__version__.split(".")[0]) >= 3)
    frame = pandas.DataFrame({"x": [1.0, 2.0], "y": [3.0, 4.0]})
    assert ndferry.asarray(frame).tolist() == [[1, 3], [2, 4]]


def test_sparse_takes_and_refuses_to_fill_itself():
    sparse = pytest.importorskip("sparse")
    made = sparse.COO.from_numpy(tensor())
    assert made.todense().tolist() == tensor().tolist()
    with pytest.raises(BufferError, match="[Dd]ensif|dense"):
        ndferry.asarray(made)


def test_masked_arrays_and_tensors():
    t = tensor()
    masked = np.ma.masked_array(t, mask=matrix() > 3)
    assert masked.sum() == 6 and shares(t, masked.data)
    # As for numpy.asarray, the data go on without the mask.
    array = np.ma.masked_array(matrix(), mask=matrix() > 3)
    assert ndferry.asarray(array).tolist() == np.asarray(array).tolist()


def test_units_are_wrapped_around_and_left_behind():
    t = tensor()
    units = pytest.importorskip("astropy.units")
    quantity = units.Quantity(t, "m", copy=False)
    assert shares(t, quantity) and (quantity * 2).unit == units.m
    assert shares(ndferry.asarray(quantity), quantity)
    pint = pytest.importorskip("pint")
    length = pint.UnitRegistry().Quantity(t, "m")
    assert type(length.magnitude) is ndferry.Tensor and (length * 2).magnitude.tolist()[1] == [6, 8, 10]
    assert ndferry.asarray(pint.UnitRegistry().Quantity(matrix(), "m")).tolist() == t.tolist()
    unyt = pytest.importorskip("unyt")
    # It asks whether its argument is empty by `bool()`.
    with pytest.raises(ValueError, match="exactly one element"):
        unyt.unyt_array(t, "m")
    wrapped = unyt.unyt_array(t.numpy(), "m")
    assert shares(t, wrapped) and shares(ndferry.asarray(wrapped), wrapped)


def test_pillow_makes_images_and_gives_them():
    image = pytest.importorskip("PIL.Image")
    pixels = ndferry.asarray(np.arange(24, dtype="u1").reshape(2, 4, 3))
    made = image.fromarray(pixels.numpy())
    assert made.size == (4, 2) and made.tobytes() == pixels.tobytes()
    assert image.frombuffer("RGB", (4, 2), pixels.memoryview()).tobytes() == pixels.tobytes()
    assert image.fromarray(pixels).tobytes() == pixels.tobytes()
    taken = ndferry.asarray(made)
    assert taken.shape == (2, 4, 3) and taken.tobytes() == pixels.tobytes()


def test_opencv_takes_arrays_on_the_memory_of_tensors():
    cv2 = pytest.importorskip("cv2")
    pixels = ndferry.asarray(np.arange(24, dtype="u1").reshape(2, 4, 3))
    with pytest.raises(cv2.error, match="not a numpy array"):
        cv2.flip(pixels, 0)
    flipped = ndferry.zeros((2, 4, 3), "uint8")
    array = flipped.numpy()
    assert cv2.flip(pixels.numpy(), 0, dst=array) is array and flipped.equal(pixels[::-1])
    mat = cv2.flip(pixels.numpy(), 1)
    assert shares(ndferry.asarray(mat), mat)


def test_scipy_and_scikit_learn_compute():
    linalg = pytest.importorskip("scipy.linalg")
    ndimage = pytest.importorskip("scipy.ndimage")
    sparse = pytest.importorskip("scipy.sparse")
    t = tensor()
    assert linalg.norm(t) == linalg.norm(matrix())
    assert np.array_equal(ndimage.gaussian_filter(t, 1), ndimage.gaussian_filter(matrix(), 1))
    assert sparse.csr_array(t).toarray().tolist() == t.tolist()
    csr = sparse.csr_array(matrix())
    assert shares(ndferry.asarray(csr.data), csr.data)
    with pytest.raises(TypeError, match="csr_array"):
        ndferry.asarray(csr)
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    scaler = preprocessing.StandardScaler
    assert np.array_equal(scaler().fit_transform(t), scaler().fit_transform(matrix()))


def test_arrow_buffers_and_columns():
    arrow = pytest.importorskip("pyarrow")
    t = tensor()
    buffer = arrow.py_buffer(t.memoryview())
    assert (buffer.address, buffer.size, buffer.is_mutable) == (t.data_ptr, 24, True)
    assert not arrow.py_buffer(t.as_read_only().memoryview()).is_mutable
    assert ndferry.asarray(buffer).data_ptr == t.data_ptr
    column = arrow.array([1, 2, 3])
    if hasattr(column, "__dlpack__"):
        taken = ndferry.from_dlpack(column)
        assert taken.read_only or not NUMPY_2
        assert taken.data_ptr == column.buffers()[1].address and taken.tolist() == [1, 2, 3]
        with pytest.raises(Exception, match="null"):
            ndferry.from_dlpack(arrow.array([1, None]))


def test_torch_reads_a_buffer_as_what_it_is_told():
    torch = pytest.importorskip("torch")
    t = tensor()
    flat = torch.frombuffer(t.memoryview(), dtype=torch.float32)
    assert flat.data_ptr() == t.data_ptr and flat.tolist() == [0, 1, 2, 3, 4, 5]
    with pytest.raises(RuntimeError, match="contiguous"):
        torch.frombuffer(t.T.memoryview(), dtype=torch.float32)
    with pytest.raises(TypeError, match="expected np.ndarray"):
        torch.from_numpy(t)


def test_the_standard_library():
    t = tensor()
    view = t.memoryview()
    assert view.tolist() == t.tolist() and struct.unpack("6f", view) == (0, 1, 2, 3, 4, 5)
    file = io.BytesIO()
    file.write(view)
    assert file.getvalue() == t.tobytes() and bytes(t) == t.tobytes()
    struct.pack_into("f", view.cast("B"), 4, 9.0)
    assert t.tolist()[0][1] == 9
    numbers = array.array("f", [1, 2, 3])
    taken = ndferry.asarray(numbers)
    taken[0] = 5
    assert numbers[0] == 5
    with pytest.raises(BufferError):
        numbers.append(1)
    del taken
    numbers.append(1)
    c_numbers = (ctypes.c_int16 * 3)(1, 2, 3)
    assert ndferry.asarray(c_numbers).data_ptr == ctypes.addressof(c_numbers)
    with mmap.mmap(-1, 4096) as pages:
        taken = ndferry.asarray(pages)
        with pytest.raises(BufferError):
            pages.close()
        del taken
    assert ndferry.asarray(b"abc").read_only and not ndferry.asarray(bytearray(b"abc")).read_only
