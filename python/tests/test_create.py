"""Making tensors: empty, of Python numbers, of lists of arrays."""

from __future__ import annotations

import datetime
import time
from fractions import Fraction

import ml_dtypes
import ndferry
import numpy as np
import pytest
from samples import ALL_NAMES, NUMPY_NAMES


@pytest.mark.parametrize("name", ALL_NAMES)
def test_new_tensors_are_aligned_and_dense(name):
    for order in "CF":
        tensor = ndferry.empty((3, 4, 5), name, order=order)
        assert tensor.shape == (3, 4, 5) and tensor.dtype == name and tensor.is_contiguous(order)
        assert tensor.data_ptr % 256 == 0 and not tensor.read_only
    assert set(ndferry.zeros((3, 4), name).tobytes()) == {0}
    assert ndferry.empty_like(ndferry.zeros((2, 3)).T, name).strides == (1, 3)


def test_shapes_may_be_one_number_or_several():
    assert ndferry.zeros(3).shape == (3,)
    assert ndferry.zeros([2, np.int8(3)]).shape == ndferry.zeros(np.array([2, 3])).shape == (2, 3)
    assert ndferry.zeros(ndferry.asarray([2, 3])).shape == (2, 3) and ndferry.zeros(np.array(4)).shape == (4,)
    assert ndferry.zeros((2, 3)).permute(np.array([1, 0])).shape == (3, 2)
    assert ndferry.zeros(()).shape == () and ndferry.zeros((0, 3)).size == 0
    assert ndferry.zeros((1,) * 64).ndim == 64


@pytest.mark.parametrize("shape", [-1, (2, -1), (1,) * 65, (2**62, 2), (2**40, 2**40), 2**63])
def test_shapes_that_cannot_be_are_refused(shape):
    with pytest.raises((ndferry.NdferryError, OverflowError)):
        ndferry.zeros(shape)


def test_what_is_no_shape_is_a_type_error():
    for shape in (1.5, "ab", (1.5,), None, np.array([1.5])):
        with pytest.raises(TypeError, match="`shape` is .* integers"):
            ndferry.zeros(shape)
    with pytest.raises(TypeError, match="`axes` is 'x'"):
        ndferry.zeros(3).permute("x")


def test_memory_that_cannot_be_had_is_a_memory_error():
    with pytest.raises(MemoryError):
        ndferry.empty(2**55)


def test_unknown_options_are_named():
    with pytest.raises(ValueError, match="`order`"):
        ndferry.zeros(3, order="A")
    with pytest.raises(ValueError, match="`device`"):
        ndferry.zeros(3, device="tpu")
    with pytest.raises(ndferry.DeviceUnavailableError):
        ndferry.zeros(3, device="rocm")


@pytest.mark.parametrize("name", NUMPY_NAMES)
def test_full_holds_the_value(name):
    for value in (True, 1, 1.0, 1 + 0j):
        assert ndferry.full((2, 2), value, name).tolist() == [[1, 1], [1, 1]]
    assert ndferry.full(2, 7).dtype == "int64" and ndferry.full(2, 7.5).dtype == "float64"
    assert ndferry.full(2, True).dtype == "bool" and ndferry.full(2, 1j).dtype == "complex128"
    assert ndferry.full(1, 2**64 - 1, "uint64").item() == 2**64 - 1


def test_integers_that_do_not_fit_are_refused_as_in_numpy():
    for value, name in (
        (256, "uint8"),
        (-1, "uint8"),
        (128, "int8"),
        (-129, "int8"),
        (2**64, "uint64"),
        (2**63, "int64"),
    ):
        with pytest.raises(OverflowError, match=name):
            ndferry.full(1, value, name)
        with pytest.raises(OverflowError):
            ndferry.zeros(1, name)[0] = value
        with pytest.raises(OverflowError):
            ndferry.asarray([value], name)
    assert ndferry.full(2, -128, "int8").tolist() == [-128, -128]
    assert ndferry.full(2, np.float32(0.5)).dtype == "float32" and ndferry.full(1, np.bool_(True)).dtype == "bool"
    with pytest.raises(TypeError):
        ndferry.full(1, "7")


@pytest.mark.parametrize(
    "data",
    [
        3, 2.5, True, 1j, [1, 2, 3], [[1, 2], [3, 4]], [[1, 2.5], [True, 4]], [True, False], [1j, 2], [], [[], []],
        ((1, 2), [3, 4]), [2**63, 2**64 - 1], [-(2**63)], [[[1]], [[2]]],
    ],
    ids=repr,
)  # fmt: skip
def test_nested_lists_become_what_numpy_makes_of_them(data):
    tensor, wanted = ndferry.asarray(data), np.asarray(data)
    assert tensor.dtype == wanted.dtype and tensor.shape == wanted.shape and tensor.tolist() == wanted.tolist()
    assert not tensor.read_only


