"""The CUDA array interface, both ways. There is no device: the addresses are the host's, labelled as a device's, and
nobody reads through them."""

from __future__ import annotations

import gc
import sys
import weakref

import ml_dtypes
import ndferry
import numpy as np
import pytest
from samples import ML_NAMES, NUMPY_NAMES, numpy_dtype, random_layout


def shown_again(tensor):
    """A tensor on what another one shows."""
    shows = Shows()
    shows.keep, shows.__cuda_array_interface__ = tensor, tensor.__cuda_array_interface__
    return ndferry.asarray(shows)


def labelled(array, device="cuda:0", read_only=False):
    """A tensor that says of a host array that it lies on a device."""
    itemsize = array.itemsize
    strides = [stride // itemsize for stride in array.strides]
    wrapped = (array.ctypes.data, array.shape, array.dtype)
    return ndferry.wrap(*wrapped, strides=strides, device=device, read_only=read_only, owner=array)


class Shows:
    """An exporter: the dictionary, and what keeps the memory."""

    def __init__(self, keep=None, /, **changes):
        memory = np.arange(6, dtype="<i4") if keep is None else keep
        shown = {
            "shape": memory.shape, "typestr": memory.dtype.str, "data": (memory.ctypes.data, False), "version": 3,
            "strides": None if memory.flags.c_contiguous else memory.strides,
        }  # fmt: skip
        shown.update(changes)
        self.keep = memory
        self.__cuda_array_interface__ = {key: value for key, value in shown.items() if value is not ...}


@pytest.mark.parametrize("name", [n for n in NUMPY_NAMES] + [">i2", ">f8", "S3", "<U2", "V4", "M8[ns]", "m8[25s]"])
@pytest.mark.parametrize("read_only", [False, True])
def test_what_is_shown_comes_back_the_same(name, read_only):
    array = np.zeros((3, 4), name)
    for view in (array, array.T, array[::-1, ::2], array[1:1], array[0, 0, ...]):
        tensor = labelled(view, read_only=read_only)
        back = shown_again(tensor)
        assert (back.dtype, back.shape, back.device) == (tensor.dtype, tensor.shape, "cuda:0")
        assert (back.data_ptr, back.read_only) == (tensor.data_ptr, read_only)
        if tensor.size:
            assert back.byte_strides == tensor.byte_strides or 1 in tensor.shape or tensor.ndim == 0


def test_random_layouts_are_shown_as_numpy_shows_them(rng):
    for _ in range(200):
        array = random_layout(rng, rng.choice(NUMPY_NAMES))
        shown = labelled(array).__cuda_array_interface__
        wanted = array.__array_interface__
        for key in ("shape", "typestr", "descr", "version"):
            assert shown[key] == wanted[key]
        if array.flags.c_contiguous:
            assert shown["strides"] is None
        else:
            strides = zip(shown["strides"], wanted["strides"], array.shape)
            assert all(a == b for a, b, extent in strides if extent > 1)
        assert shown["data"] == (array.ctypes.data if array.size else 0, False) and shown["stream"] == 1


def test_structured_types_come_with_their_fields():
    points = np.zeros(3, [("x", "<f4"), ("id", ">i8")])
    tensor = labelled(points)
    back = shown_again(tensor)
    assert back.dtype == points.dtype and back.shape == (3,)


def test_only_device_memory_is_shown():
    assert not hasattr(ndferry.zeros(3), "__cuda_array_interface__")
    with pytest.raises(AttributeError, match="on cpu"):
        ndferry.zeros(3).__cuda_array_interface__  # noqa: B018
    for name in ("cuda:1", "cuda_host", "cuda_managed", "rocm"):
        assert hasattr(labelled(np.zeros(3), name), "__cuda_array_interface__")
    assert not hasattr(ndferry.wrap(8, (1,), "uint8", device=(4, 0)), "__cuda_array_interface__")


@pytest.mark.parametrize("name", ML_NAMES)
def test_types_without_a_typestr_are_not_shown(name):
    assert not hasattr(labelled(np.zeros(4, numpy_dtype(name))), "__cuda_array_interface__")


def test_packed_types_are_not_shown():
    assert not hasattr(ndferry.wrap(4096, (4,), "int4", device="cuda"), "__cuda_array_interface__")


def test_the_exporter_lives_as_long_as_the_tensor():
    shows = Shows()
    keep = weakref.ref(shows)
    tensor = ndferry.asarray(shows)
    del shows
    gc.collect()
    assert keep() is not None
    part = tensor[2:]
    del tensor
    assert keep() is not None
    del part
    assert keep() is None


def test_the_attribute_is_looked_at_once():
    class Counts:
        asked = 0

        @property
        def __cuda_array_interface__(self):
            self.asked += 1
            return Shows().__cuda_array_interface__

    counts = Counts()
    ndferry.asarray(counts)
    assert counts.asked == 1


def test_a_dictionary_that_changes_between_looks_is_looked_at_once():
    class Changing(dict):
        looks = 0

        def __getitem__(self, key):
            self.looks += 1
            return super().__getitem__(key) if self.looks < 2 else (2**40,) * 3

        get = __getitem__

    shows = Shows()
    shows.__cuda_array_interface__ = Changing(shows.__cuda_array_interface__)
    assert ndferry.asarray(shows).shape == (6,)


@pytest.mark.parametrize("error", [RuntimeError("requires grad"), TypeError("sparse"), ValueError("lost"), KeyError("fp8")])
def test_a_property_that_raises_is_a_buffer_error_that_says_so(error):
    class Refuses:
        @property
        def __cuda_array_interface__(self):
            raise error

    with pytest.raises(BufferError, match=f"Refuses raised {type(error).__name__}.*{error.args[0]}"):
        ndferry.asarray(Refuses())


def test_a_property_that_raises_leaves_the_other_protocols():
    class Refuses:
        __array_interface__ = np.arange(3).__array_interface__
        keep = np.arange(3)

        def __init__(self):
            self.__array_interface__ = self.keep.__array_interface__

        @property
        def __cuda_array_interface__(self):
            raise RuntimeError("no context")

    assert ndferry.asarray(Refuses()).tolist() == [0, 1, 2]


@pytest.mark.parametrize("stream", [None, 1, 2, 4096, 2**47, 2**63 - 1, ...])
def test_the_stream_goes_on_to_the_next_consumer(stream):
    tensor = ndferry.asarray(Shows(stream=stream))
    wanted = None if stream is ... else stream
    assert tensor.__cuda_array_interface__["stream"] == wanted
    assert tensor[1:].__cuda_array_interface__["stream"] == wanted


@pytest.mark.parametrize("version", [0, 1, 2])
def test_older_versions_name_no_stream_and_so_promise_nothing(version):
    tensor = ndferry.asarray(Shows(version=version, mask=None))
    assert tensor.__cuda_array_interface__["stream"] == 1
    assert ndferry.asarray(Shows(version=version, strides=...)).shape == (6,)


def test_a_mask_is_refused():
    for mask in (Shows(), np.ones(6, bool), False):
        with pytest.raises(BufferError, match="mask"):
            ndferry.asarray(Shows(mask=mask))


def test_no_elements_may_be_anywhere():
    for address in (0, 2**40):
        empty = ndferry.asarray(Shows(shape=(0, 3), data=(address, False)))
        assert empty.shape == (0, 3) and empty.data_ptr == 0
        assert empty.__cuda_array_interface__["data"] == (0, False)


def test_the_device_is_what_the_object_says_or_the_caller_or_the_first():
    shows = Shows()
    assert ndferry.asarray(shows).device == "cuda:0"
    assert ndferry.asarray(shows, device="cuda:2").device == "cuda:2"
    shows.device = "cuda:1"
    assert ndferry.asarray(shows).device == "cuda:1"
    shows.device = type("Device", (), {"id": 3})()
    assert ndferry.asarray(shows).device == "cuda:3"
    for number in (2**32 + 1, -1):  # no number of a device, so no answer
        shows.device = type("Device", (), {"id": number})()
        assert ndferry.asarray(shows).device == "cuda:0"
    shows.device = type("Device", (), {"index": None, "type": "cuda"})()
    assert ndferry.asarray(shows).device == "cuda:0"
    shows.__dlpack_device__ = lambda: (13, 4)
    assert ndferry.asarray(shows).device == "cuda_managed:4"
    shows.__dlpack_device__ = lambda: (1, 0)  # mapped memory of the host's
    shows.device = "cpu"
    assert ndferry.asarray(shows).device == "cuda:0"
    shows.__dlpack_device__ = lambda: 1 / 0
    assert ndferry.asarray(shows).device == "cuda:0"


def test_what_is_on_a_device_is_not_taken_to_the_host_in_silence():
    with pytest.raises(ndferry.NdferryError, match="cuda"):
        ndferry.asarray(Shows(), "float64")
    with pytest.raises(TypeError, match="host"):
        ndferry.asarray(Shows()).numpy()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"shape": ...}, "lacks 'shape'"), ({"typestr": ...}, "lacks 'typestr'"), ({"data": ...}, "lacks 'data'"),
        ({"version": ...}, "lacks 'version'"), ({"version": 4}, "`version` is 4"), ({"version": -1}, "`version` is -1"),
        ({"version": 2**31}, "`version`"), ({"version": "3"}, "`version` is '3'"), ({"version": None}, "`version`"),
        ({"version": 3.0}, "`version` is 3.0"), ({"shape": 6}, "`shape` is 6"), ({"shape": "6"}, "`shape` is '6'"),
        ({"shape": (2.0, 3)}, "`shape`"), ({"shape": (-1,)}, "-1"), ({"shape": (2**63,)}, str(2**63)),
        ({"shape": (2**62, 8)}, "more elements than 64 bits"), ({"shape": (1,) * 65}, "65"), ({"shape": {6}}, "`shape`"),
        ({"strides": (4, 4)}, "`strides` has 2"), ({"strides": (6,)}, "multiple"), ({"strides": "4"}, "`strides`"),
        ({"strides": (2**62,)}, "address space"), ({"strides": (2**70,)}, str(2**70)), ({"typestr": 4}, "`typestr`"),
        ({"typestr": "<q4"}, "q4"), ({"typestr": ""}, "is not a dtype"), ({"typestr": "|O8"}, "Python objects"),
        ({"typestr": "<f16"}, "long double"), ({"typestr": "int4"}, "share bytes"), ({"data": 4096}, "`data`"),
        ({"data": None}, "`data`"), ({"data": [4096, False]}, "`data`"), ({"data": (4096,)}, "`data`"),
        ({"data": (-1, False)}, "-1"), ({"data": (2**64, False)}, str(2**64)), ({"data": (0, False)}, "NULL"),
        ({"data": (1.5, False)}, "1.5"), ({"data": ("x", False)}, "x"), ({"data": (2**64 - 8, False)}, "address space"),
        ({"data": (None, False)}, "None"), ({"stream": 0}, "`stream` is 0"), ({"stream": -1}, "`stream` is -1"),
        ({"stream": 3}, "`stream` is 3, no CUDA stream: one is 1, 2 or the address"),
        ({"stream": "1"}, "`stream` is '1'"), ({"stream": 2**63}, "`stream`"), ({"stream": 1.0}, "`stream` is 1.0"),
        ({"typestr": "|V4", "descr": [("x", "<f8")]}, "`descr` has 8"),
    ],
    ids=repr,
)  # fmt: skip
def test_hostile_dictionaries_are_refused_with_their_entry(changes, words):
    with pytest.raises((ValueError, BufferError, OverflowError, ndferry.NdferryError)) as caught:
        ndferry.asarray(Shows(**changes))
    assert words in str(caught.value)


