"""Making tensors: empty, of Python numbers, and on memory that the caller has."""

from __future__ import annotations

import ctypes
import gc
import weakref

import ndferry
import numpy as np
import pytest
from samples import ALL_NAMES, NUMPY_NAMES

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]


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
    assert ndferry.zeros([2, np.int8(3)]).shape == (2, 3)
    assert ndferry.zeros(()).shape == () and ndferry.zeros((0, 3)).size == 0
    assert ndferry.zeros((1,) * 64).ndim == 64


@pytest.mark.parametrize("shape", [-1, (2, -1), (1,) * 65, (2**62, 2), (2**40, 2**40), 2**63])
def test_shapes_that_cannot_be_are_refused(shape):
    with pytest.raises((ndferry.NdferryError, OverflowError)):
        ndferry.zeros(shape)


def test_what_is_no_shape_is_a_type_error():
    for shape in (1.5, "ab", (1.5,), None):
        with pytest.raises(TypeError):
            ndferry.zeros(shape)


def test_memory_that_cannot_be_had_is_a_memory_error():
    with pytest.raises(MemoryError):
        ndferry.empty(2**55)


def test_unknown_options_are_named():
    with pytest.raises(ValueError, match="`order`"):
        ndferry.zeros(3, order="A")
    with pytest.raises(ValueError, match="`device`"):
        ndferry.zeros(3, device="tpu")
    with pytest.raises(ndferry.DeviceUnavailableError):
        ndferry.zeros(3, device="cuda")


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


def test_wrapped_ctypes_memory_is_kept_alive():
    memory = (ctypes.c_float * 6)(*range(6))
    tensor = ndferry.wrap(memory, (2, 3), "float32")
    memory[0] = 9
    assert tensor.tolist() == [[9, 1, 2], [3, 4, 5]] and tensor.data_ptr == ctypes.addressof(memory)
    view = np.from_dlpack(tensor[:, ::-1])
    del memory, tensor
    gc.collect()
    assert view.tolist() == [[2, 1, 9], [5, 4, 3]]


def test_wrapped_memory_keeps_its_owner():
    class Owner:
        pass

    memory, owner = (ctypes.c_int32 * 4)(1, 2, 3, 4), Owner()
    ghost, count = weakref.ref(owner), None
    for address in (
        ctypes.addressof(memory), ctypes.c_void_p(ctypes.addressof(memory)),
        ctypes.cast(memory, ctypes.POINTER(ctypes.c_int32)), memory,
    ):  # fmt: skip
        tensor = ndferry.wrap(address, 4, "int32", owner=owner)
        array = np.from_dlpack(tensor)
        del tensor
        assert array.tolist() == [1, 2, 3, 4]
        del array
    count = len([one for one in gc.get_referrers(owner)])
    tensor = ndferry.wrap(address, 4, "int32", owner=owner, read_only=True)
    del owner
    gc.collect()
    assert tensor.read_only and ghost() is not None and count < 10
    del tensor
    assert ghost() is None


def test_a_failed_wrap_keeps_nothing():
    class Owner:
        pass

    owner = Owner()
    ghost = weakref.ref(owner)
    for arguments in ((4096, -1, "f4"), (0, 4, "f4"), (4096, (2**62, 2**62), "f4"), (4096, (1,) * 65, "f4")):
        with pytest.raises(ndferry.NdferryError):
            ndferry.wrap(*arguments, owner=owner)
    del owner
    gc.collect()
    assert ghost() is None


def test_malloced_memory_is_freed_once_by_free():
    for _ in range(100):
        address = libc.malloc(400)
        tensor = ndferry.wrap(address, (10, 10), "int32", deleter=libc.free)
        tensor.fill(7)
        array = np.from_dlpack(tensor[::2, ::-1])
        del tensor
        assert (array == 7).all()
        del array
    address = libc.malloc(4)
    free = ctypes.cast(libc.free, ctypes.c_void_p).value
    ndferry.wrap(address, 1, "int32", deleter=free, context=ctypes.c_void_p(address))


def test_deleters_must_be_native():
    calls = []
    callback = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(calls.append)
    with pytest.raises(TypeError, match="callback"):
        ndferry.wrap(4096, 1, "u1", deleter=callback)
    for bad in (calls.append, "free", 0):
        with pytest.raises(TypeError, match="`deleter`"):
            ndferry.wrap(4096, 1, "u1", deleter=bad)
    with pytest.raises(ValueError, match="both"):
        ndferry.wrap(4096, 1, "u1", deleter=libc.free, owner=calls)
    with pytest.raises(ValueError, match="`context`"):
        ndferry.wrap(4096, 1, "u1", context=1)
    with pytest.raises(TypeError, match="address"):
        ndferry.wrap("4096", 1, "u1")


def test_wrapped_strides_are_in_elements():
    memory = (ctypes.c_int16 * 6)(*range(6))
    assert ndferry.wrap(memory, (3, 2), "int16", strides=(1, 3)).tolist() == [[0, 3], [1, 4], [2, 5]]
    last = ctypes.addressof(memory) + 10
    assert ndferry.wrap(last, 6, "int16", strides=-1, owner=memory).tolist() == [5, 4, 3, 2, 1, 0]
    with pytest.raises(ValueError, match="`strides` has 1 entries"):
        ndferry.wrap(memory, (3, 2), "int16", strides=(1,))


def test_memory_elsewhere_is_carried_and_not_touched():
    tensor = ndferry.wrap(4096, (2, 3), "float32", device="cuda:1")
    assert tensor.device == (2, 1) and str(tensor.device) == "cuda:1" == tensor.device
    assert tensor.__dlpack_device__() == (2, 1) and tensor[1].data_ptr == 4096 + 12
    assert "cuda:1" in repr(tensor) and "(2, 3)" in repr(tensor)
    back = ndferry.from_dlpack(tensor)
    assert back.device == "cuda:1" and back.data_ptr == 4096
    for call in (tensor.tolist, tensor.copy, lambda: tensor.fill(1), tensor.tobytes, lambda: tensor.to_device("cpu")):
        with pytest.raises(ndferry.NdferryError):
            call()
    unknown = ndferry.wrap(4096, 3, "float32", device=(99, 7))
    assert unknown.device == (99, 7) and ndferry.from_dlpack(unknown).device == (99, 7)


def test_tensors_are_not_made_by_their_class():
    with pytest.raises(TypeError, match="asarray"):
        ndferry.Tensor()
    with pytest.raises(TypeError):
        ndferry.Tensor([1, 2])
    with pytest.raises(AttributeError):
        ndferry.zeros(3).colour = "red"
