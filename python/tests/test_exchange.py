"""DLPack's C exchange API: the table of `Tensor`, and the tables of others."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import threading
from ctypes import CFUNCTYPE, POINTER, PYFUNCTYPE, Structure, byref, c_char_p, c_int, c_int32, c_int64, c_uint8
from ctypes import c_uint16, c_uint32, c_uint64, c_void_p, py_object

import ndferry
import numpy as np
import pytest
from ndferry._library import lib

NAME = b"dlpack_exchange_api"
python = ctypes.PyDLL(None)
new_capsule, get_pointer = python["PyCapsule_New"], python["PyCapsule_GetPointer"]
new_capsule.restype, new_capsule.argtypes = py_object, [c_void_p, c_char_p, c_void_p]
get_pointer.restype, get_pointer.argtypes = c_void_p, [py_object, c_char_p]


class DLTensor(Structure):
    _fields_ = [
        ("data", c_void_p), ("device_type", c_int32), ("device_id", c_int32), ("ndim", c_int32), ("code", c_uint8),
        ("bits", c_uint8), ("lanes", c_uint16), ("shape", POINTER(c_int64)), ("strides", POINTER(c_int64)),
        ("byte_offset", c_uint64),
    ]  # fmt: skip


class Managed(Structure):
    pass


Deleter = CFUNCTYPE(None, POINTER(Managed))
Managed._fields_ = [
    ("major", c_uint32), ("minor", c_uint32), ("manager_ctx", c_void_p), ("deleter", Deleter), ("flags", c_uint64),
    ("dl_tensor", DLTensor),
]  # fmt: skip
SetError = CFUNCTYPE(None, c_void_p, c_char_p, c_char_p)
Allocate = CFUNCTYPE(c_int, POINTER(DLTensor), POINTER(POINTER(Managed)), c_void_p, SetError)
# Kept: the interpreter's lock.
FromObject = PYFUNCTYPE(c_int, py_object, POINTER(POINTER(Managed)))
ToObject = PYFUNCTYPE(c_int, POINTER(Managed), POINTER(py_object))
LendObject = PYFUNCTYPE(c_int, py_object, POINTER(DLTensor))
WorkStream = PYFUNCTYPE(c_int, c_int32, c_int32, POINTER(c_void_p))


class Table(Structure):
    _fields_ = [
        ("major", c_uint32), ("minor", c_uint32), ("prev_api", c_void_p), ("allocate", Allocate),
        ("from_object", FromObject), ("to_object", ToObject), ("lend_object", LendObject), ("work_stream", WorkStream),
    ]  # fmt: skip


table = Table.from_address(get_pointer(ndferry.Tensor.__dlpack_c_exchange_api__, NAME))


class Source:
    """A struct on six numbers that counts the calls of its deleter."""

    def __init__(self, **fields):
        self.numbers = np.arange(6, dtype="f4")
        self.dims, self.ended = (c_int64 * 4)(2, 3, 3, 1), 0
        strides = ctypes.cast(byref(self.dims, 16), POINTER(c_int64))
        tensor = DLTensor(self.numbers.ctypes.data, 1, 0, 2, 2, 32, 1, self.dims, strides, 0)
        self.managed = Managed(1, 3, None, Deleter(self.end), 0, tensor)
        for name, value in fields.items():
            setattr(self.managed if hasattr(Managed, name) else self.managed.dl_tensor, name, value)

    def end(self, _):
        self.ended += 1


def producer(from_object, **fields):
    """A class with a table of its own."""

    class Producer:
        asked = 0

        def __dlpack__(self, **_):
            type(self).asked += 1
            return ndferry.zeros(7).__dlpack__(max_version=(1, 0))

    function = from_object if isinstance(from_object, FromObject) else FromObject(from_object)
    Producer.table = Table(**{"major": 1, "minor": 3, "from_object": function, **fields})
    Producer.__dlpack_c_exchange_api__ = new_capsule(ctypes.addressof(Producer.table), NAME, None)
    return Producer


def giving(source, **fields):
    def from_object(_, out):
        out[0] = ctypes.pointer(source.managed)
        return 0

    return producer(from_object, **fields)


def exported(tensor):
    out = POINTER(Managed)()
    assert table.from_object(tensor, byref(out)) == 0
    return out


# As producer.


def test_the_table_is_dlpack_1_3_and_complete():
    assert (table.major, table.minor, table.prev_api) == (1, 3, None)
    words = (c_void_p * 7).from_address(ctypes.addressof(table))
    assert all(words[2:])
    assert ndferry.zeros(1).__dlpack_c_exchange_api__ is ndferry.Tensor.__dlpack_c_exchange_api__


def test_an_object_becomes_a_struct_that_keeps_its_memory():
    tensor = ndferry.asarray([[1.0, 2.0], [3.0, 4.0]]).T.as_read_only()
    out = exported(tensor)
    managed, dl = out.contents, out.contents.dl_tensor
    assert (managed.major, managed.minor, managed.flags) == (1, 3, 1)
    assert (dl.data, dl.shape[:2], dl.strides[:2]) == (tensor.data_ptr, [2, 2], [1, 2])
    del tensor
    assert ndferry.statistics().live_bytes >= 32
    managed.deleter(out)


def test_a_struct_becomes_a_tensor_and_is_ended_once():
    source = Source()
    out = py_object()
    assert table.to_object(byref(source.managed), byref(out)) == 0
    tensor = out.value
    python.Py_DecRef(out)  # the reference that the function gave
    del out
    assert type(tensor) is ndferry.Tensor and tensor.data_ptr == source.numbers.ctypes.data
    assert tensor.tolist() == source.numbers.reshape(2, 3).tolist() and source.ended == 0
    del tensor
    assert source.ended == 1


@pytest.mark.parametrize("fields", [{"major": 2}, {"ndim": -1}, {"data": None}, {"bits": 0}])
def test_a_struct_that_is_refused_stays_the_callers(fields):
    source, out = Source(**fields), py_object()
    with pytest.raises((BufferError, ValueError)):
        table.to_object(byref(source.managed), byref(out))
    assert source.ended == 0


def test_a_struct_of_ndferry_becomes_a_view_on_the_same_memory():
    tensor, out = ndferry.zeros((2, 3)), py_object()
    alive = ndferry.statistics()
    assert table.to_object(exported(tensor[1]), byref(out)) == 0
    back = out.value
    python.Py_DecRef(out)
    del out
    assert back.data_ptr == tensor[1].data_ptr
    assert ndferry.statistics() == (alive.live_tensors + 1, alive.live_bytes)


def test_a_lent_description_is_the_tensors_own():
    tensor = ndferry.asarray(np.arange(24, dtype="i2").reshape(2, 3, 4))[:, ::2]
    dl = DLTensor()
    assert table.lend_object(tensor, byref(dl)) == 0
    assert (dl.data, dl.ndim, dl.code, dl.bits, dl.lanes, dl.byte_offset) == (tensor.data_ptr, 3, 0, 16, 1, 0)
    assert (dl.shape[:3], dl.strides[:3]) == ([2, 2, 4], [12, 8, 1])
    assert ctypes.addressof(dl.shape.contents) == ctypes.addressof(lib.ndf_tensor_shape(tensor._handle).contents)
    assert table.lend_object(ndferry.zeros((2, 0)), byref(dl)) == 0 and dl.data is None
    assert table.lend_object(ndferry.full((), 1.0), byref(dl)) == 0 and dl.ndim == 0 and bool(dl.shape)
    assert table.lend_object(ndferry.zeros((1,) * 20), byref(dl)) == 0 and dl.shape[:20] == [1] * 20


def test_what_cannot_be_said_is_a_buffer_error():
    out, dl = POINTER(Managed)(), DLTensor()
    swapped = ndferry.asarray(np.zeros(3, ">i4"))
    with pytest.raises(BufferError, match="byte order"):
        table.from_object(swapped, byref(out))
    with pytest.raises(BufferError, match="read-only"):
        table.lend_object(ndferry.zeros(3).as_read_only(), byref(dl))
    assert not out and not dl.shape


@pytest.mark.parametrize("other", [None, 3, object(), np.zeros(3), ndferry.Tensor, ndferry.dtype("int8")])
def test_other_objects_are_a_type_error(other):
    with pytest.raises(TypeError, match="no tensor of the class"):
        table.from_object(other, byref(POINTER(Managed)()))
    with pytest.raises(TypeError, match="no tensor of the class"):
        table.lend_object(other, byref(DLTensor()))


def test_null_places_are_errors():
    with pytest.raises(ValueError, match="`out` is NULL"):
        table.from_object(ndferry.zeros(1), None)
    with pytest.raises(ValueError, match="`tensor` is NULL"):
        table.to_object(None, byref(py_object()))


def test_a_subclass_is_served_too():
    class Sub(ndferry.Tensor):
        pass

    tensor = ndferry.zeros(3)
    sub = Sub._adopt(lib.ndf_tensor_retain(tensor.handle))
    out = exported(sub)
    assert out.contents.dl_tensor.data == tensor.data_ptr
    out.contents.deleter(out)


def test_the_allocator_reads_type_shape_and_device_only():
    shape, errors = (c_int64 * 2)(2, 5), []
    report = SetError(lambda context, kind, message: errors.append((context, kind, message)))
    nowhere = ctypes.cast(1, POINTER(c_int64))
    prototype, out = DLTensor(1, 1, 0, 2, 4, 16, 1, shape, nowhere, 7), POINTER(Managed)()
    assert table.allocate(byref(prototype), byref(out), None, report) == 0
    dl = out.contents.dl_tensor
    assert (dl.shape[:2], dl.strides[:2], dl.code, dl.bits) == ([2, 5], [5, 1], 4, 16)
    assert dl.data % 256 == 0 and dl.shape[0] == 2 and not errors
    tensor = ndferry.from_dlpack_pointer(out)
    assert tensor.dtype == ndferry.bfloat16 and not tensor.read_only


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"ndim": 65}, b"BufferError"), ({"device_type": 2}, b"BufferError"), ({"bits": 0}, b"BufferError"),
        ({"shape": None}, b"ValueError"), ({"huge": 2**45}, b"MemoryError"), ({"huge": -1}, b"BufferError"),
    ],
)  # fmt: skip
def test_a_failed_allocation_is_told_once(fields, kind):
    errors, out = [], POINTER(Managed)()
    shape = (c_int64 * 1)(fields.pop("huge", 3))
    prototype = DLTensor(None, 1, 0, 1, 2, 64, 1, shape, None, 0)
    for name, value in fields.items():
        setattr(prototype, name, value)
    report = SetError(lambda context, kind, message: errors.append((context, kind, message)))
    assert table.allocate(byref(prototype), byref(out), 42, report) == -1
    assert [(context, name) for context, name, _ in errors] == [(42, kind)] and errors[0][2]
    assert not out and table.allocate(byref(prototype), byref(out), None, SetError()) == -1


def test_the_stream_is_the_legacy_default_one_which_is_null_as_on_the_cpu():
    for device_type in (1, 2, 3, 13):
        stream = c_void_p(1)
        assert table.work_stream(device_type, 0, byref(stream)) == 0 and stream.value is None
    with pytest.raises(BufferError, match="opencl:0 has no stream"):
        table.work_stream(4, 0, byref(c_void_p(1)))


FAILING_PYTHON = """
import sys
sys.path[:0] = {path!r}
from test_exchange import *
import _testcapi

