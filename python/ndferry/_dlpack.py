"""DLPack's Python side, as the array API standard 2025.12 has it."""

from __future__ import annotations

import sys

from . import _declarations as c
from ._device import CPU, Device, device as to_device
from ._dtype import KNOWN, of_struct
from ._errors import CopyRequiredError, NdferryError, OutOfMemoryError
from ._library import lib, native
from ._stream import LEGACY, STREAMED, UNORDERED, number as stream_number
from ._tensor import Tensor, adopt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MAX_VERSION = (1, 3)
# Devices whose producers are asked for a stream: PyTorch's pinned tensors are on the CPU to it, and refuse one.
_ASKED_ON = STREAMED - {c.NDF_DEVICE_CUDA_HOST}
# Libraries whose arrays never change. Their capsules are of the kind that cannot say so, up to JAX 0.10 and TensorFlow 2.21.
_IMMUTABLE = {"jaxlib", "tensorflow"}


def _export(
    tensor: Tensor,
    *,
    stream: Any = None,
    max_version: tuple[int, int] | None = None,
    dl_device: tuple[int, int] | None = None,
    copy: bool | None = None,
) -> object:
    """`Tensor.__dlpack__` when more is asked than to share the memory. Data that cannot be handed over as asked is a
    BufferError: consumers take a TypeError for a keyword that is not known, and ask again without it."""
    if copy not in (None, True, False):
        raise ValueError(f"`copy` is {copy!r}, it may be True, False or None")
    device = tensor.device
    target = device if dl_device is None else to_device(tuple(dl_device))
    number = _stream_on(target, stream)
    versioned = max_version is not None and max_version[0] >= 1
    flags = c.NDF_PY_VERSIONED if versioned else 0
    moved = target != device
    if moved and copy is False:
        raise CopyRequiredError(f"`copy` forbids the copy from {device} to {target}")
    if moved or copy:
        tensor = _copied(tensor, target)
    if dl_device is not None and target != tensor.device:
        raise BufferError(f"a copy cannot be made on {target}")
    if number != UNORDERED and lib.ndf_tensor_wait(tensor._handle, number):
        raise BufferError(f"`stream` is {stream!r}: {lib.ndf_last_error_message().decode()}")
    return lib.ndf_py_dlpack_capsule(tensor._handle, flags | (c.NDF_PY_COPIED if moved or copy else 0))


def _stream_on(target: Device, stream: Any) -> int:
    """The number of the stream that the consumer works on."""
    if target.device_type in STREAMED:
        return LEGACY if stream is None else stream_number(stream)
    if stream is not None and (stream != UNORDERED or target.device_type == CPU.device_type):
        raise ValueError(f"`stream` is {stream!r}: a tensor on {target} has no stream, only None can be asked")
    return UNORDERED


def _copied(tensor: Tensor, target: Any) -> Tensor:
    """A copy on a device; where none can be made that is a BufferError, as the standard asks."""
    try:
        return tensor.to_device(target) if tensor.device != target else tensor.copy("K")
    except OutOfMemoryError:
        raise
    except NdferryError as error:
        raise BufferError(f"a copy from {tensor.device} to {target} cannot be made: {error}") from None


