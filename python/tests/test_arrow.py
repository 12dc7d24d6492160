"""Arrow, both ways, with PyArrow as the judge: every type, slices, nulls, lists, extension types, lifetimes."""

from __future__ import annotations

import ctypes
import gc
import weakref

import ndferry
import numpy as np
import pytest
from samples import ML_NAMES, numpy_dtype

pa = pytest.importorskip("pyarrow")

NUMBERS = "int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64".split()
SHARED = [*NUMBERS, "M8[s]", "M8[ms]", "M8[us]", "M8[ns]", "m8[s]", "m8[ms]", "m8[us]", "m8[ns]"]


class Only:
    """An Arrow array without its other protocols."""

    def __init__(self, array):
        self.array = array

    def __arrow_c_array__(self, requested_schema=None):
        return self.array.__arrow_c_array__(requested_schema)


def data_of(array):
    """The address of the first element of a PyArrow array."""
    width = array.type.bit_width // 8
    return array.buffers()[-1].address + array.offset * width


@pytest.mark.parametrize("name", SHARED)
def test_arrays_come_on_the_same_memory_whole_and_sliced(name):
    wanted = np.arange(20).astype(name)
    whole = pa.array(wanted)
    for array in (whole, whole[3:], whole[5:15], whole[20:], whole[7:8]):
        for shown in (array, Only(array)):
            tensor = ndferry.asarray(shown, copy=False)
            assert tensor.dtype == wanted.dtype and tensor.shape == (len(array),)
            assert tensor.tobytes() == array.to_numpy().tobytes()
            assert tensor.data_ptr == (data_of(array) if len(array) else 0)
        assert tensor.read_only


@pytest.mark.parametrize("name", SHARED)
def test_tensors_go_on_the_same_memory(name):
    wanted = np.arange(12).astype(name)
    tensor = ndferry.asarray(wanted)
    array = pa.array(tensor)
    array.validate(full=True)
    assert type(array) is type(pa.array(wanted)) and array.equals(pa.array(wanted))
    assert data_of(array) == wanted.ctypes.data and array.null_count == 0
    back = ndferry.asarray(array)
    assert (back.data_ptr, back.dtype, back.read_only) == (tensor.data_ptr, tensor.dtype, True)


@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 4), (2, 1, 3, 2), (0, 3), (3, 0), (0,), (5, 0, 2)])
def test_more_axes_are_a_fixed_shape_tensor(shape):
    wanted = np.arange(np.prod(shape, dtype=int), dtype="f4").reshape(shape)
    array = pa.array(ndferry.asarray(wanted))
    array.validate(full=True)
    if len(shape) > 1:
        assert array.type == pa.fixed_shape_tensor(pa.float32(), shape[1:])
        np.testing.assert_array_equal(array.to_numpy_ndarray(), wanted, strict=True)
        assert not wanted.size or array.to_numpy_ndarray().ctypes.data == wanted.ctypes.data
    back = ndferry.asarray(array, copy=False)
    assert back.shape == shape and back.tobytes() == wanted.tobytes()
    for part in (array[1:], array[1:2]):
        np.testing.assert_array_equal(ndferry.asarray(part).numpy(), wanted[1:][: len(part)], strict=True)


