"""The array API standard 2025.12 on interchange: `__dlpack__`, `__dlpack_device__`, `from_dlpack`.

Every test is named by the sentence that it proves; docs/array-api.md lists the sentences. The last part asks what the
standard's own test suite asks (generated dtypes, shapes and keywords), of ndferry's tensors.
"""

from __future__ import annotations

import ctypes
import enum
import inspect
import pathlib
import re

import ndferry
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

python = ctypes.PyDLL(None)
get_name = python["PyCapsule_GetName"]
get_name.restype, get_name.argtypes = ctypes.c_char_p, [ctypes.py_object]
get_pointer = python["PyCapsule_GetPointer"]
get_pointer.restype, get_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]

READ_ONLY, COPIED = 1, 2
CPU, CUDA = 1, 2
DTYPES = (
    "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 complex64 complex128"
).split()  # all of the standard's


class Version(ctypes.Structure):
    _fields_ = [("major", ctypes.c_uint32), ("minor", ctypes.c_uint32)]


def version_and_flags(capsule):
    address = get_pointer(capsule, b"dltensor_versioned")
    version = Version.from_address(address)
    return (version.major, version.minor), ctypes.c_uint64.from_address(address + 24).value


def numbers(dtype="float64"):
    return ndferry.asarray([1, 2, 3], dtype)


def on_cuda():
    """Memory that claims to be a GPU's."""
    memory = numbers()
    return ndferry.wrap(memory.data_ptr, 3, "float64", device="cuda:0", owner=memory)


class Producer:
    """A library's array that answers as it is told, whatever it is asked."""

    def __init__(self, source, device=None, **answer):
        self.source, self.device, self.answer, self.asked = source, device, answer, []

    def __dlpack__(self, **keywords):
        self.asked.append(keywords)
        return self.source.__dlpack__(**self.answer)

    def __dlpack_device__(self):
        return self.device or self.source.__dlpack_device__()


class Refusing(Producer):
    """An array that cannot be exported."""

    def __init__(self, error):
        super().__init__(numbers())
        self.error = error

    def __dlpack__(self, **keywords):
        self.asked.append(keywords)
        raise self.error("the producer's reason")


class From2021(Producer):
    """An array of the standard's first version."""

    def __dlpack__(self, *, stream=None):
        return self.source.__dlpack__()


# array.__dlpack__


def test_dlpack_takes_four_keywords_and_nothing_else():
    parameters = inspect.signature(ndferry.Tensor.__dlpack__).parameters
    keywords = [p.name for p in parameters.values() if p.kind is p.KEYWORD_ONLY]
    assert keywords == "stream max_version dl_device copy".split()
    assert all(p.default is None for p in parameters.values() if p.name != "self") and len(parameters) == 5
    with pytest.raises(TypeError):
        numbers().__dlpack__(None)


@pytest.mark.parametrize("stream", [-1, 0, 1, 2, 3, 2**63, "0", 1.0])
def test_on_cpu_only_none_is_accepted_as_a_stream(stream):
    with pytest.raises(ValueError, match="stream"):
        numbers().__dlpack__(stream=stream)
    numbers().__dlpack__(stream=None)


def test_minus_one_asks_the_producer_not_to_synchronise():
    on_cuda().__dlpack__(stream=-1)


def test_zero_is_no_stream_of_cuda():
    with pytest.raises(ValueError, match="stream"):
        on_cuda().__dlpack__(stream=0)


@pytest.mark.parametrize("tensor", [numbers, on_cuda])
def test_with_dl_device_on_the_cpu_the_stream_must_be_none(tensor):
    for stream in (-1, 1, 7):
        with pytest.raises(ValueError, match="stream"):
            tensor().__dlpack__(dl_device=(CPU, 0), stream=stream)


@pytest.mark.parametrize("asked", [None, (0, 0), (0, 8)])
def test_a_consumer_that_names_no_version_gets_the_old_struct(asked):
    assert get_name(numbers().__dlpack__(max_version=asked)) == b"dltensor"


