"""The CUDA array interface, versions 0 to 3, read without trust. Nothing here needs a driver."""

from __future__ import annotations

from ctypes import byref, c_int64
from operator import index

from . import _array_interface, _declarations as c
from ._buffer import keep
from ._device import Device, device as to_device
from ._errors import NdferryError
from ._index import fitting
from ._library import array, lib, text
from ._tensor import make

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._tensor import Tensor

_VERSION = 3
_TYPES = {
    c.NDF_DEVICE_CUDA, c.NDF_DEVICE_CUDA_HOST, c.NDF_DEVICE_CUDA_MANAGED, c.NDF_DEVICE_ROCM, c.NDF_DEVICE_ROCM_HOST,
}  # fmt: skip
_KEYS = ("shape", "typestr", "data", "version")


def interface(tensor: Tensor) -> dict[str, Any]:
    """`Tensor.__cuda_array_interface__`."""
    from ast import literal_eval

    try:
        fields: dict[str, Any] = literal_eval(text(lib.ndf_tensor_cuda_array_interface, tensor._handle, _VERSION))
        return fields
    except NdferryError as error:
        # Whoever looks for protocols with `hasattr` must not find this one.
        raise AttributeError(f"__cuda_array_interface__: {error}") from None


def from_dict(obj: object, shown: Any, stated: object) -> Tensor:
    """A tensor on what `obj.__cuda_array_interface__` describes. The dictionary does not say the device: the object may,
    else it is the one that is `stated`, else the first."""
    if not isinstance(shown, dict):
        raise ValueError(f"`__cuda_array_interface__` is {type(shown).__name__}, it must be a dict")
    shown = dict(shown)  # each entry is looked at once, whatever class the dictionary is of
    for key in _KEYS:
        if key not in shown:
            raise ValueError(f"`__cuda_array_interface__` lacks {key!r}")
    if shown.get("mask") is not None:
        raise BufferError("`__cuda_array_interface__` has a mask, which a tensor cannot have")
    if not isinstance(shown["data"], tuple):
        raise ValueError(f"`data` is {shown['data']!r}, it must be an address and whether it is read-only")
    address, read_only = _array_interface.pointer(shown["data"])
    shape = _array_interface.integers(shown["shape"], "shape")
    strides, stream = shown.get("strides"), shown.get("stream")
    if strides is not None:
        strides = _array_interface.integers(strides, "strides")
        if len(strides) != len(shape):
            raise ValueError(f"`strides` has {len(strides)} entries, `shape` has {len(shape)}")
        strides = _numbers(strides)
    flags = c.NDF_CUDA_ARRAY_READ_ONLY if read_only else 0
    described = c.ndf_cuda_array(
        version=_number(shown["version"], "version", 32),
        ndim=len(shape),
        data=address,
        dtype=_array_interface.element_type(obj, shown)._struct,
        shape=_numbers(shape),
        strides=strides,
        device=c.ndf_device(*_device_of(obj, stated)),
        flags=flags if stream is None else flags | c.NDF_CUDA_ARRAY_HAS_STREAM,
        stream=0 if stream is None else _number(stream, "stream", 64),
    )
    return keep((obj, shown), lambda *owner: make(lib.ndf_tensor_from_cuda_array, byref(described), *owner))


def _numbers(values: tuple[int, ...]) -> Any:
    return array(c_int64, [fitting(one) for one in values])


def _number(value: Any, name: str, bits: int) -> int:
    try:
        number = index(value)
    except TypeError:
        raise ValueError(f"`{name}` is {value!r}, it must be an integer") from None
    if not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
        raise ValueError(f"`{name}` is {number}, no number that it can be")
    return number


def _device_of(obj: Any, stated: object) -> tuple[int, int]:
    """Where the object says that it lies. What is not CUDA or ROCm memory is no answer here."""
    wanted = None if stated is None else to_device(stated)
    for ask in (_dlpack_device, _device_attribute):
        try:
            device = ask(obj)
        except Exception:  # libraries answer in many ways, and this one question they need not answer
            continue
        if device is not None and device.device_type in _TYPES and device.device_id >= 0:
            return device
    return wanted if wanted is not None and wanted.device_type in _TYPES else (c.NDF_DEVICE_CUDA, 0)


def _dlpack_device(obj: Any) -> Device:
    device_type, device_id = obj.__dlpack_device__()
    return to_device((device_type, device_id))


def _device_attribute(obj: Any) -> Device | None:
    """`device` as a name ("cuda:1"), a pair, or an object with a number: PyTorch's has `index`, CuPy's has `id`."""
    device = obj.device
    for name in ("index", "id", "device_id"):
        number = getattr(device, name, None)
        if isinstance(number, int) and not isinstance(device, (str, tuple)):
            return to_device((c.NDF_DEVICE_CUDA, number))
    return to_device(device)
