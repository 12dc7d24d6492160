"""What `asarray` takes: objects of every protocol and several, and objects that break them."""

from __future__ import annotations

import array
import gc
import sys
import warnings
import weakref

import ndferry
import numpy as np
import pytest

pytestmark = pytest.mark.filterwarnings("ignore")


class Array:
    """Has `__array__`, as NumPy 2 wants it."""

    def __init__(self, memory):
        self.memory = memory

    def __array__(self, dtype=None, copy=None):
        return self.memory


class Old(Array):
    """As NumPy 1 wanted it."""

    def __array__(self):
        return self.memory


class Copies(Array):
    """Copies, whatever it is told."""

    def __array__(self, dtype=None, copy=None):
        return np.array(self.memory)


class Refuses(Array):
    def __array__(self, dtype=None, copy=None):
        raise self.memory


def test_array_is_asked_for_its_memory():
    memory = np.arange(6, dtype="i4").reshape(2, 3)
    for source in (memory, memory.T, memory[:, ::-1]):
        for class_ in (Array, Old):
            tensor = ndferry.asarray(class_(source))
            assert tensor.data_ptr == source.ctypes.data and tensor.tolist() == source.tolist()
        assert ndferry.asarray(Array(source), copy=False).data_ptr == source.ctypes.data
        copied = ndferry.asarray(Array(source), copy=True)
        assert copied.data_ptr != source.ctypes.data and copied.tolist() == source.tolist()
        assert ndferry.asarray(Array(source), "float32").dtype == "float32"
    memory.flags.writeable = False
    assert ndferry.asarray(Array(memory)).read_only
    assert ndferry.asarray(Array(np.zeros(2, [("x", "f4")]))).dtype.is_structured
    assert ndferry.asarray(Array(np.array(["2020"], "M8[D]"))).dtype == "M8[D]"


def test_a_copy_is_refused_where_it_is_forbidden_and_cannot_be_excluded():
    memory = np.arange(3.0)
    with pytest.raises(BufferError, match="Copies copies although `copy` forbids"):
        ndferry.asarray(Copies(memory), copy=False)
    with pytest.raises(BufferError, match="unexpected keyword"):
        ndferry.asarray(Old(memory), copy=False)
    with pytest.raises(BufferError, match="may make: no"):
        ndferry.asarray(Refuses(ValueError("no")), copy=False)
    with pytest.raises(ValueError, match="copy"):
        ndferry.asarray(Array(memory), "float32", copy=False)
    assert ndferry.asarray(Copies(memory[:0]), copy=False).shape == (0,)


def test_what_gives_no_array_is_a_buffer_error_that_names_it():
    for given in (None, 7, [1, 2], "text", memoryview(b"abc"), Array(np.zeros(3))):
        with pytest.raises(BufferError, match=f"Array gave {type(given).__name__}, which is no NumPy array"):
            ndferry.asarray(Array(given))
    itself = Array(None)
    itself.memory = itself
    with pytest.raises(BufferError, match="gave Array"):
        ndferry.asarray(itself)


