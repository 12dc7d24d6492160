"""A tensor handed to another library as that library takes it, and what each library takes."""

from __future__ import annotations

import importlib
from collections import namedtuple
from ctypes import byref, c_int32, c_size_t, c_void_p, sizeof
from types import ModuleType

from . import _declarations as c
from ._errors import InvalidArgumentError, NdferryError, OutOfMemoryError
from ._library import COPIES, check, choice, lib, text
from ._pointer import from_dlpack_pointer
from ._tensor import Tensor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Consumer(
    namedtuple(
        "Consumer", "name title structs strides alignment dtypes devices max_ndim keeps_read_only shares evidence is_tested"
    )
):
    """What a library takes through DLPack without copying. `dtypes` and `devices` are None where it takes all.

    >>> numpy = ndferry.consumers()["numpy"]
    >>> numpy.is_tested, "float16" in numpy.dtypes, "bfloat16" in numpy.dtypes
    (True, True, False)
    """

    __slots__ = ()


def consumers() -> dict[str, Consumer]:
    """What each library takes, by the name that `Tensor.to` knows it by; a table in native code, which C programs use
    too.

    >>> ndferry.consumers()["torch"].title
    'PyTorch'
    """
    import json

    names = (lib.ndf_consumer_name(index) for index in range(lib.ndf_consumer_count()))
    rows = (Consumer(**json.loads(text(lib.ndf_consumer_describe, name))) for name in names)
    return {row.name: row for row in rows}


class _Handed:
    """What a library's `from_dlpack` asks: it answers with the one capsule that was made for that library."""

    __slots__ = ("_capsule", "_device", "_tensor")

    def __init__(self, tensor: Tensor, capsule: object, device: tuple[int, int]) -> None:
        self._tensor, self._capsule, self._device = tensor, capsule, device

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._device

    def __dlpack__(self, *, stream: Any = None, **_: object) -> object:
        if stream is not None:
            self._tensor.__dlpack__(stream=stream, max_version=(1, 0))  # it waits for the stream, or refuses it
        return self._capsule


# How each library is given the object. All but TensorFlow call its methods.
_TAKE: dict[str, Callable[[Any, _Handed], Any]] = {
    "numpy": lambda numpy, handed: numpy.from_dlpack(handed),
    "torch": lambda torch, handed: torch.from_dlpack(handed),
    "jax": lambda jax, handed: jax.dlpack.from_dlpack(handed),
    "tensorflow": lambda tensorflow, handed: tensorflow.experimental.dlpack.from_dlpack(handed.__dlpack__()),
    "cupy": lambda cupy, handed: cupy.from_dlpack(handed),
    "pyarrow": lambda pyarrow, handed: pyarrow.Tensor.from_dlpack(handed),
    "onnxruntime": lambda onnxruntime, handed: onnxruntime.OrtValue.from_dlpack(handed),
    "mlx": lambda mlx, handed: mlx.from_dlpack(handed),
    "tvm-ffi": lambda tvm_ffi, handed: tvm_ffi.from_dlpack(handed),
    "strict": lambda ndferry, handed: ndferry.from_dlpack(handed),
}
_MODULES = {"jax": "jax.dlpack", "mlx": "mlx.core", "tvm-ffi": "tvm_ffi", "strict": "ndferry"}
# What people call them, beside the names of the table.
ALIASES = {
    "np": "numpy", "pytorch": "torch", "tf": "tensorflow", "cp": "cupy", "pa": "pyarrow", "ort": "onnxruntime", "jnp": "jax",
}  # fmt: skip
_NARROWED_BY_JAX = ("int64", "uint64", "float64", "complex128")


def to(tensor: Tensor, consumer: str | ModuleType, copy: bool | None, allow_writable: bool) -> Any:
    """`Tensor.to`."""
    name = _name(consumer)
    library = _library(name)
    if refusal := _narrowing(tensor, name):
        raise BufferError(refusal)
    handed = _hand(tensor, _profile(name, library), _options(copy, allow_writable))
    return _TAKE[name.partition("<")[0]](library, handed)


def explain(tensor: Tensor, consumer: str | ModuleType, copy: bool | None, allow_writable: bool) -> str:
    """`Tensor.explain`."""
    name = _name(consumer)
    try:
        if refusal := _narrowing(tensor, name):
            return refusal
        profile = _profile(name, _library(name) if name == "numpy" else None)
    except ImportError:
        profile = name  # without the library the table alone answers
    return text(lib.ndf_tensor_explain_for, tensor._handle, profile.encode(), byref(_options(copy, allow_writable)))


def _name(consumer: str | ModuleType) -> str:
    """The name of a consumer, of which a module may be given."""
    if isinstance(consumer, ModuleType):
        consumer = consumer.__name__.partition(".")[0]
    if not isinstance(consumer, str):
        raise TypeError(f"`consumer` is {consumer!r}, it may be a library's name, or its module")
    name = consumer.replace("_", "-")
    name = ALIASES.get(name.lower(), name)
    if name.partition("<")[0] not in _TAKE:
        check(lib.ndf_consumer_describe(name.encode(), 0, None, byref(c_size_t())))  # which lists the names
    return name


def _library(name: str) -> Any:
    """The module, imported."""
    module = _MODULES.get(name, name.partition("<")[0])
    try:
        imported = importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != package:
            raise  # the library is there, and lacks something itself
        raise ImportError(f'`consumer` is "{name}", and {package} is not installed', name=package) from None
    return importlib.import_module("jax") if name == "jax" else imported


def _profile(name: str, library: Any) -> str:
    """The row of the table for the library that is there."""
    if name == "numpy" and tuple(map(int, library.__version__.split(".")[:2])) < (2, 1):
        return "numpy<2.1"
    return name


def _narrowing(tensor: Tensor, name: str) -> str | None:
    """Why JAX would change the elements, which it does in silence when its 64-bit types are switched off."""
    dtype = tensor.dtype.name
    if name != "jax" or dtype not in _NARROWED_BY_JAX:
        return None
    kept = str(_library(name).dtypes.canonicalize_dtype(dtype))
    if kept == dtype:
        return None
    return f"JAX: would make {kept} of {dtype}, as jax_enable_x64 is off; switch it on, or convert it to {kept}"


def _options(copy: bool | None, allow_writable: bool) -> c.ndf_handover_options:
    options = c.ndf_handover_options(copy=choice(copy, "copy", COPIES), allow_writable=bool(allow_writable))
    options.struct_size = sizeof(options)
    return options


def _hand(tensor: Tensor, profile: str, options: c.ndf_handover_options) -> _Handed:
    """The capsule for a consumer, and the device that it says. What cannot be handed over is a BufferError."""
    versioned, legacy = c_void_p(), c_void_p()
    place = byref(versioned), byref(legacy)
    try:
        check(lib.ndf_tensor_to_dlpack_for(tensor._handle, profile.encode(), byref(options), *place))
    except (OutOfMemoryError, InvalidArgumentError):
        raise
    except NdferryError as error:
        raise BufferError(str(error)) from None
    address = versioned.value or legacy.value or 0
    try:
        capsule = lib.ndf_py_capsule_of_dlpack(versioned, legacy)
    except BaseException:
        from_dlpack_pointer(address, versioned=bool(versioned))  # which ends the struct
        raise
    device = (c_int32 * 2).from_address(address + (_VERSIONED_DEVICE if versioned else _LEGACY_DEVICE))
    return _Handed(tensor, capsule, tuple(device))


_LEGACY_DEVICE = 8  # where DLManagedTensor has its device
_VERSIONED_DEVICE = 40  # where DLManagedTensorVersioned has it