def test_pyarrows_own_tensors_come_in_the_order_of_their_permutation():
    wanted = np.arange(48, dtype="i4").reshape(2, 2, 3, 4)
    array = pa.FixedShapeTensorArray.from_numpy_ndarray(wanted)
    np.testing.assert_array_equal(ndferry.asarray(array).numpy(), wanted, strict=True)
    permuted = pa.fixed_shape_tensor(pa.int32(), (2, 3, 4), permutation=[2, 0, 1], dim_names=["a", "]}", "c"])
    array = pa.ExtensionArray.from_storage(permuted, array.storage)
    # The judge is the specification: axis i is axis permutation[i] of what lies in memory. PyArrow's own arrays and
    # DLPack structs of a permutation that is not its own inverse show some elements twice and others never.
    seen = wanted.transpose(0, 3, 1, 2)
    tensor = ndferry.asarray(array, copy=False)
    np.testing.assert_array_equal(tensor.numpy(), seen, strict=True)
    assert tensor.shape == (2, 4, 2, 3) and tensor.data_ptr == array.storage.flatten().buffers()[1].address
    np.testing.assert_array_equal(ndferry.asarray(array, copy=True).numpy(), seen, strict=True)
    swapped = pa.fixed_shape_tensor(pa.int32(), (2, 3, 4), permutation=[0, 2, 1])
    array = pa.ExtensionArray.from_storage(swapped, array.storage)
    np.testing.assert_array_equal(ndferry.asarray(array).numpy(), array.to_numpy_ndarray(), strict=True)


def test_fixed_size_lists_are_further_axes():
    flat = pa.array(range(24), pa.int16())
    pairs = pa.FixedSizeListArray.from_arrays(flat, 2)
    nested = pa.FixedSizeListArray.from_arrays(pairs, 3)
    wanted = np.arange(24, dtype="i2").reshape(4, 3, 2)
    np.testing.assert_array_equal(ndferry.asarray(nested, copy=False).numpy(), wanted, strict=True)
    np.testing.assert_array_equal(ndferry.asarray(nested[1:3]).numpy(), wanted[1:3], strict=True)
    assert ndferry.asarray(nested[1:3]).data_ptr == flat.buffers()[1].address + 12
    inner = pa.FixedSizeListArray.from_arrays(pairs[3:9], 3)  # a part that begins in the middle, too
    np.testing.assert_array_equal(ndferry.asarray(inner[1:]).numpy(), wanted.reshape(12, 2)[6:9][None], strict=True)
    assert ndferry.asarray(pa.array([[], []], pa.list_(pa.int8(), 0))).shape == (2, 0)


def test_booleans_go_as_bytes_and_come_as_bytes_or_are_unpacked():
    wanted = np.array([True, False, True, True, False] * 5)
    array = pa.array(ndferry.asarray(wanted))
    assert array.type == pa.bool8() and data_of(array.storage) == wanted.ctypes.data
    back = ndferry.asarray(array, copy=False)
    assert back.dtype == "bool" and back.data_ptr == wanted.ctypes.data
    bits = pa.array(wanted)
    for part in (bits, bits[3:], bits[9:17], bits[25:]):
        for copy in (None, True):
            tensor = ndferry.asarray(part, copy=copy)
            assert tensor.dtype == "bool" and not tensor.read_only
            np.testing.assert_array_equal(tensor.numpy(), part.to_numpy(zero_copy_only=False), strict=True)
        with pytest.raises(BufferError, match="one bit.*`copy` forbids"):
            ndferry.asarray(part, copy=False)
    grid = pa.FixedSizeListArray.from_arrays(bits, 5)[1:4]
    np.testing.assert_array_equal(ndferry.asarray(grid).numpy(), wanted.reshape(5, 5)[1:4], strict=True)
    both = np.array([[True, False], [False, False]])
    tensors = pa.array(ndferry.asarray(both))
    assert tensors.type.value_type == pa.bool8()
    np.testing.assert_array_equal(ndferry.asarray(tensors, copy=False).numpy(), both, strict=True)


def test_days_are_widened_and_instants_are_utc():
    days = pa.array([0, 18262, -1], pa.date32())
    tensor = ndferry.asarray(days[1:])
    np.testing.assert_array_equal(tensor.numpy(), np.array(["2020-01-01", "1969-12-31"], "M8[D]"), strict=True)
    with pytest.raises(BufferError, match="32 bits.*`copy` forbids"):
        ndferry.asarray(days, copy=False)
    milliseconds = pa.array([86400000], pa.date64())
    assert ndferry.asarray(milliseconds, copy=False).dtype == "M8[ms]"
    berlin = pa.array(np.array(["2020-01-01T00"], "M8[us]")).cast(pa.timestamp("us", "Europe/Berlin"))
    utc = ndferry.asarray(berlin, copy=False)
    assert utc.data_ptr == data_of(berlin) and utc.numpy()[0] == np.datetime64("2020-01-01T00", "us")


