"""NumPy's array interface, read without trust."""

from __future__ import annotations

import ctypes
import sys
from ctypes import c_char_p, c_void_p, py_object
from operator import index

from . import _declarations as c
from ._buffer import address_of, byte_span, wrap_object
from ._dtype import DType, dtype
from ._errors import NdferryError
from ._index import in_words
from ._library import MAX_NDIM, lib
from ._tensor import adopt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._tensor import Tensor

# A function of our own: what `ctypes.pythonapi` holds is shared by everybody, and so are the types set there.
_get_pointer = ctypes.PyDLL(None)["PyCapsule_GetPointer"]
_get_pointer.restype, _get_pointer.argtypes = c_void_p, [py_object, c_char_p]


def from_dict(obj: object, interface: Any, copy: bool | None) -> tuple[Tensor, bool]:
    """A tensor on what `obj.__array_interface__` describes, or on a copy where sharing is impossible and `copy` is not
    False; and whether it is a copy. Both are kept alive: the interface of a NumPy scalar holds the memory."""
    if not isinstance(interface, dict):
        raise ValueError(f"`__array_interface__` is {type(interface).__name__}, it must be a dict")
    for key in ("shape", "typestr"):
        if key not in interface:
            raise ValueError(f"`__array_interface__` lacks {key!r}")
    if interface.get("version", 3) != 3:
        raise ValueError(f"`__array_interface__` has version {interface['version']!r}, only 3 is known")
    if interface.get("mask") is not None:
        raise BufferError("`__array_interface__` has a mask, which a tensor cannot have")
    shape = integers(interface["shape"], "shape")
    strides = interface.get("strides")
    if strides is not None:
        strides = integers(strides, "strides")
        if len(strides) != len(shape):
            raise ValueError(f"`strides` has {len(strides)} entries, `shape` has {len(shape)}")
    type_ = element_type(obj, interface)
    data = interface.get("data")
    if isinstance(data, tuple):
        address, read_only = pointer(data)
        return wrap_object((obj, interface), address, type_, shape, strides, read_only, copy)
    return _in_buffer(obj if data is None else data, interface.get("offset", 0), type_, shape, strides, copy)


def from_capsule(obj: object, capsule: object, copy: bool | None) -> tuple[Tensor, bool]:
    """A tensor on what `obj.__array_struct__` describes, or on a copy as above; and whether it is a copy."""
    try:
        return adopt(lib.ndf_py_from_array_struct_capsule(capsule, obj, c.ndf_dtype())), False
    except BufferError:
        array = c.ndf_array_struct.from_address(_get_pointer(capsule, None))
        if array.two != 2 or not 0 < array.nd <= MAX_NDIM or not array.shape or not array.strides:
            raise
        shape, strides = array.shape[: array.nd], array.strides[: array.nd]
        # Nothing but strides that are no whole elements becomes better by copying.
        has_parts = any(n > 1 and step % (array.itemsize or 1) for n, step in zip(shape, strides))
        if not has_parts or (type_ := _struct_type(array)) is None:
            raise
        read_only = not array.flags & c.NDF_ARRAY_WRITEABLE
        return wrap_object((obj, capsule), array.data or 0, type_, shape, strides, read_only, copy)


def _struct_type(array: Any) -> DType | None:
    """The element type of a PyArrayInterface whose fields, if it has any, are not asked for; None if there is no such
    type."""
    kind = array.typekind.decode("latin-1")
    is_native = array.flags & c.NDF_ARRAY_NOTSWAPPED
    order = "<" if (sys.byteorder == "little") == bool(is_native) else ">"
    try:
        type_ = dtype(f"{order}{kind}{array.itemsize // 4 if kind == 'U' else array.itemsize}")
    except NdferryError:
        return None
    return type_ if type_.itemsize == array.itemsize else None


def integers(values: Any, name: str) -> tuple[int, ...]:
    if not isinstance(values, (tuple, list)):
        raise ValueError(f"`{name}` is {values!r}, it must be a tuple of integers")
    try:
        return tuple(index(one) for one in values)
    except TypeError:
        raise ValueError(f"`{name}` is {values!r}, it must be a tuple of integers") from None


def element_type(obj: Any, interface: dict[str, Any]) -> DType:
    """The element type: what `typestr` says, or for a structured type `descr`."""
    numpy: Any = sys.modules.get("numpy")
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


def pointer(data: tuple[Any, ...]) -> tuple[int, bool]:
    if len(data) != 2:
        raise ValueError(f"`data` is {data!r}, it must be an address and whether it is read-only, or a buffer")
    try:
        # Some old exporters write the address as text.
        address = int(data[0], 0) if isinstance(data[0], str) else index(data[0])
    except TypeError:
        raise ValueError(f"`data` is at {data[0]!r}, which is no address") from None
    if not 0 <= address < 2**64:
        raise ValueError(f"`data` is at {in_words(address)}, which is no address")
    return address, bool(data[1])


def _in_buffer(
    owner: Any, offset: Any, type_: DType, shape: tuple[int, ...], strides: tuple[int, ...] | None, copy: bool | None
) -> tuple[Tensor, bool]:
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
