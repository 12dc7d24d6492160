"""NumPy's array interface, both ways, and the buffer protocol inwards."""

from __future__ import annotations

import array
import ctypes
import gc
import weakref

import ml_dtypes
import ndferry
import numpy as np
import pytest
from samples import ML_NAMES, NUMPY_2, NUMPY_NAMES, numpy_dtype, random_layout

POINT = [("x", "<f4"), ("id", "<i8"), ("name", "S4")]


class Shows:
    """An object that has the one attribute."""

    def __init__(self, name, value, keep=None):
        setattr(self, name, value)
        self.keep = keep


def only_struct(tensor):
    return Shows("__array_struct__", tensor.__array_struct__)


def only_interface(tensor):
    return Shows("__array_interface__", tensor.__array_interface__, tensor)


def arrays(rng):
    for name in (*NUMPY_NAMES, ">i2", ">f4", ">c16", "S3", "U2", ">U2", "V4", "M8[ns]", "m8[25s]", ">M8[s]"):
        base = rng.integers(0, 256, 6 * 4 * np.dtype(name).itemsize, dtype="u1")
        if np.dtype(name).kind == "U":
            base = np.array(list("abcdefgh" * 6), f"{name[0] if name[0] == '>' else ''}U1").repeat(1)[:48]
        array_ = base.view(name).reshape(6, 4) if name != "bool" else (base[:24] > 99).reshape(6, 4)
        yield from (array_, array_.T, array_[::-2, 1:], array_[2:2], array_[0, 0, ...])
    points = np.zeros((3, 2), POINT)
    points["x"], points["id"] = rng.random((3, 2)), rng.integers(0, 9, (3, 2))
    yield from (points, points[::-1], points[1, 1, ...], points["id"])


def check_same(got, wanted, address=True):
    assert got.dtype == wanted.dtype and got.shape == wanted.shape
    assert got.tobytes() == wanted.tobytes()
    assert got.flags.writeable == wanted.flags.writeable
    if wanted.size and address:
        assert got.ctypes.data == wanted.ctypes.data


@pytest.mark.parametrize("layout", ["b,i", [("x", "i1"), ("s", np.dtype("b,d", align=True))]], ids=str)
def test_gaps_between_fields_stay_gaps_in_every_protocol(layout):
    array = np.zeros(3, np.dtype(layout, align=True))
    array[array.dtype.names[1]] = np.arange(3)
    tensor = ndferry.asarray(array)
    for made in (tensor.numpy(), np.asarray(tensor), np.asarray(tensor.memoryview()), np.asarray(AsStruct(tensor))):
        assert made.dtype == array.dtype and made.ctypes.data == array.ctypes.data
        assert made.tolist() == array.tolist()


class AsStruct:
    """Shows nothing but `__array_struct__`."""

    def __init__(self, tensor):
        self.__array_struct__ = tensor.__array_struct__


def test_every_array_comes_and_goes_unchanged(rng):
    for wanted in arrays(rng):
        for read_only in (False, True):
            wanted = wanted.view()
            wanted.flags.writeable = not read_only
            tensor = ndferry.asarray(wanted)
            assert tensor.dtype == wanted.dtype and tensor.read_only == read_only
            check_same(tensor.numpy(), wanted)
            check_same(np.asarray(tensor), wanted)
            check_same(np.asarray(only_interface(tensor)), wanted)
            if tensor.dtype.kind not in "UMm":
                check_same(np.asarray(only_struct(tensor)), wanted)
            check_same(ndferry.asarray(only_interface(tensor)).numpy(), wanted)
            if not tensor.dtype.is_structured and tensor.dtype.kind not in "Mm":
                check_same(ndferry.asarray(Shows("__array_struct__", wanted.__array_struct__)).numpy(), wanted)


def test_random_layouts_come_and_go_unchanged(rng):
    for _ in range(300):
        wanted = random_layout(rng, rng.choice(NUMPY_NAMES))
        tensor = ndferry.asarray(Shows("__array_interface__", wanted.__array_interface__, wanted))
        check_same(tensor.numpy(), wanted)
        check_same(ndferry.asarray(Shows("__array_struct__", wanted.__array_struct__)).numpy(), wanted)