tensor = ndferry.zeros(3)
told = 0
for n in range(60):
    source, own = Source(), exported(tensor)
    for managed, is_ours in (byref(source.managed), False), (own, True):
        out = py_object()
        lib.ndf_last_error_set(b"")
        _testcapi.set_nomemory(n, n + 1)
        try:
            table.to_object(managed, byref(out))
        except (MemoryError, ctypes.ArgumentError):
            pass
        finally:
            _testcapi.remove_mem_hooks()
        if out:
            python.Py_DecRef(out)
            continue
        told += b"in flight" in lib.ndf_last_error_message()
        assert is_ours or source.ended == 0
        if is_ours:
            assert own.contents.dl_tensor.data == tensor.data_ptr
            own.contents.deleter(own)
assert told, "no allocation of the library was hit"
"""


def test_a_struct_stays_the_callers_when_python_has_no_memory():
    pytest.importorskip("_testcapi")
    program = FAILING_PYTHON.format(path=sys.path)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# As consumer.


def test_the_table_of_a_class_is_used_and_its_struct_ended_once():
    source = Source()
    producer = giving(source)
    for take in ndferry.from_dlpack, ndferry.asarray:
        tensor = take(producer())
        assert tensor.data_ptr == source.numbers.ctypes.data and tensor.tolist() == [[0, 1, 2], [3, 4, 5]]
        source.ended = 0
        del tensor
        assert source.ended == 1
    assert producer.asked == 0


def test_a_table_that_goes_with_its_capsule_stays_for_the_call():
    source, told = Source(), []

    def from_object(_, out):
        told.append("asked")
        out[0] = ctypes.pointer(source.managed)
        return 0

    table = producer(from_object).table
    gone = PYFUNCTYPE(None, c_void_p)(lambda _: told.append("gone"))

    class Meta(type):
        @property
        def __dlpack_c_exchange_api__(cls):
            return new_capsule(ctypes.addressof(table), NAME, ctypes.cast(gone, c_void_p))

    class Odd(metaclass=Meta):
        __dlpack_c_exchange_api__ = "so that the object has it"

    assert ndferry.from_dlpack(Odd()).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert told == ["asked", "gone"] and source.ended == 1


def test_a_request_for_a_copy_or_a_device_goes_to_dlpack():
    producer = giving(Source())
    for keywords in {"copy": True}, {"copy": False}:
        assert ndferry.from_dlpack(producer(), **keywords).shape == (7,)
    assert producer.asked == 2


def test_an_older_table_of_the_chain_is_found():
    source = Source()
    old = giving(source)
    middle = Table(major=3, prev_api=ctypes.addressof(old.table))
    new = producer(lambda *_: -1, major=4, prev_api=ctypes.addressof(middle))
    assert ndferry.from_dlpack(new()).shape == (2, 3)
    assert source.ended == 1 and new.asked == 0


def test_dlpack_is_asked_where_no_table_can_be_used():
    def never(*_):
        raise AssertionError("called")

    future, functionless = producer(never, major=2), producer(FromObject())
    circle = producer(never, major=2)
    circle.table.prev_api = ctypes.addressof(circle.table)
    odd = producer(never, major=2, prev_api=3)
    unnamed, integer = producer(never), producer(never)
    unnamed.__dlpack_c_exchange_api__ = new_capsule(ctypes.addressof(unnamed.table), None, None)
    integer.__dlpack_c_exchange_api__ = ctypes.addressof(integer.table)
    nothing = producer(never)
    nothing.__dlpack_c_exchange_api__ = None
    for one in future, functionless, circle, odd, unnamed, integer, nothing:
        assert ndferry.from_dlpack(one()).shape == (7,) and one.asked == 1


def test_the_class_is_asked_and_not_the_object():
    source = Source()
    class_with_table = giving(source)

    class Plain:
        def __dlpack__(self, **_):
            return ndferry.zeros(7).__dlpack__(max_version=(1, 0))

    plain = Plain()
    plain.__dlpack_c_exchange_api__ = class_with_table.__dlpack_c_exchange_api__
    assert ndferry.from_dlpack(plain).shape == (7,) and source.ended == 0

    class Meta(type):
        @property
        def __dlpack_c_exchange_api__(self):
            raise KeyError("planted")

    class Odd(metaclass=Meta):
        __dlpack_c_exchange_api__ = 3

    with pytest.raises(KeyError, match="planted"):
        ndferry.from_dlpack(Odd())


def test_an_object_on_another_device_is_asked_by_dlpack():
    source = Source(device_type=2)
    producer = giving(source)
    assert ndferry.from_dlpack(producer()).shape == (7,)
    assert (source.ended, producer.asked) == (1, 1)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"major": 2}, BufferError), ({"ndim": -1}, BufferError), ({"ndim": 65}, BufferError),
        ({"data": None}, ValueError), ({"bits": 0}, BufferError), ({"shape": None}, ValueError),
    ],
)  # fmt: skip
def test_a_hostile_struct_is_refused_and_ended(fields, error):
    source = Source(**fields)
    with pytest.raises(error):
        ndferry.from_dlpack(giving(source)())
    assert source.ended == 1


def test_failures_of_the_producer_are_exceptions():
    with pytest.raises(TypeError, match="no tensor of the class"):  # its own exception
        ndferry.from_dlpack(producer(table.from_object)())
    with pytest.raises(RuntimeError, match="gave -1"):
        ndferry.from_dlpack(producer(lambda *_: -1)())
    with pytest.raises(RuntimeError, match="gave 0"):
        ndferry.from_dlpack(producer(lambda *_: 0)())
    bad_argument = ctypes.cast(python.PyErr_BadArgument, FromObject)  # says 0, with an exception
    with pytest.raises(TypeError, match="bad argument"):
        ndferry.from_dlpack(producer(bad_argument)())


def test_a_struct_that_comes_with_a_failure_is_not_touched():
    source = Source()

    def from_object(_, out):
        out[0] = ctypes.pointer(source.managed)
        return -1

    with pytest.raises(RuntimeError, match="gave -1"):
        ndferry.from_dlpack(producer(from_object)())
    assert source.ended == 0


def test_the_functions_want_objects():
    null = py_object()
    with pytest.raises(ValueError, match="`object` is NULL"):
        lib.ndf_py_from_dlpack_exchange_api(null)
    assert lib.ndf_py_from_dlpack_exchange_api(3) is None


# Both ways at once.


def test_nothing_is_lost_or_gained_by_many_exchanges():
    tensor = ndferry.zeros((2, 3))
    watched = ndferry.Tensor, ndferry.Tensor.__dlpack_c_exchange_api__, tensor, ndferry.from_dlpack
    before, alive = [sys.getrefcount(one) for one in watched], ndferry.statistics()
    dl, out = DLTensor(), py_object()
    for _ in range(100_000):
        ndferry.from_dlpack(tensor)
        table.lend_object(tensor, byref(dl))
    for _ in range(1000):
        table.to_object(exported(tensor), byref(out))
        python.Py_DecRef(out)
    del out
    # Python's caches may hold a name or two.
    assert all(abs(sys.getrefcount(one) - count) < 10 for one, count in zip(watched, before, strict=True))
    assert ndferry.statistics() == alive


def test_threads_exchange_at_once():
    tensor = ndferry.zeros((2, 3))
    wrong = []

    def work():
        for _ in range(5000):
            if ndferry.from_dlpack(tensor).data_ptr != tensor.data_ptr:
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_tvm_ffi_takes_and_gives_tensors_through_the_table(monkeypatch):
    tvm_ffi = pytest.importorskip("tvm_ffi")

    def never(*_, **__):
        raise AssertionError("__dlpack__ was asked")

    monkeypatch.setattr(ndferry.Tensor, "__dlpack__", never)
    tensor = ndferry.asarray(np.arange(6, dtype="f4").reshape(2, 3))
    foreign = tvm_ffi.from_dlpack(tensor)
    assert foreign.data_ptr() == tensor.data_ptr
    assert (tuple(foreign.shape), tuple(foreign.strides), str(foreign.dtype)) == ((2, 3), (3, 1), "float32")
    back = tvm_ffi.get_global_func("testing.echo")(tensor)
    assert type(back) is ndferry.Tensor and back.data_ptr == tensor.data_ptr
    del tensor
    assert back.tolist() == [[0, 1, 2], [3, 4, 5]]
    del back
    assert ndferry.statistics().live_tensors >= 1  # what tvm_ffi has keeps it
    monkeypatch.undo()
    with pytest.raises(BufferError, match="byte order"):
        tvm_ffi.from_dlpack(ndferry.asarray(np.zeros(3, ">i4")))


@pytest.fixture
def torch():
    torch = pytest.importorskip("torch")
    if not hasattr(torch.Tensor, "__dlpack_c_exchange_api__"):
        pytest.skip("this PyTorch has no table")
    return torch


def test_torch_gives_its_memory_through_its_table(torch, monkeypatch):
    def never(*_, **__):
        raise AssertionError("__dlpack__ was asked")

    monkeypatch.setattr(torch.Tensor, "__dlpack__", never)
    for source in torch.arange(12.0).reshape(3, 4)[::2, 1:].T, torch.tensor(3), torch.ones(2).half():
        tensor = ndferry.from_dlpack(source)
        assert tensor.data_ptr == source.data_ptr() and tensor.shape == tuple(source.shape)
        assert tensor.tolist() == source.tolist()


def test_torch_tensors_that_are_not_what_lies_in_memory_are_refused(torch):
    conjugate = torch.tensor([1 + 2j, 3 - 4j]).conj()
    refused = {
        "gradient": torch.ones(2, requires_grad=True), "conjugate": conjugate, "negative": conjugate.imag,
        "layout": torch.eye(2).to_sparse(),
        "negative bit": torch.utils.dlpack.ReadOnlyTensorWrapper(conjugate.imag)
        if hasattr(torch.utils.dlpack, "ReadOnlyTensorWrapper") else conjugate.imag,
    }  # fmt: skip
    for why, source in refused.items():
        for take in ndferry.from_dlpack, ndferry.asarray:
            with pytest.raises(BufferError, match=why):
                take(source)
    assert ndferry.asarray(conjugate.imag.resolve_neg()).tolist() == [-2, 4]
    assert ndferry.asarray(conjugate.resolve_conj()).tolist() == [1 - 2j, 3 + 4j]


def test_torch_tensors_that_dlpack_has_no_words_for_are_refused_in_its_words(torch):
    for why, source in {
        "meta": torch.empty(3, device="meta"), "QInt": torch.quantize_per_tensor(torch.ones(2), 0.5, 3, torch.qint8),
    }.items():  # fmt: skip
        for take in ndferry.from_dlpack, ndferry.asarray:
            with pytest.raises(BufferError, match=why) as refused:
                take(source)
            assert "Exception raised from" not in str(refused.value)


def test_subclasses_of_torch_tensors_are_asked_by_dlpack(torch):
    asked = []

    class Sub(torch.Tensor):
        def __dlpack__(self, **keywords):
            asked.append(keywords)
            return super().__dlpack__(**keywords)

    assert ndferry.from_dlpack(torch.ones(2).as_subclass(Sub)).tolist() == [1, 1] and asked
    parameter = torch.nn.Parameter(torch.ones(2), requires_grad=False)
    assert ndferry.from_dlpack(parameter).data_ptr == parameter.data_ptr()
