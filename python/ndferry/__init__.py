"""Carries strided tensors between array libraries, without copying where that is possible and converting where it is
not.

    import ndferry, numpy

    image = ndferry.asarray(numpy.zeros((480, 640, 3), "uint8"))   # the same memory
    crop = image[60:-60, 80:-80].flip(1)                           # a view: no bytes move
    batch = crop.permute(2, 0, 1)[None].convert("float16", scale=1 / 255)
    array = numpy.from_dlpack(batch)                               # the same memory again

What the library refuses raises a subclass of `NdferryError`, which is also of Python's class for such errors
(`ShapeError` is a `ValueError`, `RangeError` an `IndexError`). Arguments of the wrong kind, and data that a protocol
cannot carry, are refused before and raise Python's own `TypeError`, `ValueError`, `OverflowError` or `BufferError`. To
catch one kind of mistake, catch Python's class.
"""

from __future__ import annotations

from collections import namedtuple as _namedtuple
from ctypes import byref as _byref, sizeof as _sizeof

from operator import index as _integer
from os import environ as _environ

from . import _declarations as _c
from ._create import asarray, empty, empty_like, full, zeros
from ._device import Device, device, device_of_pointer, devices
from ._dlpack import from_dlpack
from ._dtype import DType, can_cast, dtype, promote_types
from ._errors import (
    CancelledError,
    CopyRequiredError,
    DeviceFailureError,
    DeviceUnavailableError,
    DTypeError,
    InvalidArgumentError,
    LayoutError,
    NdferryError,
    OutOfMemoryError,
    RangeError,
    ReadOnlyError,
    ShapeError,
    SizeError,
    UnsupportedError,
    VersionError,
)
from ._handover import Consumer, consumers
from ._library import check as _check, lib as _lib
from ._pointer import from_dlpack_pointer, from_handle, wrap
from ._tensor import Tensor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._inspect import inspect as inspect
    from ._ndarray import ndarray as ndarray

if _environ.get("NDFERRY_DEBUG", "0") not in ("", "0"):
    from . import debug as debug  # which the library asks where in Python tensors are made

__version__: str = _lib.ndf_version_string().decode()

Statistics = _namedtuple("Statistics", ("live_tensors", "live_bytes"))
Statistics.__doc__ = """Tensors that are alive, views included, and bytes of the memory that they keep alive.

>>> ndferry.statistics()._fields
('live_tensors', 'live_bytes')
"""


def statistics() -> Statistics:
    """What is alive in this process. Exact when no other thread is making or releasing tensors.

    >>> before = ndferry.statistics().live_bytes
    >>> kilobyte = ndferry.zeros(1024, "uint8")
    >>> ndferry.statistics().live_bytes - before
    1024
    """
    raw = _c.ndf_statistics()
    raw.struct_size = _sizeof(raw)
    _check(_lib.ndf_statistics_get(_byref(raw)))
    return Statistics(raw.live_tensors, raw.live_bytes)


def set_thread_count(count: int) -> None:
    """How many threads one conversion may use, the calling one included; 0 for the default: what the environment variable
    NDFERRY_THREADS says, else as many as the process may use processors.

    >>> ndferry.set_thread_count(2)
    >>> ndferry.get_thread_count()
    2
    >>> ndferry.set_thread_count(0)
    """
    _check(_lib.ndf_set_thread_count(max(-1, min(_integer(count), 256))))


def get_thread_count() -> int:
    """How many threads one conversion may use.

    >>> ndferry.get_thread_count() >= 1
    True
    """
    return _lib.ndf_get_thread_count()


def __getattr__(name: str) -> Any:
    """What is made when it is first asked for: the dtypes (`ndferry.float32`), `ndferry.inspect`,
    `ndferry.debug`, and `ndferry.ndarray`, which needs NumPy."""
    if name in _c.DTYPES:
        return globals().setdefault(name, dtype(name))
    if name == "inspect":
        from ._inspect import inspect

        return globals().setdefault(name, inspect)
    if name == "debug":
        from importlib import import_module

        return import_module(".debug", __name__)
    if name == "ndarray":
        try:
            from ._ndarray import ndarray
        except ImportError:
            raise AttributeError("ndferry.ndarray is a subclass of NumPy's, which is not installed") from None
        return globals().setdefault(name, ndarray)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    *sorted(_c.DTYPES.keys() - {"bool"}),  # an import of everything must not hide Python's
    "CancelledError", "Consumer", "CopyRequiredError", "DType", "DTypeError", "Device", "DeviceFailureError", "DeviceUnavailableError",
    "InvalidArgumentError", "LayoutError", "NdferryError", "OutOfMemoryError", "RangeError", "ReadOnlyError",
    "ShapeError", "SizeError", "Statistics", "Tensor", "UnsupportedError", "VersionError", "asarray", "can_cast",
    "consumers", "device", "device_of_pointer", "devices", "dtype", "empty", "empty_like", "from_dlpack", "from_dlpack_pointer", "from_handle", "full",
    "get_thread_count",
    "promote_types", "set_thread_count", "statistics", "wrap", "zeros",
]  # fmt: skip


def __dir__() -> list[str]:
    return sorted({*globals(), *_c.DTYPES, "inspect"})