def test_the_dictionary_is_numpys_own(rng):
    for wanted in arrays(rng):
        got = ndferry.asarray(wanted).__array_interface__
        theirs = wanted.__array_interface__
        for key in ("shape", "typestr", "descr", "version"):
            assert got[key] == theirs[key]
        if wanted.size:
            assert got["data"] == theirs["data"] and got["strides"] == theirs["strides"]


@pytest.mark.parametrize("name", ML_NAMES)
def test_types_of_ml_dtypes_come_and_go_unchanged(name):
    wanted = np.arange(6).astype("f4").astype(numpy_dtype(name)).reshape(2, 3)[:, ::-1]
    tensor = ndferry.asarray(wanted)
    assert tensor.dtype == wanted.dtype
    check_same(tensor.numpy(), wanted)
    check_same(np.asarray(tensor), wanted)
    np.testing.assert_array_equal(np.asarray(tensor, dtype="f4"), wanted.astype("f4"))


def test_what_numpy_cannot_say_is_not_shown():
    tensor = ndferry.zeros(4, "bfloat16")
    assert not hasattr(tensor, "__array_struct__") and not hasattr(tensor, "__array_interface__")
    packed = ndferry.zeros(4, "int4")
    for call in (packed.numpy, lambda: np.asarray(packed)):
        with pytest.raises(TypeError, match="int4"):
            call()
    elsewhere = ndferry.wrap(4096, 4, "float32", device="cuda:0")
    assert not hasattr(elsewhere, "__array_struct__") and not hasattr(elsewhere, "__array_interface__")
    with pytest.raises(TypeError, match="cuda:0"):
        np.asarray(elsewhere)


def test_the_memory_lives_as_long_as_what_numpy_made_of_it():
    made = [np.asarray(ndferry.full(1000, 7)), np.asarray(only_struct(ndferry.full(1000, 7)))]
    made.append(ndferry.full(1000, 7).numpy())
    gc.collect()
    assert ndferry.statistics().live_bytes == 24_000
    assert all((one == 7).all() for one in made)


def test_the_exporter_lives_as_long_as_the_tensor():
    for attribute in ("__array_interface__", "__array_struct__"):
        source = np.arange(10)
        exporter = Shows(attribute, getattr(source, attribute), source)
        ghost = weakref.ref(exporter)
        tensor = ndferry.asarray(exporter)[::2]
        del exporter, source
        gc.collect()
        assert ghost() is not None and tensor.tolist() == [0, 2, 4, 6, 8]
        del tensor
        assert ghost() is None


def test_numpy_would_misread_a_struct_of_text():
    """NumPy's reader takes the struct's bytes for characters, which are four times as many, and reads too far."""
    tensor = ndferry.asarray(np.array(["ab", "cd"]))
    assert not hasattr(tensor, "__array_struct__") and not hasattr(tensor.view("M8[ns]"), "__array_struct__")
    assert np.asarray(tensor).tolist() == tensor.numpy().tolist() == ["ab", "cd"]


def test_array_method_follows_numpy_2():
    tensor = ndferry.zeros(3, "float32")
    assert tensor.__array__().ctypes.data == tensor.__array__(copy=False).ctypes.data == tensor.data_ptr
    assert tensor.__array__("float32").ctypes.data == tensor.data_ptr
    assert tensor.__array__(copy=True).ctypes.data != tensor.data_ptr
    assert tensor.__array__("float64").dtype == "float64"
    with pytest.raises(ValueError, match="copy"):
        tensor.__array__("float64", copy=False)
    assert np.array(tensor).ctypes.data != tensor.data_ptr
    if NUMPY_2:
        with pytest.raises(ValueError):
            np.asarray(ndferry.zeros(3, "bfloat16"), dtype="float64", copy=False)


