"""Whose memory it is: the protocols by which other libraries show theirs, asked one after the other."""

from __future__ import annotations

import sys

from . import _array_interface, _arrow, _cuda_array
from ._buffer import from_buffer
from ._dlpack import from_dlpack
from ._errors import CopyRequiredError, NdferryError
from ._pointer import POINTERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._tensor import Tensor

    Found = tuple[Tensor, bool] | None


def found(obj: Any, copy: bool | None, device: object = None) -> Found:
    """A tensor on the memory of a foreign object or on a copy where it must be, and whether it is a copy that nobody
    else has; None if the object speaks no protocol.

    What one protocol refuses is asked of the next: NumPy's `__dlpack__` has no dates, its array interface has. When all
    refuse, the exception is that of the first and tells what each of them said.
    """
    # Lists have none of the attributes. Classes have them too, but only their instances have elements.
    if type(obj) in (list, tuple) or isinstance(obj, type):
        return None
    # Words, not exceptions, for these would hold the object in a cycle.
    refusals: list[tuple[type[Exception], str]] = []
    for door in _DOORS:
        try:
            tensor = door(obj, copy, device)
        except (MemoryError, RecursionError, _arrow.Refused):
            raise
        except (BufferError, NdferryError) as error:
            # A class of the producer's own may not be made of words alone.
            refusals.append((type(error) if isinstance(error, NdferryError) else BufferError, str(error)))
        else:
            if tensor is not None:
                return tensor
    if refusals:
        raise refusals[0][0]("; ".join(dict.fromkeys(words for _, words in refusals)))
    return None


def _attribute(obj: Any, name: str) -> Any:
    """An attribute, asked for once; None if there is none. Properties of other libraries fail in all manners."""
    try:
        return getattr(obj, name, None)
    except (MemoryError, RecursionError):
        raise
    except Exception as error:
        raise _refusal(obj, f"`{name}`", error) from error


def _refusal(obj: Any, name: str, error: Exception) -> BufferError:
    return BufferError(f"{name} of {type(obj).__name__} raised {type(error).__name__}: {error}")


def _dlpack(obj: Any, copy: bool | None, device: object) -> Found:
    if _attribute(obj, "__dlpack__") is None:
        return None
    module = str(type(obj).__module__)
    # PyArrow before version 26 does not say through DLPack that its arrays are immutable; through Arrow that is known.
    if module == "pyarrow.lib" and hasattr(obj, "__arrow_c_array__"):
        return None
    if module.startswith("tensorflow"):
        if (name := getattr(getattr(obj, "dtype", None), "name", None)) in ("string", "variant", "resource"):
            raise BufferError(f"elements of TensorFlow's type {name} are objects, for which its `__dlpack__` aborts")
    try:
        return (from_dlpack(obj) if device is None else from_dlpack(obj, device=device)), False
    except (MemoryError, RecursionError, BufferError):
        raise
    except Exception as error:  # PyArrow, for one, refuses with a TypeError
        raise _refusal(obj, "`__dlpack__`", error) from error


def _of_device(obj: Any, copy: bool | None, device: object) -> Found:
    interface = _attribute(obj, "__cuda_array_interface__")
    return None if interface is None else (_cuda_array.from_dict(obj, interface, device), False)


# Before `__array_struct__`, which NumPy gives wrongly for structured types: read-only and without fields. Before the
# buffer protocol, which has no words for dates and for the types of ml_dtypes.
def _interface(obj: Any, copy: bool | None, device: object) -> Found:
    interface = _attribute(obj, "__array_interface__")
    if interface is None:
        return None
    if copy is False and _is_snapshot(obj, interface):
        raise CopyRequiredError(f"`__array_interface__` of {type(obj).__name__} copies although `copy` forbids it")
    return _array_interface.from_dict(obj, interface, copy)


def _is_snapshot(obj: Any, interface: Any) -> bool:
    """Whether the elements are bytes made for whoever asks, as Pillow's are: others each time."""
    if not isinstance(interface, dict) or not isinstance(data := interface.get("data"), bytes):
        return False
    again = _attribute(obj, "__array_interface__")
    return not isinstance(again, dict) or again.get("data") is not data


def _struct(obj: Any, copy: bool | None, device: object) -> Found:
    # Who has both says less here: NumPy leaves out the fields of what its dictionary was refused for.
    if _attribute(obj, "__array_interface__") is not None:
        return None
    capsule = _attribute(obj, "__array_struct__")
    return None if capsule is None else _array_interface.from_capsule(obj, capsule, copy)


def _buffer(obj: Any, copy: bool | None, device: object) -> Found:
    if isinstance(obj, POINTERS):
        how = "wrap takes the address of elements, from_handle an ndf_tensor*, from_dlpack_pointer a DLPack struct"
        raise TypeError(f"no tensor can be made of {type(obj).__name__}, a pointer that says nothing of shape: {how}")
    try:
        view = memoryview(obj)
    except (MemoryError, RecursionError):
        raise
    except Exception as error:  # NumPy, for one, refuses types that no buffer has with a ValueError
        # Before Python 3.12 only C has the protocol, and the class does not show it.
        if isinstance(error, TypeError) and not hasattr(type(obj), "__buffer__"):
            return None
        raise _refusal(obj, "the buffer protocol", error) from error
    return from_buffer(view, copy)


def _of_arrow(obj: Any, copy: bool | None, device: object) -> Found:
    method = _attribute(obj, "__arrow_c_array__")
    if method is None:
        return None
    try:
        capsules = method()
    except (MemoryError, RecursionError):
        raise
    except Exception as error:
        raise _refusal(obj, "`__arrow_c_array__`", error) from error
    return _arrow.from_capsules(capsules, copy)


def _array_method(obj: Any, copy: bool | None, device: object) -> Found:
    """What NumPy itself would be given: a view of the object's memory, or what the object computes."""
    method = _attribute(obj, "__array__")
    numpy = sys.modules.get("numpy")
    if method is None or (numpy is not None and isinstance(obj, numpy.ndarray)):
        return None
    array = _asked(obj, method, copy)
    numpy = sys.modules.get("numpy")
    if numpy is None or not isinstance(array, numpy.ndarray):
        raise BufferError(f"`__array__` of {type(obj).__name__} gave {type(array).__name__}, which is no NumPy array")
    if copy is False and array.size:
        again = _asked(obj, method, copy)
        if not isinstance(again, numpy.ndarray) or again.ctypes.data != array.ctypes.data:
            raise CopyRequiredError(f"`__array__` of {type(obj).__name__} copies although `copy` forbids it")
    return found(numpy.asarray(array), copy)


def _asked(obj: Any, method: Any, copy: bool | None) -> Any:
    # Without a word about copies unless they are forbidden: many have no such parameter, and NumPy itself says nothing.
    try:
        return method(copy=False) if copy is False else method()
    except (MemoryError, RecursionError):
        raise
    except Exception as error:
        if copy is False and isinstance(error, (TypeError, ValueError)):  # it knows no such word, or cannot
            why = f"`copy` forbids the copy that `__array__` of {type(obj).__name__} may make: {error}"
            raise CopyRequiredError(why) from error
        raise _refusal(obj, "`__array__`", error) from error


_DOORS = (_dlpack, _of_device, _interface, _struct, _buffer, _of_arrow, _array_method)
