"""DLPack's Python side: both struct kinds, refusals, lifetimes."""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
import threading
import weakref

import ndferry
import numpy as np
import pytest
from ndferry._library import lib
from ndferry._tensor import make
from samples import NUMPY_2, NUMPY_NAMES, random_layout

only_numpy_2 = pytest.mark.skipif(not NUMPY_2, reason="NumPy 1 reads legacy DLPack only, and as read-only")
python = ctypes.PyDLL(None)
is_valid = python["PyCapsule_IsValid"]
is_valid.argtypes = [ctypes.py_object, ctypes.c_char_p]
get_pointer = python["PyCapsule_GetPointer"]
get_pointer.restype, get_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]


def flags(capsule) -> int:
    return ctypes.c_uint64.from_address(get_pointer(capsule, b"dltensor_versioned") + 24).value


def version(capsule) -> tuple[int, int]:
    return tuple((ctypes.c_uint32 * 2).from_address(get_pointer(capsule, b"dltensor_versioned")))


class Producer:
    """A producer that answers with whatever capsule it is given, and notes what it was asked."""

    def __init__(self, source, **answer):
        self.source, self.answer, self.asked = source, answer, []

    def __dlpack__(self, **keywords):
        self.asked.append(keywords)
        return self.source.__dlpack__(**self.answer)

    def __dlpack_device__(self):
        return self.source.__dlpack_device__()


class OldProducer(Producer):
    """A producer from before 2023."""

    def __dlpack__(self, stream=None):
        self.asked.append(stream)
        return self.source.__dlpack__()


def test_numpy_sees_the_same_memory(rng):
    for name in NUMPY_NAMES:
        for _ in range(20):
            array = random_layout(rng, name)
            tensor = ndferry.from_dlpack(array)
            assert tensor.data_ptr == (array.ctypes.data if array.size else 0)
            back = np.from_dlpack(tensor)
            assert back.dtype == array.dtype and back.flags.writeable == (NUMPY_2 or not array.size)
            np.testing.assert_array_equal(back, array)
            if array.size:
                assert back.ctypes.data == array.ctypes.data


@only_numpy_2
def test_writes_are_seen_on_both_sides():
    array = np.zeros(3)
    tensor = ndferry.from_dlpack(array)
    back = np.from_dlpack(tensor)
    array[0], back[1], tensor[2] = 1, 2, 3
    assert array.tolist() == back.tolist() == tensor.tolist() == [1, 2, 3]


def test_the_struct_is_legacy_unless_version_one_is_asked():
    tensor = ndferry.zeros(3)
    for asked in (None, (0, 8)):
        assert is_valid(tensor.__dlpack__(max_version=asked), b"dltensor")
    for asked in ((1, 0), (1, 99), (2, 0), [1, 0]):
        capsule = tensor.__dlpack__(max_version=asked)
        assert is_valid(capsule, b"dltensor_versioned") and version(capsule) == (1, 3) and flags(capsule) == 0


def test_a_legacy_struct_reaches_numpy():
    tensor = ndferry.full(3, 7)
    old = Producer(tensor)
    assert np.from_dlpack(old).tolist() == [7, 7, 7]


def test_capsules_are_used_once():
    for max_version in (None, (1, 0)):
        capsule = ndferry.full(3, 7).__dlpack__(max_version=max_version)
        assert ndferry.from_dlpack(capsule).tolist() == [7, 7, 7]
        with pytest.raises(ValueError, match="used"):
            ndferry.from_dlpack(capsule)
        with pytest.raises((ValueError, BufferError)):
            np.from_dlpack(type("", (), {"__dlpack__": lambda self, **_: capsule, "__dlpack_device__": None})())


def test_capsules_that_nobody_takes_release_the_tensor():
    for max_version in (None, (1, 0)):
        capsule = ndferry.zeros(100).__dlpack__(max_version=max_version)
        assert ndferry.statistics().live_bytes == 800
        del capsule
        assert ndferry.statistics().live_bytes == 0


def test_what_is_no_dlpack_capsule_is_refused():
    other = ndferry.zeros(3).__array_struct__
    with pytest.raises(ValueError, match="capsule"):
        ndferry.from_dlpack(other)
    with pytest.raises(AttributeError):
        ndferry.from_dlpack(object())
    with pytest.raises(ValueError, match="capsule"):
        ndferry.from_dlpack(Producer(type("", (), {"__dlpack__": lambda self: 7})()))


