"""Who takes part: each peer is asked to write a view into another, and answers with a call or with None."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ndferry
import numpy as np
from ndferry._library import lib

Array = np.ndarray[Any, Any]


@dataclass
class Native:
    """A C function of three pointers, timed from C."""

    function: int
    arguments: tuple[Any, ...]
    keeps: tuple[Any, ...] = ()


@dataclass
class Entry:
    """One peer on one case."""

    name: str
    call: Native | Callable[[], object]
    allocates: bool = False  # makes its result anew, as the peer's users must


class Span(ctypes.Structure):
    """`struct bench_span` of timing.c."""

    _fields_ = [
        ("source", ctypes.c_void_p), ("target", ctypes.c_void_p), ("read", ctypes.c_size_t),
        ("written", ctypes.c_size_t), ("streams", ctypes.c_int),
    ]  # fmt: skip


class Timing:
    """timing.c, loaded so that the interpreter's lock is kept: NumPy's C functions need it."""

    def __init__(self, path: Path) -> None:
        self._library = ctypes.PyDLL(str(path))
        self._time = self._library.bench_time
        self._time.restype = ctypes.c_double
        self._time.argtypes = [ctypes.c_void_p] * 4 + [ctypes.c_long]

    def address(self, name: str) -> int:
        return ctypes.cast(self._library[name], ctypes.c_void_p).value or 0

    def nanoseconds(self, call: Native, count: int) -> float:
        """A call's, of so many; every one of them must have returned 0."""
        found = self._time(call.function, *call.arguments, count)
        if found < 0:
            raise RuntimeError("the call failed")
        return found


def tensor(array: Array) -> ndferry.Tensor:
    """A tensor on the memory of an array, whatever its type."""
    return ndferry.asarray(array, copy=False)


def address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def capsule_pointer(capsule: object) -> int:
    get = ctypes.PyDLL(None).PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return get(capsule, None)


def entries(source: Array, target: Array, timing: Timing, threads: int, only: set[str] | None) -> Iterator[Entry]:
    """Every peer that takes part in this case."""
    for name, make in PEERS.items():
        if only is None or name in only:
            try:
                entry = make(source, target, timing, threads)
            except NotImplementedError:
                continue  # the peer has nothing for such a case
            except (TypeError, ValueError, RuntimeError, ImportError, AttributeError) as why:
                print(f"  {name}: {type(why).__name__}: {str(why).splitlines()[0][:100]}", file=sys.stderr)
                continue
            if entry is not None:
                yield Entry(name, *entry) if isinstance(entry, tuple) else Entry(name, entry)


def ours(source: Array, target: Array, timing: Timing, threads: int) -> Native:
    if hasattr(lib, "ndf_set_thread_count"):
        lib.ndf_set_thread_count(threads)
    made = tensor(source), tensor(target)
    how = ndferry._declarations.ndf_convert_options(casting=ndferry._declarations.NDF_CASTING_UNSAFE)
    how.struct_size = ctypes.sizeof(how)
    arguments = made[0].handle, made[1].handle, ctypes.addressof(how)
    return Native(address(lib.ndf_tensor_copy_into), arguments, (*made, how))


def numpy_c(source: Array, target: Array, timing: Timing, threads: int) -> Native:
    """PyArray_CopyInto, number 50 of NumPy's table of C functions."""
    table = capsule_pointer(np._core._multiarray_umath._ARRAY_API)
    function = ctypes.c_void_p.from_address(table + 50 * ctypes.sizeof(ctypes.c_void_p)).value or 0
    return Native(function, (id(target), id(source), None), (source, target))


def torch_copy(source: Array, target: Array, timing: Timing, threads: int) -> Native:
    """`Tensor.copy_`, by way of the C functions that PyTorch gives to what it compiles."""
    import torch

    torch.set_num_threads(threads)
    library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib/libtorch_cpu.so"))
    if not torch.is_inference_mode_enabled():
        torch.inference_mode().__enter__()  # for good: nobody here asks for gradients, and they cost time
    pair = [torch_tensor(torch, one) for one in (target, source)]
    handles = TorchHandles(torch, pair)
    return Native(address(library.aoti_torch_copy_), (*handles.pointers, None), (handles,))


class TorchHandles:
    """C++ tensors behind plain pointers, and their end."""

    def __init__(self, torch: Any, tensors: list[Any]) -> None:
        self._aoti = torch._C._aoti
        self._capsules = self._aoti.unsafe_alloc_void_ptrs_from_tensors(tensors)
        self.pointers = [capsule_pointer(one) for one in self._capsules]

    def __del__(self) -> None:
        self._aoti.alloc_tensors_by_stealing_from_void_ptrs(self._capsules)


