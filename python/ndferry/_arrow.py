"""Arrow's PyCapsule interface: arrays of PyArrow, Polars and others, both ways."""

from __future__ import annotations

import ctypes
from ctypes import Structure, byref, c_char_p, c_int, c_int64, c_void_p, py_object

from . import _declarations as c
from ._errors import NdferryError, OutOfMemoryError
from ._library import COPIES, lib
from ._tensor import make

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._tensor import Tensor

# Functions of our own: what `ctypes.pythonapi` holds is shared by everybody, and so are the types set there.
_python = ctypes.PyDLL(None)
_is_valid, _get_pointer = _python["PyCapsule_IsValid"], _python["PyCapsule_GetPointer"]
_is_valid.restype, _is_valid.argtypes = c_int, [py_object, c_char_p]
_get_pointer.restype, _get_pointer.argtypes = c_void_p, [py_object, c_char_p]


class ArrowSchema(Structure):
    """As far as `release`: NULL there, and nothing else means anything any more."""

    _fields_ = [
        ("format", c_char_p),
        ("name", c_void_p),
        ("metadata", c_void_p),
        ("flags", c_int64),
        ("n_children", c_int64),
        ("children", c_void_p),
        ("dictionary", c_void_p),
        ("release", c_void_p),
    ]


def to_capsules(tensor: Tensor) -> tuple[object, object]:
    """`Tensor.__arrow_c_array__`: the type and the elements, copied where they do not lie in C order."""
    return lib.ndf_py_arrow_schema_capsule(tensor._handle), lib.ndf_py_arrow_array_capsule(tensor._handle)


class Refused(BufferError):
    """An array has been shown, and no tensor can hold it. Nothing else need be asked: `__array__` would turn nulls into
    NaN, and integers with them into floats."""


def from_capsules(capsules: Any, copy: bool | None) -> tuple[Tensor, bool]:
    """A read-only tensor on the memory of an Arrow array, or a copy where bits or days must be widened; and whether it
    is a copy because one was asked for."""
    if not isinstance(capsules, tuple) or len(capsules) != 2:
        raise BufferError(f"`__arrow_c_array__` gave {type(capsules).__name__}, it must be a tuple of two capsules")
    schema, elements = (_pointer(one, name) for one, name in zip(capsules, (b"arrow_schema", b"arrow_array")))
    said = ArrowSchema.from_address(schema)
    if said.release and said.format == b"+s":
        raise BufferError("`__arrow_c_array__` gave a struct, as for record batches: take one of its columns")
    options = c.ndf_arrow_options(copy=COPIES[copy])
    options.struct_size = ctypes.sizeof(options)
    try:
        return make(lib.ndf_tensor_from_arrow, schema, elements, byref(options)), copy is True
    except OutOfMemoryError:
        raise
    except NdferryError as error:
        raise Refused(str(error)) from None


_NAMES = {
    "b": "bool", "c": "int8", "C": "uint8", "s": "int16", "S": "uint16", "i": "int32", "I": "uint32", "l": "int64",
    "L": "uint64", "e": "float16", "f": "float32", "g": "float64", "tdD": "datetime64[D]", "tdm": "datetime64[ms]",
}  # fmt: skip
_UNITS = {"s": "s", "m": "ms", "u": "us", "n": "ns"}


def dtype_name(of: Any) -> str | None:
    """What the elements of one of Arrow's types become, None where they become none: `pyarrow.float32()` and all that
    has `__arrow_c_schema__`."""
    capsule = of.__arrow_c_schema__()
    if not _is_valid(capsule, b"arrow_schema"):
        raise TypeError(f"`__arrow_c_schema__` gave {type(capsule).__name__}, no capsule named arrow_schema")
    schema = ArrowSchema.from_address(_get_pointer(capsule, b"arrow_schema"))
    if not schema.release or schema.dictionary or schema.n_children:
        return None
    format_ = schema.format.decode()
    kind, unit = format_[:2], format_[2:3]
    if kind == "w:":
        return f"V{format_[2:]}"
    if kind in ("ts", "tD") and unit in _UNITS:
        return f"{'datetime64' if kind == 'ts' else 'timedelta64'}[{_UNITS[unit]}]"
    return _NAMES.get(format_)


def _pointer(capsule: object, name: bytes) -> int:
    if not _is_valid(capsule, name):
        raise BufferError(f"`__arrow_c_array__` gave {type(capsule).__name__}, no capsule named {name.decode()}")
    address: int = _get_pointer(capsule, name)
    return address
