"""Tensors on what C programs have: memory, handles of ndferry, DLPack structs."""

from __future__ import annotations

import ctypes
from _ctypes import CFuncPtr
from ctypes import byref, c_void_p

from . import _declarations as c
from ._buffer import keep
from ._device import optional
from ._dtype import dtype as to_dtype
from ._library import fail, lib
from ._tensor import Tensor, adopt, extents, make

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

POINTERS = (c_void_p, ctypes.c_char_p, ctypes.c_wchar_p, ctypes._Pointer, CFuncPtr)
"""ctypes objects that are addresses, not elements."""


def from_handle(pointer: Any, *, retain: bool = False) -> Tensor:
    """The tensor for an `ndf_tensor*` from C, an int or a ctypes pointer.

    The reference that `pointer` stands for is taken over: Python releases it, and the caller must not. With `retain`
    the caller keeps it, and the tensor has one of its own. The C code must use the very library that this package has
    loaded: a handle means nothing to another copy.

    >>> lent = ndferry.zeros(3)
    >>> ndferry.from_handle(lent.handle, retain=True).shares_memory(lent)
    True
    """
    address = _pointer(pointer)
    if not retain:
        return adopt(address)
    kept = lib.ndf_tensor_retain(address)
    if not kept:  # the lifetime debugger knows that it is none
        raise fail(c.NDF_ERROR_INVALID_ARGUMENT)
    return adopt(kept)


def from_dlpack_pointer(pointer: Any, *, versioned: bool = True) -> Tensor:
    """A tensor on the memory of a `DLManagedTensorVersioned*`, or of a `DLManagedTensor*` if not `versioned`, given as
    an int or a ctypes pointer.

    The struct is taken over: its deleter runs after the last use. When the struct is refused, it is still the
    caller's. Objects and capsules are for `from_dlpack`.

    >>> import ctypes
    >>> from ndferry._library import lib     # in the place of a C library of your own
    >>> tensor, struct = ndferry.zeros(3), ctypes.c_void_p()
    >>> lib.ndf_tensor_to_dlpack_versioned(tensor.handle, None, ctypes.byref(struct))
    0
    >>> ndferry.from_dlpack_pointer(struct).tolist()
    [0.0, 0.0, 0.0]
    """
    return make(lib.ndf_tensor_from_dlpack_versioned if versioned else lib.ndf_tensor_from_dlpack, _pointer(pointer))


def _pointer(value: Any) -> int:
    """An address that is not NULL, of something that lies there."""
    if not isinstance(value, (int, c_void_p, ctypes._Pointer)):
        raise TypeError(f"`pointer` is {type(value).__name__}, it must be an int or a ctypes pointer")
    address, _ = _address(value)
    if address <= 0:
        why = "NULL" if not address else f"{address}: functions that give pointers need a `restype`, such as c_void_p"
        raise ValueError(f"`pointer` is {why}")
    return address


def wrap(
    address: Any,
    shape: int | Sequence[int],
    dtype: object,
    *,
    strides: int | Sequence[int] | None = None,
    owner: object = None,
    deleter: Any = None,
    context: Any = None,
    read_only: bool = False,
    device: object = None,
) -> Tensor:
    """A tensor on memory that the caller has, without copying.

    `address` is where element [0, …, 0] lies: an int, a ctypes pointer, or a ctypes array or struct, which is then
    kept alive. `strides` are in elements; None means C order without gaps. What ends the use of the memory is one of:
    - `owner`, an object that is kept alive as long as any tensor, view or export uses the memory;
    - `deleter`, a C function such as `libc.free`, called once with `context` (by default the address) after the last
      use, on any thread. It must be native code: a Python callback would break consumers and fail at exit.

    >>> import ctypes
    >>> numbers = (ctypes.c_float * 6)(1, 2, 3, 4, 5, 6)
    >>> ndferry.wrap(numbers, (2, 3), "float32")[1].tolist()
    [4.0, 5.0, 6.0]
    """
    pointer, keeper = _address(address)
    if owner is not None and deleter is not None:
        raise ValueError("`owner` and `deleter` are both given, one of them ends the use of the memory")
    if context is not None and deleter is None:
        raise ValueError("`context` is given without a `deleter`")
    count, numbers = extents(shape)
    steps = None
    if strides is not None:
        stride_count, steps = extents(strides, "strides")
        if stride_count != count:
            raise ValueError(f"`strides` has {stride_count} entries, `shape` has {count}")
    options = c.ndf_wrap_options(flags=c.NDF_WRAP_READ_ONLY if read_only else 0, device=optional(device))
    options.struct_size = ctypes.sizeof(options)
    struct = to_dtype(dtype)._struct

    def call(end: Any, argument: Any) -> Tensor:
        return make(lib.ndf_tensor_wrap, pointer, struct, count, numbers, steps, end, argument, byref(options))

    if deleter is not None:
        return call(_native(deleter), pointer if context is None else _address(context)[0])
    owner = keeper if owner is None else owner
    return call(None, None) if owner is None else keep(owner, call)


def _address(value: Any) -> tuple[int, object]:
    """A pointer as a number, and the ctypes object that the memory belongs to, if it is one."""
    if isinstance(value, int):
        return value, None
    if isinstance(value, c_void_p):
        return value.value or 0, None
    if isinstance(value, (ctypes._Pointer, ctypes.c_char_p)):
        return ctypes.cast(value, c_void_p).value or 0, None
    if isinstance(value, (ctypes.Array, ctypes.Structure, ctypes.Union, ctypes._SimpleCData)):
        return ctypes.addressof(value), value
    raise TypeError(f"an address is an int or a ctypes object, not {type(value).__name__}")


def _native(deleter: Any) -> int:
    """The address of a C function."""
    if isinstance(deleter, CFuncPtr):
        # ctypes keeps what a callback runs under this name.
        if any(type(one).__name__ == "CThunkObject" for one in (deleter._objects or {}).values()):
            raise TypeError("`deleter` is a Python callback, it must be native code; `owner` keeps an object alive")
        return ctypes.cast(deleter, c_void_p).value or 0
    if isinstance(deleter, int) and deleter:
        return deleter
    raise TypeError(f"`deleter` is {deleter!r}, it must be a C function or the address of one")
