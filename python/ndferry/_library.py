"""Finds libndferry, loads it, and turns statuses into exceptions.

The library is loaded in two ways. Calls that may take long go through `ctypes.CDLL`, which lets other threads run
meanwhile. All others go through `ctypes.PyDLL`, which keeps the interpreter's lock: faster, and what every
ndf_py_* function asks for.
"""

from __future__ import annotations

import ctypes
import os
import sys
from ctypes import byref, c_char, c_size_t

from . import _declarations as c
from ._errors import CLASSES, NdferryError

TYPE_CHECKING = False  # importing typing would double the time that importing this package takes
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from ._functions import Functions
else:
    Functions = object

# Calls whose work grows with the number of elements, and those that wait for a device.
_LONG = {
    "ndf_tensor_zeros", "ndf_tensor_full", "ndf_tensor_from_data", "ndf_tensor_shares_memory", "ndf_tensor_convert",
    "ndf_tensor_copy_into", "ndf_tensor_copy", "ndf_tensor_contiguous", "ndf_tensor_cast", "ndf_tensor_to_device",
    "ndf_tensor_fill_on", "ndf_tensor_equal_on", "ndf_tensor_to_dlpack_for", "ndf_tensor_format", "ndf_device_synchronize",
    "ndf_stream_synchronize", "ndf_device_trim",
}  # fmt: skip


def _find() -> str:
    """The path of the library: NDFERRY_LIBRARY, what was installed with the package, or what cargo built in the checkout
    that this file is part of."""
    if path := os.environ.get("NDFERRY_LIBRARY"):
        if not os.path.isfile(path):
            raise ImportError(f"ndferry: NDFERRY_LIBRARY is {path}, where there is no file")
        return os.path.abspath(path)  # a name without a slash would be looked for in the system's folders
    package = os.path.dirname(os.path.abspath(__file__))
    path = os.path.join(package, "lib", f"libndferry.so.{c.NDF_ABI_VERSION}")
    if os.path.isfile(path):
        return path
    name = {"darwin": "libndferry.dylib", "win32": "ndferry.dll"}.get(sys.platform, "libndferry.so")
    checkout = os.path.dirname(os.path.dirname(package))
    for profile in ("release", "debug"):
        path = os.path.join(checkout, "target", profile, name)
        if os.path.isfile(path):
            return path
    raise ImportError(f"ndferry: there is no {name}: run `cargo build --release`, or set NDFERRY_LIBRARY to its path")


class Library(Functions):
    """Every function of the C API, typed, as an attribute."""

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self._keeping = ctypes.PyDLL(path)
            self._releasing = ctypes.CDLL(path)
        except OSError as error:
            raise ImportError(f"ndferry: cannot load {path}: {error}") from None
        try:
            # First: of another ABI nothing else can be relied on, and functions may be missing.
            if (abi := self._keeping.ndf_abi_version()) != c.NDF_ABI_VERSION:
                raise ImportError(f"ndferry: {path} has ABI {abi}, this package needs ABI {c.NDF_ABI_VERSION}")
            for name, (result, parameters) in c.FUNCTIONS.items():
                function = getattr(self._releasing if name in _LONG else self._keeping, name)
                function.restype, function.argtypes = result, parameters
                setattr(self, name, function)
        except AttributeError as error:
            raise ImportError(f"ndferry: {path} does not fit this package: {error}") from None


lib = Library(_find())
native: Any = lib.ndf_py_module()  # what is called most often, without ctypes


def fail(status: int) -> NdferryError:
    """The exception for a status that is not NDF_OK."""
    message = lib.ndf_last_error_message().decode()
    return CLASSES.get(status, NdferryError)(message)


def check(status: int) -> None:
    """Raises unless the status is NDF_OK."""
    if status:
        raise fail(status)


# ctypes makes a new class for each length, which takes longer than most calls; those of tensor ranks are kept.
_array_types: dict[tuple[Any, int], Any] = {}
MAX_NDIM = 64


def array(ctype: Any, values: Sequence[Any]) -> Any:
    """A C array of `values`."""
    key = ctype, len(values)
    array_type = _array_types.get(key)
    if array_type is None:
        array_type = ctype * len(values)
        if len(values) <= MAX_NDIM:
            _array_types[key] = array_type
    return array_type(*values)


_Room = c_char * 512


def text(function: Callable[..., int], *arguments: object) -> str:
    """What a function writes whose last parameters are room for text."""
    room = _Room()
    status = function(*arguments, len(room), room, None)
    if status == c.NDF_ERROR_BUFFER_TOO_SMALL:
        length = c_size_t()
        check(function(*arguments, 0, None, byref(length)))
        room = (c_char * (length.value + 1))()
        status = function(*arguments, len(room), room, None)
    check(status)
    return room.value.decode()


def choice(value: Any, name: str, choices: dict[Any, int]) -> int:
    """The number of an option that is spelled as a word."""
    try:
        return choices[value]
    except (KeyError, TypeError):
        words = ", ".join(f'"{word}"' if isinstance(word, str) else str(word) for word in choices)
        raise ValueError(f"`{name}` is {value!r}, it may be {words}") from None


ORDERS = {"C": c.NDF_ORDER_C, "F": c.NDF_ORDER_F, "K": c.NDF_ORDER_KEEP}
CASTINGS = {
    "no": c.NDF_CASTING_NO, "equiv": c.NDF_CASTING_EQUIV, "safe": c.NDF_CASTING_SAFE,
    "same_kind": c.NDF_CASTING_SAME_KIND, "unsafe": c.NDF_CASTING_UNSAFE,
}  # fmt: skip
OVERFLOWS = {"wrap": c.NDF_OVERFLOW_WRAP, "saturate": c.NDF_OVERFLOW_SATURATE}
COPIES = {None: c.NDF_COPY_IF_NEEDED, True: c.NDF_COPY_ALWAYS, False: c.NDF_COPY_NEVER}
