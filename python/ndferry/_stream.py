"""CUDA streams, whoever made them, as numbers."""

from __future__ import annotations

from operator import index

from . import _declarations as c
from ._index import in_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LEGACY = 1  # the legacy default stream
UNORDERED = -1  # no synchronisation

# Devices whose memory CUDA streams work on.
STREAMED = {c.NDF_DEVICE_CUDA, c.NDF_DEVICE_CUDA_HOST, c.NDF_DEVICE_CUDA_MANAGED}

# Where libraries keep the address of a stream: PyTorch, CuPy, Numba (whose default stream has none).
_ATTRIBUTES = ("cuda_stream", "ptr", "handle")


def number(stream: Any) -> int:
    """A stream as C takes it, by DLPack's number: an integer as it is, 0 for None, else the address in an object that has
    `__cuda_stream__` or is a stream of PyTorch, CuPy or Numba."""
    if stream is None:
        return 0
    if hasattr(stream, "__index__"):
        found = index(stream)
        if found == 0:
            raise ValueError("`stream` is 0, which may be either default stream: 1 is the legacy one, 2 the per-thread one")
        if not -(2**63) <= found < 2**63:
            raise ValueError(f"`stream` is {in_words(found)}, no CUDA stream")
        return found
    address = _address(stream)
    # 0 is how these objects say that they are the legacy default stream.
    return address or LEGACY


def _address(stream: Any) -> int:
    protocol: Any = getattr(stream, "__cuda_stream__", None)
    if protocol is not None:
        pair: Any = protocol() if callable(protocol) else protocol
        version, address = pair
        if version != 0:
            raise ValueError(f"`stream` speaks version {version} of `__cuda_stream__`, known is 0")
        return index(address)
    for name in _ATTRIBUTES:
        found: Any = getattr(stream, name, None)
        if hasattr(found, "value"):  # a pointer of ctypes, NULL of which is None
            return found.value or 0
        if hasattr(found, "__index__"):
            return index(found)
    raise TypeError(f"`stream` is a {type(stream).__name__}, no integer, no `__cuda_stream__` and no stream that is known")
