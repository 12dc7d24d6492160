"""Memory layouts drawn at random: the same bytes as an array of NumPy, a tensor of PyTorch and one of ndferry."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

_MAX_ELEMENTS = 1 << 21  # that a layout may span, gaps included


@dataclass(frozen=True)
class Layout:
    """Where elements lie in a buffer: strides and offset are in elements, `shift` is in bytes."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int
    span: int
    shift: int = 0

    def buffer(self, rng: np.random.Generator, itemsize: int) -> np.ndarray:
        """As many bytes as it takes, and some on both sides, all of them random."""
        return rng.integers(0, 256, self.span * itemsize + self.shift + 2 * _FENCE, dtype="u1")

    def in_numpy(self, buffer: np.ndarray, dtype: np.dtype) -> np.ndarray:
        start = _FENCE + self.shift + self.offset * dtype.itemsize
        strides = [stride * dtype.itemsize for stride in self.strides]
        return np.ndarray(self.shape, dtype, buffer, start, strides)

    def in_torch(self, buffer: np.ndarray, dtype: Any) -> Any:
        import torch

        elements = torch.from_numpy(buffer)[_FENCE:].view(dtype)
        return elements.as_strided(self.shape, self.strides, elements.storage_offset() + self.offset)


_FENCE = 64


def draw_shape(rng: np.random.Generator, elements: int) -> tuple[int, ...]:
    """0 to 6 axes of about so many elements in all, short and long ones."""
    ndim = int(rng.integers(0, 7))
    if not ndim:
        return ()
    parts = rng.dirichlet(np.full(ndim, 0.7)) * math.log(elements)
    shape = np.maximum(1, np.rint(np.exp(parts))).astype(int)
    if rng.random() < 0.02:
        shape[rng.integers(ndim)] = 0
    return tuple(shape.tolist())


def draw(rng: np.random.Generator, shape: tuple[int, ...], *, of_torch: bool = False, source: bool = False) -> Layout:
    """A layout of some shape. A source may repeat elements; one of PyTorch's is aligned and has no negative strides."""
    while True:
        drawn = _drawn(rng, shape, of_torch, source)
        if drawn.span <= max(_MAX_ELEMENTS, 2 * math.prod(shape)):
            return drawn


def _drawn(rng: np.random.Generator, shape: tuple[int, ...], of_torch: bool, source: bool) -> Layout:
    def sometimes() -> bool:
        return rng.random() < 0.35

    ndim = len(shape)
    order = rng.permutation(ndim) if sometimes() else np.arange(ndim)
    steps = rng.choice([1, 2, 3, 4], size=ndim, p=[0.6, 0.2, 0.15, 0.05]) if sometimes() else np.ones(ndim, int)
    margins = rng.choice([0, 1, 2, 5], size=(ndim, 2)) if sometimes() else np.zeros((ndim, 2), int)
    reversed_ = rng.random(ndim) < (0.5 if sometimes() and not of_torch else 0)
    repeated = rng.random(ndim) < (0.5 if source and sometimes() else 0)
    strides, offset, span = [0] * ndim, 0, 1
    for axis in order[::-1].tolist():
        if repeated[axis]:
            continue
        reach = max(shape[axis] - 1, 0) * int(steps[axis])
        before, after = margins[axis].tolist()
        strides[axis] = span * int(steps[axis]) * (-1 if reversed_[axis] else 1)
        offset += span * (before + (reach if reversed_[axis] else 0))
        span *= before + reach + 1 + after
    shift = int(rng.integers(1, 16)) if sometimes() and not of_torch else 0
    return Layout(shape, tuple(strides), offset, span, shift)