def test_bytes_of_one_length_are_void():
    array = pa.array([b"abc", b"def", b"ghi"], pa.binary(3))
    tensor = ndferry.asarray(array[1:], copy=False)
    assert tensor.dtype == "V3" and tensor.tobytes() == b"defghi"
    back = pa.array(tensor)
    assert back.type == pa.binary(3) and back.equals(array[1:])


def test_nulls_are_refused_with_their_number_and_those_outside_do_not_count():
    array = pa.array([1, None, 3, None, None, 6, 7, 8, 9, 10, None], pa.int32())
    for shown in (array, Only(array)):
        with pytest.raises(BufferError, match="4 of the 11 elements are null"):
            ndferry.asarray(shown)
    with pytest.raises(BufferError, match="1 of the 3 elements are null"):
        ndferry.asarray(array[:3])
    assert ndferry.asarray(array[5:10], copy=False).tolist() == [6, 7, 8, 9, 10]  # pyarrow has not counted here
    assert ndferry.asarray(array[2:3]).tolist() == [3]
    lists = pa.array([[1, 2], None, [3, 4], [5, None]], pa.list_(pa.int32(), 2))
    assert ndferry.asarray(lists[2:3]).tolist() == [[3, 4]] and ndferry.asarray(lists[:1]).tolist() == [[1, 2]]
    with pytest.raises(BufferError, match="1 of the 4 elements are null"):
        ndferry.asarray(lists)
    with pytest.raises(BufferError, match="1 of the 2 elements are null"):
        ndferry.asarray(lists[3:])
    with pytest.raises(BufferError, match="2 of the 3 elements are null"):
        ndferry.asarray(pa.array([None, True, None]))


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (lambda: pa.array(["a", "b"]), "different lengths"),
        (lambda: pa.array([b"a", b"bc"]), "different lengths"),
        (lambda: pa.array(["a", "a"]).dictionary_encode(), "dictionary"),
        (lambda: pa.array([1, 1]).dictionary_encode(), "dictionary"),
        (lambda: pa.array([1], pa.decimal128(5, 1)), "decimal"),
        (lambda: pa.array([[1], [2, 3]]), "no fixed-size list"),
        (lambda: pa.array([1], pa.time32("s")), "time of day"),
        (lambda: pa.nulls(3), "nothing but nulls"),
        (lambda: pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int8())), "nested"),
        (lambda: pa.array([["a"]], pa.list_(pa.string(), 1)), "different lengths"),
        (lambda: pa.array([{"x": 1}]), "struct"),
        (lambda: pa.array([(1, 2, 3)], pa.month_day_nano_interval()), "interval"),
    ],
)  # fmt: skip
def test_types_that_no_tensor_has_are_refused_by_name(array, words):
    for copy in (None, False, True):
        with pytest.raises(BufferError, match=words):
            ndferry.asarray(Only(array()), copy=copy)


def test_types_that_arrow_has_not_are_refused():
    refused = [numpy_dtype(name) for name in ML_NAMES] + ["c8", "M8[D]", "m8[25s]", "S3", "U2", [("x", "f4")]]
    for dtype in refused:
        with pytest.raises(BufferError, match="Arrow has no type"):
            ndferry.zeros(3, np.dtype(dtype)).__arrow_c_array__()
    with pytest.raises(BufferError, match="one axis"):
        ndferry.zeros(()).__arrow_c_array__()
    with pytest.raises(BufferError, match="cuda"):
        ndferry.wrap(4096, (3,), "int8", device="cuda").__arrow_c_array__()