def test_nested_lists_take_a_dtype():
    assert ndferry.asarray([np.float32(1.5), np.int8(2)]).tolist() == [1.5, 2]
    assert ndferry.asarray([[1, 2], [3, 4]], "float16").tolist() == [[1, 2], [3, 4]]
    assert ndferry.asarray([0.1], "bfloat16").item() == 0.10009765625
    assert ndferry.asarray([1, 0], bool).tolist() == [True, False]
    for bad in ([1, [2]], [[1, 2], [3]], ["a"], "text", [None], object(), {1: 2}, [2**70], [-1, 2**63]):
        with pytest.raises((TypeError, ValueError, OverflowError)):
            ndferry.asarray(bad)
    with pytest.raises(ValueError, match="copy"):
        ndferry.asarray([1], copy=False)


SCALARS = [
    True, 2, 2.5, 1j, np.bool_(True), np.int8(-3), np.uint8(200), np.uint64(2**64 - 1), np.int64(2**62 + 1),
    np.float16(0.5), np.float32(1.5), np.float64(0.1), np.complex64(1 + 2j), np.array(3, "int16"), np.array(1.5, "f4"),
]  # fmt: skip


@pytest.mark.parametrize("first", SCALARS, ids=repr)
def test_lists_of_scalars_promote_their_dtypes_as_in_numpy(first):
    assert ndferry.asarray([first, first]).dtype == np.asarray([first, first]).dtype
    for second in SCALARS:
        tensor, wanted = ndferry.asarray([[first], [second]]), np.asarray([[first], [second]])
        assert tensor.dtype == wanted.dtype and tensor.shape == (2, 1)
        assert tensor.tobytes() == wanted.tobytes()


def test_the_order_of_scalars_decides_as_in_numpy(rng):
    for _ in range(300):
        data = [SCALARS[i] for i in rng.integers(0, len(SCALARS), 4)]
        tensor, wanted = ndferry.asarray(data), np.asarray(data)
        assert tensor.dtype == wanted.dtype and tensor.tobytes() == wanted.tobytes(), data
    assert ndferry.asarray([ndferry.full((), 5, "uint64"), 1]).dtype == "float64"


def test_lists_of_scalars_may_be_tensors_and_types_of_ml_dtypes():
    half = ml_dtypes.bfloat16(1.5)
    assert ndferry.asarray([half, half]).dtype == "bfloat16"
    mixed = ndferry.asarray([half, ndferry.full((), 2, "float16"), np.bool_(True)])
    assert mixed.dtype == "float32" and mixed.tolist() == [1.5, 2, 1]
    assert ndferry.asarray([ml_dtypes.int4(-3)]).tolist() == [-3]
    assert ndferry.asarray([np.datetime64("2020", "D")] * 2).numpy().tolist() == [datetime.date(2020, 1, 1)] * 2
    assert ndferry.asarray([Fraction(1, 4), 2]).tolist() == [0.25, 2]


@pytest.mark.parametrize(
    ("numbers", "dtype"),
    [
        ([True, False] * 500, "bool"), (list(range(-500, 500)), "int64"), ([1, True], "int64"), ([-(2**63), 2**63 - 1], "int64"),
        ([2**63, 1, 0], "uint64"), ([True, 2**64 - 1], "uint64"), (((1, 2), [3, 2**63]), "uint64"), ([1, 2.5, True], "float64"),
        ([0.5, 2**70], "float64"), ([2**63, 0.5], "float64"), ([[1, 2], [0.5, True]], "float64"), ([], "float64"),
        ([[], []], "float64"), ([1j, 1, 2.5, False], "complex128"),
    ],
    ids=lambda one: str(one)[:20],
)  # fmt: skip
def test_lists_of_nothing_but_numbers_have_the_type_that_holds_them_all(numbers, dtype):
    got = ndferry.asarray(numbers)
    assert got.dtype == dtype and got.tolist() == np.array(numbers, dtype).tolist()
    for name in ("complex64", "bfloat16") if dtype != "complex128" else ("complex64",):
        assert ndferry.asarray(numbers, name).equal(got.convert(name))


@pytest.mark.parametrize(("name", "first"), [("int8", 128), ("uint8", -1), ("uint64", -3), ("int4", 8)])
def test_the_first_number_of_a_list_that_does_not_fit_is_named(name, first):
    for numbers in ([1, first, 10**6], [True, first], [2.5, first], [[1, 2], [first, 10**9]]):
        with pytest.raises(OverflowError, match=f"`value` is {first}, {name} holds"):
            ndferry.asarray(numbers, name)
    with pytest.raises(TypeError, match="no imaginary part"):
        ndferry.asarray([1, 2j], name)
    assert ndferry.asarray([1, True, 1.5], name).tolist() == [1, 1, 1]


def test_a_long_list_of_numbers_takes_no_longer_than_several_times_numpys():
    """One look at the types of all, not a question to each."""
    numbers = list(range(100_000))

    def seconds(function):
        times = []
        for _ in range(5):
            start = time.process_time()
            function(numbers)
            times.append(time.process_time() - start)
        return min(times)

    assert seconds(ndferry.asarray) < 12 * seconds(np.array)


