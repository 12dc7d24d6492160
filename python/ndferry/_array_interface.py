"""NumPy's array interface, read without trust."""

from __future__ import annotations

import sys
from operator import index

from . import _declarations as c
from ._buffer import address_of, byte_span, wrap_object
from ._dtype import DType, dtype
from ._index import in_words
from ._library import lib
from ._tensor import adopt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._tensor import Tensor


def from_dict(obj: object, interface: Any, copy: bool | None) -> Tensor:
    """A tensor on what `obj.__array_interface__` describes, or on a copy where sharing is impossible and `copy` is not
    False. Both are kept alive: the interface of a NumPy scalar holds the memory."""
    if not isinstance(interface, dict):
        raise ValueError(f"`__array_interface__` is {type(interface).__name__}, it must be a dict")
    for key in ("shape", "typestr"):
        if key not in interface:
            raise ValueError(f"`__array_interface__` lacks {key!r}")
    if interface.get("version", 3) != 3:
        raise ValueError(f"`__array_interface__` has version {interface['version']!r}, only 3 is known")
    if interface.get("mask") is not None:
        raise BufferError("`__array_interface__` has a mask, which a tensor cannot have")
    shape = _integers(interface["shape"], "shape")
    strides = interface.get("strides")
    if strides is not None:
        strides = _integers(strides, "strides")
        if len(strides) != len(shape):
            raise ValueError(f"`strides` has {len(strides)} entries, `shape` has {len(shape)}")
    type_ = _type(obj, interface)
    data = interface.get("data")
    if isinstance(data, tuple):
        address, read_only = _pointer(data)
        return wrap_object((obj, interface), address, type_, shape, strides, read_only, copy)
    return _in_buffer(obj if data is None else data, interface.get("offset", 0), type_, shape, strides, copy)


def from_capsule(obj: object, capsule: object) -> Tensor:
    """A tensor on what `obj.__array_struct__` describes."""
    return adopt(lib.ndf_py_from_array_struct_capsule(capsule, obj, c.ndf_dtype()))


def _integers(values: Any, name: str) -> tuple[int, ...]:
    if not isinstance(values, (tuple, list)):
        raise ValueError(f"`{name}` is {values!r}, it must be a tuple of integers")
    return tuple(index(one) for one in values)


def _type(obj: object, interface: dict[str, Any]) -> DType:
    """The element type: what `typestr` says, or for a structured type `descr`."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(obj, (numpy.ndarray, numpy.generic)):
        # NumPy's words for the types of ml_dtypes do not say which they are; the array itself does.
        return dtype(obj.dtype)
    typestr = interface["typestr"]
    if isinstance(typestr, bytes):
        typestr = typestr.decode()
    if not isinstance(typestr, str):
        raise ValueError(f"`typestr` is {typestr!r}, it must be a string")
    type_ = dtype(typestr)
    descr = interface.get("descr")
    if type_.kind != "V" or not descr or descr == [("", typestr)]:
        return type_
    fields = dtype(list(descr))
    if fields.itemsize != type_.itemsize:
        raise ValueError(f"`descr` has {fields.itemsize} bytes, `typestr` has {type_.itemsize}")
    return fields


def _pointer(data: tuple[Any, ...]) -> tuple[int, bool]:
    if len(data) != 2:
        raise ValueError(f"`data` is {data!r}, it must be an address and whether it is read-only, or a buffer")
    # Some old exporters write the address as text.
    address = int(data[0], 0) if isinstance(data[0], str) else index(data[0])
    if not 0 <= address < 2**64:
        raise ValueError(f"`data` is at {in_words(address)}, which is no address")
    return address, bool(data[1])


def _in_buffer(
    owner: Any, offset: Any, type_: DType, shape: tuple[int, ...], strides: tuple[int, ...] | None, copy: bool | None
) -> Tensor:
    """Elements inside an object that has the buffer protocol; all of them are proved to lie there."""
    view = memoryview(owner)
    if not view.contiguous:
        raise BufferError("`data` is a buffer with gaps")
    offset = index(offset)
    low, high = byte_span(type_, shape, strides)
    if offset < 0 or low + offset < 0 or high + offset > view.nbytes:
        reach = f"bytes {in_words(low + offset)} to {in_words(high + offset)}"
        raise ValueError(f"the elements reach {reach} of `data`, which has {view.nbytes}")
    return wrap_object(view, address_of(view) + offset, type_, shape, strides, view.readonly, copy)
