"""Places where memory lies."""

from __future__ import annotations

from collections import namedtuple
from ctypes import byref, c_size_t

from . import _declarations as c
from ._index import in_words
from ._library import check, lib, text
from ._stream import number as stream_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple

_TYPES = {
    "cpu": c.NDF_DEVICE_CPU, "cuda": c.NDF_DEVICE_CUDA, "cuda_host": c.NDF_DEVICE_CUDA_HOST,
    "rocm": c.NDF_DEVICE_ROCM, "rocm_host": c.NDF_DEVICE_ROCM_HOST, "cuda_managed": c.NDF_DEVICE_CUDA_MANAGED,
}  # fmt: skip


if TYPE_CHECKING:

    class _Pair(NamedTuple):
        device_type: int
        device_id: int
else:
    _Pair = namedtuple("Device", ("device_type", "device_id"))  # as fast to import as it can be


class Device(_Pair):
    """A device, as DLPack numbers them: a tuple of its type and which one of that type. Also equal to its name."""

    __slots__ = ()

    def __str__(self) -> str:
        return text(lib.ndf_device_name, c.ndf_device(*self))

    def __repr__(self) -> str:
        name = str(self)
        is_known = name.partition(":")[0] in _TYPES
        return f"ndferry.device({name!r})" if is_known else f"ndferry.Device({self.device_type}, {self.device_id})"

    def __eq__(self, other: object) -> bool:
        return str(self) == other if isinstance(other, str) else tuple.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = tuple.__hash__

    @property
    def is_available(self) -> bool:
        """Whether ndferry can make and convert memory there now."""
        return lib.ndf_device_is_available(c.ndf_device(*self))

    @property
    def description(self) -> str:
        """What the maker of a CUDA device calls it."""
        return text(lib.ndf_device_description, c.ndf_device(*self))

    @property
    def memory_info(self) -> tuple[int, int]:
        """Free and all bytes of a CUDA device."""
        free, total = c_size_t(), c_size_t()
        check(lib.ndf_device_memory_info(c.ndf_device(*self), byref(free), byref(total)))
        return free.value, total.value

    def can_access(self, peer: object) -> bool:
        """Whether a CUDA device can read and write the memory of another one."""
        return lib.ndf_device_can_access_peer(c.ndf_device(*self), optional(peer))

    def synchronize(self, stream: Any = None) -> None:
        """Waits until all work that was enqueued so far on a CUDA device, or on one stream of it, has been done."""
        raw = c.ndf_device(*self)
        if stream is None:
            check(lib.ndf_device_synchronize(raw))
        else:
            check(lib.ndf_stream_synchronize(raw, stream_number(stream)))


CPU = Device(c.NDF_DEVICE_CPU, 0)


def devices() -> list[Device]:
    """The devices that memory can be made on. Starts CUDA if there is any: a process forked off later has none."""
    makeable = (c.NDF_DEVICE_CPU, c.NDF_DEVICE_CUDA, c.NDF_DEVICE_CUDA_HOST, c.NDF_DEVICE_CUDA_MANAGED)
    return [Device(kind, number) for kind in makeable for number in range(lib.ndf_device_count(kind))]


def device_of_pointer(address: int) -> Device:
    """Where an address lies; on the host all that CUDA does not know."""
    raw = c.ndf_device()
    check(lib.ndf_device_of_pointer(address, byref(raw)))
    return Device(raw.device_type, raw.device_id)


def device(of: object) -> Device:
    """The device that `of` means: a name ("cpu", "cuda:1"), or a tuple of DLPack's type and number."""
    if isinstance(of, Device):
        return _numbered(*of)
    if isinstance(of, str):
        name, _, number = of.partition(":")
        if name in _TYPES and (number.isdecimal() or number == of[len(name) :]):
            return _numbered(_TYPES[name], int(number or 0))
    elif isinstance(of, tuple) and len(of) == 2:
        return _numbered(int(of[0]), int(of[1]))
    raise ValueError(f'`device` is {of!r}, it may be a name such as "cpu" or "cuda:1", or DLPack\'s pair of numbers')


def _numbered(device_type: int, device_id: int) -> Device:
    """A device whose numbers C can hold; ctypes would cut off what it cannot."""
    for number in (device_type, device_id):
        if not -(2**31) <= number < 2**31:
            raise ValueError(f"`device` has the number {in_words(number)}, which does not fit 32 bits")
    return Device(device_type, device_id)


def optional(of: object) -> c.ndf_device:
    """The C struct for a device, all zero for None."""
    return c.ndf_device() if of is None else c.ndf_device(*device(of))
