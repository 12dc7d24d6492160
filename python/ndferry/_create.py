"""Making tensors: of nothing, of Python numbers, of what other libraries have."""

from __future__ import annotations

import ctypes
import sys
from ctypes import byref
from functools import reduce
from itertools import chain

from . import _declarations as c, _elements
from ._asarray import found
from ._device import optional
from ._dtype import DType, dtype as to_dtype, promote_types
from ._errors import CopyRequiredError
from ._library import MAX_NDIM, ORDERS, choice, lib
from ._stream import number as stream_number
from ._tensor import Tensor, extents, make

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any


def _options(order: str, device: object, stream: Any) -> Any:
    options = c.ndf_create_options(order=choice(order, "order", ORDERS), device=optional(device), stream=stream_number(stream))
    options.struct_size = ctypes.sizeof(options)
    return byref(options)


def empty(
    shape: int | Sequence[int],
    dtype: object = "float64",
    *,
    order: str = "C",
    device: object = None,
    stream: Any = None,
) -> Tensor:
    """A tensor on new memory, aligned to 256 bytes, its elements not initialised.

    On CUDA devices memory is made and written in the order of `stream`, a number as DLPack's or
    any library's stream: the legacy default one if none is given.
    """
    count, numbers = extents(shape)
    return make(lib.ndf_tensor_empty, to_dtype(dtype)._struct, count, numbers, _options(order, device, stream))


def empty_like(
    tensor: Tensor, dtype: object = None, *, order: str = "K", device: object = None, stream: Any = None
) -> Tensor:
    """A tensor with the shape of another one, on new memory, its elements not initialised."""
    struct = c.ndf_dtype() if dtype is None else to_dtype(dtype)._struct
    return make(lib.ndf_tensor_empty_like, tensor._handle, struct, _options(order, device, stream))


def zeros(
    shape: int | Sequence[int],
    dtype: object = "float64",
    *,
    order: str = "C",
    device: object = None,
    stream: Any = None,
) -> Tensor:
    """A tensor on new memory whose bytes are all 0."""
    count, numbers = extents(shape)
    return make(lib.ndf_tensor_zeros, to_dtype(dtype)._struct, count, numbers, _options(order, device, stream))


def full(
    shape: int | Sequence[int],
    value: complex,
    dtype: object = None,
    *,
    order: str = "C",
    device: object = None,
    stream: Any = None,
) -> Tensor:
    """A tensor whose elements are all `value`, of the dtype that fits Python's bool, int, float or complex if none is
    given."""
    count, numbers = extents(shape)
    target = to_dtype(type(value) if dtype is None else dtype)
    struct, scalar = _elements.scalar(value, target)
    return make(lib.ndf_tensor_full, target._struct, count, numbers, struct, byref(scalar), _options(order, device, stream))


def asarray(obj: object, dtype: object = None, *, device: object = None, copy: bool | None = None) -> Tensor:
    """A tensor of `obj`, on the same memory where possible.

    A Tensor is itself. Else the protocols that `obj` speaks are asked until one gives its elements: `__dlpack__`,
    `__cuda_array_interface__`, `__array_interface__`, `__array_struct__`, the buffer protocol, `__arrow_c_array__`,
    `__array__`; then Python numbers and nested lists of numbers and arrays, which are copied. Who refuses the data in
    one protocol, as NumPy does for dates in DLPack, is asked by the next. `copy` False forbids copying, True copies,
    None copies what cannot be shared: lists, arrays whose strides are no whole elements, as those of a field of packed
    structs, Arrow's booleans and days, and what `__array__` computes.

    Where `__cuda_array_interface__` comes from an object that does not say its device, `device` does, else it is the
    first.
    """
    if isinstance(obj, Tensor):
        tensor, is_fresh = obj, False
    elif (result := found(obj, copy, device)) is not None:
        tensor, is_fresh = result
    elif copy is False:
        raise CopyRequiredError(f"`copy` forbids the copy that Python's {type(obj).__name__} needs")
    else:
        tensor, is_fresh = _copied(obj, None if dtype is None else to_dtype(dtype)), True
    if is_fresh:
        copy = None
    if dtype is None and device is None and not copy:
        return tensor
    return tensor.convert(dtype, device=device, copy=copy, order="K")


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
    python_types = {int if one is _LARGE else one for one in types}
    is_plain = python_types <= _elements.NUMBERS_SET
    if not is_plain and any(isinstance(one, Tensor) for one in leaves):
        tensor = empty(shape, target or natural)
        _write(tensor, obj, iter(leaves))
        return tensor
    if target is not None:
        _elements.require_all_fit(leaves, python_types if is_plain else None, target)
    name, values = _elements.packed(leaves, natural.kind)
    count, shape_numbers = extents(shape)
    address, _ = values.buffer_info()
    source = to_dtype(name)
    tensor = make(lib.ndf_tensor_from_data, address, source._struct, count, shape_numbers, None, None)
    return tensor.convert(target or natural)


def _flattened(obj: object, types: dict[Any, None], depth: int = 0) -> tuple[tuple[int, ...], list[Any]]:
    """The shape of nested lists, and in C order the numbers in them, or tensors where there are arrays. The keys
    of `types` become their types, in the order in which they are met."""
    if not isinstance(obj, (list, tuple)):
        leaf = _leaf(obj, types)
        return leaf.shape if isinstance(leaf, Tensor) else (), [leaf]
    if depth == MAX_NDIM:  # a list may also hold itself
        raise ValueError(f"lists are nested deeper than the {MAX_NDIM} axes that a tensor may have")
    if (met := dict.fromkeys(map(type, obj))).keys() <= _elements.NUMBERS_SET:  # nothing but numbers: no need to look at each
        if int in met and max(obj if len(met) == 1 else [one for one in obj if type(one) is int]) >= 2**63:
            types[_LARGE] = None
        types.update(met)
        return (len(obj),), list(obj)
    parts = [_flattened(one, types, depth + 1) for one in obj]
    shape = parts[0][0]
    for i, (other, _) in enumerate(parts):
        if other != shape:
            raise ValueError(f"nested lists must be of one shape: entry {i} is {other}, entry 0 is {shape}")
    return (len(parts), *shape), list(chain.from_iterable(leaves for _, leaves in parts))


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
    result = (obj, False) if isinstance(obj, Tensor) else None if isinstance(obj, bytes) else found(obj, None)
    if result is None:
        number = _elements.number(obj)
        types[type(number)] = None
        return number
    tensor = result[0]
    types[tensor.dtype] = None
    return tensor if tensor.ndim or not _elements.has_numbers(tensor.dtype) else tensor.item()


def _write(tensor: Tensor, obj: object, leaves: Iterator[Any]) -> None:
    """Writes the leaves of nested lists."""
    if isinstance(obj, (list, tuple)):
        for i, one in enumerate(obj):
            _write(tensor.select(0, i), one, leaves)
    else:
        tensor[...] = next(leaves)
