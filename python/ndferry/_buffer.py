"""Memory that Python objects show through the buffer protocol, and keeping Python objects alive from native code."""

from __future__ import annotations

import ctypes
from ctypes import byref, c_int, c_void_p, py_object
from math import prod

from . import _declarations as c
from ._dtype import DType, dtype
from ._errors import CopyRequiredError, LayoutError
from ._library import lib
from ._tensor import extents, make

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from ._tensor import Tensor


# Functions of our own: what `ctypes.pythonapi` holds is shared by everybody, and so are the types set there.
_python = ctypes.PyDLL(None)
_inc_ref, _dec_ref = _python["Py_IncRef"], _python["Py_DecRef"]
_inc_ref.restype = _dec_ref.restype = None
_inc_ref.argtypes = _dec_ref.argtypes = [py_object]
_get_buffer, _release_buffer = _python["PyObject_GetBuffer"], _python["PyBuffer_Release"]
_get_buffer.restype, _get_buffer.argtypes = c_int, [py_object, c_void_p, c_int]
_release_buffer.restype, _release_buffer.argtypes = None, [c_void_p]

_release_object: Any = lib.ndf_py_release_object
_RELEASE_OBJECT = ctypes.cast(_release_object, c_void_p).value


def keep(owner: object, call: Callable[[Any, Any], Tensor]) -> Tensor:
    """A tensor whose memory belongs to a Python object: `call(deleter, context)` makes it, and the object gets one
    reference more, which native code gives up after the last use."""
    _inc_ref(owner)
    try:
        return call(_RELEASE_OBJECT, id(owner))
    except BaseException:
        _dec_ref(owner)
        raise


def _shown(view: memoryview) -> Any:
    """All that a memoryview says, to be given back with `_release_buffer`."""
    buffer = c.ndf_buffer()
    _get_buffer(view, byref(buffer), c.NDF_BUFFER_FULL_RO)
    return buffer


def address_of(view: memoryview) -> int:
    """Where the first element of a memoryview lies; it stays there as long as the memoryview."""
    buffer = _shown(view)
    try:
        return buffer.buf or 0
    finally:
        _release_buffer(byref(buffer))


def wrap_object(
    owner: object,
    address: int,
    type_: DType,
    shape: Sequence[int],
    strides: Sequence[int] | None,
    read_only: bool,
    copy: bool | None = None,
) -> tuple[Tensor, bool]:
    """A tensor on memory of `owner`, and whether it is a copy; strides are in bytes. Strides that are no whole elements
    need one, which `copy` False forbids."""
    count, numbers = extents(shape)
    steps, size = None, type_.itemsize
    if strides is not None:
        for axis, (stride, extent) in enumerate(zip(strides, shape)):
            if extent > 1 and stride % (size or 1):
                if copy is False:
                    why = f"no multiple of the {size} bytes of {type_}: this needs a copy, which `copy` forbids"
                    raise CopyRequiredError(f"`strides[{axis}]` is {stride} bytes, {why}")
                return _gathered(owner, address, type_, shape, strides), True
        steps = extents([stride // size if size else 0 for stride in strides])[1]
    options = c.ndf_wrap_options(flags=c.NDF_WRAP_READ_ONLY if read_only else 0)
    options.struct_size = ctypes.sizeof(options)

    def call(deleter: Any, context: Any) -> Tensor:
        return make(
            lib.ndf_tensor_wrap, address, type_._struct, count, numbers, steps, deleter, context, byref(options)
        )

    return keep(owner, call), False


def _gathered(owner: object, address: int, type_: DType, shape: Sequence[int], strides: Sequence[int]) -> Tensor:
    """A copy of elements that lie anywhere: taken as bytes, which lie one behind another at least within an element."""
    loose, _ = wrap_object(owner, address, dtype("uint8"), (*shape, type_.itemsize), (*strides, 1), True)
    return loose.copy().view(type_).squeeze(-1)


def byte_span(type_: DType, shape: Sequence[int], strides: Sequence[int] | None) -> tuple[int, int]:
    """The bytes that elements reach, counted from the first one."""
    if 0 in shape:
        return 0, 0
    if strides is None:
        return 0, prod(shape) * type_.itemsize
    reaches = [(extent - 1) * stride for extent, stride in zip(shape, strides)]
    low, high = (sum(pick(0, reach) for reach in reaches) for pick in (min, max))
    return low, high + type_.itemsize


def from_buffer(view: memoryview, copy: bool | None = None) -> tuple[Tensor, bool]:
    """A tensor on the memory of a memoryview, or on a copy where its strides are no whole elements; and whether it is
    a copy."""
    if view.suboffsets:
        raise BufferError("the buffer has suboffsets: its elements lie behind pointers, not in strides")
    buffer = _shown(view)
    try:
        return keep(view, lambda *owner: make(lib.ndf_tensor_from_buffer, byref(buffer), *owner)), False
    except LayoutError:
        return wrap_object(
            view, buffer.buf, dtype(view.format), view.shape or (), view.strides, view.readonly, copy
        )
    finally:
        _release_buffer(byref(buffer))
