"""Reads DLPack's structs. Only what the header promises to be there is read, and never an element."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from .._errors import DTypeError
from .._library import lib
from . import _structs as s
from ._examination import Examination
from ._facts import Facts, type_numbered

_KNOWN_FLAGS = s.READ_ONLY | s.IS_COPIED | s.PADDED
_BROKEN = ("dlpack-ndim", "dlpack-shape", "dlpack-dtype", "dlpack-data-null", "dlpack-version")


@dataclass
class Read:
    """A struct that was read; `capsule` keeps it alive."""

    capsule: Any
    facts: Facts
    versioned: bool
    flags: int
    device: tuple[int, int]


def read_capsule(exam: Examination, protocol: str, capsule: Any) -> Read | None:
    """What the struct in a capsule says; None if it cannot be read."""
    if not s.is_capsule(capsule):
        exam.find("dlpack-not-capsule", protocol, f"`__dlpack__` returned a {type(capsule).__name__}")
        return None
    name = s.name_of(capsule)
    if name not in (s.LEGACY, s.VERSIONED):
        exam.find("dlpack-capsule-name", protocol, f"the capsule is named {name and name.decode(errors='replace')!r}")
        return None
    if not s.has_destructor(capsule):
        exam.find("dlpack-capsule-destructor", protocol, "the capsule has no destructor: it leaks if nobody takes it")
    address = s.pointer_in(capsule, name) or 0
    return read_struct(exam, protocol, address, name == s.VERSIONED, capsule)


def read_struct(exam: Examination, protocol: str, address: int, versioned: bool, capsule: Any = None) -> Read | None:
    """What the struct at an address says; None if it is of another layout."""
    if not s.is_address(address):
        exam.find("dlpack-unsupported", protocol, f"the struct is at {address:#x}, where none can lie")
        return None
    if not versioned:
        legacy = s.DLManagedTensor.from_address(address)
        return _read(exam, protocol, legacy.dl_tensor, legacy.deleter, None, 0, capsule, lib.ndf_dlpack_check, address)
    managed = s.DLManagedTensorVersioned.from_address(address)
    version = managed.major, managed.minor
    if version[0] != 1:
        exam.find("dlpack-version", protocol, f"version {version[0]}.{version[1]} in answer to (1, 3)")
        return None  # whatever follows is laid out otherwise
    if managed.flags & ~_KNOWN_FLAGS:
        exam.find("dlpack-flags", protocol, f"flags {managed.flags:#x} has bits beyond {_KNOWN_FLAGS:#x}")
    check = lib.ndf_dlpack_check_versioned
    return _read(exam, protocol, managed.dl_tensor, managed.deleter, version, managed.flags, capsule, check, address)


def _read(
    exam: Examination,
    protocol: str,
    tensor: Any,
    deleter: int | None,
    version: tuple[int, int] | None,
    flags: int,
    capsule: Any,
    check: Any,
    address: int,
) -> Read | None:
    if not deleter:
        exam.find("dlpack-deleter-null", protocol, "the deleter is NULL: JAX and ONNX Runtime abort the process")
    facts = facts_of(exam, protocol, tensor, version, flags)
    if facts is None:
        return None
    if check(address) and not exam.has_found(*_BROKEN):
        exam.find("dlpack-unsupported", protocol, lib.ndf_last_error_message().decode())
    return Read(capsule, facts, version is not None, flags, (tensor.device_type, tensor.device_id))


def facts_of(
    exam: Examination, protocol: str, tensor: Any, version: tuple[int, int] | None, flags: int
) -> Facts | None:
    """What a DLTensor says; None where shape or type cannot be."""
    shape = _shape(exam, protocol, tensor)
    try:
        dtype, itemsize, packed = type_numbered(tensor.code, tensor.bits, tensor.lanes, bool(flags & s.PADDED))
    except DTypeError as error:
        exam.find("dlpack-dtype", protocol, str(error))
        return None
    if shape is None:
        return None
    strides = _strides(exam, protocol, tensor, version, shape)
    _judge_address(exam, protocol, tensor, shape, itemsize)
    return Facts(
        protocol,
        pointer=(tensor.data or 0) + tensor.byte_offset,
        shape=shape,
        strides=None if packed else tuple(stride * itemsize for stride in strides),
        dtype=dtype,
        itemsize=itemsize,
        device=(tensor.device_type, tensor.device_id),
        read_only=None if version is None else bool(flags & s.READ_ONLY),
        version="legacy" if version is None else f"{version[0]}.{version[1]}",
        owner="deleter",
        details={"flags": flags, "byte_offset": tensor.byte_offset, "element_strides": list(strides)},
    )


def _shape(exam: Examination, protocol: str, tensor: Any) -> tuple[int, ...] | None:
    ndim = tensor.ndim
    if ndim < 0:
        exam.find("dlpack-ndim", protocol, f"`ndim` is {ndim}")
        return None
    if ndim > s.MAX_NDIM:
        # Not against the header; but this may be garbage, and then there is no shape of that length to be read.
        exam.find("dlpack-unsupported", protocol, f"`ndim` is {ndim}, more than {s.MAX_NDIM}: NumPy and others refuse")
        return None
    if ndim and not tensor.shape:
        exam.find("dlpack-shape", protocol, f"`shape` is NULL, `ndim` is {ndim}")
        return None
    if ndim and not (s.is_address(tensor.shape) and s.is_address(tensor.strides)):
        exam.find("dlpack-shape", protocol, "`shape` or `strides` is at an address where no integers can lie")
        return None
    shape = tuple(tensor.shape[:ndim]) if ndim else ()
    if any(extent < 0 for extent in shape) or prod(one or 1 for one in shape) >= 2**63:
        exam.find("dlpack-shape", protocol, f"the shape is {shape}")
        return None
    return shape


def _strides(
    exam: Examination, protocol: str, tensor: Any, version: tuple[int, int] | None, shape: tuple[int, ...]
) -> tuple[int, ...]:
    """In elements."""
    if tensor.strides or not shape:
        return tuple(tensor.strides[: len(shape)]) if shape else ()
    if version is not None and version >= (1, 2):
        exam.find("dlpack-strides-null", protocol, f"`strides` is NULL in version {version[0]}.{version[1]}")
    return tuple(prod(shape[axis + 1 :]) for axis in range(len(shape)))


def _judge_address(exam: Examination, protocol: str, tensor: Any, shape: tuple[int, ...], itemsize: int) -> None:
    data, offset = tensor.data or 0, tensor.byte_offset
    size = prod(shape)
    if size and not data:
        exam.find("dlpack-data-null", protocol, f"`data` is NULL, there are {size} elements")
    if not size and data:
        exam.find("dlpack-empty-data", protocol, f"`data` is {data:#x}, there are no elements")
    if tensor.device_type not in s.WITH_ADDRESSES:
        return
    if offset:
        exam.find("dlpack-byte-offset", protocol, f"`byte_offset` is {offset}: ONNX Runtime ignores it")
    bits = tensor.bits * tensor.lanes
    # Both halves of a complex number are numbers of their own.
    unit = itemsize // 2 if tensor.code == 5 else itemsize
    if size and bits % 8 == 0 and unit & (unit - 1) == 0 and (data + offset) % unit:
        exam.find("dlpack-unaligned", protocol, f"the first element is at {data + offset:#x}, its size is {itemsize}")