def test_read_only_is_said_or_refused():
    tensor = ndferry.zeros(3).as_read_only()
    assert flags(tensor.__dlpack__(max_version=(1, 0))) == 1
    if NUMPY_2:
        assert not np.from_dlpack(tensor).flags.writeable
    with pytest.raises(BufferError, match="read-only"):
        tensor.__dlpack__()
    copy = ndferry.from_dlpack(tensor.__dlpack__(copy=True))
    assert not copy.read_only and copy.data_ptr != tensor.data_ptr
    array = np.zeros(3)
    array.flags.writeable = False
    if NUMPY_2:
        assert ndferry.from_dlpack(array).read_only
    else:  # NumPy itself refuses; the next protocol can say it
        with pytest.raises(BufferError, match="readonly"):
            ndferry.from_dlpack(array)
        assert ndferry.asarray(array).read_only


@only_numpy_2
def test_copies_are_copies_and_say_so():
    tensor = ndferry.asarray(np.arange(6.0).reshape(2, 3).T)
    capsule = tensor.__dlpack__(max_version=(1, 0), copy=True)
    assert flags(capsule) == 2
    copy = ndferry.from_dlpack(capsule)
    assert copy.tolist() == tensor.tolist() and not copy.shares_memory(tensor) and copy.strides == tensor.strides
    assert flags(tensor.__dlpack__(max_version=(1, 0), copy=False)) == 0
    assert np.from_dlpack(tensor, copy=True).ctypes.data != tensor.data_ptr
    assert np.from_dlpack(tensor, copy=False, device="cpu").ctypes.data == tensor.data_ptr


def test_a_stream_on_the_host_is_a_wrong_value():
    for stream in (-1, 0, 1, 2, 12345):
        with pytest.raises(ValueError, match="stream"):
            ndferry.zeros(3).__dlpack__(stream=stream)
    with pytest.raises(ValueError, match="copy"):
        ndferry.zeros(3).__dlpack__(copy="yes")


def test_the_own_device_may_be_asked_for_and_no_other():
    tensor = ndferry.zeros(3)
    assert tensor.__dlpack_device__() == (1, 0)
    assert flags(tensor.__dlpack__(max_version=(1, 0), dl_device=(1, 0))) == 0
    for copy in (None, True, False):
        with pytest.raises(BufferError):
            tensor.__dlpack__(max_version=(1, 0), dl_device=(2, 0), copy=copy)


def on_cuda():
    memory = ndferry.zeros(3)
    return ndferry.wrap(memory.data_ptr, 3, "float64", device="cuda:0", owner=memory)


def test_for_the_cpu_no_stream_may_be_named_whatever_the_device_of_the_tensor():
    with pytest.raises(ValueError, match="`stream` is -1: a tensor on cpu has no stream"):
        on_cuda().__dlpack__(dl_device=(1, 0), stream=-1)


def test_a_device_that_cannot_be_reached_is_a_buffer_error_on_import_too():
    for device, x in (("cuda:0", ndferry.zeros(3)), ("cpu", Producer(on_cuda()))):
        with pytest.raises(BufferError, match="CUDA|cuda:0"):
            ndferry.from_dlpack(x, device=device)
        for error in (BufferError, ValueError, ndferry.CopyRequiredError):
            with pytest.raises(error, match="copy"):
                ndferry.from_dlpack(x, device=device, copy=False)



@pytest.mark.parametrize("dtype", ["S3", "U2", "V4", "M8[s]", ">f4", "[('x', '<f4')]"])
def test_types_that_dlpack_lacks_are_buffer_errors(dtype):
    tensor = ndferry.zeros(3, dtype)
    for max_version in (None, (1, 0)):
        with pytest.raises(BufferError):
            tensor.__dlpack__(max_version=max_version)
        with pytest.raises(BufferError):
            np.from_dlpack(tensor)


@only_numpy_2
def test_a_copy_of_pinned_memory_is_plain_and_never_called_pinned():
    array = np.arange(3.0)
    pinned = ndferry.wrap(array.ctypes.data, 3, "float64", owner=array, device=(3, 0))
    assert np.from_dlpack(pinned, copy=True).tolist() == [0, 1, 2]
    assert ndferry.from_dlpack(pinned.__dlpack__(max_version=(1, 0), copy=True)).device == (1, 0)
    with pytest.raises(BufferError, match="cuda_host"):
        pinned.__dlpack__(max_version=(1, 0), copy=True, dl_device=(3, 0))


