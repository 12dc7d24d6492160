"""JAX, TensorFlow, MLX, ONNX Runtime, TVM FFI, cuda.core, PyArrow."""

from __future__ import annotations

import ctypes
from typing import Any

import ndferry
import numpy as np
from libraries import (
    COPIES, FLOAT8, LEGACY, LOCKS, NO_WORDS, NUMPY_2, NUMPY_NAMES, OF_NUMPY, PACKED, PADDED, RANKS, READ_ONLY, SHARES,
    UNLOCKS, Changes, Door, Legacy, Library, Refuses, Seen, at, in_array, in_capsule, load, only_dlpack, rows,
)  # fmt: skip

ERRORS = "JaxRuntimeError|XlaRuntimeError"
_ALL_REAL = tuple(name for name in NUMPY_NAMES if name[:4] not in ("bool", "comp"))
_STRIDED = ("sliced", "rows", "negative", "zero stride, writable")
_NOT_ROW_MAJOR = ("F order", "permuted", *_STRIDED)
_NOT_ALIGNED = ("no axes", "unaligned", "4 bytes on")
_PARTS = ("F order", "permuted", "sliced", "rows", "negative", "zero stride", "zero stride, writable", "overlapping")
_NO_DTYPE = rows(Refuses("TypeError", "share bytes"), *PACKED)

# Legacy DLPack only: read-only tensors cannot be said. Immutable: what is shared cannot be written there.
_JAX = {
    **LEGACY,
    **rows(Refuses(ERRORS, "integer width"), "int4", "int2", "uint4", "uint2"),
    **rows(Refuses(ERRORS, "type code"), "float6_e2m3fn", "float6_e3m2fn"),
    "float4_e2m1fn": Refuses(ERRORS, "default layout") if NUMPY_2 else LOCKS,
    "complex32": Refuses(ERRORS, "complex width"),
    **rows(Refuses(ERRORS, "trivial .compact. striding"), *_STRIDED),
    **rows(COPIES, *_NOT_ALIGNED),
}
if not NUMPY_2:  # JAX 0.7 remembers the order of the axes, and reads as if it were C order
    _JAX.update(rows(Changes("the order of the axes is lost"), "F order", "permuted"))
# JAX 0.7 copies all the same.
_JAX_NEVER = {**_JAX, **rows(Refuses("ValueError", "requires a copy") if NUMPY_2 else COPIES, *_NOT_ALIGNED)}
_JAX_ARRAY = {
    **_NO_DTYPE,
    **rows(Refuses("TypeError", "Value|JAX"), *OF_NUMPY),
    **rows(Changes("values in native byte order"), ">i4", ">f8"),
    **rows(Refuses(f"{ERRORS}|TypeError"), "float6_e2m3fn[padded]", "float6_e3m2fn[padded]"),
    "complex32": Refuses("TypeError"),
    "float4_e2m1fn[padded]": Changes("two to a byte"),
}
if not NUMPY_2:
    _JAX_ARRAY.update(rows(Refuses("ValueError", "dimensions"), *RANKS))
# Arrays cannot be written, and legacy DLPack cannot say so; buffers can.
_FROM_JAX_BUFFER = rows(Refuses("BufferError", "not supported by the Python buffer protocol"), "bfloat16", *FLOAT8)

