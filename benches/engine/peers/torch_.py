"""PyTorch, from C by way of the functions that it gives to what it compiles."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from .entry import Array, Entry, Job, Native, Unable, address, capsule_pointer, distribution


@cache
def library() -> Any:
    import torch

    torch.inference_mode().__enter__()  # for good: nobody here asks for gradients, and they cost time
    return ctypes.CDLL(str(Path(torch.__file__).parent / "lib/libtorch_cpu.so"))


def entry(job: Job) -> Entry:
    import torch

    functions = library()
    before = lambda: torch.set_num_threads(job.threads)  # noqa: E731
    target = tensor(torch, job.target)
    if job.kind == "fill":
        value = job.options["value"]
        return Entry(lambda: target.fill_(value), before)
    if job.packed:
        raise Unable
    source = tensor(torch, job.source)
    if job.kind == "equal":
        return Entry(lambda: torch.equal(source, target), before)
    if job.kind == "scale":
        return Entry(scaled(torch, source, target, job.options), before)
    handles = Handles(torch, [target, source])
    return Entry(Native(address(functions.aoti_torch_copy_), (*handles.pointers, None), (handles,)), before)


def scaled(torch: Any, source: Any, target: Any, options: dict[str, Any]) -> Any:
    shape = [1] * source.ndim
    axis = options.get("axis", -1)

    def values(name: str, default: float) -> Any:
        found = options.get(name, [default])
        shape[axis] = len(found)
        return torch.tensor(found, dtype=torch.float32).reshape(shape) if len(found) > 1 else found[0]

    scale, bias = values("scale", 1.0), values("bias", 0.0)
    if target.dtype == torch.float32:
        return lambda: torch.mul(source, scale, out=target).add_(bias)
    ends = torch.iinfo(target.dtype)
    return lambda: target.copy_(torch.mul(source, scale).add_(bias).round_().clamp_(ends.min, ends.max))


class Handles:
    """C++ tensors behind plain pointers, and their end."""

    def __init__(self, torch: Any, tensors: list[Any]) -> None:
        self._aoti = torch._C._aoti
        self._capsules = self._aoti.unsafe_alloc_void_ptrs_from_tensors(tensors)
        self.pointers = [capsule_pointer(one) for one in self._capsules]

    def __del__(self) -> None:
        self._aoti.alloc_tensors_by_stealing_from_void_ptrs(self._capsules)


def tensor(torch: Any, array: Array) -> Any:
    """On the same memory; ml_dtypes' types by way of integers of their width."""
    if not array.dtype.isnative or any(stride < 0 for stride in array.strides):
        raise Unable
    if array.ctypes.data % array.itemsize:
        raise Unable  # it uses instructions that fail on misaligned elements
    if not array.flags.writeable:
        array = np.lib.stride_tricks.as_strided(array, writeable=True)
    if array.dtype.type.__module__ != "ml_dtypes":
        return torch.from_numpy(array)
    raw = torch.from_numpy(array.view(f"u{array.itemsize}"))
    return raw.view(getattr(torch, array.dtype.name))


def versions() -> dict[str, str]:
    return distribution("torch")