def test_a_refusal_by_the_consumer_keeps_its_reason():
    """The capsule dies while the consumer's exception is in flight, and must not replace it."""
    for _ in range(50):
        with pytest.raises((BufferError, RuntimeError), match="(?i)unsupported"):
            np.from_dlpack(ndferry.zeros(3, "bfloat16"))
        with pytest.raises((BufferError, RuntimeError), match="(?i)unsupported"):
            np.from_dlpack(ndferry.zeros(3, "complex32"))


def test_a_deleter_in_python_starts_without_the_exception_that_is_in_flight():
    """A producer in pure ctypes has such a deleter; the capsule that dies under a refusal must still run it."""
    ended = []
    end = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: ended.append(1))
    address = ctypes.cast(end, ctypes.c_void_p).value
    for version in (None, (1, 0)) if NUMPY_2 else (None,):
        memory = (ctypes.c_uint16 * 3)()
        shape = (ctypes.c_int64 * 1)(3)
        dtype = ndferry.dtype("bfloat16")._struct
        tensor = make(lib.ndf_tensor_wrap, ctypes.addressof(memory), dtype, 1, shape, None, address, None, None)
        capsules = [tensor.__dlpack__(max_version=version)]
        del tensor

        class Once:
            def __dlpack__(self, **_):
                return capsules.pop()

            def __dlpack_device__(self):
                return 1, 0

        with pytest.raises((BufferError, RuntimeError), match="(?i)unsupported"):
            np.from_dlpack(Once())
    assert ended == ([1, 1] if NUMPY_2 else [1])


def test_the_consumer_may_outlive_the_producer():
    array = np.from_dlpack(ndferry.full((100, 100), 7))
    gc.collect()
    assert ndferry.statistics().live_bytes == 80_000
    assert (array == 7).all()
    half = array[::2]
    del array
    assert (half == 7).all() and ndferry.statistics().live_bytes == 80_000


def test_the_producer_may_outlive_the_consumer():
    array = np.ones(1000)
    ghost = weakref.ref(array)
    tensor = ndferry.from_dlpack(array)
    view = tensor[::-1]
    del array, tensor
    gc.collect()
    assert ghost() is not None and view.tolist() == [1.0] * 1000
    del view
    assert ghost() is None


@only_numpy_2
def test_a_tensor_goes_through_many_hands():
    tensor = ndferry.full(1000, 3)
    thing = tensor
    for i in range(50):
        thing = np.from_dlpack(thing) if i % 2 else ndferry.from_dlpack(thing)
    assert thing.ctypes.data == tensor.data_ptr
    del tensor
    assert (thing == 3).all()


def test_old_producers_are_asked_again_without_keywords():
    old = OldProducer(ndferry.full(3, 7))
    assert ndferry.from_dlpack(old).tolist() == [7, 7, 7]
    assert old.asked == [None]
    assert ndferry.from_dlpack(old, copy=True).data_ptr != old.source.data_ptr


def test_producers_that_know_the_keywords_and_not_what_they_ask_are_asked_without():
    class Half(OldProducer):  # array-api-strict on NumPy 1
        def __dlpack__(self, *, stream=None, max_version=None, copy=None):
            if max_version is not None or copy is not None:
                raise NotImplementedError("max_version")
            return super().__dlpack__()

    half = Half(ndferry.full(3, 7))
    assert ndferry.from_dlpack(half).data_ptr == ndferry.asarray(half).data_ptr == half.source.data_ptr
    assert ndferry.from_dlpack(half, copy=True).data_ptr != half.source.data_ptr


def test_producers_are_asked_for_the_newest_version():
    new = Producer(ndferry.full(3, 7), max_version=(1, 0))
    ndferry.from_dlpack(new)
    ndferry.from_dlpack(new, copy=False, device="cpu")
    assert new.asked == [{"max_version": (1, 3)}, {"max_version": (1, 3), "copy": False}]
    with pytest.raises(BufferError):
        ndferry.from_dlpack(new, device="cuda:0", copy=False)
    assert new.asked[-1] == {"max_version": (1, 3), "copy": False, "dl_device": (2, 0)}


def test_a_promised_copy_is_verified():
    liar = Producer(ndferry.zeros(3), max_version=(1, 0))
    assert ndferry.from_dlpack(liar, copy=True).data_ptr != liar.source.data_ptr
    copier = Producer(ndferry.zeros(3), max_version=(1, 0), copy=True)
    with pytest.raises(BufferError, match="copied"):
        ndferry.from_dlpack(copier, copy=False)
    array = np.zeros(3)
    assert ndferry.from_dlpack(array, copy=True).data_ptr != array.ctypes.data


