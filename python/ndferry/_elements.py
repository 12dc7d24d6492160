"""Elements as Python sees them: numbers, lists, bytes, text, NumPy arrays."""

from __future__ import annotations

import ctypes
from ctypes import byref

from . import _declarations as c
from ._dtype import DType, dtype
from ._errors import NdferryError, UnsupportedError
from ._library import lib, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable
    from typing import Any

    import numpy

    from ._tensor import Tensor

# NumPy's reader of `__array_struct__` takes the bytes of text for characters, which reads beyond the end, and the
# struct cannot say the unit of dates and durations.
WITHOUT_STRUCT = ("U", "M", "m")
_HOST = {c.NDF_DEVICE_CPU, c.NDF_DEVICE_CUDA_HOST, c.NDF_DEVICE_ROCM_HOST, c.NDF_DEVICE_CUDA_MANAGED}
# The type that holds every value of a kind, and how memoryview calls it; complex numbers are two of the last.
_WIDEST: dict[str, tuple[str, Any]] = {
    "b": ("bool", "?"), "i": ("int64", "q"), "u": ("uint64", "Q"), "f": ("float64", "d"), "c": ("complex128", "d"),
}  # fmt: skip


NUMBERS = (bool, int, float, complex)
NUMBERS_SET = frozenset(NUMBERS)


def has_numbers(type_: DType) -> bool:
    """Whether elements of a type are numbers in Python."""
    return type_.kind in _WIDEST and type_.is_convertible


_CONVERSIONS = (("__index__", int), ("__float__", float), ("__complex__", complex))


def _plain(kind: Callable[[Any], complex], obj: Any) -> complex:
    return kind(obj)


def number(obj: Any) -> complex:
    """A bool, int, float or complex, of one of those very types."""
    if type(obj) not in NUMBERS and hasattr(obj, "item"):
        obj = obj.item()
    for kind in NUMBERS:
        if isinstance(obj, kind):
            return _plain(kind, obj)
    for name, kind in _CONVERSIONS:
        if hasattr(obj, name):
            return _plain(kind, obj)
    raise TypeError(f"no tensor can be made of {type(obj).__name__}: it is no number and speaks no array protocol")


def packed(numbers: list[Any], kind: str) -> tuple[str, array[Any]]:
    """The name of the type that holds every number of a kind, and the numbers in it."""
    import array

    name, code = _WIDEST[kind]
    if kind == "c":
        numbers = [part for one in numbers for part in (complex(one).real, complex(one).imag)]
    return name, array.array(code.replace("?", "B"), numbers)


def flat(tensor: Tensor) -> list[Any]:
    """The elements as Python numbers, in C order."""
    kind = tensor.dtype.kind
    if not has_numbers(tensor.dtype):
        raise UnsupportedError(f"{tensor.dtype} elements have no Python numbers: use .numpy() or .tobytes()")
    name, code = _WIDEST[kind]
    values = memoryview(tobytes(tensor.convert(name))).cast(code).tolist()
    return [complex(*pair) for pair in zip(values[::2], values[1::2])] if kind == "c" else values


def tolist(tensor: Tensor) -> Any:
    values = flat(tensor)
    return _nest(values, tensor.shape) if tensor.ndim else values[0]


def _nest(values: list[Any], shape: tuple[int, ...]) -> list[Any]:
    if len(shape) == 1:
        return values
    size = len(values) // shape[0] if values else 0
    return [_nest(values[i * size : (i + 1) * size], shape[1:]) for i in range(shape[0])]


def item(tensor: Tensor, asked: str) -> Any:
    if tensor.size != 1:
        raise ValueError(f"{asked} needs exactly one element, the tensor has {tensor.size}")
    return flat(tensor)[0]


def _dense(tensor: Tensor) -> Tensor:
    """The elements in C order without gaps, from the first bit of a byte on."""
    if tensor.device.device_type not in _HOST:
        raise UnsupportedError(f"the elements are on {tensor.device}, only those on the host can be read")
    dense = tensor.contiguous()
    return dense.copy() if dense.bit_offset else dense


def tobytes(tensor: Tensor) -> bytes:
    dense = _dense(tensor)
    return ctypes.string_at(dense.data_ptr, dense.nbytes) if dense.nbytes else b""


def from_bytes(data: bytes, type_: DType, shape: tuple[int, ...]) -> Tensor:
    """A new tensor with a copy of the elements in `data`."""
    from ._create import empty

    tensor = empty(shape, type_)
    if len(data) != tensor.nbytes:
        raise ValueError(f"`data` has {len(data)} bytes, shape {shape} of {type_} needs {tensor.nbytes}")
    ctypes.memmove(tensor.data_ptr, data, len(data))
    return tensor


def pickled(tensor: Tensor) -> tuple[Any, ...]:
    """A pickle whose elements may go out of band (PEP 574), without a copy."""
    from pickle import PickleBuffer

    from ._buffer import wrap_object

    dense = _dense(tensor)
    # As bytes, because some types have no format that a buffer could carry.
    loose, _ = wrap_object(dense, dense.data_ptr, dtype("uint8"), (dense.nbytes,), None, dense.read_only)
    return from_pickled, (PickleBuffer(loose.memoryview()), tensor.dtype, tensor.shape)


