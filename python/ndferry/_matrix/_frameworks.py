"""The libraries with memory of their own."""

from __future__ import annotations

from typing import Any

from ._cases import Cannot, Case
from ._library import Library, address_of_buffer, numbers_of_numpy, numpy_array


def _dlpack(m: Any, x: Any) -> Any:
    return m.from_dlpack(x)


def _numbers_over_dlpack(x: Any, case: Case) -> tuple[tuple[int, ...], list[Any]]:
    """Elements as ndferry reads them."""
    from .. import from_dlpack

    return _numbers_of_tensor(from_dlpack(x), case)


def _numbers_of_tensor(x: Any, case: Case) -> tuple[tuple[int, ...], list[Any]]:
    flat = x.contiguous().reshape(-1) if x.ndim else x[None]
    return x.shape, flat.tolist()


def _torch_dtype(m: Any, name: str) -> Any:
    return getattr(m, name)


def _tensorflow_dlpack(m: Any, x: Any) -> Any:
    return m.experimental.dlpack.from_dlpack(x.__dlpack__())


def _ort_dlpack(m: Any, x: Any) -> Any:
    from onnxruntime.capi.onnxruntime_pybind11_state import OrtValue  # type: ignore[import-not-found,unused-ignore]

    return m.OrtValue(OrtValue.from_dlpack(x.__dlpack__(), False))


def _numbers_of_jax(x: Any, case: Case) -> tuple[tuple[int, ...], list[Any]]:
    return x.shape, x.ravel().tolist()


def _frozen_tensor(m: Any, x: Any) -> Any:
    return x.as_read_only()


def _cuda_core(m: Any, x: Any) -> Any:
    return m.StridedMemoryView.from_dlpack(x, -1)


def _mlx_address(x: Any) -> int:
    return address_of_buffer(x)


def _mlx(m: Any, case: Case) -> Any:
    name = {"bool": "bool_"}.get(case.dtype, case.dtype)
    if not hasattr(m, name):
        raise Cannot(f"it has no {case.dtype}")
    if case.dtype == "float64":
        raise Cannot("float64 cannot be made of a list")
    return m.array(case.base, dtype=getattr(m, name))


LIBRARIES = [
    Library(
        "ndferry", "ndferry", "ndferry",
        make=lambda m, case: m.asarray(case.base, case.dtype),
        takes={"dlpack": _dlpack, "exchange": _dlpack}, asarray=lambda m, x: m.asarray(x),
        numbers=_numbers_of_tensor, pointer=lambda x: x.data_ptr, writable=lambda x: not x.read_only,
        broadcast=lambda m, x: x.broadcast_to(2, 3), freeze=_frozen_tensor,
    ),
    Library(
        "torch", "PyTorch", "torch",
        make=lambda m, case: m.tensor(case.base, dtype=_torch_dtype(m, case.dtype)),
        takes={"dlpack": _dlpack}, asarray=lambda m, x: m.asarray(x),
        numbers=lambda x, case: (tuple(x.shape), x.flatten().tolist()),
        pointer=lambda x: x.data_ptr(), broadcast=lambda m, x: x.expand(2, 3),
    ),
    Library(
        "jax", "JAX", "jax",
        make=lambda m, case: m.numpy.array(case.base, dtype=case.dtype),
        takes={"dlpack": lambda m, x: m.dlpack.from_dlpack(x)}, asarray=lambda m, x: m.numpy.asarray(x),
        numbers=_numbers_of_jax, pointer=lambda x: x.unsafe_buffer_pointer(), writable=lambda x: False,
        broadcast=lambda m, x: m.numpy.broadcast_to(x, (2, 3)),
    ),
    Library(
        "tensorflow", "TensorFlow", "tensorflow", distribution="tensorflow",
        make=lambda m, case: m.constant(case.base, dtype=case.dtype),
        takes={"dlpack": _tensorflow_dlpack}, asarray=lambda m, x: m.convert_to_tensor(x),
        numbers=lambda x, case: numbers_of_numpy(x.numpy(), case) if x.ndim else ((), [x.numpy().item()]),
        pointer=address_of_buffer, writable=lambda x: False,
        broadcast=lambda m, x: m.broadcast_to(x, (2, 3)), transpose=lambda m, x: m.transpose(x),
    ),
    Library(
        "cupy", "CuPy", "cupy", distribution="cupy-cuda13x",
        make=lambda m, case: m.array(case.base, dtype=case.dtype),
        takes={"dlpack": _dlpack, "cuda": lambda m, x: m.asarray(x)}, asarray=lambda m, x: m.asarray(x),
        numbers=lambda x, case: numbers_of_numpy(x.get(), case), pointer=lambda x: x.data.ptr,
        broadcast=lambda m, x: m.broadcast_to(x, (2, 3)),
    ),
    Library(
        "mlx", "MLX", "mlx.core",
        make=_mlx, takes={"dlpack": _dlpack}, asarray=lambda m, x: m.array(x),
        numbers=lambda x, case: (tuple(x.shape), x.flatten().tolist()), pointer=_mlx_address,
        broadcast=lambda m, x: m.broadcast_to(x, (2, 3)),
    ),
    Library(
        "onnxruntime", "ONNX Runtime", "onnxruntime",
        make=lambda m, case: m.OrtValue.ortvalue_from_numpy(numpy_array(m, case)),
        takes={"dlpack": _ort_dlpack}, asarray=lambda m, x: m.OrtValue.ortvalue_from_numpy(x),
        numbers=lambda x, case: numbers_of_numpy(x.numpy(), case), pointer=lambda x: x.data_ptr(),
        transpose=lambda m, x: m.OrtValue.ortvalue_from_numpy(x.numpy().T),
    ),
    Library(
        "tvm-ffi", "tvm-ffi", "tvm_ffi", distribution="apache-tvm-ffi",
        make=lambda m, case: m.from_dlpack(numpy_array(m, case)),
        takes={"dlpack": _dlpack, "exchange": _dlpack},
        numbers=_numbers_over_dlpack, pointer=lambda x: x.data_ptr(),
    ),
    Library(
        "cuda.core", "cuda.core", "cuda.core.utils", distribution="cuda-core",
        takes={"dlpack": _cuda_core, "cuda": lambda m, x: m.StridedMemoryView.from_cuda_array_interface(x, -1),
               "array-interface": lambda m, x: m.StridedMemoryView.from_array_interface(x)},
        numbers=_numbers_over_dlpack, pointer=lambda x: x.ptr, writable=lambda x: not x.readonly,
    ),
]  # fmt: skip