def torch_tensor(torch: Any, array: Array) -> Any:
    """On the same memory; ml_dtypes' types by way of integers of their width."""
    if not array.dtype.isnative:
        raise NotImplementedError("PyTorch has no foreign byte order")
    if any(stride < 0 for stride in array.strides):
        raise NotImplementedError("PyTorch has no negative strides")
    if array.ctypes.data % array.itemsize:
        raise NotImplementedError("PyTorch uses instructions that fail on misaligned elements")
    if not array.flags.writeable:
        array = np.lib.stride_tricks.as_strided(array, writeable=True)
    if array.dtype.type.__module__ != "ml_dtypes":
        return torch.from_numpy(array)
    raw = torch.from_numpy(array.view(f"u{array.itemsize}"))
    return raw.view(getattr(torch, array.dtype.name))


def jax_convert(source: Array, target: Array, timing: Timing, threads: int) -> tuple[Callable[[], object], bool]:
    """JAX writes into no memory of others; it makes a new array in C order."""
    import jax

    jax.config.update("jax_enable_x64", True)
    if not source.dtype.isnative or any(stride < 0 for stride in source.strides) or 0 in source.strides:
        raise NotImplementedError("JAX has no such layout")
    order = sorted(range(source.ndim), key=lambda axis: -source.strides[axis])
    base = source.transpose(order)
    if not base.flags.c_contiguous:
        raise NotImplementedError("JAX has no gaps")
    origin = jax.device_put(base)
    back = tuple(int(one) for one in np.argsort(order))
    move = jax.jit(lambda x: jax.numpy.transpose(x, back).astype(target.dtype))
    move(origin).block_until_ready()
    return (lambda: move(origin).block_until_ready()), True


def opencv(source: Array, target: Array, timing: Timing, threads: int) -> Callable[[], object] | None:
    """What OpenCV has a function for: transpose, flip, split and merge of pixels, copies of images."""
    import cv2

    cv2.setNumThreads(threads)
    if source.dtype != target.dtype or source.dtype.name not in ("uint8", "uint16", "int16", "int32", "float32", "float64"):
        return None
    if source.ndim == 2 and target.flags.c_contiguous:
        if source.T.flags.c_contiguous and min(source.shape) > 4:
            base = source.T
            return lambda: cv2.transpose(base, target)
        whole = source[tuple(slice(None, None, -1) if stride < 0 else slice(None) for stride in source.strides)]
        if whole.flags.c_contiguous and (source.strides[0] < 0 or source.strides[1] < 0):
            code = -1 if source.strides[0] < 0 and source.strides[1] < 0 else int(source.strides[1] < 0)
            return lambda: cv2.flip(whole, code, target)
    if source.ndim == 4 and source.shape[1] == 3 and source.transpose(0, 2, 3, 1).flags.c_contiguous:
        pixels, planes = source.transpose(0, 2, 3, 1), target
        if planes.flags.c_contiguous:
            return lambda: [cv2.split(one, list(into)) for one, into in zip(pixels, planes)]
    if source.ndim == 4 and source.shape[3] == 3 and source.transpose(0, 3, 1, 2).flags.c_contiguous:
        planes, pixels = source.transpose(0, 3, 1, 2), target
        if pixels.flags.c_contiguous:
            return lambda: [cv2.merge(list(one), into) for one, into in zip(planes, pixels)]
    return None


def memcpy(source: Array, target: Array, timing: Timing, threads: int) -> Native:
    """libc's, of as many bytes as the smaller side has."""
    size = min(source.nbytes, target.nbytes)
    fresh = np.ones(size, np.uint8)
    return Native(timing.address("bench_memcpy"), (base(target), fresh.ctypes.data, size), (fresh,))


def roof(source: Array, target: Array, timing: Timing, threads: int) -> Native:
    """As many bytes read and written as the case has, straight through memory."""
    from cases import touched_bytes

    read, written = np.ones(touched_bytes(source) + 64, np.uint8), touched_bytes(target)
    into = target if target.flags.c_contiguous else np.empty(written + 64, np.uint8)
    streams = written > 8 << 20
    span = Span(-(-read.ctypes.data // 64) * 64, -(-base(into) // 64) * 64, read.size - 64, written - 64, streams)
    return Native(timing.address("bench_roof"), (ctypes.addressof(span), threads, None), (span, read, into))


def base(array: Array) -> int:
    """The lowest address of any element."""
    return np.lib.array_utils.byte_bounds(array)[0]


PEERS: dict[str, Callable[..., Any]] = {
    "ndferry": ours, "numpy": numpy_c, "torch": torch_copy, "jax": jax_convert, "opencv": opencv,
    "memcpy": memcpy, "roof": roof,
}  # fmt: skip
LIMITS = {"memcpy", "roof"}  # they move bytes; what arrives is not the answer