@pytest.mark.parametrize("asked", [(1, 0), (1, 1), (1, 3), (1, 99), (2, 0), (100, 3)])
def test_a_consumer_that_names_one_gets_our_newest_of_its_major_version_or_ours(asked):
    capsule = numbers().__dlpack__(max_version=asked)
    assert get_name(capsule) == b"dltensor_versioned"
    assert version_and_flags(capsule)[0] == (1, 3)


def test_by_default_the_capsule_is_on_the_device_of_the_array():
    for x in (numbers(), on_cuda()):
        taken = ndferry.from_dlpack(x.__dlpack__())
        assert taken.device == x.device and taken.data_ptr == x.data_ptr


def test_dl_device_has_the_format_that_dlpack_device_returns():
    x = numbers()
    assert ndferry.from_dlpack(x.__dlpack__(dl_device=x.__dlpack_device__())).data_ptr == x.data_ptr

    class DeviceType(enum.IntEnum):
        CPU = 1

    assert ndferry.from_dlpack(x.__dlpack__(dl_device=(DeviceType.CPU, 0))).data_ptr == x.data_ptr


@pytest.mark.parametrize("device", [(CUDA, 0), (3, 0), (8, 0), (12, 4), (999, 0), (CPU, 1)])
@pytest.mark.parametrize("copy", [None, True, False])
def test_a_device_that_cannot_be_handled_is_a_buffer_error(device, copy):
    with pytest.raises(BufferError):
        numbers().__dlpack__(dl_device=device, copy=copy)


def test_memory_that_the_interpreter_can_reach_is_given_as_cpu_memory():
    memory = numbers()
    pinned = ndferry.wrap(memory.data_ptr, 3, "float64", device="cuda_host", owner=memory)
    capsule = pinned.__dlpack__(dl_device=(CPU, 0), max_version=(1, 0))
    assert version_and_flags(capsule)[1] & COPIED
    taken = ndferry.from_dlpack(capsule)
    assert taken.device == "cpu" and taken.tolist() == [1, 2, 3]


@pytest.mark.parametrize("name", ["cuda_host", "cuda:0"])
def test_a_copy_to_the_cpu_that_copy_false_forbids_is_a_buffer_error(name):
    memory = numbers()
    x = ndferry.wrap(memory.data_ptr, 3, "float64", device=name, owner=memory)
    with pytest.raises(BufferError, match="copy"):
        x.__dlpack__(dl_device=(CPU, 0), copy=False)


@pytest.mark.parametrize("read_only", [False, True])
def test_copy_true_always_copies_and_the_producer_does_it(read_only):
    x = numbers().as_read_only() if read_only else numbers()
    taken = ndferry.from_dlpack(x.__dlpack__(copy=True, max_version=(1, 0)))
    assert taken.data_ptr != x.data_ptr and taken.tolist() == [1, 2, 3] and not taken.read_only


def test_copy_false_never_copies():
    for x in (numbers(), numbers()[::-1], numbers().as_read_only()):
        assert ndferry.from_dlpack(x.__dlpack__(copy=False, max_version=(1, 0))).data_ptr == x.data_ptr


def test_copy_none_reuses_the_memory():
    x = numbers()
    assert ndferry.from_dlpack(x.__dlpack__(copy=None)).data_ptr == x.data_ptr


def test_when_a_copy_happens_the_flag_says_so_and_only_then():
    x = numbers()
    flags = {copy: version_and_flags(x.__dlpack__(copy=copy, max_version=(1, 0)))[1] for copy in (None, False, True)}
    assert flags == {None: 0, False: 0, True: COPIED}


def test_read_only_memory_is_flagged():
    assert version_and_flags(numbers().as_read_only().__dlpack__(max_version=(1, 0)))[1] == READ_ONLY


