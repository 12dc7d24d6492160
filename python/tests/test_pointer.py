"""Tensors on what C programs have: memory, handles, DLPack structs."""

from __future__ import annotations

import ctypes
import gc
import weakref

import ndferry
import numpy as np
import pytest
from ndferry._library import lib

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]


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


def test_what_is_no_stride_is_a_type_error():
    with pytest.raises(TypeError, match="`strides` is"):
        ndferry.wrap(4096, 1, "u1", strides="1")


# The library under test plays the C program: a function of its own, which gives and takes addresses.
native = ctypes.CDLL(lib.path)
native.ndf_tensor_retain.restype = ctypes.c_void_p
native.ndf_tensor_release.restype = None
native.ndf_tensor_retain.argtypes = native.ndf_tensor_release.argtypes = [ctypes.c_void_p]


def c_handle() -> int:
    """A handle with one reference, as a function in C would give it."""
    tensor = ndferry.asarray([[1, 2], [3, 4]], "int16")
    return native.ndf_tensor_retain(tensor.handle)


def opaque_pointer(address: int) -> ctypes._Pointer:
    return ctypes.cast(address, ctypes.POINTER(ctypes.c_int))


@pytest.mark.parametrize("as_pointer", [int, ctypes.c_void_p, opaque_pointer])
def test_a_handle_from_c_becomes_a_tensor(as_pointer):
    before = ndferry.statistics().live_tensors
    tensor = ndferry.from_handle(as_pointer(c_handle()))
    array = tensor[::-1].numpy()
    assert tensor.tolist() == [[1, 2], [3, 4]] and ndferry.statistics().live_tensors > before
    del tensor
    assert array.tolist() == [[3, 4], [1, 2]]
    del array
    assert ndferry.statistics().live_tensors == before


def test_a_retained_handle_stays_the_callers():
    handle = c_handle()
    tensor = ndferry.from_handle(handle, retain=True)
    assert tensor.handle == handle
    del tensor
    again = ndferry.from_handle(handle)
    assert again.tolist() == [[1, 2], [3, 4]]


def test_a_handle_is_lent_to_c():
    tensor = ndferry.zeros((2, 3))
    native.ndf_tensor_ndim.argtypes = [ctypes.c_void_p]
    assert native.ndf_tensor_ndim(tensor.handle) == 2 and tensor.handle == tensor.handle != tensor[0].handle


def exported(tensor: ndferry.Tensor, versioned: bool) -> int:
    """A DLPack struct, as a function in C would give it."""
    export = native.ndf_tensor_to_dlpack_versioned if versioned else native.ndf_tensor_to_dlpack
    struct = ctypes.c_void_p()
    assert export(ctypes.c_void_p(tensor.handle), None, ctypes.byref(struct)) == 0
    return struct.value


@pytest.mark.parametrize("versioned", [True, False])
def test_a_dlpack_struct_from_c_becomes_a_tensor(versioned):
    source = ndferry.asarray([1, 2, 3], "float32")
    tensor = ndferry.from_dlpack_pointer(exported(source, versioned), versioned=versioned)
    address = source.data_ptr
    del source
    assert tensor.data_ptr == address and tensor.tolist() == [1, 2, 3]


def test_a_refused_dlpack_struct_is_still_the_callers():
    tensor = ndferry.zeros(3)
    struct = exported(tensor, versioned=True)
    major = ctypes.c_uint32.from_address(struct)
    major.value = 9
    with pytest.raises(ndferry.VersionError):
        ndferry.from_dlpack_pointer(struct)
    major.value = 1
    assert ndferry.from_dlpack_pointer(struct).shares_memory(tensor)


@pytest.mark.parametrize("make", [ndferry.from_handle, ndferry.from_dlpack_pointer])
def test_what_is_no_pointer_is_refused(make):
    for null in (0, ctypes.c_void_p(), ctypes.POINTER(ctypes.c_int)()):
        with pytest.raises(ValueError, match="NULL"):
            make(null)
    with pytest.raises(ValueError, match="restype"):
        make(-1342177280)  # half of an address
    for wrong in (None, "7", 1.5, (ctypes.c_int * 3)(), ndferry.zeros(1)):
        with pytest.raises(TypeError, match="`pointer` is"):
            make(wrong)


def test_addresses_are_not_elements():
    number = ctypes.c_float(2.5)
    for pointer in (
        ctypes.c_void_p(4096), ctypes.pointer(number), ctypes.c_char_p(b"abc"), ctypes.c_wchar_p("abc"), libc.free,
    ):  # fmt: skip
        with pytest.raises(TypeError, match="wrap .* from_handle .* from_dlpack_pointer"):
            ndferry.asarray(pointer)
    assert ndferry.asarray(number).item() == 2.5
    with pytest.raises(AttributeError, match="from_dlpack_pointer"):
        ndferry.from_dlpack(4096)