def test_the_wrapper_of_numpys_documentation():
    """NumPy's "Interoperability" page: an object that shows another array's memory under another shape."""

    class Wrapper:
        pass

    arr = ndferry.asarray([1, 2, 3, 4])
    buf = arr.__array_interface__
    assert buf["strides"] is None and buf["descr"] == [("", "<i8")] and buf["shape"] == (4,) and buf["version"] == 3
    buf["shape"] = (2, 2)
    w = Wrapper()
    w.__array_interface__ = buf
    new_arr = np.array(w, copy=False)
    assert new_arr.tolist() == [[1, 2], [3, 4]]
    new_arr[0, 0] = 1000
    assert arr.tolist() == [1000, 2, 3, 4]
    assert ndferry.asarray(w).tolist() == [[1000, 2], [3, 4]]


@pytest.mark.skipif(not NUMPY_2, reason="NumPy 1 cannot read what is read-only")
def test_the_dlpack_examples_of_numpys_documentation():
    x_ours = ndferry.asarray(list(range(5)))
    x_np = np.from_dlpack(x_ours)
    assert x_np.tolist() == [0, 1, 2, 3, 4]
    x_ours[1] = 100
    assert x_np.tolist() == [0, 100, 2, 3, 4]
    read_only = np.from_dlpack(x_ours.as_read_only())
    with pytest.raises(ValueError, match="read-only"):
        read_only[1] = 1
    copy = read_only.copy()
    copy.sort()
    assert ndferry.from_dlpack(np.arange(5)).tolist() == [0, 1, 2, 3, 4]
    x_np = np.arange(5)
    x_np.flags.writeable = False
    assert ndferry.from_dlpack(x_np).read_only


class Liar:
    def __init__(self, **changes):
        self.memory = bytearray(range(24))
        interface = {"shape": (2, 3), "typestr": "<i4", "data": self.memory, "version": 3}
        self.__array_interface__ = {k: v for k, v in (interface | changes).items() if v is not ...}


def test_buffers_in_a_dictionary_are_read_where_they_lie():
    honest = Liar()
    tensor = ndferry.asarray(honest)
    np.testing.assert_array_equal(tensor.numpy(), np.asarray(honest))
    assert not tensor.read_only and ndferry.asarray(Liar(data=bytes(24))).read_only
    honest.memory[0] = 99
    assert tensor.tobytes()[0] == 99
    with pytest.raises(BufferError):
        honest.memory.clear()  # it is exported
    assert ndferry.asarray(Liar(shape=(2,), offset=16)).tobytes() == bytes(range(16, 24))
    backwards = ndferry.asarray(Liar(shape=(6,), strides=(-4,), offset=20))
    assert backwards.tolist() == ndferry.asarray(Liar(shape=(6,))).tolist()[::-1]
    assert ndferry.asarray(Liar(shape=(0, 5), data=b"")).shape == (0, 5)
    assert ndferry.asarray(Liar(version=..., shape=[2, 3])).shape == (2, 3)
    assert ndferry.asarray(Liar(typestr=b"<i4")).dtype == "int32"


@pytest.mark.parametrize(
    "changes",
    [
        {"shape": (2, 4)}, {"shape": (7,)}, {"offset": 1}, {"offset": -4}, {"offset": 2**62}, {"shape": (2**62, 8)},
        {"shape": (2**70,)}, {"shape": (-1, 3)}, {"shape": "23"}, {"shape": 6}, {"shape": (2.0, 3)}, {"shape": ...},
        {"shape": (1,) * 65}, {"strides": (4,)}, {"strides": (-12, 4)}, {"strides": (2**62, 4)}, {"strides": (15, 4)},
        {"strides": "ab"}, {"strides": (2**70, 4)}, {"typestr": ...}, {"typestr": 4}, {"typestr": "O"},
        {"typestr": "<q4"}, {"typestr": "|O8"}, {"typestr": "<f16"}, {"mask": [True]}, {"version": 2},
        {"version": "3"}, {"data": 7}, {"data": "text"}, {"data": (1,)}, {"data": ("x", False)}, {"data": (-1, False)},
        {"data": (2**64, False)}, {"data": (0, False)}, {"data": (1.5, False)}, {"data": (2**64 - 8, False)},
        {"data": memoryview(bytes(48))[::2]}, {"typestr": "|V4", "descr": [("x", "<f8")]},
        {"typestr": "|V4", "descr": [("x", "nonsense")]}, {"typestr": "|V4", "descr": "ab"},
        {"data": None}, {"data": ...}, {"offset": "1"},
    ],
    ids=repr,
)  # fmt: skip
def test_hostile_dictionaries_are_refused(changes):
    with pytest.raises((ValueError, TypeError, BufferError, OverflowError, ndferry.NdferryError)):
        ndferry.asarray(Liar(**changes))