@pytest.mark.parametrize(
    "data", [np.zeros(2, "M8[s]"), np.zeros(2, ">i4"), np.zeros(2, "S3"), np.zeros(2, [("x", "f4")])], ids=str
)
@pytest.mark.parametrize("how", [{}, {"max_version": (1, 0)}, {"copy": True}, {"dl_device": (CPU, 0)}], ids=str)
def test_data_that_cannot_be_exported_is_a_buffer_error_and_never_a_type_error(data, how):
    with pytest.raises(BufferError) as refused:
        ndferry.asarray(data).__dlpack__(**how)
    assert not isinstance(refused.value, TypeError)


def test_read_only_data_without_a_flag_to_say_so_is_a_buffer_error():
    with pytest.raises(BufferError, match="read-only"):
        numbers().as_read_only().__dlpack__()
    taken = ndferry.from_dlpack(numbers().as_read_only().__dlpack__(copy=True))
    assert not taken.read_only  # a copy of our own may be written


@pytest.mark.parametrize("wrong", [{"copy": "yes"}, {"copy": 2}, {"stream": 5}, {"dl_device": ()}], ids=str)
def test_incorrect_arguments_are_no_buffer_errors(wrong):
    with pytest.raises(ValueError) as refused:
        numbers().__dlpack__(**wrong)
    assert not isinstance(refused.value, BufferError)


def test_a_copy_for_which_there_is_no_memory_is_a_memory_error():
    with pytest.raises(MemoryError):
        ndferry.zeros(1, "uint8").broadcast_to(2**50).__dlpack__(copy=True)


# array.__dlpack_device__


def test_the_device_is_a_tuple_of_dlpacks_numbers():
    for x, wanted in ((numbers(), (1, 0)), (on_cuda(), (2, 0))):
        assert type(x.__dlpack_device__()) is tuple and x.__dlpack_device__() == wanted
        assert all(type(one) is int for one in x.__dlpack_device__())


@pytest.mark.parametrize("number", [1, 2, 3, 4, 7, 8, 9, 10, 13, 14])
def test_every_device_type_of_the_standard_can_be_told_and_taken(number):
    memory = numbers()
    x = ndferry.wrap(memory.data_ptr, 3, "float64", device=(number, 2), owner=memory)
    taken = ndferry.from_dlpack(x.__dlpack__(max_version=(1, 0)))
    assert x.__dlpack_device__() == taken.__dlpack_device__() == (number, 2)


# from_dlpack


def test_from_dlpack_takes_one_positional_argument_and_two_keywords():
    parameters = list(inspect.signature(ndferry.from_dlpack).parameters.values())
    assert [p.kind.name for p in parameters] == ["POSITIONAL_ONLY", "KEYWORD_ONLY", "KEYWORD_ONLY"]
    assert [(p.name, p.default) for p in parameters[1:]] == [("device", None), ("copy", None)]


@pytest.mark.parametrize("dtype", DTYPES)
def test_all_dtypes_of_the_standard_are_exchanged(dtype):
    x = np.array([1, 0, 3], dtype)
    taken = ndferry.from_dlpack(x)
    assert taken.dtype == dtype and taken.data_ptr == x.ctypes.data
    assert np.from_dlpack(taken).dtype == dtype


def test_without_device_the_result_is_on_the_device_of_x():
    assert ndferry.from_dlpack(Producer(on_cuda())).device == "cuda:0"
    assert ndferry.from_dlpack(Producer(numbers())).device == "cpu"


def test_with_device_the_producer_is_asked_for_that_device():
    memory = numbers()
    x = Producer(numbers(), device=(CUDA, 0))
    assert ndferry.from_dlpack(x, device="cpu").device == "cpu"
    assert x.asked == [{"max_version": (1, 3), "dl_device": (CPU, 0)}]
    on_it = Producer(memory)
    assert ndferry.from_dlpack(on_it, device="cpu").data_ptr == memory.data_ptr


def test_a_device_that_is_not_supported_at_all_is_a_buffer_error():
    with pytest.raises(BufferError, match="cuda:0"):
        ndferry.from_dlpack(numbers(), device="cuda:0")


