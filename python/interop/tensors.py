"""Tensors and arrays of every element type and every memory layout."""

from __future__ import annotations

import ctypes
from ast import literal_eval

import ml_dtypes
import ndferry
import numpy as np
from libraries import PACKED

RNG_SEED = 20_26


def pattern(name: str, count: int) -> bytes:
    """Bytes of elements: any bits, NaN payloads included, where all of them are valid."""
    dtype = ndferry.dtype(name)
    rng = np.random.default_rng(RNG_SEED)
    size = ndferry.empty(count, dtype).nbytes
    if name == "bool":
        return rng.integers(0, 2, count, dtype="u1").tobytes()
    if name.endswith("[padded]"):
        return rng.integers(0, 1 << int(dtype.bits), count, dtype="u1").tobytes()
    if name.startswith("U"):
        return rng.integers(32, 127, size // 4, dtype="u4").tobytes()
    return rng.integers(0, 256, size, dtype="u1").tobytes()


def of_type(name: str, shape: tuple[int, ...] = (4, 6)) -> ndferry.Tensor:
    """A tensor on new memory in C order."""
    tensor = ndferry.empty(shape, name)
    raw = pattern(name, tensor.size)
    ctypes.memmove(tensor.data_ptr, raw, len(raw))
    return tensor


def numpy_dtype(name: str) -> np.dtype:
    """NumPy's, or that of ml_dtypes."""
    if name.startswith("["):
        return np.dtype(literal_eval(name))
    return np.dtype(getattr(ml_dtypes, name, name))


def array_of_type(name: str, shape: tuple[int, ...] = (4, 6)) -> np.ndarray:
    """A NumPy array on new memory in C order; where the elements of a type share bytes, NumPy has a byte for each."""
    count = int(np.prod(shape))
    raw = pattern(f"{name}[padded]" if name in PACKED else name, count)
    return np.frombuffer(bytearray(raw), numpy_dtype(name)).reshape(shape)


def _unaligned() -> ndferry.Tensor:
    memory = np.zeros(4 * 24 + 8, "u1")
    start = -memory.ctypes.data % 4 + 1
    memory[start : start + 96] = np.frombuffer(pattern("float32", 24), "u1")
    return ndferry.wrap(memory.ctypes.data + start, (4, 6), "float32", owner=memory)


def _of_rank(rank: int) -> ndferry.Tensor:
    return of_type("float32", (2, *[1] * (rank - 2), 3))


# Of a (4, 6) tensor of float32, unless they make their own.
LAYOUTS = {
    "C order": lambda t: t,
    "F order": lambda t: t.copy("F"),
    "permuted": lambda t: t.reshape(2, 3, 4).permute(2, 0, 1),
    "sliced": lambda t: t[:, ::2],
    "rows": lambda t: t[::2],
    "negative": lambda t: t[::-1],
    "zero stride": lambda t: t[0].broadcast_to(3, 6),
    "zero stride, writable": lambda t: t.as_strided((3, 6), (0, 1)),
    "overlapping": lambda t: t.reshape(24).sliding_window(0, 4),
    "no axes": lambda t: t[1, 2],
    "no elements": lambda t: t[:0],
    "odd stride of one": lambda t: t.as_strided((1, 6, 1), (17, 1, 5)),
    "read-only": lambda t: t.as_read_only(),
    "read-only, sliced": lambda t: t.as_read_only()[:, ::2],
    "unaligned": lambda _: _unaligned(),
    "4 bytes on": lambda t: t.reshape(24)[1:],
    "64 bytes on": lambda t: t.reshape(24)[16:],
    "rank 33": lambda _: _of_rank(33),
    "rank 64": lambda _: _of_rank(64),
}


def of_layout(name: str) -> ndferry.Tensor:
    return LAYOUTS[name](of_type("float32"))