def test_what_is_no_dictionary_is_refused():
    for value in (7, (), [("shape", (1,))], "shape"):
        shows = Shows()
        shows.__cuda_array_interface__ = value
        with pytest.raises(ValueError, match="must be a dict"):
            ndferry.asarray(shows)


def test_foreign_byte_order_comes_as_such():
    assert ndferry.asarray(Shows(np.arange(3, dtype=">f4"))).dtype == ">f4"


def test_mpi4py_reads_every_layout_that_it_can_send():
    MPI = pytest.importorskip("mpi4py.MPI")
    for name in ("int8", "int32", "float32", "complex128"):
        array = np.zeros((3, 4), name)
        for read_only in (False, True):
            seen = MPI.buffer.frombuffer(labelled(array, read_only=read_only), readonly=True)
            assert (seen.address, seen.nbytes, seen.readonly) == (array.ctypes.data, array.nbytes, True)
        with pytest.raises(BufferError):
            MPI.buffer.frombuffer(labelled(array, read_only=True))
        with pytest.raises(BufferError):
            MPI.buffer.frombuffer(labelled(array[:, ::2]))
        assert MPI.buffer.frombuffer(labelled(array[1:1])).nbytes == 0


def test_numba_takes_a_device_tensor_for_a_device_array():
    cuda = pytest.importorskip("numba.cuda")
    assert cuda.is_cuda_array(labelled(np.zeros(3))) and not cuda.is_cuda_array(ndferry.zeros(3))


def test_the_dictionary_says_what_its_newest_reader_needs():
    shown = labelled(np.zeros((2, 3), "f4")[:, ::2]).__cuda_array_interface__
    assert sorted(shown) == ["data", "descr", "shape", "stream", "strides", "typestr", "version"]
    assert (shown["shape"], shown["strides"], shown["version"]) == ((2, 2), (12, 8), 3)


def test_nothing_is_left_behind_by_a_refusal():
    shows = Shows(stream=0)
    before = sys.getrefcount(shows)
    for _ in range(100):
        with pytest.raises(ValueError, match="default stream"):
            ndferry.asarray(shows)
    assert sys.getrefcount(shows) == before


def test_bfloat16_of_pytorch_is_what_its_dictionary_says():
    # PyTorch writes `<V2`, which names no type: two bytes are what is known.
    memory = np.zeros(3, ml_dtypes.bfloat16)
    shows = Shows(memory, typestr="<V2")
    assert ndferry.asarray(shows).dtype == "V2"