def test_what_raises_is_a_buffer_error_with_its_words():
    for error in (RuntimeError("dense"), TypeError("implicit"), KeyError("k"), ZeroDivisionError("z")):
        with pytest.raises(BufferError, match=f"Refuses raised {type(error).__name__}.*{error.args[0]}"):
            ndferry.asarray(Refuses(error))
    for error in (MemoryError("no room"), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            ndferry.asarray(Refuses(error))


def test_an_array_that_asks_for_itself_ends():
    class Circle:
        def __array__(self, dtype=None, copy=None):
            return ndferry.asarray(self).numpy()

    def from_depth(levels):
        return from_depth(levels - 1) if levels else ndferry.asarray(Circle())

    for levels in range(20):  # at each depth the limit is met elsewhere
        with pytest.raises(RecursionError):
            from_depth(levels)


def test_objects_are_no_elements():
    for given in (np.array([{}, 1]), np.array(["a", None], object), np.array([[1], [2, 3]], object)):
        for obj in (given, Array(given)):
            with pytest.raises((BufferError, ndferry.NdferryError), match="Python objects"):
                ndferry.asarray(obj)


def test_nested_lists_that_hold_themselves_or_are_too_deep_are_refused():
    circle = []
    circle.append(circle)
    deep = 0
    for _ in range(65):
        deep = [deep]
    for lists in (circle, deep):
        with pytest.raises(ValueError, match="64"):
            ndferry.asarray(lists)
    assert ndferry.asarray(deep[0]).ndim == 64


def test_array_is_the_last_to_be_asked():
    class Both:
        """Both protocols, on different memory."""

        def __init__(self, name, value):
            setattr(self, name, value)

        def __array__(self, dtype=None, copy=None):
            raise AssertionError("asked too early")

    memory = np.arange(3.0)
    for name in ("__array_interface__", "__array_struct__"):
        assert ndferry.asarray(Both(name, getattr(memory, name))).data_ptr == memory.ctypes.data
    for name in ("__dlpack__", "__dlpack_device__"):
        Both.__dlpack__ = lambda self, **keywords: memory.__dlpack__(**keywords)
        Both.__dlpack_device__ = lambda self: (1, 0)
    assert ndferry.asarray(Both("x", 0)).data_ptr == memory.ctypes.data


class Several:
    """Refuses through DLPack, and has what the test gives it."""

    error = BufferError

    def __init__(self, **attributes):
        self.__dict__.update(attributes)

    def __dlpack__(self, **keywords):
        raise self.error("dlpack says no")  # made anew: an exception holds the frames through which it went

    def __dlpack_device__(self):
        return 1, 0


@pytest.mark.parametrize("error", [BufferError, TypeError, ValueError, RuntimeError])
def test_what_one_protocol_refuses_the_next_is_asked(error):
    memory = np.arange(3.0)
    several = Several(error=error, __array_interface__=memory.__array_interface__)
    assert ndferry.asarray(several).data_ptr == memory.ctypes.data
    several = Several(error=error, __array__=lambda: memory)
    assert ndferry.asarray(several).data_ptr == memory.ctypes.data
    with pytest.raises(BufferError, match="no"):
        ndferry.asarray(Several(error=error))


def test_when_all_refuse_each_is_heard():
    several = Several(__array__=lambda: 1 / 0)
    with pytest.raises(BufferError) as caught:
        ndferry.asarray(several)
    assert str(caught.value) == "dlpack says no; `__array__` of Several raised ZeroDivisionError: division by zero"


def test_a_refusal_holds_nobody():
    several = Several(__array__=lambda: 1 / 0)
    keep = weakref.ref(several)
    gc.disable()
    try:
        with pytest.raises(BufferError):
            ndferry.asarray(several)
        del several
        structured = np.zeros(3, [("x", "f4")])  # refused by DLPack, taken by the next
        holder = weakref.ref(structured)
        ndferry.asarray(structured)
        del structured
        assert holder() is None
    finally:
        gc.enable()
    gc.collect()
    assert keep() is None


class OnlyStruct:
    def __init__(self, array_):
        self.__array_struct__ = array_.__array_struct__


def test_structs_whose_strides_are_no_whole_elements_are_copied():
    records = np.zeros(5, "i1,f8,S3,>u2")
    records["f1"], records["f2"], records["f3"] = np.arange(5), [b"a", b"b", b"c", b"d", b"e"], range(300, 305)
    for field in ("f1", "f2", "f3"):
        for view in (records[field], records[field][::-1], records[field][1:4:2]):
            for copy in (None, True):
                tensor = ndferry.asarray(OnlyStruct(view), copy=copy)
                assert tensor.dtype == view.dtype and tensor.tobytes() == view.tobytes()
            if view.strides[0] % view.itemsize:
                with pytest.raises(BufferError, match="`copy` forbids"):
                    ndferry.asarray(OnlyStruct(view), copy=False)
            else:
                assert ndferry.asarray(OnlyStruct(view), copy=False).data_ptr == view.ctypes.data
    dense = np.arange(4.0)
    assert ndferry.asarray(OnlyStruct(dense), copy=False).data_ptr == dense.ctypes.data


def bytes_made(function):
    """How many bytes of tensors were alive at once while a function ran, beyond those before."""
    seen = []
    before = ndferry.statistics().live_bytes
    sys.setprofile(lambda *_: seen.append(ndferry.statistics().live_bytes))  # at every call and return
    try:
        made = function()
    finally:
        sys.setprofile(None)
    return made, max(seen) - before


def test_a_packed_field_is_copied_once():
    records = np.zeros(10_000, "i1,f8")
    records["f1"] = np.arange(10_000)
    for source in (records["f1"], memoryview(records["f1"]), OnlyStruct(records["f1"])):
        made, most = bytes_made(lambda: ndferry.asarray(source, copy=True))
        assert made.tobytes() == records["f1"].tobytes() and not made.read_only
        # The field as it lies, borrowed, and one copy: two would be 160 000.
        assert 80_000 <= most < 80_000 + 90_000 + 1000, most
        addresses = {made.data_ptr, records.ctypes.data + 1}
        assert len(addresses) == 2


def test_lists_are_copied_once_and_may_be_asked_to():
    assert ndferry.asarray([1, 2, 3], copy=True).tolist() == [1, 2, 3]
    assert ndferry.asarray([1, 2, 3], "int8", copy=True).dtype == "int8"
    with pytest.raises(ValueError, match="list"):
        ndferry.asarray([1, 2, 3], copy=False)


def test_lists_of_arrays_of_every_protocol_are_stacked():
    stacked = ndferry.asarray([Array(np.array([1, 2])), array.array("q", [3, 4]), ndferry.asarray([5, 6])])
    assert stacked.tolist() == [[1, 2], [3, 4], [5, 6]]


def test_exporters_of_memory_live_as_long_as_the_tensor():
    memory = np.arange(100.0)
    keep = weakref.ref(memory)
    tensor = ndferry.asarray(Array(memory))
    del memory
    gc.collect()
    assert keep() is not None and tensor[99].item() == 99
    del tensor
    gc.collect()
    assert keep() is None


def test_pandas():
    pandas = pytest.importorskip("pandas")
    numbers = np.arange(4.0)
    series = pandas.Series(numbers, copy=False)
    tensor = ndferry.asarray(series, copy=False)
    assert tensor.data_ptr == series.to_numpy().ctypes.data
    assert tensor.read_only != series.to_numpy().flags.writeable  # pandas 3 lends its memory for reading only
    assert ndferry.asarray(pandas.Index([1, 2, 3])).tolist() == [1, 2, 3]
    frame = pandas.DataFrame({"a": [1.0, 2], "b": [3.0, 4]})
    assert ndferry.asarray(frame).tolist() == [[1, 3], [2, 4]]
    assert ndferry.asarray(frame["a"], "float32").dtype == "float32"
    assert ndferry.asarray(pandas.Series(pandas.date_range("2020", periods=2))).dtype.kind == "M"
    assert ndferry.asarray(pandas.array([1, 2], "Int64"))[1].item() == 2
    for objects in (pandas.Series(["a", "b"]), pandas.DataFrame({"a": [1], "b": ["x"]}), pandas.Categorical(["a"])):
        with pytest.raises((BufferError, ndferry.NdferryError), match="Python objects"):
            ndferry.asarray(objects)


def test_xarray(xarray):
    numbers = np.arange(6.0).reshape(2, 3)
    held = xarray.DataArray(numbers, dims=("x", "y"))
    assert ndferry.asarray(held, copy=False).data_ptr == numbers.ctypes.data
    assert ndferry.asarray(held.isel(y=1)).tolist() == [1, 4]
    tensor = ndferry.asarray(numbers)
    assert ndferry.asarray(xarray.DataArray(tensor, dims=("x", "y"))).data_ptr == numbers.ctypes.data


def test_dask_computes_and_so_copies():
    dask = pytest.importorskip("dask.array")
    numbers = dask.arange(10, chunks=3)
    assert ndferry.asarray(numbers).tolist() == list(range(10))
    with pytest.raises(BufferError, match="forbid"):
        ndferry.asarray(numbers, copy=False)


def test_sparse_arrays_are_not_made_dense_in_silence():
    sparse = pytest.importorskip("sparse")
    with pytest.raises(BufferError, match="dense"):
        ndferry.asarray(sparse.COO.from_numpy(np.eye(3)))
    scipy = pytest.importorskip("scipy.sparse")
    with pytest.raises((TypeError, BufferError)):
        ndferry.asarray(scipy.csr_array(np.eye(3)))


def test_quantities_give_their_numbers_as_they_do_to_numpy():
    units = pytest.importorskip("astropy.units")
    lengths = np.arange(3.0) * units.m
    assert ndferry.asarray(lengths, copy=False).data_ptr == lengths.ctypes.data
    unyt = pytest.importorskip("unyt")
    lengths = unyt.unyt_array(np.arange(3.0), "m")
    assert ndferry.asarray(lengths).tolist() == [0, 1, 2]
    pint = pytest.importorskip("pint")
    assert ndferry.asarray(pint.UnitRegistry().Quantity(np.arange(3.0), "m")).tolist() == [0, 1, 2]


def test_pytorch_is_asked_by_dlpack_and_its_refusals_stand():
    torch = pytest.importorskip("torch")
    numbers = torch.arange(3.0)
    assert ndferry.asarray(numbers, copy=False).data_ptr == numbers.data_ptr()
    for refused in (numbers.clone().requires_grad_(), torch.ones(2, dtype=torch.complex64).conj(), numbers.to_sparse()):
        with pytest.raises(BufferError):
            ndferry.asarray(refused)
    negative = torch.ones(2, dtype=torch.complex64).conj().imag
    with pytest.raises(BufferError, match="negative"):
        ndferry.asarray(negative)


def test_jax():
    jax = pytest.importorskip("jax")
    numbers = jax.numpy.arange(3.0)
    assert ndferry.asarray(numbers).tolist() == [0, 1, 2]
    with pytest.raises(BufferError):
        jax.jit(lambda x: ndferry.asarray(x))(numbers)


def test_tensorflow():
    tensorflow = pytest.importorskip("tensorflow")
    assert ndferry.asarray(tensorflow.constant([1.0, 2])).tolist() == [1, 2]
    assert ndferry.asarray(tensorflow.Variable([1.0, 2])).tolist() == [1, 2]
    with pytest.raises((BufferError, ndferry.NdferryError)):
        ndferry.asarray(tensorflow.constant(["a", "b"]))


def test_images_keep_their_shape():
    pil = pytest.importorskip("PIL.Image")
    image = pil.fromarray(np.arange(24, dtype="u1").reshape(2, 4, 3))
    assert ndferry.asarray(image).shape == (2, 4, 3) and ndferry.asarray(image).tobytes() == image.tobytes()


def test_importing_and_using_it_does_not_import_numpy():
    import subprocess

    program = (
        "import sys, ndferry, array; ndferry.asarray([1, 2]); ndferry.asarray(array.array('d', [1]));"
        "ndferry.asarray(b'abc'); assert 'numpy' not in sys.modules, 'imported'"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_no_warning_is_left_to_the_user():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        memory = np.arange(3.0)
        for class_ in (Array, Old):
            assert ndferry.asarray(class_(memory)).tolist() == [0, 1, 2]


def test_bytes_made_for_whoever_asks_are_a_copy():
    class Image:
        """As Pillow's."""

        @property
        def __array_interface__(self):
            return {"version": 3, "shape": (2,), "typestr": "|u1", "data": bytes(bytearray(b"ab"))}

    class Kept:
        __array_interface__ = {"version": 3, "shape": (2,), "typestr": "|u1", "data": b"ab"}

    assert ndferry.asarray(Image()).tolist() == ndferry.asarray(Kept(), copy=False).tolist() == [97, 98]
    with pytest.raises(ValueError, match="`__array_interface__` of Image copies although `copy` forbids it"):
        ndferry.asarray(Image(), copy=False)


def test_what_the_dictionary_is_refused_for_is_not_taken_without_its_fields():
    """NumPy's `__array_struct__` of structured types has none, and long double is no type of ndferry's."""
    with pytest.raises(BufferError, match="long double|cannot be carried"):
        ndferry.asarray(np.zeros(3, [("a", "i1"), ("g", np.longdouble)]))
