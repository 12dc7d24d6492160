"""Every library, in the order in which they are tested."""

from __future__ import annotations

from table_frameworks import (
    ARROW_ROW, CUDA_ROW, JAX_ROW, MLX_ROW, ORT_ROW, TENSORFLOW_ROW, TVM_ROW,
)  # fmt: skip
from table_numpy import NUMPY_ROW, STRICT_ROW
from table_torch import TORCH_ROW

LIBRARIES = (
    NUMPY_ROW, STRICT_ROW, TORCH_ROW, JAX_ROW, TENSORFLOW_ROW, MLX_ROW, ORT_ROW, TVM_ROW, CUDA_ROW, ARROW_ROW,
)  # fmt: skip