def test_lists_of_arrays_are_stacked_as_in_numpy():
    rows = [np.arange(3, dtype="int16"), np.full(3, 0.5, "float32")]
    for data in (rows, [rows, rows[::-1]], [rows, [[1, 2, 3], (4, 5, 6.5)]], [np.zeros((1,)), np.ones((1,))]):
        tensor, wanted = ndferry.asarray(data), np.asarray(data)
        assert tensor.dtype == wanted.dtype and tensor.shape == wanted.shape and tensor.tolist() == wanted.tolist()
    tensor = ndferry.asarray([ndferry.asarray(row)[::-1] for row in rows], "float16")
    assert tensor.dtype == "float16" and tensor.tolist() == [[2, 1, 0], [0.5] * 3]
    assert ndferry.asarray([ndferry.zeros((2, 0))] * 3).shape == (3, 2, 0)
    assert ndferry.asarray([ndferry.zeros(1), ndferry.zeros(1)]).shape == (2, 1)
    for ragged in ([np.zeros(2), np.zeros(3)], [np.zeros(2), 1], [[1, 2], ndferry.zeros(3)]):
        with pytest.raises(ValueError, match="one shape"):
            ndferry.asarray(ragged)
    with pytest.raises(TypeError, match="bytes"):
        ndferry.asarray([b"ab"])


def test_imaginary_parts_are_never_dropped_in_silence():
    tensor = ndferry.zeros(2)
    for call in (
        lambda: ndferry.full(2, 1j, "float32"), lambda: tensor.fill(1j), lambda: ndferry.asarray([1, 1j], "int8"),
        lambda: tensor.__setitem__(0, 1j), lambda: tensor.__setitem__(0, np.complex64(1j)),
        lambda: tensor.__setitem__(..., [1j, 2]), lambda: tensor.__setitem__(..., np.array([1j, 2])),
    ):  # fmt: skip
        with pytest.raises(TypeError, match="imaginary"):
            call()
    tensor[0] = 2 + 0j
    tensor[1:].copy_from(ndferry.asarray([3 + 4j]), casting="unsafe")
    assert tensor.tolist() == [2, 3]
    truth = ndferry.zeros(1, bool)
    truth[0] = 1j
    assert truth.item() is True


def test_asarray_converts_and_copies_only_when_asked():
    array = np.arange(6.0).reshape(2, 3).T
    tensor = ndferry.asarray(array)
    assert ndferry.asarray(tensor) is tensor
    assert ndferry.asarray(tensor, "float64").data_ptr == tensor.data_ptr == array.ctypes.data
    assert ndferry.asarray(array, copy=True).data_ptr != array.ctypes.data
    converted = ndferry.asarray(array, "float32")
    assert converted.dtype == "float32" and converted.strides == tensor.strides
    with pytest.raises(ValueError, match="copy"):
        ndferry.asarray(array, "float32", copy=False)
    assert ndferry.asarray(array, device="cpu").data_ptr == array.ctypes.data


def test_tensors_are_not_made_by_their_class():
    with pytest.raises(TypeError, match="asarray"):
        ndferry.Tensor()
    with pytest.raises(TypeError):
        ndferry.Tensor([1, 2])
    with pytest.raises(AttributeError):
        ndferry.zeros(3).colour = "red"


class Arraylike:
    """Speaks `__array__` only, as pandas' Series and xarray's DataArray do."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        if copy is False and not isinstance(self.array, np.ndarray):
            raise ValueError("a copy is needed")
        return np.asarray(self.array)


def test_what_speaks_only_array_is_shared_through_the_array_that_it_gives():
    array = np.arange(6.0).reshape(2, 3)[:, ::2]
    for copy in (None, False):
        made = ndferry.asarray(Arraylike(array), copy=copy)
        assert made.data_ptr == array.ctypes.data and made.byte_strides == array.strides
    assert ndferry.asarray(Arraylike(array), copy=True).data_ptr != array.ctypes.data
    assert ndferry.asarray(Arraylike(array), "float32").tolist() == array.tolist()
    assert ndferry.asarray([Arraylike(array), array]).shape == (2, 2, 2)
    with pytest.raises(ValueError, match="a copy is needed"):
        ndferry.asarray(Arraylike([1, 2]), copy=False)


def test_an_array_method_that_knows_no_copy_cannot_promise_to_share():
    class Old:
        def __array__(self, dtype=None):
            return np.zeros(2)

    assert ndferry.asarray(Old()).tolist() == [0, 0]
    with pytest.raises(ValueError, match="`copy` forbids the copy that `__array__` of Old may make"):
        ndferry.asarray(Old(), copy=False)


def test_what_array_gives_must_be_an_array_and_its_errors_are_told():
    class Wrong:
        def __array__(self, dtype=None, copy=None):
            return [1, 2]

    class Refusing:
        def __array__(self, dtype=None, copy=None):
            raise RuntimeError("ask for a dense array")

    with pytest.raises(BufferError, match="`__array__` of Wrong gave list"):
        ndferry.asarray(Wrong())
    with pytest.raises(BufferError, match="ask for a dense array"):
        ndferry.asarray(Refusing())
