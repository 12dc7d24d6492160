"""What has to be known about a library to try it."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module, metadata, util
from typing import Any

from ._cases import Cannot, Case

Make = Callable[[Any, Case], Any]


def _transposed(_: Any, x: Any) -> Any:
    return x.T


def _cannot(_: Any, x: Any) -> Any:
    raise Cannot(f"{type(x).__name__} has none")


class Wrapped(Exception):
    """What came is kept as an object, and was not read as an array."""


@dataclass
class Library:
    """A library, told by what it does with its module.

    `make(module, case)` makes the array of `case.base` without any interchange; `broadcast` and `freeze` arrange it.
    `takes` says by which function each protocol comes in, `asarray` stands for all that are not named. `numbers` gives
    the shape and the elements of what came, `pointer` where the first lies, `writable` whether it may be written.
    `shape` is what the library makes of a shape. A library that always `copies` keeps elements in another form; what is
    `untyped` knows bytes only; what consumers must refuse says so.
    """

    key: str
    title: str
    module: str
    make: Make | None = None
    takes: dict[str, Callable[[Any, Any], Any] | None] = field(default_factory=dict)
    asarray: Callable[[Any, Any], Any] | None = None
    numbers: Callable[[Any, Case], tuple[tuple[int, ...], list[Any]]] = None  # type: ignore[assignment]
    pointer: Callable[[Any], int | None] = lambda x: None
    writable: Callable[[Any], bool] = lambda x: True
    write: Callable[[Any, Any], None] | None = None
    broadcast: Callable[[Any, Any], Any] = _cannot
    freeze: Callable[[Any, Any], Any] = _cannot
    transpose: Callable[[Any, Any], Any] = _transposed
    distribution: str = ""
    shape: Callable[[tuple[int, ...]], tuple[int, ...]] = lambda shape: shape
    copies: bool = False
    untyped: bool = False
    must_refuse: bool = False

    def find(self) -> str | None:
        """The version that is installed, without importing it; None if there is none."""
        if self.module in ("builtins", "array"):
            return platform.python_version()
        try:
            if util.find_spec(self.module.partition(".")[0]) is None:
                return None
        except ValueError:
            return None
        try:
            return metadata.version(self.distribution or self.module.partition(".")[0])
        except metadata.PackageNotFoundError:
            return ""

    def load(self) -> Any:
        return import_module(self.module)

    def produce(self, module: Any, case: Case) -> Any:
        """The library's array for a case."""
        if self.make is None:
            raise Cannot("it has no arrays of its own")
        array = self.make(module, case)
        if case.layout == "transposed":
            return self.transpose(module, array)
        if case.layout == "strided":
            return array[:, ::2]
        if case.layout == "reversed":
            return array[::-1]
        if case.layout == "broadcast":
            return self.broadcast(module, array)
        if case.layout == "read-only" and self.writable(array):
            return self.freeze(module, array)
        return array

    def taker(self, protocol: str) -> Callable[[Any, Any], Any] | None:
        """The function that a protocol comes in by; None where there is none."""
        if protocol in self.takes:
            return self.takes[protocol]
        return None if protocol in ("dlpack", "exchange", "arrow", "cuda") else self.asarray


# What adapters share.


def numpy_array(module: Any, case: Case) -> Any:
    import numpy as np

    return np.array(case.base, dtype=numpy_dtype(case.dtype))


def numpy_dtype(name: str) -> Any:
    import numpy as np

    if name == "bfloat16":
        import ml_dtypes  # type: ignore[import-not-found,unused-ignore]

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(name)


def numbers_of_numpy(array: Any, case: Case) -> tuple[tuple[int, ...], list[Any]]:
    """bfloat16 has no Python numbers of its own."""
    if array.dtype.kind in "OSUV" and array.dtype.isbuiltin != 2:
        raise Wrapped(f"it is an array of type {array.dtype}, shape {array.shape}")
    if array.dtype.isbuiltin == 2:
        array = array.astype("float64")
    return array.shape, array.ravel().tolist()


def address_of_numpy(array: Any) -> int:
    address: int = array.ctypes.data
    return address


def address_of_buffer(exporter: Any) -> int:
    from .._buffer import address_of

    return address_of(memoryview(exporter))


def typed_view(view: memoryview, case: Case) -> Any:
    """Bytes as a NumPy array of the case's type."""
    import numpy as np

    return np.frombuffer(view, numpy_dtype(case.dtype))


def typed_bytes(address: int, count: int, case: Case) -> Any:
    """A copy of the elements at an address."""
    import numpy as np

    return np.frombuffer(ctypes.string_at(address, count * case.itemsize), numpy_dtype(case.dtype))
