"""DLPack in pure Python, as it is done without a compiler: ctypes structs, a Python callback as deleter and another as
the capsule's destructor. It is what a native path is measured against, and speaks DLPack 1.0 both ways."""

from __future__ import annotations

import ctypes
from ctypes import CFUNCTYPE, POINTER, Structure, addressof, c_char_p, c_int, c_int32, c_int64, c_uint8, c_uint16
from ctypes import c_uint32, c_uint64, c_void_p, py_object
from typing import Any

LIVE, USED = b"dltensor_versioned", b"used_dltensor_versioned"


class DLTensor(Structure):
    _fields_ = [
        ("data", c_void_p), ("device_type", c_int32), ("device_id", c_int32), ("ndim", c_int32), ("code", c_uint8),
        ("bits", c_uint8), ("lanes", c_uint16), ("shape", POINTER(c_int64)), ("strides", POINTER(c_int64)),
        ("byte_offset", c_uint64),
    ]  # fmt: skip


class Managed(Structure):
    pass


Deleter = CFUNCTYPE(None, POINTER(Managed))
Destructor = CFUNCTYPE(None, c_void_p)
Managed._fields_ = [
    ("major", c_uint32), ("minor", c_uint32), ("manager_ctx", c_void_p), ("deleter", Deleter), ("flags", c_uint64),
    ("dl_tensor", DLTensor),
]  # fmt: skip

_python = ctypes.PyDLL(None)
_new, _pointer = _python["PyCapsule_New"], _python["PyCapsule_GetPointer"]
_valid, _rename = _python["PyCapsule_IsValid"], _python["PyCapsule_SetName"]
_new.restype, _new.argtypes = py_object, [c_void_p, c_char_p, Destructor]
_pointer.restype, _pointer.argtypes = c_void_p, [c_void_p, c_char_p]
_valid.restype, _valid.argtypes = c_int, [c_void_p, c_char_p]
_rename.restype, _rename.argtypes = c_int, [py_object, c_char_p]

_exports: dict[int, tuple[object, ...]] = {}  # what consumers hold, by the address of their structs


@Deleter
def _end(managed: Any) -> None:
    _exports.pop(addressof(managed.contents), None)


@Destructor
def _end_capsule(capsule: int) -> None:
    if _valid(capsule, LIVE):
        _exports.pop(_pointer(capsule, LIVE), None)


class Array:
    """A tensor that somebody else's struct holds."""

    __slots__ = ("managed", "shape", "strides")

    def __init__(self, producer: Any) -> None:
        capsule = producer.__dlpack__(max_version=(1, 0))
        self.managed = Managed.from_address(_pointer(id(capsule), LIVE))
        if _rename(capsule, USED):
            raise RuntimeError("the capsule cannot be renamed")
        dl = self.managed.dl_tensor
        self.shape, self.strides = tuple(dl.shape[: dl.ndim]), tuple(dl.strides[: dl.ndim])

    def __del__(self) -> None:
        if hasattr(self, "managed") and self.managed.deleter:
            self.managed.deleter(self.managed)

    def __dlpack_device__(self) -> tuple[int, int]:
        dl = self.managed.dl_tensor
        return dl.device_type, dl.device_id

    def __dlpack__(self, *, max_version: Any = None, **_: object) -> object:
        if max_version is None or max_version[0] < 1:
            raise BufferError("only DLPack 1.0 and later")
        dl = self.managed.dl_tensor
        shape, strides = (c_int64 * dl.ndim)(*self.shape), (c_int64 * dl.ndim)(*self.strides)
        tensor = DLTensor(
            dl.data, dl.device_type, dl.device_id, dl.ndim, dl.code, dl.bits, dl.lanes, shape, strides, dl.byte_offset
        )
        managed = Managed(1, 0, None, _end, self.managed.flags, tensor)
        address = addressof(managed)
        _exports[address] = managed, shape, strides, self
        return _new(address, LIVE, _end_capsule)


def from_dlpack(producer: Any) -> Array:
    return Array(producer)
