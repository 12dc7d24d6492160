"""PyTorch, whose tensors have DLPack's table of C functions."""

from __future__ import annotations

from typing import Any

import ndferry
import numpy as np
from libraries import (
    LEGACY, NO_WORDS, NUMPY_NAMES, PACKED, PADDED, READ_ONLY, SHARES, UNLOCKS, Door, Legacy, Library, Refuses, Seen,
    at, rows,
)  # fmt: skip

_FLOAT8 = ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu")
_REFUSED = {
    **NO_WORDS,
    **rows(
        Refuses("BufferError", "Unsupported (code|kU?Int bits|kDLFloat4_e2m1fn lanes)"),
        "float8_e3m4", "float8_e4m3", "float8_e4m3b11fnuz", *PACKED, *PADDED,
    ),
    "negative": Refuses("RuntimeError", "Storage size calculation overflowed"),
}  # fmt: skip
# PyTorch has no word for read-only, and takes such tensors without one.
_VERSIONED = {**_REFUSED, **rows(UNLOCKS, *READ_ONLY)}
_LEGACY = {**_REFUSED, **LEGACY}
_STATES = {
    "requires a gradient": Refuses("BufferError", "require gradient"),
    "conjugated": Refuses("BufferError", "conjugate bit"),
    "negated": Refuses("BufferError", "negative bit"),
    "sparse": Refuses("BufferError", "strided"),
    "meta": Refuses("(Buffer|Runtime)Error", "meta"),
}


def _torch() -> Any:
    import torch

    return torch


def _see(x: Any) -> Seen:
    size = x.element_size()
    return at(x.data_ptr(), x.shape, [step * size for step in x.stride()], size, writable=True)


def _make(array: np.ndarray) -> Any:
    torch = _torch()
    flat = torch.frombuffer(bytearray(array.tobytes()), dtype=torch.uint8)
    return flat.view(getattr(torch, array.dtype.name)).reshape(array.shape)


TORCH_ROW = Library(
    "torch",
    "torch",
    _see,
    out=(
        Door("from_dlpack", lambda t: _torch().from_dlpack(t), _VERSIONED),
        Door("from_dlpack, legacy", lambda t: _torch().from_dlpack(t.__dlpack__()), _LEGACY),
        Door("as_tensor", lambda t: _torch().as_tensor(t), _VERSIONED),
        Door("as_tensor", lambda t: _torch().as_tensor(t), _VERSIONED),
    ),
    into=(
        Door("exchange API", lambda x: ndferry.from_dlpack(x), _STATES),
        # A wish that the table of C functions cannot hear.
        Door("__dlpack__", lambda x: ndferry.from_dlpack(x, copy=False), _STATES),
        # PyTorch itself exports the elements of a negated tensor with the wrong sign; nobody sees here that it is one.
        Door("__dlpack__, legacy", lambda x: ndferry.from_dlpack(Legacy(x)), {**_STATES, "negated": SHARES}),
        Door("asarray", lambda x: ndferry.asarray(x), _STATES),
    ),
    make=_make,
    dtypes=(*NUMPY_NAMES, "bfloat16", "complex32", *_FLOAT8),
    layouts={
        "C order": lambda x: x,
        "F order": lambda x: x.T.contiguous().T,
        "permuted": lambda x: x.reshape(2, 3, 4).permute(2, 0, 1),
        "sliced": lambda x: x[:, ::2],
        "zero stride": lambda x: x[0].expand(3, 6),
        "no axes": lambda x: x[1, 2],
        "no elements": lambda x: x[:0],
        "odd stride of one": lambda x: x.as_strided((1, 6, 1), (17, 1, 5)),
        "offset": lambda x: x.reshape(24)[1:],
        "requires a gradient": lambda x: x.clone().requires_grad_(),
        "conjugated": lambda x: x.to(_torch().complex64).conj(),
        "negated": lambda x: x.to(_torch().complex64).conj().imag,
        "sparse": lambda x: x.to_sparse(),
        "meta": lambda x: x.to("meta"),
    },
)