def test_a_copy_that_the_device_needs_and_copy_false_forbids_is_a_value_error_and_a_buffer_error():
    # The paragraph on `device` names the one, that on `copy` the other; the exception is both.
    for x in (on_cuda(), Producer(on_cuda())):
        for error in (ValueError, BufferError):
            with pytest.raises(error, match="copy"):
                ndferry.from_dlpack(x, device="cpu", copy=False)


def test_copy_true_of_from_dlpack_always_copies_even_if_the_producer_does_not():
    memory = numbers()
    for x in (memory, Producer(memory), Producer(memory, max_version=(1, 0)), From2021(memory)):
        taken = ndferry.from_dlpack(x, copy=True)
        assert taken.data_ptr != memory.data_ptr and taken.tolist() == [1, 2, 3]


def test_copy_true_is_passed_on_and_a_producers_copy_is_not_copied_again():
    memory = numbers()
    x = Producer(memory, max_version=(1, 0), copy=True)
    before = ndferry.statistics()
    taken = ndferry.from_dlpack(x, copy=True)
    assert x.asked == [{"max_version": (1, 3), "copy": True}]
    assert taken.data_ptr != memory.data_ptr
    del taken
    assert ndferry.statistics() == before


def test_copy_false_of_from_dlpack_never_copies_and_refuses_what_says_that_it_is_a_copy():
    memory = numbers()
    assert ndferry.from_dlpack(Producer(memory, max_version=(1, 0)), copy=False).data_ptr == memory.data_ptr
    with pytest.raises(BufferError, match="copied"):
        ndferry.from_dlpack(Producer(memory, max_version=(1, 0), copy=True), copy=False)


def test_copy_none_of_from_dlpack_shares_and_the_producer_is_not_bothered_with_it():
    memory = numbers()
    x = Producer(memory)
    assert ndferry.from_dlpack(x).data_ptr == memory.data_ptr
    assert x.asked == [{"max_version": (1, 3)}]


@pytest.mark.parametrize("error", [BufferError, MemoryError, RuntimeError, KeyError])
def test_exceptions_of_the_producer_are_propagated(error):
    x = Refusing(error)
    with pytest.raises(error, match="the producer's reason") as refused:
        ndferry.from_dlpack(x)
    assert type(refused.value) is error and len(x.asked) == 1


def test_an_object_without_the_methods_is_an_attribute_error():
    with pytest.raises(AttributeError, match="__dlpack__"):
        ndferry.from_dlpack(object())

    class NoDevice:
        def __dlpack__(self, **keywords):
            return numbers().__dlpack__(**keywords)

    with pytest.raises(AttributeError, match="__dlpack_device__"):
        ndferry.from_dlpack(NoDevice(), device="cpu")


def test_a_producer_without_the_new_keywords_is_asked_again_without_them():
    memory = numbers()
    for how in ({}, {"device": "cpu"}, {"copy": False}):
        assert ndferry.from_dlpack(From2021(memory), **how).data_ptr == memory.data_ptr


def test_the_consumer_verifies_the_version_that_it_gets():
    capsule = numbers().__dlpack__(max_version=(1, 0))
    version = Version.from_address(get_pointer(capsule, b"dltensor_versioned"))
    version.major = 2
    with pytest.raises(BufferError, match="2"):
        ndferry.from_dlpack(capsule)
    version.major, version.minor = 1, 99
    assert ndferry.from_dlpack(capsule).tolist() == [1, 2, 3]


def test_the_capsule_is_renamed_when_it_is_consumed():
    for asked, used in ((None, b"used_dltensor"), ((1, 0), b"used_dltensor_versioned")):
        capsule = numbers().__dlpack__(max_version=asked)
        ndferry.from_dlpack(capsule)
        assert get_name(capsule) == used
        with pytest.raises(ValueError, match="used"):
            ndferry.from_dlpack(capsule)


