"""The structs of the protocols as ctypes sees them, and CPython's functions for capsules: what producers are made of."""

from __future__ import annotations

import ctypes
from ctypes import CFUNCTYPE, POINTER, PYFUNCTYPE, Structure, byref, c_char, c_char_p, c_int, c_int32, c_int64, c_ssize_t
from ctypes import c_uint8, c_uint16, c_uint32, c_uint64, c_void_p, py_object

_python = ctypes.PyDLL(None)
_new, _is_valid, _rename = _python["PyCapsule_New"], _python["PyCapsule_IsValid"], _python["PyCapsule_SetName"]
_new.restype, _new.argtypes = py_object, [c_void_p, c_char_p, c_void_p]
_is_valid.restype, _is_valid.argtypes = c_int, [py_object, c_char_p]
_rename.restype, _rename.argtypes = c_int, [py_object, c_char_p]
_view = _python["PyMemoryView_FromBuffer"]
_view.restype, _view.argtypes = py_object, [c_void_p]

LEGACY, VERSIONED, EXCHANGE = b"dltensor", b"dltensor_versioned", b"dlpack_exchange_api"
USED_LEGACY, USED_VERSIONED = b"used_dltensor", b"used_dltensor_versioned"


class DLTensor(Structure):
    _fields_ = [
        ("data", c_void_p), ("device_type", c_int32), ("device_id", c_int32), ("ndim", c_int32), ("code", c_uint8),
        ("bits", c_uint8), ("lanes", c_uint16), ("shape", c_void_p), ("strides", c_void_p), ("byte_offset", c_uint64),
    ]  # fmt: skip


class Versioned(Structure):
    _fields_ = [
        ("major", c_uint32), ("minor", c_uint32), ("manager_ctx", c_void_p), ("deleter", c_void_p),
        ("flags", c_uint64), ("dl_tensor", DLTensor),
    ]  # fmt: skip


class Legacy(Structure):
    _fields_ = [("dl_tensor", DLTensor), ("manager_ctx", c_void_p), ("deleter", c_void_p)]


class Table(Structure):
    """`DLPackExchangeAPI`."""

    _fields_ = [
        ("major", c_uint32), ("minor", c_uint32), ("prev_api", c_void_p), ("allocate", c_void_p),
        ("from_object", c_void_p), ("to_object", c_void_p), ("lend_object", c_void_p), ("work_stream", c_void_p),
    ]  # fmt: skip


class ArrayStruct(Structure):
    """`PyArrayInterface`."""

    _fields_ = [
        ("two", c_int), ("nd", c_int), ("typekind", c_char), ("itemsize", c_int), ("flags", c_int),
        ("shape", c_void_p), ("strides", c_void_p), ("data", c_void_p), ("descr", c_void_p),
    ]  # fmt: skip


class Buffer(Structure):
    """`Py_buffer`."""

    _fields_ = [
        ("buf", c_void_p), ("obj", c_void_p), ("len", c_ssize_t), ("itemsize", c_ssize_t), ("readonly", c_int),
        ("ndim", c_int), ("format", c_char_p), ("shape", c_void_p), ("strides", c_void_p), ("suboffsets", c_void_p),
        ("internal", c_void_p),
    ]  # fmt: skip


assert [ctypes.sizeof(one) for one in (DLTensor, Versioned, Legacy, Table, ArrayStruct, Buffer)] == [
    48, 80, 64, 56, 56, 80,
]  # fmt: skip

Deleter = CFUNCTYPE(None, c_void_p)
FromObject = PYFUNCTYPE(c_int, c_void_p, POINTER(c_void_p))


def address(pointer: object) -> int:
    """Where a ctypes array or struct lies, or what a function pointer points at."""
    if isinstance(pointer, (ctypes.Array, Structure)):
        return ctypes.addressof(pointer)
    return ctypes.cast(pointer, c_void_p).value or 0


def integers(*values: int) -> ctypes.Array[c_int64]:
    return (c_int64 * len(values))(*values)


def capsule(target: object, name: bytes | None, destructor: int | None = None) -> object:
    """A capsule on a struct. The struct must live as long as it is used."""
    return _new(ctypes.addressof(target), name, destructor)


def name_of(one: object) -> bytes | None:
    """Which of DLPack's names a capsule has."""
    names = LEGACY, VERSIONED, USED_LEGACY, USED_VERSIONED
    return next((name for name in names if _is_valid(one, name)), None)


def rename(one: object, name: bytes | None) -> None:
    _rename(one, name)


def memory_view(buffer: Buffer) -> memoryview:
    """A memoryview that says what a `Py_buffer` says, unproved."""
    return _view(byref(buffer))


class Source:
    """A DLPack struct of either kind on two rows of three numbers, and how often its deleter ran. Fields are spoilt by
    name; a tuple stands for an array of integers. Its first element is number `first`."""

    def __init__(self, kind: type[Structure] = Versioned, first: int = 0, **fields: object) -> None:
        self.numbers = (ctypes.c_float * 8)(0, 1, 2, 3, 4, 5, 6, 7)
        self.kept: list[object] = []
        self.ends = 0
        self.on_end = self.in_the_end = lambda: None
        self.deleter = Deleter(self._end)
        self.managed = kind()
        honest = {
            "major": 1, "minor": 3, "deleter": address(self.deleter), "data": address(self.numbers) + 4 * first, "device_type": 1,
            "ndim": 2, "code": 2, "bits": 32, "lanes": 1, "shape": (2, 3), "strides": (3, 1),
        }  # fmt: skip
        for name, value in (honest | fields).items():
            self.set(name, value)

    def set(self, name: str, value: object) -> None:
        if isinstance(value, tuple):
            self.kept.append(integers(*value))
            value = address(self.kept[-1])
        # A legacy struct has no version and no flags.
        target = self.managed if name in dict(type(self.managed)._fields_) else self.managed.dl_tensor
        if name in dict(type(target)._fields_):
            setattr(target, name, value)

    def _end(self, managed: int) -> None:
        assert managed == address(self.managed)
        self.ends += 1
        self.on_end()

    def capsule(self) -> object:
        return capsule(self.managed, VERSIONED if isinstance(self.managed, Versioned) else LEGACY)