def from_pickled(buffer: Any, type_: DType, shape: tuple[int, ...]) -> Tensor:
    """A tensor on the memory of a buffer that holds the elements in C order, read-only if the buffer is."""
    from ._buffer import address_of, wrap_object

    view = memoryview(buffer)
    tensor, _ = wrap_object(view, address_of(view), type_, shape, None, view.readonly)
    if not view.c_contiguous or view.nbytes != tensor.nbytes:
        raise ValueError(f"the buffer has {view.nbytes} bytes, shape {shape} of {type_} needs {tensor.nbytes}")
    return tensor


def scalar(value: complex, target: DType) -> tuple[c.ndf_dtype, Any]:
    """A number as the library takes it: its type, and one element. As in NumPy, one that `target` cannot hold is an
    error."""
    try:
        value = number(value)
    except TypeError:
        raise TypeError(f"`value` is {type(value).__name__}, it must be a number") from None
    require_fit(value, target)
    if isinstance(value, bool):
        return dtype("bool")._struct, ctypes.c_bool(value)
    if isinstance(value, int):
        if -(2**63) <= value < 2**63:
            return dtype("int64")._struct, ctypes.c_int64(value)
        if 0 <= value < 2**64:
            return dtype("uint64")._struct, ctypes.c_uint64(value)
    if isinstance(value, complex):
        return dtype("complex128")._struct, (ctypes.c_double * 2)(value.real, value.imag)
    return dtype("float64")._struct, ctypes.c_double(value)


def require_fit(value: complex, target: DType) -> None:
    """Refuses integers out of the range of an integer type, and imaginary parts that a real type would lose."""
    if isinstance(value, complex):
        if value.imag and target.kind in ("i", "u", "f"):
            raise TypeError(f"`value` is {value}, {target} has no imaginary part: take `value.real`")
    elif isinstance(value, int) and target.kind in ("i", "u"):
        low, high = _range(target)
        if not low <= value <= high:
            raise OverflowError(f"`value` is {value}, {target} holds {low} to {high}")


def require_all_fit(numbers: list[Any], types: set[Any] | None, target: DType) -> None:
    """`require_fit` of every number. Where `types` says that they are of these Python types only, most need no look."""
    if types is not None and complex not in types:
        if target.kind not in ("i", "u") or int not in types:
            return
        if float not in types:
            low, high = _range(target)
            if low <= min(numbers) and max(numbers) <= high:
                return
    for one in numbers:
        require_fit(one, target)


def _range(target: DType) -> tuple[int, int]:
    """The least and the greatest number of an integer type."""
    low = -(1 << target.bits >> 1) if target.kind == "i" else 0
    return low, low + (1 << target.bits) - 1


def describe(tensor: Tensor) -> str:
    """`repr(tensor)`: the elements as NumPy prints them, then dtype and device."""
    prefix, suffix = "tensor(", f"dtype={tensor.dtype}, device={tensor.device})"
    options = c.ndf_format_options(line_width=75 - len(prefix))
    options.struct_size = ctypes.sizeof(options)
    try:
        body = text(lib.ndf_tensor_format, tensor._handle, byref(options))
    except NdferryError:
        # Elements that cannot be shown, or not from here: the shape says what can be said.
        body = f"<shape {tensor.shape}>"
    if not tensor.size and tensor.ndim != 1:
        suffix = f"shape={tensor.shape}, {suffix}"  # which the brackets do not show
    margin = " " * len(prefix)
    lines = "\n".join(line and margin + line for line in body.split("\n"))[len(margin) :]
    last = len(prefix) if "\n" not in lines else 0
    last += len(lines.rsplit("\n", 1)[-1])
    gap = " " if last + len(suffix) + 2 <= 75 else "\n" + margin
    return f"{prefix}{lines},{gap}{suffix}"


def to_numpy(tensor: Tensor) -> numpy.ndarray[Any, Any]:
    import numpy

    if tensor.device.device_type not in _HOST:
        raise TypeError(
            f"the elements are on {tensor.device}, NumPy needs them on the host. They cannot be copied there by ndferry yet, but "
            "by the library that made them, as torch.from_dlpack(t).cpu()"
        )
    dtype = tensor.dtype
    try:
        target = dtype.numpy()
    except TypeError as error:
        raise TypeError(f"{error}; or convert() the tensor to a dtype that NumPy has") from None
    if target.isbuiltin == 1 or (dtype == target.str and target.kind not in WITHOUT_STRUCT):
        return numpy.asarray(_Interface(tensor))
    # As mere bytes of the same size, which NumPy then sees as what they are.
    return numpy.asarray(_Interface(tensor.view(f"V{target.itemsize}"))).view(target)


class _Interface:
    """Shows NumPy the one protocol that is meant."""

    __slots__ = ("__array_struct__",)

    def __init__(self, tensor: Tensor) -> None:
        self.__array_struct__ = lib.ndf_py_array_struct_capsule(tensor._handle, ctypes.py_object())