def _from_dlpack(x: Any, /, *, device: object = None, copy: bool | None = None, capsule: object = None) -> Tensor:
    """`from_dlpack` when more is asked than to share the memory, and of what native code would read wrongly: it passes
    on a `capsule` that `x` gave and that cannot say whether its elements may be written."""
    wanted = None if device is None else to_device(device)
    if copy not in (None, True, False):
        raise ValueError(f"`copy` is {copy!r}, it may be True, False or None")
    is_capsule = type(x).__name__ == "PyCapsule"
    capsule_is_given = capsule is not None
    if capsule is None:
        capsule = x if is_capsule else _ask(x, wanted, copy)
    copied = copy is not None and not is_capsule and lib.ndf_py_dlpack_capsule_is_copied(capsule)
    if copied and copy is False:
        raise CopyRequiredError("`copy` forbids copying, and the producer copied")
    is_unordered = capsule_is_given and not is_capsule
    tensor = adopt(lib.ndf_py_from_dlpack_capsule(capsule))
    if is_unordered and tensor.device.device_type in STREAMED and lib.ndf_device_count(c.NDF_DEVICE_CUDA):
        # It was asked for without a stream: the producer may have ordered nothing.
        tensor = adopt(lib.ndf_py_from_dlpack_capsule(_ask(x, wanted, copy)))
    if str(type(x).__module__).partition(".")[0] in _IMMUTABLE:
        tensor = tensor.as_read_only()
    moved = wanted is not None and tensor.device != wanted
    if moved and copy is False:
        raise CopyRequiredError(f"`copy` forbids the copy from {tensor.device} to {wanted}")
    return _copied(tensor, wanted or tensor.device) if moved or (copy and not copied) else tensor


def _refuse_negative_bit(x: Any) -> None:
    """PyTorch negates such tensors when they are read, and its `__dlpack__` exports what lies in memory."""
    torch: Any = sys.modules.get("torch")
    tensor_type: Any = getattr(torch, "Tensor", ())
    if not isinstance(x, tensor_type):
        return
    with torch._C.DisableTorchFunctionSubclass():  # a subclass may refuse the question
        if x.is_neg():
            raise BufferError("DLPack cannot say that a tensor has the negative bit set, use tensor.resolve_neg()")


def _ask(x: Any, wanted: Any, copy: bool | None) -> object:
    """A capsule from the producer. Producers from before 2023 know no keywords, and say so with a TypeError; array-api-strict
    on NumPy 1 knows them and has not implemented them."""
    # A class that has one may say with an AttributeError of its own why its instance has none.
    if not hasattr(x, "__dlpack__") and not hasattr(type(x), "__dlpack__"):
        others = "asarray takes what speaks other protocols, from_dlpack_pointer the address of a DLPack struct"
        raise AttributeError(f"{type(x).__name__} has no `__dlpack__`: {others}")
    _refuse_negative_bit(x)
    keywords: dict[str, Any] = {"max_version": _MAX_VERSION}
    if copy is not None:
        keywords["copy"] = copy
    device = _device_of(x) if wanted is None else tuple(map(int, x.__dlpack_device__()))
    if wanted is not None and device != wanted:
        keywords["dl_device"] = tuple(wanted)
    if device is not None and device[0] in _ASKED_ON and (wanted is None or wanted.device_type in STREAMED):
        keywords["stream"] = LEGACY  # which is where we work, and what is remembered of this memory
    try:
        return x.__dlpack__(**keywords)
    except (TypeError, NotImplementedError):
        if "stream" not in keywords:
            return x.__dlpack__()
    # `stream` is older than the other keywords, and some that are asked without one order nothing.
    try:
        return x.__dlpack__(stream=LEGACY)
    except (TypeError, NotImplementedError):
        return x.__dlpack__()


def _device_of(x: Any) -> tuple[int, int] | None:
    """Where the producer says that its memory is; a bare producer says nothing, and PyTorch of its meta tensors that it cannot
    be said: `__dlpack__` has better words for that."""
    try:
        device_type, device_id = x.__dlpack_device__()
    except (AttributeError, TypeError, ValueError, NotImplementedError):
        return None
    return int(device_type), int(device_id)


# Errors in a call name the function that was called.
_export.__qualname__, _from_dlpack.__qualname__ = "Tensor.__dlpack__", "from_dlpack"
native.bind(Tensor, _export, _from_dlpack, KNOWN, lambda key: of_struct(c.ndf_dtype.from_buffer_copy(key)))
if TYPE_CHECKING:
    from_dlpack = _from_dlpack
else:
    from_dlpack = native.from_dlpack
