"""Objects that show one protocol of a producer, so that a consumer can take no other."""

from __future__ import annotations

import ctypes
from typing import Any

from .._inspect._structs import VERSIONED, DLManagedTensorVersioned, name_of, pointer_in


class NotOffered(Exception):
    """The producer does not speak the protocol."""


class Offer:
    """One protocol of a producer. `flavour` is what was handed over last, where there are several kinds."""

    flavour = ""

    def __init__(self, source: Any) -> None:
        self._source = source


class _DLPack(Offer):
    def __dlpack_device__(self) -> Any:
        return self._source.__dlpack_device__()

    def __dlpack__(self, **keywords: Any) -> Any:
        capsule = self._source.__dlpack__(**keywords)
        self.flavour = "legacy"
        if name_of(capsule) == VERSIONED and (address := pointer_in(capsule, VERSIONED)):
            struct = DLManagedTensorVersioned.from_address(address)
            self.flavour = f"{struct.major}.{struct.minor}"
        return capsule


class _Interface(Offer):
    @property
    def __array_interface__(self) -> Any:
        return self._source.__array_interface__


class _Struct(Offer):
    @property
    def __array_struct__(self) -> Any:
        return self._source.__array_struct__


class _Cuda(Offer):
    @property
    def __cuda_array_interface__(self) -> Any:
        interface = self._source.__cuda_array_interface__
        self.flavour = f"version {interface.get('version')}"
        return interface


class _Array(Offer):
    def __array__(self, *arguments: Any, **keywords: Any) -> Any:
        return self._source.__array__(*arguments, **keywords)


class _Arrow(Offer):
    def __arrow_c_array__(self, requested_schema: Any = None) -> Any:
        return self._source.__arrow_c_array__(requested_schema)


PROTOCOLS = {
    "dlpack": "DLPack, through __dlpack__",
    "exchange": "DLPack's table of C functions, __dlpack_c_exchange_api__",
    "array-interface": "__array_interface__",
    "array-struct": "__array_struct__",
    "buffer": "the buffer protocol",
    "array": "__array__",
    "cuda": "__cuda_array_interface__",
    "arrow": "Arrow's __arrow_c_array__",
    "asarray": "the object itself, to the library's own asarray",
}
_OFFERS = {
    "dlpack": ("__dlpack__", _DLPack), "array-interface": ("__array_interface__", _Interface),
    "array-struct": ("__array_struct__", _Struct), "array": ("__array__", _Array),
    "cuda": ("__cuda_array_interface__", _Cuda), "arrow": ("__arrow_c_array__", _Arrow),
}  # fmt: skip
_check_buffer = ctypes.PyDLL(None)["PyObject_CheckBuffer"]
_check_buffer.restype, _check_buffer.argtypes = ctypes.c_int, [ctypes.py_object]


def offer(source: Any, protocol: str) -> Any:
    """What a consumer is given."""
    if protocol == "asarray":
        return source
    if protocol == "exchange":
        if getattr(type(source), "__dlpack_c_exchange_api__", None) is None:
            raise NotOffered
        return source
    if protocol == "buffer":
        if not _check_buffer(source):
            raise NotOffered
        return memoryview(source)
    name, kind = _OFFERS[protocol]
    try:
        getattr(source, name)
    except AttributeError:
        raise NotOffered from None
    return kind(source)
