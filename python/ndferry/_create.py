"""Making tensors: of nothing, of Python numbers, of what other libraries have, of plain memory."""

from __future__ import annotations

import ctypes
from _ctypes import CFuncPtr
from ctypes import byref, c_void_p

from . import _array_interface, _declarations as c, _elements
from ._buffer import from_buffer, keep
from ._device import optional
from ._dlpack import from_dlpack
from ._dtype import DType, dtype as to_dtype
from ._library import ORDERS, choice, lib
from ._tensor import Tensor, extents, make

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


def _options(order: str, device: object) -> Any:
    options = c.ndf_create_options(order=choice(order, "order", ORDERS), device=optional(device))
    options.struct_size = ctypes.sizeof(options)
    return byref(options)


def empty(shape: int | Sequence[int], dtype: object = "float64", *, order: str = "C", device: object = None) -> Tensor:
    """A tensor on new memory, aligned to 256 bytes, its elements not initialised."""
    count, numbers = extents(shape)
    return make(lib.ndf_tensor_empty, to_dtype(dtype)._struct, count, numbers, _options(order, device))


def empty_like(tensor: Tensor, dtype: object = None, *, order: str = "K", device: object = None) -> Tensor:
    """A tensor with the shape of another one, on new memory, its elements not initialised."""
    struct = c.ndf_dtype() if dtype is None else to_dtype(dtype)._struct
    return make(lib.ndf_tensor_empty_like, tensor._handle, struct, _options(order, device))


def zeros(shape: int | Sequence[int], dtype: object = "float64", *, order: str = "C", device: object = None) -> Tensor:
    """A tensor on new memory whose bytes are all 0."""
    count, numbers = extents(shape)
    return make(lib.ndf_tensor_zeros, to_dtype(dtype)._struct, count, numbers, _options(order, device))


def full(
    shape: int | Sequence[int], value: complex, dtype: object = None, *, order: str = "C", device: object = None
) -> Tensor:
    """A tensor whose elements are all `value`, of the dtype that fits Python's bool, int, float or complex if none is
    given."""
    count, numbers = extents(shape)
    target = to_dtype(type(value) if dtype is None else dtype)
    struct, scalar = _elements.scalar(value, target)
    return make(lib.ndf_tensor_full, target._struct, count, numbers, struct, byref(scalar), _options(order, device))


def asarray(obj: object, dtype: object = None, *, device: object = None, copy: bool | None = None) -> Tensor:
    """A tensor of `obj`, on the same memory where possible.

    A Tensor is itself. Else the first of these protocols that `obj` speaks: `__dlpack__`, `__array_interface__`,
    `__array_struct__`, the buffer protocol; then Python numbers and nested lists of them, which are copied. An object
    whose `__dlpack__` refuses the data, as NumPy's does for structured types, dates and foreign byte order, is asked
    by the next protocol. `copy` False forbids copying, True copies.
    """
    tensor = obj if isinstance(obj, Tensor) else _shared(obj)
    if tensor is None:
        if copy is False:
            raise ValueError(f"`copy` forbids the copy that Python's {type(obj).__name__} needs")
        tensor, copy = _copied(obj, None if dtype is None else to_dtype(dtype)), None
    if dtype is None and device is None and not copy:
        return tensor
    return tensor.convert(dtype, device=device, copy=copy, order="K")


def _shared(obj: Any) -> Tensor | None:
    """A tensor on the memory of a foreign object, None if it speaks no protocol."""
    # Classes have these attributes too, but only their instances have elements.
    if isinstance(obj, type):
        return None
    refusal = None
    if hasattr(obj, "__dlpack__"):
        try:
            return from_dlpack(obj)
        except BufferError as error:
            refusal = str(error)
    # Before `__array_struct__`, which NumPy gives wrongly for structured types: read-only and without fields.
    if (interface := getattr(obj, "__array_interface__", None)) is not None:
        return _array_interface.from_dict(obj, interface)
    if (capsule := getattr(obj, "__array_struct__", None)) is not None:
        return _array_interface.from_capsule(obj, capsule)
    try:
        view = memoryview(obj)
    except TypeError:
        if refusal is not None:
            raise BufferError(refusal) from None
        return None
    return from_buffer(view)


def _copied(obj: object, target: DType | None) -> Tensor:
    """A new tensor of Python numbers, or of nested lists or tuples of them."""
    from array import array

    shape, numbers = _flattened(obj)
    kinds = {type(one) for one in numbers}
    if complex in kinds:
        pairs = (part for one in numbers for part in (complex(one).real, complex(one).imag))
        name, values = "complex128", array("d", pairs)
    elif float in kinds or not kinds:
        name, values = "float64", array("d", numbers)
    elif kinds == {bool}:
        name, values = "bool", array("B", numbers)
    else:
        unsigned = max(numbers) >= 2**63 and min(numbers) >= 0
        name, values = ("uint64", array("Q", numbers)) if unsigned else ("int64", array("q", numbers))
        if target is not None:
            for one in numbers:
                _elements.require_fit(one, target)
    count, shape_numbers = extents(shape)
    address, _ = values.buffer_info()
    source = to_dtype(name)
    tensor = make(lib.ndf_tensor_from_data, address, source._struct, count, shape_numbers, None, None)
    return tensor if target is None else tensor.convert(target)


def _flattened(obj: object) -> tuple[tuple[int, ...], list[Any]]:
    """The shape of nested lists, and the numbers in them in C order."""
    if not isinstance(obj, (list, tuple)):
        return (), [_number(obj)]
    parts = [_flattened(one) for one in obj]
    if not parts:
        return (0,), []
    shape = parts[0][0]
    for i, (other, _) in enumerate(parts):
        if other != shape:
            raise ValueError(f"nested lists must be of one shape: entry {i} is {other}, entry 0 is {shape}")
    return (len(parts), *shape), [number for _, numbers in parts for number in numbers]


def _number(obj: Any) -> complex:
    """A bool, int, float or complex, of one of those very types."""
    plain: Any
    for plain in (bool, int, float, complex):
        if isinstance(obj, plain):
            return plain(obj)
    for name, plain in (("__index__", int), ("__float__", float), ("__complex__", complex)):
        if hasattr(obj, name):
            return plain(obj)
    raise TypeError(f"no tensor can be made of {type(obj).__name__}: it is no number and speaks no array protocol")


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
    """
    pointer, keeper = _address(address)
    if owner is not None and deleter is not None:
        raise ValueError("`owner` and `deleter` are both given, one of them ends the use of the memory")
    if context is not None and deleter is None:
        raise ValueError("`context` is given without a `deleter`")
    count, numbers = extents(shape)
    steps = None
    if strides is not None:
        stride_count, steps = extents(strides)
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
