"""What the checks and the benchmark need of the CUDA driver itself: streams, events, copies, by ctypes."""

from __future__ import annotations

import ctypes
import os
from ctypes import byref, c_char_p, c_float, c_int, c_size_t, c_uint64, c_void_p
from typing import Any


class DriverError(RuntimeError):
    pass


class Driver:
    """The driver that ndferry uses, with the first device's primary context current on this thread."""

    def __init__(self) -> None:
        self.library = ctypes.CDLL(os.environ.get("NDFERRY_CUDA_DRIVER", "libcuda.so.1"))
        self("cuInit", 0)
        context = c_void_p()
        self("cuDevicePrimaryCtxRetain", byref(context), 0)
        self("cuCtxSetCurrent", context)

    def __call__(self, name: str, *arguments: Any) -> None:
        code = getattr(self.library, name)(*arguments)
        if code:
            words = c_char_p()
            self.library.cuGetErrorName(code, byref(words))
            raise DriverError(f"{name}: {(words.value or b'?').decode()} ({code})")

    @property
    def version(self) -> str:
        number = c_int()
        self("cuDriverGetVersion", byref(number))
        return f"{number.value // 1000}.{number.value % 1000 // 10}"

    def attribute(self, number: int) -> int:
        value = c_int()
        self("cuDeviceGetAttribute", byref(value), number, 0)
        return value.value

    @property
    def capability(self) -> tuple[int, int]:
        return self.attribute(75), self.attribute(76)

    def stream(self) -> int:
        """A stream that waits for no other by itself."""
        stream = c_void_p()
        self("cuStreamCreate", byref(stream), 1)
        return int(stream.value or 0)

    def synchronize(self) -> None:
        self("cuCtxSynchronize")

    def copy(self, to: int, from_: int, size: int) -> None:
        """Device to device, on the legacy default stream."""
        self("cuMemcpyDtoDAsync_v2", c_uint64(to), c_uint64(from_), c_size_t(size), None)

    def upload(self, to: int, from_: int, size: int) -> None:
        """Host to device, done on return."""
        self("cuMemcpyHtoD_v2", c_uint64(to), c_void_p(from_), c_size_t(size))

    def download(self, to: int, from_: int, size: int) -> None:
        """Device to host, in the order of the legacy default stream, done on return."""
        self("cuMemcpyDtoHAsync_v2", c_void_p(to), c_uint64(from_), c_size_t(size), None)
        self("cuStreamSynchronize", None)

    def fill(self, at: int, byte: int, size: int) -> None:
        """On the legacy default stream."""
        self("cuMemsetD8Async", c_uint64(at), byte, c_size_t(size), None)

    def event(self) -> c_void_p:
        event = c_void_p()
        self("cuEventCreate", byref(event), 0)
        return event

    def record(self, event: c_void_p) -> None:
        """On the legacy default stream."""
        self("cuEventRecord", event, None)

    def milliseconds(self, begin: c_void_p, end: c_void_p) -> float:
        self("cuEventSynchronize", end)
        found = c_float()
        self("cuEventElapsedTime", byref(found), begin, end)
        return found.value