def test_what_the_producer_says_of_its_device_is_verified_where_a_device_is_asked_for():
    # It says that it is on the CPU, and hands over memory of a GPU.
    liar = Producer(on_cuda(), device=(CPU, 0))
    with pytest.raises(BufferError):
        ndferry.from_dlpack(liar, device="cpu")
    assert ndferry.from_dlpack(liar).device == "cuda:0"  # the struct is what counts


def test_the_read_only_flag_is_kept():
    assert ndferry.from_dlpack(numbers().as_read_only()).read_only
    assert not ndferry.from_dlpack(numbers()).read_only


def test_device_support_can_be_determined_before_anything_is_exchanged():
    x = Producer(on_cuda())
    assert x.__dlpack_device__() == (CUDA, 0) and not x.asked
    assert ndferry.device(x.__dlpack_device__()) == "cuda:0"


def test_zero_copy_is_kept_where_the_data_are_not_contiguous():
    for x in (np.arange(12.0).reshape(3, 4)[::2, ::-1], np.arange(6)[::3], np.zeros((0, 3)), np.array(5.0)):
        taken = ndferry.from_dlpack(x)
        assert taken.shape == x.shape and taken.tolist() == x.tolist()
        assert not x.size or taken.data_ptr == x.ctypes.data


def test_asarray_never_copies_a_buffer_with_copy_false_and_raises_a_value_error_where_it_must():
    packed = np.zeros(5, np.dtype([("int", np.int32), ("char", np.int8)]))
    with pytest.raises(ValueError, match="copy"):
        ndferry.asarray(memoryview(packed["int"]), copy=False)
    assert ndferry.asarray(memoryview(packed["int"])).shape == (5,)
    data = bytearray(b"abc")
    ndferry.asarray(data, copy=False)[0] = 65
    assert data == b"Abc"
    with pytest.raises(ValueError, match="copy"):
        ndferry.asarray([1, 2], copy=False)


# What the standard's test suite asks.

shapes = st.lists(st.integers(0, 3), min_size=0, max_size=4).map(tuple)
keywords = st.fixed_dictionaries(
    {},
    optional={
        "copy": st.sampled_from([None, True, False]),
        "max_version": st.tuples(st.integers(0, 2), st.just(0)),
        "dl_device": st.just((CPU, 0)),
    },
)


@given(dtype=st.sampled_from(DTYPES), shape=shapes)
@settings(deadline=None)
def test_the_suites_test_of_dlpack_device(dtype, shape):
    device_type, device_id = ndferry.empty(shape, dtype).__dlpack_device__()
    assert device_type in (1, 2, 3, 4, 7, 8, 9, 10, 13, 14) and isinstance(device_id, int)


@given(dtype=st.sampled_from(DTYPES), shape=shapes, how=keywords)
@settings(deadline=None)
def test_the_suites_test_of_dlpack(dtype, shape, how):
    x = ndferry.full(shape, 1, dtype)
    taken = ndferry.from_dlpack(x.__dlpack__(**how))
    assert taken.equal(x) and taken.dtype == dtype
    assert not x.size or (taken.data_ptr == x.data_ptr) is (how.get("copy") is not True)


@given(
    dtype=st.sampled_from(DTYPES),
    shape=shapes,
    how=st.fixed_dictionaries({}, optional={"copy": st.sampled_from([None, True, False]), "device": st.just("cpu")}),
)
@settings(deadline=None)
def test_the_suites_test_of_from_dlpack(dtype, shape, how):
    x = np.ones(shape, dtype)
    for source in (x, ndferry.asarray(x)):
        y = ndferry.from_dlpack(source, **how)
        assert y.device == "cpu" and y.dtype == dtype and y.shape == shape and y.tolist() == x.tolist()


def test_the_page_lists_every_sentence_with_the_test_that_proves_it():
    page = pathlib.Path(__file__).parents[2] / "docs" / "array-api.md"
    named = set(re.findall(r"`(test_\w+)`", page.read_text()))
    written = set(re.findall(r"^def (test_\w+)", pathlib.Path(__file__).read_text(), re.M))
    assert named == written - {"test_the_page_lists_every_sentence_with_the_test_that_proves_it"}
