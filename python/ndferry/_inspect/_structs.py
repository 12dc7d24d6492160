"""The structs of DLPack and Arrow, and what CPython says about capsules."""

from __future__ import annotations

import ctypes
from ctypes import (
    POINTER,
    Structure,
    alignment,
    c_char_p,
    c_int,
    c_int32,
    c_int64,
    c_uint8,
    c_uint16,
    c_uint32,
    c_uint64,
    c_void_p,
    cast,
    py_object,
)
from typing import Any

from .._library import native

LEGACY, VERSIONED, EXCHANGE = b"dltensor", b"dltensor_versioned", b"dlpack_exchange_api"
READ_ONLY, IS_COPIED, PADDED = 1, 2, 4
CPU, CUDA, CUDA_HOST, ROCM, ROCM_HOST, CUDA_MANAGED = 1, 2, 3, 10, 11, 13
HOST = (CPU, CUDA_HOST, ROCM_HOST, CUDA_MANAGED)
WITH_ADDRESSES = (*HOST, CUDA, ROCM)
MAX_NDIM = 64


class DLTensor(Structure):
    _fields_ = [
        ("data", c_void_p),
        ("device_type", c_int32),
        ("device_id", c_int32),
        ("ndim", c_int32),
        ("code", c_uint8),
        ("bits", c_uint8),
        ("lanes", c_uint16),
        ("shape", POINTER(c_int64)),
        ("strides", POINTER(c_int64)),
        ("byte_offset", c_uint64),
    ]


class DLManagedTensor(Structure):
    _fields_ = [("dl_tensor", DLTensor), ("manager_ctx", c_void_p), ("deleter", c_void_p)]


class DLManagedTensorVersioned(Structure):
    _fields_ = [
        ("major", c_uint32),
        ("minor", c_uint32),
        ("manager_ctx", c_void_p),
        ("deleter", c_void_p),
        ("flags", c_uint64),
        ("dl_tensor", DLTensor),
    ]


class DLPackExchangeAPI(Structure):
    _fields_ = [
        ("major", c_uint32),
        ("minor", c_uint32),
        ("prev_api", c_void_p),
        ("managed_tensor_allocator", c_void_p),
        ("managed_tensor_from_py_object_no_sync", c_void_p),
        ("managed_tensor_to_py_object_no_sync", c_void_p),
        ("dltensor_from_py_object_no_sync", c_void_p),
        ("current_work_stream", c_void_p),
    ]


class ArrowArray(Structure):
    _fields_ = [
        ("length", c_int64),
        ("null_count", c_int64),
        ("offset", c_int64),
        ("n_buffers", c_int64),
        ("n_children", c_int64),
        ("buffers", POINTER(c_void_p)),
        ("children", c_void_p),
        ("dictionary", c_void_p),
        ("release", c_void_p),
    ]


# Functions of our own: what `ctypes.pythonapi` holds is shared by everybody, and so are the types set there.
_python = ctypes.PyDLL(None)


def python_function(name: str, result: Any, *parameters: Any) -> Any:
    """A function of CPython, called with the interpreter's lock; an exception that it sets is raised."""
    function = _python[name]
    function.restype, function.argtypes = result, parameters
    return function


_get_name = python_function("PyCapsule_GetName", c_char_p, py_object)
_get_pointer = python_function("PyCapsule_GetPointer", c_void_p, py_object, c_char_p)
_get_destructor = python_function("PyCapsule_GetDestructor", c_void_p, py_object)
_is_valid = python_function("PyCapsule_IsValid", c_int, py_object, c_char_p)


_CAPSULE = type(native.exchange_api)


def is_capsule(obj: object) -> bool:
    return type(obj) is _CAPSULE


def is_address(pointer: Any) -> bool:
    """Whether a struct or an array of integers can lie there; nothing is read."""
    return (pointer if isinstance(pointer, int) else cast(pointer, c_void_p).value or 0) % alignment(c_int64) == 0


def name_of(capsule: object) -> bytes | None:
    name: bytes | None = _get_name(capsule)
    return name


def pointer_in(capsule: object, name: bytes | None) -> int | None:
    """The address in a capsule, None if that has another name."""
    return _get_pointer(capsule, name) if _is_valid(capsule, name) else None


def has_destructor(capsule: object) -> bool:
    return bool(_get_destructor(capsule))