def test_a_dictionary_that_is_none_is_refused():
    for interface in ((), 7, [("shape", (1,))]):
        with pytest.raises(ValueError, match="must be a dict"):
            ndferry.asarray(Shows("__array_interface__", interface))
    for capsule in (7, ndferry.zeros(3).__dlpack__()):
        with pytest.raises(ValueError, match="capsule"):
            ndferry.asarray(Shows("__array_struct__", capsule))


def test_buffers_are_read_where_they_lie():
    numbers = array.array("d", [1, 2, 3])
    tensor = ndferry.asarray(numbers)
    assert tensor.dtype == "float64" and tensor.tolist() == [1, 2, 3] and not tensor.read_only
    tensor[0] = 9
    assert numbers[0] == 9
    with pytest.raises(BufferError):
        numbers.append(4)
    del tensor
    numbers.append(4)
    assert ndferry.asarray(b"abc").tolist() == [97, 98, 99] and ndferry.asarray(b"abc").read_only
    grid = ((ctypes.c_int16 * 3) * 2)((1, 2, 3), (4, 5, 6))
    assert ndferry.asarray(grid).tolist() == [[1, 2, 3], [4, 5, 6]]
    assert ndferry.asarray(memoryview(bytes(range(10)))[::-3]).tolist() == [9, 6, 3, 0]
    assert ndferry.asarray(ctypes.c_double(7)).shape == ()
    with pytest.raises(ndferry.NdferryError):
        ndferry.asarray((ctypes.py_object * 2)())


def test_formats_without_a_type_are_refused():
    class Structure(ctypes.Structure):
        _fields_ = [("x", ctypes.c_void_p)]

    with pytest.raises(ndferry.NdferryError):
        ndferry.asarray((Structure * 2)())


def test_classes_are_no_arrays():
    with pytest.raises(TypeError):
        ndferry.asarray(ndferry.Tensor)
    with pytest.raises(TypeError):
        ndferry.asarray(np.ndarray)


def test_bfloat16_keeps_its_name_through_numpy():
    source = np.arange(4).astype(ml_dtypes.bfloat16)
    assert ndferry.asarray(source).dtype is ndferry.bfloat16


@pytest.mark.parametrize("shape", [(3,), (2, 4), (0, 3), ()])
def test_fields_of_packed_structs_are_copied_and_never_shared(shape):
    records = np.zeros(shape, [("id", ">i4"), ("v", ">f8"), ("s", "S3")])
    records["v"], records["id"] = np.arange(records.size).reshape(shape) - 0.5, 7
    for copy in (None, True):
        for field in ("v", "id"):
            tensor = ndferry.asarray(records[field], copy=copy)
            assert tensor.dtype == records[field].dtype and tensor.tobytes() == records[field].tobytes()
            if copy:
                assert not tensor.read_only and not np.shares_memory(tensor.numpy(), records)
    backwards = ndferry.asarray(records["v"][..., ::-1]) if shape else ndferry.asarray(records["v"])
    assert backwards.tobytes() == (records["v"][..., ::-1] if shape else records["v"]).tobytes()
    if records.size > 1:
        with pytest.raises(BufferError, match="`copy` forbids"):
            ndferry.asarray(records["v"], copy=False)
        assert ndferry.asarray(memoryview(records["v"])).tolist() == records["v"].tolist()


def test_numpy_scalars_keep_their_memory():
    scalars = [np.float64(i) for i in range(500)]
    tensors = [ndferry.asarray(one) for one in scalars]
    others = [np.array(-1.0) for _ in range(2000)]  # takes the memory that the scalars' arrays had, were it free
    assert [one.item() for one in tensors] == scalars and len(others) == 2000
    assert ndferry.asarray(ml_dtypes.bfloat16(1.5)).dtype == "bfloat16"