def test_a_refusal_of_the_producer_arrives():
    class Refuser:
        def __dlpack__(self, **_):
            raise BufferError("the reason")

    with pytest.raises(BufferError, match="the reason"):
        ndferry.from_dlpack(Refuser())
    with pytest.raises(BufferError, match="the reason"):
        ndferry.asarray(Refuser())


def test_hostile_structs_are_refused_and_stay_the_producers():
    released = []
    deleter_type = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
    deleter = deleter_type(released.append)
    new_capsule = python["PyCapsule_New"]
    new_capsule.restype, new_capsule.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    data = (ctypes.c_float * 4)()

    def struct(major=1, ndim=1, shape=(4,), dtype=(2, 32, 1), data=data):
        shape = (ctypes.c_int64 * len(shape))(*shape)
        raw = bytearray(80)
        words = (ctypes.c_uint64 * 10).from_buffer(raw)
        words[0], words[2] = major, ctypes.cast(deleter, ctypes.c_void_p).value
        words[4], words[5] = ctypes.addressof(data) if data else 0, 1
        words[6] = (ndim & 0xFFFFFFFF) | dtype[0] << 32 | dtype[1] << 40 | dtype[2] << 48
        words[7] = ctypes.addressof(shape)
        return words, shape

    for hostile in (
        {"major": 2}, {"ndim": -1}, {"ndim": 65}, {"ndim": 2**31 - 1}, {"shape": (-1,)}, {"ndim": 2, "shape": (2**62, 8)},
        {"dtype": (2, 0, 1)}, {"dtype": (2, 32, 0)}, {"data": None},
    ):  # fmt: skip
        words, shape = struct(**hostile)
        capsule = new_capsule(ctypes.addressof(words), b"dltensor_versioned", None)
        with pytest.raises((BufferError, ValueError)):
            ndferry.from_dlpack(capsule)
        assert is_valid(capsule, b"dltensor_versioned") and not released
    words, shape = struct()
    tensor = ndferry.from_dlpack(new_capsule(ctypes.addressof(words), b"dltensor_versioned", None))
    assert tensor.tolist() == [0] * 4
    del tensor
    assert released == [ctypes.addressof(words)]


def test_threads_may_release_what_others_made():
    tensors = [ndferry.zeros(100) for _ in range(100)]
    arrays = [np.from_dlpack(one) for one in tensors]

    def work(mine):
        while mine:
            mine.pop()

    threads = [threading.Thread(target=work, args=(one,)) for one in (tensors, arrays) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ndferry.statistics() == (0, 0)


@pytest.mark.parametrize("order", ["tensor", "array", "capsule", "cycle", "thread"])
def test_the_interpreter_ends_quietly_whatever_is_alive(order):
    program = f"""
import ndferry, numpy as np, sys, threading, time
tensor = ndferry.asarray(np.arange(10.0))
array = np.from_dlpack(ndferry.zeros(10))
capsules = [ndferry.zeros(3).__dlpack__(), ndferry.zeros(3).__dlpack__(max_version=(1, 0)), tensor.__array_struct__]
wrapped = ndferry.wrap(array.ctypes.data, 10, "f8", owner=array)
if {order!r} == "tensor": del array, capsules; sys.tensor = tensor
if {order!r} == "array": del tensor, capsules; sys.array = array
if {order!r} == "capsule": del tensor, array; sys.capsules = capsules
if {order!r} == "cycle": sys.cycle = [tensor, wrapped]; sys.cycle.append(sys.cycle)
if {order!r} == "thread":
    def work():
        while True: np.from_dlpack(ndferry.zeros(3))
    threading.Thread(target=work, daemon=True).start(); time.sleep(0.05)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_arrays_of_libraries_that_never_change_theirs_come_in_read_only():
    """JAX and TensorFlow give capsules of the kind that cannot say so."""

    class Legacy:
        def __dlpack__(self, **_):
            return ndferry.zeros(3).__dlpack__()

        def __dlpack_device__(self):
            return 1, 0

    assert not ndferry.from_dlpack(Legacy()).read_only
    for module in ("jaxlib._jax", "tensorflow.python.framework.ops"):
        Legacy.__module__ = module
        for take in (ndferry.from_dlpack, ndferry.asarray, lambda x: ndferry.from_dlpack(x, device="cpu")):
            assert take(Legacy()).read_only
