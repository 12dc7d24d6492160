"""The libraries whose arrays lie on GPUs, each by what the checks need of it. One that is not there, or has no device, says
so and is left out."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np


class Absent(Exception):
    """Why a library takes no part."""


class Framework:
    name: str
    # What the library hands over, and what it takes.
    gives_dlpack = takes_dlpack = gives_cuda_array = takes_cuda_array = True

    def make(self, values: np.ndarray[Any, Any]) -> Any:
        raise NotImplementedError

    def pointer(self, x: Any) -> int:
        raise NotImplementedError

    def numpy(self, x: Any) -> np.ndarray[Any, Any]:
        raise NotImplementedError

    def from_dlpack(self, x: Any) -> Any:
        raise NotImplementedError

    def from_cuda_array(self, x: Any) -> Any:
        raise NotImplementedError

    def side_stream(self) -> Any:
        """A stream of its own that is current within a `with`; None where the library has no such thing."""
        return None

    def handle(self, stream: Any) -> int:
        """The number of such a stream."""
        raise NotImplementedError

    def delay(self) -> None:
        """Keeps the current stream busy for some milliseconds."""

    def fill(self, x: Any, value: float) -> None:
        """Writes on the current stream."""
        raise NotImplementedError

    def copied(self, x: Any) -> Any:
        """A copy, made on the current stream."""
        raise NotImplementedError


class Torch(Framework):
    name = "torch"
    takes_cuda_array = True

    def __init__(self) -> None:
        import torch

        if not torch.cuda.is_available():
            raise Absent("torch sees no device")
        self.torch, self.version = torch, torch.__version__

    def make(self, values: np.ndarray[Any, Any]) -> Any:
        return self.torch.from_numpy(values.copy()).cuda()

    def pointer(self, x: Any) -> int:
        return int(x.data_ptr())

    def numpy(self, x: Any) -> np.ndarray[Any, Any]:
        return x.cpu().numpy()  # type: ignore[no-any-return]

    def from_dlpack(self, x: Any) -> Any:
        return self.torch.from_dlpack(x)

    def from_cuda_array(self, x: Any) -> Any:
        return self.torch.as_tensor(x, device="cuda")

    @contextlib.contextmanager
    def side_stream(self) -> Any:
        stream = self.torch.cuda.Stream()
        with self.torch.cuda.stream(stream):
            yield stream

    def handle(self, stream: Any) -> int:
        return int(stream.cuda_stream)

    def delay(self) -> None:
        self.torch.cuda._sleep(20_000_000)

    def fill(self, x: Any, value: float) -> None:
        x.fill_(value)

    def copied(self, x: Any) -> Any:
        return x.clone()


class CuPy(Framework):
    name = "cupy"

    def __init__(self) -> None:
        import cupy

        if cupy.cuda.runtime.getDeviceCount() < 1:
            raise Absent("CuPy sees no device")
        self.cupy, self.version = cupy, cupy.__version__
        self.spin = cupy.RawKernel(
            'extern "C" __global__ void spin(long long n) { long long t = clock64(); while (clock64() - t < n); }', "spin"
        )

    def make(self, values: np.ndarray[Any, Any]) -> Any:
        return self.cupy.asarray(values)

    def pointer(self, x: Any) -> int:
        return int(x.data.ptr)

    def numpy(self, x: Any) -> np.ndarray[Any, Any]:
        return self.cupy.asnumpy(x)  # type: ignore[no-any-return]

    def from_dlpack(self, x: Any) -> Any:
        return self.cupy.from_dlpack(x)

    def from_cuda_array(self, x: Any) -> Any:
        return self.cupy.asarray(x)

    @contextlib.contextmanager
    def side_stream(self) -> Any:
        with self.cupy.cuda.Stream(non_blocking=True) as stream:
            yield stream

    def handle(self, stream: Any) -> int:
        return int(stream.ptr)

    def delay(self) -> None:
        self.spin((1,), (1,), (20_000_000,))

    def fill(self, x: Any, value: float) -> None:
        x.fill(value)

    def copied(self, x: Any) -> Any:
        return x.copy()


class Numba(Framework):
    name = "numba"
    gives_dlpack = takes_dlpack = False

    def __init__(self) -> None:
        from numba import __version__, cuda

        if not cuda.is_available():
            raise Absent("Numba sees no device")
        self.cuda, self.version = cuda, __version__
        self.current: Any = 0

    def make(self, values: np.ndarray[Any, Any]) -> Any:
        return self.cuda.to_device(values, stream=self.current)

    def pointer(self, x: Any) -> int:
        return int(x.device_ctypes_pointer.value)

    def numpy(self, x: Any) -> np.ndarray[Any, Any]:
        self.cuda.synchronize()
        return x.copy_to_host()  # type: ignore[no-any-return]

    def from_cuda_array(self, x: Any) -> Any:
        return self.cuda.as_cuda_array(x)

    @contextlib.contextmanager
    def side_stream(self) -> Any:
        self.current = self.cuda.stream()
        try:
            yield self.current
        finally:
            self.current = 0

    def handle(self, stream: Any) -> int:
        return int(stream.handle.value)

    def fill(self, x: Any, value: float) -> None:
        x.copy_to_device(np.full(x.shape, value, x.dtype), stream=self.current)

    def copied(self, x: Any) -> Any:
        made = self.cuda.device_array_like(x, stream=self.current)
        made.copy_to_device(x, stream=self.current)
        return made


class Jax(Framework):
    name = "jax"
    gives_cuda_array = takes_cuda_array = False

    def __init__(self) -> None:
        import jax

        devices = [one for one in jax.devices() if one.platform in ("gpu", "cuda")]
        if not devices:
            raise Absent("JAX sees no device")
        self.jax, self.version, self.device = jax, jax.__version__, devices[0]

    def make(self, values: np.ndarray[Any, Any]) -> Any:
        return self.jax.device_put(values, self.device)

    def pointer(self, x: Any) -> int:
        return int(x.unsafe_buffer_pointer())

    def numpy(self, x: Any) -> np.ndarray[Any, Any]:
        return np.asarray(x)

    def from_dlpack(self, x: Any) -> Any:
        return self.jax.dlpack.from_dlpack(x)

    def copied(self, x: Any) -> Any:
        return x + 0


class CudaCore(Framework):
    name = "cuda.core"
    gives_cuda_array = takes_cuda_array = takes_dlpack = False

    def __init__(self) -> None:
        import cuda.core
        from cuda.core import Device

        self.version = cuda.core.__version__
        self.device = Device(0)
        self.device.set_current()
        self.stream = self.device.create_stream()

    def make(self, values: np.ndarray[Any, Any]) -> Any:
        from driver import Driver

        buffer = self.device.allocate(values.nbytes, stream=self.stream)
        self.stream.sync()
        Driver().upload(int(buffer.handle), values.ctypes.data, values.nbytes)
        return buffer

    def pointer(self, x: Any) -> int:
        return int(x.handle)


ALL: list[type[Framework]] = [Torch, CuPy, Numba, Jax, CudaCore]


def present() -> tuple[list[Framework], dict[str, str]]:
    """Those that are there, and why the others are not."""
    found: list[Framework] = []
    absent = {}
    for one in ALL:
        try:
            found.append(one())
        except Exception as error:  # whatever keeps a library from its device is a reason to leave it out
            absent[one.name] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    return found, absent
