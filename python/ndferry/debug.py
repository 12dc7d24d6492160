"""Finds mistakes with lifetimes: handles that are released twice, used after that, or never released.

    NDFERRY_DEBUG=1 python program.py

switches the debugger on, as does `ndferry.debug.enable()` before the first tensor is made. Python code alone cannot make
such mistakes; C code that is given `Tensor.handle` or gives handles can, and what it does is then an error that says
which tensor it was, and where that was made and released.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import sys
from collections import namedtuple as _namedtuple

from . import _declarations as _c
from ._library import check as _check, choice as _choice, lib as _lib, text as _text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ._tensor import Tensor

Counts = _namedtuple("Counts", ("handles", "exports", "misuses"))
Counts.__doc__ = """Tensors that C code or Python objects have references to, structs of protocols that no consumer has ended, and
how often a handle was misused; all 0 while the debugger is off."""

_LEVELS = {"error": _c.NDF_LOG_ERROR, "warning": _c.NDF_LOG_WARNING, "info": _c.NDF_LOG_INFO}
_NAMES = {number: name for name, number in _LEVELS.items()}
_Listener = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int32, ctypes.c_char_p)
_listeners: list[object] = []  # for good: a call of one may be under way on another thread when it is replaced


def enable() -> None:
    """Switches the debugger on for the rest of the process. No tensor may be alive."""
    _check(_lib.ndf_debug_enable())


def report() -> str:
    """Every tensor that somebody has, or that an export holds: its label, references, open exports, age, and the places where
    it was made. `UnsupportedError` while the debugger is off."""
    return _text(_lib.ndf_debug_report)


def counts() -> Counts:
    """How many of each there are."""
    raw = _c.ndf_statistics()
    raw.struct_size = ctypes.sizeof(raw)
    _check(_lib.ndf_statistics_get(ctypes.byref(raw)))
    return Counts(raw.live_handles, raw.open_exports, raw.misuses)


def label(tensor: Tensor, text: str) -> Tensor:
    """Gives a tensor a name for reports and messages, and returns it. Kept only while the debugger is on."""
    _check(_lib.ndf_tensor_set_label(tensor._handle, text.encode()))
    return tensor


def set_log(function: Callable[[str, str], object] | None, level: str = "warning") -> None:
    """Makes `function(level, message)` get what the library has to say besides errors: mistakes that the debugger finds
    ("error"), what does not work as it should ("warning"), copies that sharing would have spared, threads and drivers that
    are started ("info").

    None for the default again: standard error, as far as the environment variable NDFERRY_LOG says, and nothing when it says
    nothing; while the debugger is on, up to warnings. The function may be called on any thread.
    """
    number = _choice(level, "level", _LEVELS)
    if function is None:
        _check(_lib.ndf_set_log(None, None, number))
        return
    tell = function

    def hear(_: int | None, level: int, message: bytes) -> None:
        tell(_NAMES.get(level, str(level)), message.decode(errors="replace"))

    listener = _Listener(hear)
    if not _listeners:
        atexit.register(set_log, None)  # the library outlives the interpreter
    _listeners.append(listener)
    _check(_lib.ndf_set_log(ctypes.cast(listener, ctypes.c_void_p), None, number))


_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep


def _place() -> str:
    """Where the code outside this package is that is being run; the library asks when a tensor is made."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"


__all__ = ["Counts", "counts", "enable", "label", "report", "set_log"]