def test_what_does_not_lie_in_c_order_is_copied_on_the_way_out():
    wanted = np.arange(24, dtype="i4").reshape(4, 6)
    for view in (wanted.T, wanted[::-1, ::2], wanted[:, 1], wanted.astype(">i4"), np.broadcast_to(wanted[0], (3, 6))):
        array = pa.array(ndferry.asarray(view))
        array.validate(full=True)
        assert ndferry.asarray(array).tolist() == view.tolist()


def test_the_schema_alone_says_the_type():
    for tensor in (ndferry.zeros((2, 3), "int8"), ndferry.zeros(3, "bool"), ndferry.zeros(3, "M8[ns]")):
        field = pa.field(tensor)
        assert field.type == pa.array(tensor).type and field.nullable
    with pytest.raises(BufferError, match="complex64"):
        ndferry.zeros(3, "complex64").__arrow_c_schema__()


def test_memory_lives_as_long_as_its_last_user_on_either_side():
    source = np.arange(1000.0)
    keep = weakref.ref(source)
    tensor = ndferry.asarray(source)
    array = pa.array(tensor)
    part = array[10:20]
    del source, tensor, array
    gc.collect()
    assert keep() is not None and part.to_pylist() == list(range(10, 20))
    back = ndferry.asarray(part)
    del part
    gc.collect()
    assert keep() is not None and back[0].item() == 10
    del back
    gc.collect()
    assert keep() is None


def test_pyarrows_memory_is_given_back_once():
    before = pa.total_allocated_bytes()
    tensors = [ndferry.asarray(Only(pa.array(range(1000)))) for _ in range(50)]
    assert pa.total_allocated_bytes() >= before + 50 * 8000
    assert all(tensor[999].item() == 999 for tensor in tensors)
    del tensors
    gc.collect()
    assert pa.total_allocated_bytes() == before


def test_unused_capsules_give_back_what_they_hold():
    tensor = ndferry.zeros((3, 4))
    for _ in range(100):
        tensor.__arrow_c_array__()
        tensor.__arrow_c_schema__()
        schema, array = tensor.__arrow_c_array__()
        del schema
    del array


def test_columns_of_batches_and_batches():
    batch = pa.record_batch({"x": ndferry.zeros((2, 3), "float32"), "y": ndferry.asarray(np.arange(2))})
    assert batch.schema.field("x").type == pa.fixed_shape_tensor(pa.float32(), (3,))
    assert ndferry.asarray(batch["y"], copy=False).tolist() == [0, 1] and ndferry.asarray(batch["x"]).shape == (2, 3)
    numbers = pa.record_batch({"a": [1, 2, 3], "b": [4, 5, 6]})
    assert ndferry.asarray(numbers).tolist() == [[1, 4], [2, 5], [3, 6]]
    with pytest.raises(BufferError, match="copy"):
        ndferry.asarray(numbers, copy=False)
    assert ndferry.asarray(pa.chunked_array([[1], [2]])).tolist() == [1, 2]


def test_tensors_of_pyarrow_come_through_dlpack_or_their_buffer():
    wanted = np.arange(6.0).reshape(2, 3)
    for array in (wanted, wanted.T):
        tensor = ndferry.asarray(pa.Tensor.from_numpy(array), copy=False)
        assert tensor.data_ptr == array.ctypes.data and tensor.tolist() == array.tolist()


_get = ctypes.PyDLL(None)["PyCapsule_GetPointer"]
_get.restype, _get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]


def test_a_capsule_whose_array_was_taken_is_refused():
    shown = pa.array([1, 2, 3])
    capsules = shown.__arrow_c_array__()
    once = Shown(capsules)
    assert ndferry.asarray(once).tolist() == [1, 2, 3]
    with pytest.raises(BufferError, match="released or moved"):
        ndferry.asarray(once)
    released = ctypes.c_void_p.from_address(_get(capsules[1], b"arrow_array") + 64)
    assert released.value is None


