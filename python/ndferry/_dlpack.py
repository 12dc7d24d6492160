"""DLPack's Python side, as the array API standard 2025.12 has it."""

from __future__ import annotations

import ctypes
import sys
from ctypes import c_char_p, c_int, c_uint32, c_uint64, c_void_p, py_object

from . import _declarations as c
from ._device import CPU, device as to_device
from ._errors import NdferryError, OutOfMemoryError
from ._library import lib
from ._tensor import Tensor, adopt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_from_exchange_api = lib.untyped("ndf_py_from_dlpack_exchange_api", c_void_p)

_MAX_VERSION = (1, 3)
_VERSIONED = b"dltensor_versioned"
_FLAGS_OFFSET = 24  # of `flags` in DLManagedTensorVersioned, in every version
_IS_COPIED = 2

# Functions of our own: what `ctypes.pythonapi` holds is shared by everybody, and so are the types set there.
_python = ctypes.PyDLL(None)
_is_valid, _get_pointer = _python["PyCapsule_IsValid"], _python["PyCapsule_GetPointer"]
_is_valid.restype, _is_valid.argtypes = c_int, [py_object, c_char_p]
_get_pointer.restype, _get_pointer.argtypes = c_void_p, [py_object, c_char_p]


def export(tensor: Tensor, stream: Any, max_version: Any, dl_device: Any, copy: Any) -> object:
    """`Tensor.__dlpack__` when more is asked than to share the memory. Data that cannot be handed over as asked is a
    BufferError: consumers take a TypeError for a keyword that is not known, and ask again without it."""
    if copy not in (None, True, False):
        raise ValueError(f"`copy` is {copy!r}, it may be True, False or None")
    device = tensor.device
    if stream is not None and not (stream == -1 and device.device_type != CPU.device_type):
        raise ValueError(f"`stream` is {stream!r}: a tensor on {device} has no stream, only None can be asked")
    versioned = max_version is not None and max_version[0] >= 1
    flags = c.NDF_PY_VERSIONED if versioned else 0
    moved = dl_device is not None and tuple(dl_device) != device
    if moved and copy is False:
        raise BufferError(f"`copy` forbids the copy from {device} to {to_device(tuple(dl_device))}")
    try:
        if moved:
            tensor = tensor.to_device(tuple(dl_device))
        elif copy:
            tensor = tensor.copy("K")
    except OutOfMemoryError:
        raise
    except NdferryError as error:
        raise BufferError(str(error)) from None
    if dl_device is not None and tuple(dl_device) != tensor.device:
        raise BufferError(f"a copy cannot be made on {to_device(tuple(dl_device))}")
    return lib.ndf_py_dlpack_capsule(tensor._handle, flags | (c.NDF_PY_COPIED if moved or copy else 0))


def from_dlpack(x: Any, /, *, device: object = None, copy: bool | None = None) -> Tensor:
    """A tensor on the memory of any object that has `__dlpack__`, or of a DLPack capsule.

    Where the object's class has a table of C functions (`__dlpack_c_exchange_api__`), as PyTorch's has, that is used: it
    takes less than half the time. `device` asks for the elements there. `copy` False forbids copying, True copies: by
    the producer, or here when the producer does not say that it did.
    """
    if device is copy is None and (tensor := _exchanged(x)) is not None:
        return tensor
    wanted = None if device is None else to_device(device)
    if copy not in (None, True, False):
        raise ValueError(f"`copy` is {copy!r}, it may be True, False or None")
    is_capsule = type(x).__name__ == "PyCapsule"
    capsule = x if is_capsule else _ask(x, wanted, copy)
    copied = copy is not None and not is_capsule and _says_copied(capsule)
    if copied and copy is False:
        raise BufferError("`copy` forbids copying, and the producer copied")
    tensor = adopt(lib.ndf_py_from_dlpack_capsule(capsule))
    if wanted is not None and tensor.device != wanted:
        if copy is False:
            raise BufferError(f"`copy` forbids the copy from {tensor.device} to {wanted}")
        return tensor.to_device(wanted)
    return tensor.copy("K") if copy and not copied else tensor


def _exchanged(x: Any) -> Tensor | None:
    """A tensor through the C functions of the object's class; None if `__dlpack__` must be asked."""
    # Native code looks at the class, as DLPack says; a class that has no such attribute is slower to ask than its object.
    if getattr(x, "__dlpack_c_exchange_api__", None) is None:
        return None
    if (torch := sys.modules.get("torch")) is not None and not _is_plain(x, torch):
        return None
    handle = _from_exchange_api(py_object(x))
    return None if handle is None else adopt(handle)


def _is_plain(x: Any, torch: Any) -> bool:
    """Whether nothing is lost when PyTorch's C functions export `x`: they check nothing, its `__dlpack__` does."""
    class_ = getattr(torch, "Tensor", ())  # missing while torch is being imported
    if type(x) is class_:
        return not (x.requires_grad or x.is_conj() or x.is_neg()) and x.layout is torch.strided
    return not isinstance(x, class_)


def _refuse_negative_bit(x: Any) -> None:
    """PyTorch negates such tensors when they are read, and its `__dlpack__` exports what lies in memory."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(x, getattr(torch, "Tensor", ())):
        return
    with torch._C.DisableTorchFunctionSubclass():  # a subclass may refuse the question
        if x.is_neg():
            raise BufferError("DLPack cannot say that a tensor has the negative bit set, use tensor.resolve_neg()")


def _ask(x: Any, wanted: Any, copy: bool | None) -> object:
    """A capsule from the producer. Producers from before 2023 know no keywords, and say so with a TypeError; array-api-strict
    on NumPy 1 knows them and has not implemented them."""
    if not hasattr(x, "__dlpack__"):
        others = "asarray takes what speaks other protocols, from_dlpack_pointer the address of a DLPack struct"
        raise AttributeError(f"{type(x).__name__} has no `__dlpack__`: {others}")
    _refuse_negative_bit(x)
    keywords: dict[str, Any] = {"max_version": _MAX_VERSION}
    if copy is not None:
        keywords["copy"] = copy
    if wanted is not None and tuple(map(int, x.__dlpack_device__())) != wanted:
        keywords["dl_device"] = tuple(wanted)
    try:
        return x.__dlpack__(**keywords)
    except (TypeError, NotImplementedError):
        return x.__dlpack__()


def _says_copied(capsule: object) -> bool:
    """Whether the struct in a capsule says that the producer made it for us alone."""
    if not _is_valid(capsule, _VERSIONED):
        return False
    address = _get_pointer(capsule, _VERSIONED)
    is_known = c_uint32.from_address(address).value == 1
    return is_known and bool(c_uint64.from_address(address + _FLAGS_OFFSET).value & _IS_COPIED)
