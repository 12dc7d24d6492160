"""Making tensors: of nothing, of Python numbers, of what other libraries have."""

from __future__ import annotations

import ctypes
import sys
from ctypes import byref
from functools import reduce

from . import _array_interface, _declarations as c, _elements
from ._buffer import from_buffer
from ._device import optional
from ._dlpack import from_dlpack
from ._dtype import DType, dtype as to_dtype, promote_types
from ._library import ORDERS, choice, lib
from ._pointer import POINTERS
from ._tensor import Tensor, extents, make

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
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
    `__array_struct__`, the buffer protocol, `__array__`; then Python numbers and nested lists of numbers and arrays, which are
    copied. An object whose `__dlpack__` refuses the data, as NumPy's does for structured types, dates and foreign byte
    order, is asked by the next protocol. `copy` False forbids copying, True copies, None copies what cannot be shared:
    lists, and arrays whose strides are no whole elements, as those of a field of packed structs.
    """
    tensor = obj if isinstance(obj, Tensor) else _shared(obj, copy)
    if tensor is None:
        if copy is False:
            raise ValueError(f"`copy` forbids the copy that Python's {type(obj).__name__} needs")
        tensor, copy = _copied(obj, None if dtype is None else to_dtype(dtype)), None
    if dtype is None and device is None and not copy:
        return tensor
    return tensor.convert(dtype, device=device, copy=copy, order="K")


def _shared(obj: Any, copy: bool | None) -> Tensor | None:
    """A tensor on the memory of a foreign object, or of a copy where it must be; None if it speaks no protocol."""
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
        return _array_interface.from_dict(obj, interface, copy)
    if (capsule := getattr(obj, "__array_struct__", None)) is not None:
        return _array_interface.from_capsule(obj, capsule)
    if isinstance(obj, POINTERS):
        how = "wrap takes the address of elements, from_handle an ndf_tensor*, from_dlpack_pointer a DLPack struct"
        raise TypeError(f"no tensor can be made of {type(obj).__name__}, a pointer that says nothing of shape: {how}")
    try:
        view = memoryview(obj)
    except TypeError:
        if refusal is not None:
            raise BufferError(refusal) from None
        array = _as_array(obj, copy)
        return None if array is None else _shared(array, copy)
    return from_buffer(view, copy)


def _as_array(obj: Any, copy: bool | None) -> Any:
    """The NumPy array that an object makes of itself, on its own memory or not; None if it makes none."""
    if not hasattr(obj, "__array__"):
        return None
    name = type(obj).__name__
    try:
        array = obj.__array__() if copy is not False else obj.__array__(copy=False)
    except TypeError:
        if copy is not False:
            raise
        raise ValueError(f"`copy` forbids copying, and the `__array__` of {name} cannot promise not to") from None
    if not isinstance(array, getattr(sys.modules.get("numpy"), "ndarray", ())):
        raise ValueError(f"the `__array__` of {name} gives {type(array).__name__}, it must give a NumPy array")
    return array


_LARGE = object()  # the type of integers that only uint64 holds


def _copied(obj: object, target: DType | None) -> Tensor:
    """A new tensor of nested lists or tuples of numbers and arrays. Its dtype is the one that the dtypes of all of them
    promote to, where Python's numbers count as bool, int64 (uint64 if they need it), float64 and complex128."""
    types: dict[Any, None] = {}
    shape, leaves = _flattened(obj, types)
    if _LARGE in types:
        types.pop(int, None)
    dtypes = [to_dtype("uint64" if one is _LARGE else one) for one in types]
    natural = reduce(promote_types, dtypes) if dtypes else to_dtype("float64")
    if any(isinstance(one, Tensor) for one in leaves):
        tensor = empty(shape, target or natural)
        _write(tensor, obj, iter(leaves))
        return tensor
    if target is not None:
        for one in leaves:
            _elements.require_fit(one, target)
    name, values = _elements.packed(leaves, natural.kind)
    count, shape_numbers = extents(shape)
    address, _ = values.buffer_info()
    source = to_dtype(name)
    tensor = make(lib.ndf_tensor_from_data, address, source._struct, count, shape_numbers, None, None)
    return tensor.convert(target or natural)


def _flattened(obj: object, types: dict[Any, None]) -> tuple[tuple[int, ...], list[Any]]:
    """The shape of nested lists, and in C order the numbers in them, or tensors where there are arrays. The keys
    of `types` become their types, in the order in which they are met."""
    if not isinstance(obj, (list, tuple)):
        leaf = _leaf(obj, types)
        return leaf.shape if isinstance(leaf, Tensor) else (), [leaf]
    parts = [_flattened(one, types) for one in obj]
    if not parts:
        return (0,), []
    shape = parts[0][0]
    for i, (other, _) in enumerate(parts):
        if other != shape:
            raise ValueError(f"nested lists must be of one shape: entry {i} is {other}, entry 0 is {shape}")
    return (len(parts), *shape), [leaf for _, leaves in parts for leaf in leaves]


def _leaf(obj: Any, types: dict[Any, None]) -> Any:
    """A Python number, or a tensor where a number cannot say it."""
    if type(obj) in _elements.NUMBERS:
        types[_LARGE if type(obj) is int and obj >= 2**63 else type(obj)] = None
        return obj
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(obj, (numpy.number, numpy.bool_)):
        number = obj.item()  # much faster than through a protocol
        if type(number) in _elements.NUMBERS:
            types[obj.dtype] = None
            return number
    tensor = obj if isinstance(obj, Tensor) else None if isinstance(obj, bytes) else _shared(obj, None)
    if tensor is None:
        number = _elements.number(obj)
        types[type(number)] = None
        return number
    types[tensor.dtype] = None
    return tensor if tensor.ndim or not _elements.has_numbers(tensor.dtype) else tensor.item()


def _write(tensor: Tensor, obj: object, leaves: Iterator[Any]) -> None:
    """Writes the leaves of nested lists."""
    if isinstance(obj, (list, tuple)):
        for i, one in enumerate(obj):
            _write(tensor.select(0, i), one, leaves)
    else:
        tensor[...] = next(leaves)