@pytest.mark.parametrize("name", ["M8[s]", "M8[ns]", "m8[us]"])
def test_nat_is_null(name):
    for count in (1, 7, 8, 9, 300):
        times = np.arange(count).astype(name)
        times[::3] = "NaT"
        array = pa.array(ndferry.asarray(times))
        array.validate(full=True)
        assert array.equals(pa.array(times)) and array.null_count == len(range(0, count, 3))
        assert data_of(array) == times.ctypes.data
        with pytest.raises(BufferError, match="null"):
            ndferry.asarray(array)
    grid = np.array([[1, 2], [3, 4], [5, 6]], name)
    grid[1, 0] = "NaT"
    assert pa.array(ndferry.asarray(grid)).storage.flatten().to_pylist()[2] is None
    assert pa.array(ndferry.asarray(grid.astype("i8"))).storage.flatten().null_count == 0


@pytest.mark.parametrize("which", [0, 1])
def test_nothing_is_read_in_a_struct_that_has_been_released(which):
    shown = Shown(pa.array([1, 2, 3]).__arrow_c_array__())
    name, release, pointer = ((b"arrow_schema", 56, 0), (b"arrow_array", 64, 40))[which]
    address = _get(shown.value[which], name)
    fields = [ctypes.c_size_t.from_address(address + offset) for offset in (release, pointer)]
    kept = [field.value for field in fields]
    fields[0].value, fields[1].value = 0, 0x1000  # as its producer may leave it: an address of what is gone
    with pytest.raises(BufferError, match="released or moved"):
        ndferry.asarray(shown)
    assert "released or moved" in str(ndferry.inspect(shown))
    fields[0].value, fields[1].value = kept
    assert ndferry.asarray(shown).tolist() == [1, 2, 3]


def test_inspect_reads_no_array_without_buffers():
    shown = Shown(pa.array([1, 2, 3]).__arrow_c_array__())
    buffers = ctypes.c_size_t.from_address(_get(shown.value[1], b"arrow_array") + 40)
    kept, buffers.value = buffers.value, 0
    assert "Shown" in str(ndferry.inspect(shown))
    buffers.value = kept


class Shown:
    """Gives what it was given."""

    def __init__(self, value):
        self.value = value

    def __arrow_c_array__(self, requested_schema=None):
        return self.value


def test_what_is_no_pair_of_capsules_is_refused():
    schema, array = pa.array([1]).__arrow_c_array__()
    dlpack = ndferry.zeros(3).__dlpack__(max_version=(1, 3))
    for value in (None, 7, (), (schema,), [schema, array], (array, schema), (schema, 7), (None, None), (schema, dlpack)):
        with pytest.raises(BufferError, match="__arrow_c_array__"):
            ndferry.asarray(Shown(value))


def test_a_method_that_raises_says_so():
    class Raises:
        def __arrow_c_array__(self):
            raise RuntimeError("not today")

    with pytest.raises(BufferError, match="Raises raised RuntimeError: not today"):
        ndferry.asarray(Raises())


def test_a_spoilt_array_is_refused_and_stays_the_producers():
    for offset, value, words in [
        (0, -1, "length"), (0, 2**62, "address space"), (8, -2, "null_count"), (8, 5, "5 of the 3"), (16, -1, "offset"),
        (16, 2**63 - 1, "overflow"), (24, 1, "2 buffers"), (24, 3, "2 buffers"), (32, 1, "children"), (40, 0, "`buffers` is NULL"),
    ]:  # fmt: skip
        before = pa.total_allocated_bytes()
        shown = Shown(pa.array([1, 2, 3]).__arrow_c_array__())
        field = ctypes.c_int64.from_address(_get(shown.value[1], b"arrow_array") + offset)
        kept, field.value = field.value, value
        with pytest.raises(BufferError, match=words):
            ndferry.asarray(shown)
        field.value = kept
        assert ndferry.asarray(shown).tolist() == [1, 2, 3]
        del shown, field
        assert pa.total_allocated_bytes() == before