_TENSORFLOW = {
    **LEGACY,
    **rows(Refuses("InvalidArgumentError", "Unsupported Type Codes"), *FLOAT8, *PACKED[4:]),
    **rows(Refuses("InvalidArgumentError", "Unsupported U?Int bits"), *PACKED[:4]),
    "complex32": Refuses("InvalidArgumentError", "Unsupported Complex bits"),
    **rows(Refuses("InvalidArgumentError", "strides"), *_NOT_ROW_MAJOR),
}
_TENSORFLOW_ARRAY = {
    **_NO_DTYPE,
    **rows(Refuses("ValueError", "not a numpy type"), "float8_e3m4", "float8_e4m3", "float8_e8m0fnu"),
    "complex32": Refuses("ValueError|TypeError", "not a numpy type|neither NumPy"),
    **rows(Refuses("ValueError", "not a numpy type"), *PADDED[5:]),
    **rows(Refuses("ValueError", "Un(expected|supported) numpy"), *OF_NUMPY),
    **rows(Changes("strings, or values in native byte order"), "S3", "U2", ">i4", ">f8"),
    **rows(COPIES, *_PARTS, *_NOT_ALIGNED, "read-only, sliced"),
    "read-only": SHARES,
    # Taken; its DLPack has no words for them, so it tells no address.
    **rows(COPIES, "float8_e4m3b11fnuz", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz"),
    **rows(COPIES, *PADDED[:5]),
}

_FROM_TENSORFLOW_BUFFER = {"bfloat16": Refuses("ValueError", "cannot include dtype")}
if not NUMPY_2:
    _TENSORFLOW_ARRAY.update(rows(Refuses("ValueError", "dimensions"), *RANKS))

# MLX has memory of its own.
_MLX = {
    **rows(Refuses("ValueError", "Cannot convert"), "complex32", *FLOAT8, *PACKED, *PADDED),
    **rows(Refuses("TypeError|RuntimeError"), *OF_NUMPY),  # the words of ndferry are lost
    **rows(Changes("narrowed"), "float64", "complex128"),
    "negative": Refuses("ValueError", "negative strides"),
}

_ORT = {
    **LEGACY,
    **rows(Refuses("RuntimeError", "dlpack"), "bool", "complex64", "complex128", "complex32", *FLOAT8, *PACKED),
    **rows(Refuses("RuntimeError", "contiguous"), *_NOT_ROW_MAJOR),
}

# The table of C functions hands over padding and permission, of which tvm_ffi keeps neither.
_TVM = {**LEGACY, **rows(UNLOCKS, *READ_ONLY)}

_VIEW = {
    **NO_WORDS,
    **rows(Refuses("TypeError", "not supported|Unsupported"), "complex32", *FLOAT8, *PACKED, *PADDED),
}
_ARROW_TAKES_DLPACK = (arrow := load("pyarrow")) is not None and hasattr(arrow.Tensor, "from_dlpack")  # since 26
_ARROW = {
    **NO_WORDS,
    **rows(Refuses("ArrowInvalid", "unsupported"), "bool", "bfloat16", "complex64", "complex128", "complex32"),
    **rows(Refuses("ArrowInvalid", "unsupported"), *FLOAT8, *PACKED, *PADDED),
    "negative": Refuses("ArrowInvalid", "negative strides"),
}


def _jax() -> Any:
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax


def _see_jax(x: Any) -> Seen:
    address = x.unsafe_buffer_pointer()
    packed = str(x.dtype) == "float4_e2m1fn"  # two to a byte here, one to a byte in NumPy
    if packed or x.ndim > 32:  # which NumPy 1 cannot show
        elements = ctypes.string_at(address, x.size // 2 if packed else x.nbytes)
    else:
        elements = np.asarray(x).tobytes()
    return Seen(x.shape, elements, address, writable=False)


def _tensorflow() -> Any:
    import tensorflow

    return tensorflow


def _tf_dlpack() -> Any:
    return _tensorflow().experimental.dlpack


def _see_tensorflow(x: Any) -> Seen:
    if x.dtype == _tensorflow().string:  # objects of its own
        return Seen(tuple(x.shape), b"strings", None, writable=False)
    if x.dtype.name.startswith(("float8", "float4", "int4", "uint4", "int2", "uint2")):
        return Seen(tuple(x.shape), x.numpy().tobytes(), None, writable=False)  # its DLPack has no words for them
    return in_capsule(_tf_dlpack().to_dlpack(x), writable=False)


def _mlx() -> Any:
    import mlx.core

    return mlx.core


def _ort() -> Any:
    from onnxruntime import OrtValue

    return OrtValue


def _make_ort(array: np.ndarray) -> Any:
    # On memory of its own: the C value of `ortvalue_from_numpy` does not keep the NumPy array that it lies on.
    value = _ort().ortvalue_from_shape_and_type(array.shape, array.dtype)
    value.update_inplace(array)
    return value


def _tvm() -> Any:
    import tvm_ffi

    return tvm_ffi


def _view(x: Any) -> Any:
    from cuda.core.utils import StridedMemoryView

    view = StridedMemoryView.from_dlpack(x, -1)
    assert view.dtype is not None  # it looks at the type when asked, not before
    return view


def _see_view(x: Any) -> Seen:
    size = x.dtype.itemsize
    strides = x.strides or np.cumprod([1, *x.shape[:0:-1]])[::-1].tolist()[: len(x.shape)]
    return at(x.ptr, x.shape, [step * size for step in strides], size, not x.readonly)


def _arrow() -> Any:
    import pyarrow

    return pyarrow


def _see_arrow(x: Any) -> Seen:
    return in_array(x.to_numpy())


PLAIN = {"C order": lambda x: x}
JAX_ROW = Library(
    "jax",
    "jax",
    _see_jax,
    out=(
        Door("from_dlpack", lambda t: _jax().numpy.from_dlpack(t), _JAX, LOCKS),
        Door("from_dlpack, copy=False", lambda t: _jax().numpy.from_dlpack(t, copy=False), _JAX_NEVER, LOCKS),
        Door("asarray", lambda t: _jax().numpy.asarray(t), _JAX_ARRAY, COPIES),
    ),
    into=(
        Door("__dlpack__", lambda x: ndferry.from_dlpack(x)),
        Door("__dlpack__, legacy", lambda x: ndferry.from_dlpack(Legacy(x)), otherwise=UNLOCKS),
        Door("buffer", lambda x: ndferry.asarray(memoryview(x)), _FROM_JAX_BUFFER),
        Door("asarray", lambda x: ndferry.asarray(x)),
    ),
    make=lambda array: _jax().numpy.array(array),
    dtypes=(*NUMPY_NAMES, "bfloat16", *FLOAT8),
    layouts={**PLAIN, "no axes": lambda x: x[1, 2], "no elements": lambda x: x[:0], "transposed": lambda x: x.T},
)
TENSORFLOW_ROW = Library(
    "tensorflow",
    "tensorflow",
    _see_tensorflow,
    out=(
        Door("from_dlpack", lambda t: _tf_dlpack().from_dlpack(t.__dlpack__()), _TENSORFLOW, LOCKS),
        Door("convert_to_tensor", lambda t: _tensorflow().convert_to_tensor(t), _TENSORFLOW_ARRAY, LOCKS),
    ),
    into=(
        Door("__dlpack__", lambda x: ndferry.from_dlpack(x)),
        Door("to_dlpack", lambda x: ndferry.from_dlpack(_tf_dlpack().to_dlpack(x)), otherwise=UNLOCKS),
        Door("buffer", lambda x: ndferry.asarray(memoryview(x)), _FROM_TENSORFLOW_BUFFER),
        Door("asarray", lambda x: ndferry.asarray(x)),
    ),
    make=lambda array: _tensorflow().constant(array),
    dtypes=(*NUMPY_NAMES, "bfloat16"),
    layouts={**PLAIN, "no axes": lambda x: x[1, 2], "no elements": lambda x: x[:0]},
)
MLX_ROW = Library(
    "mlx",
    "mlx.core",
    lambda x: in_capsule(x.__dlpack__(), writable=True),
    out=(
        Door("from_dlpack", lambda t: _mlx().from_dlpack(t), _MLX, COPIES),
        Door("array", lambda t: _mlx().array(t), _MLX, COPIES),
    ),
    into=(
        Door("__dlpack__", lambda x: ndferry.from_dlpack(x)),
        Door("buffer", lambda x: ndferry.asarray(memoryview(x)), {"bfloat16": Refuses("UnsupportedError", "format")}),
        Door("asarray", lambda x: ndferry.asarray(x)),
    ),
    make=lambda array: _mlx().array(array),
    dtypes=(*[name for name in NUMPY_NAMES if name not in ("float64", "complex128")], "bfloat16"),
    layouts={**PLAIN, "transposed": lambda x: x.T, "no axes": lambda x: x[1, 2]},
)
ORT_ROW = Library(
    "onnxruntime",
    "onnxruntime",
    lambda x: in_capsule(x._get_c_value().__dlpack__(), writable=True),
    out=(Door("OrtValue.from_dlpack", lambda t: _ort().from_dlpack(t), _ORT),),
    into=(Door("__dlpack__", lambda x: ndferry.from_dlpack(x._get_c_value())),),
    make=_make_ort,
    dtypes=_ALL_REAL,
    layouts=PLAIN,
)
TVM_ROW = Library(
    "tvm_ffi",
    "tvm_ffi",
    lambda x: in_capsule(x.__dlpack__(), writable=True),
    out=(
        Door("exchange API", lambda t: _tvm().from_dlpack(t), _TVM),
        Door("from_dlpack", lambda t: _tvm().from_dlpack(only_dlpack(t)), LEGACY),
    ),
    into=(
        Door("__dlpack__", lambda x: ndferry.from_dlpack(x)),
        Door("__dlpack__, legacy", lambda x: ndferry.from_dlpack(Legacy(x))),
    ),
    make=lambda array: _tvm().from_dlpack(ndferry.asarray(array)),
    dtypes=(*NUMPY_NAMES, "bfloat16", *FLOAT8),
    layouts=PLAIN,
)
CUDA_ROW = Library(
    "cuda.core",
    "cuda.core.utils",
    _see_view,
    out=(
        Door("StridedMemoryView", _view, _VIEW),
        Door("StridedMemoryView, legacy", lambda t: _view(Legacy(t)), {**_VIEW, **LEGACY}),
    ),
    into=(
        Door("exchange API", lambda x: ndferry.from_dlpack(x)),
        Door("__dlpack__", lambda x: ndferry.from_dlpack(only_dlpack(x))),
        Door("__dlpack__, legacy", lambda x: ndferry.from_dlpack(Legacy(x))),
    ),
    make=lambda array: _view(array),
    dtypes=NUMPY_NAMES,
    layouts=PLAIN,
)
ARROW_ROW = Library(
    "pyarrow",
    "pyarrow",
    _see_arrow,
    out=(Door("Tensor.from_dlpack", lambda t: _arrow().Tensor.from_dlpack(t), _ARROW),) if _ARROW_TAKES_DLPACK else (),
    into=(
        Door("__dlpack__", lambda x: ndferry.from_dlpack(x)),
        Door("buffer", lambda x: ndferry.asarray(memoryview(x))),
        Door("asarray", lambda x: ndferry.asarray(x)),
    ),
    make=lambda array: _arrow().Tensor.from_numpy(array),
    dtypes=_ALL_REAL,
    layouts=PLAIN,
)
