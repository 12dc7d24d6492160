"""What DLPack structs say that is wrong, or only odd."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ndferry
from ndferry import DTypeError, InvalidArgumentError, LayoutError, ShapeError, SizeError, VersionError

HUGE, LOWEST, HALF = 2**63 - 1, -(2**63), 2**32


@dataclass(frozen=True)
class Lie:
    """What is written into the fields of a struct that is right otherwise."""

    sentence: str
    fields: dict[str, Any]
    raises: type[BaseException] | None = None
    """The exception of the C API; None if the struct is only odd, and taken."""
    says: str = ""
    look: Callable[[ndferry.Tensor], object] = lambda tensor: True
    ends: int = 1
    """How often the deleter runs when it is taken."""
    only_versioned: bool = False


def numbers(*values):
    return lambda tensor: tensor.tolist() == list(values)


ROWS = [[0, 1, 2], [3, 4, 5]]
ZEROS = (0,) * 64

REFUSED = [
    Lie("a rank of -1", {"ndim": -1}, ShapeError, "`ndim` is -1"),
    Lie("a rank of 65", {"ndim": 65}, ShapeError, "`ndim` is 65"),
    Lie("the largest rank", {"ndim": 2**31 - 1}, ShapeError, "`ndim` is 2147483647"),
    Lie("the lowest rank", {"ndim": -(2**31)}, ShapeError, "`ndim` is -2147483648"),
    Lie("a NULL shape with axes", {"shape": None}, InvalidArgumentError, "`shape` is NULL"),
    Lie("a shape at an odd address", {"shape": 3}, InvalidArgumentError, "`shape` is at"),
    Lie("strides at an odd address", {"strides": 5}, InvalidArgumentError, "no addresses of integers"),
    Lie("a negative extent", {"shape": (2, -3)}, ShapeError, "-3"),
    Lie("the lowest extent", {"shape": (LOWEST, 1)}, ShapeError, "-9223372036854775808"),
    Lie("two negative extents, whose product is positive", {"shape": (-2, -3)}, ShapeError, "-2"),
    Lie("a negative extent beside an extent of 0", {"shape": (0, -1)}, ShapeError, "-1"),
    Lie("extents whose product overflows", {"shape": (HALF, HALF)}, SizeError),
    Lie("extents whose product overflows to a small number", {"shape": (HALF, HALF + 1)}, SizeError),
    Lie("extents that overflow behind an extent of 0", {"ndim": 3, "shape": (0, HUGE, HUGE), "strides": (1, 1, 1)}, SizeError),
    Lie("extents that overflow only in bytes", {"ndim": 1, "shape": (2**61,), "strides": (1,)}, SizeError, "address space"),
    Lie("extents that overflow without strides", {"shape": (2**40, 2**40), "strides": None}, SizeError),
    Lie("the largest stride", {"strides": (HUGE, 1)}, SizeError),
    Lie("the lowest stride", {"strides": (LOWEST, 1)}, SizeError),
    Lie("strides whose spans overflow only together", {"strides": (HUGE // 2, HUGE // 4)}, SizeError),
    Lie("strides that reach below address 0", {"data": 8, "strides": (-3, 1)}, SizeError, "address space"),
    Lie("elements that reach behind the last address", {"data": 2**64 - 8}, SizeError, "address space"),
    Lie("the largest byte offset", {"byte_offset": 2**64 - 1}, SizeError, "address space"),
    Lie("a byte offset that leads around to the data", {"byte_offset": 2**64 - 4}, SizeError, "address space"),
    Lie("NULL data with elements", {"data": None}, InvalidArgumentError, "`data` is NULL"),
    Lie("NULL data with elements and a byte offset", {"data": None, "byte_offset": 4096}, InvalidArgumentError, "`data` is NULL"),
    Lie("0 lanes", {"lanes": 0}, DTypeError, "lanes"),
    Lie("0 bits", {"bits": 0}, DTypeError, "bits"),
    Lie("a bool of one bit", {"code": 6, "bits": 1}, DTypeError, "must be"),
    Lie("a float6 of 8 bits", {"code": 15, "bits": 8}, DTypeError, "must be"),
    Lie("a float4 of 8 bits", {"code": 17, "bits": 8}, DTypeError, "must be"),
    Lie("a float8 of 16 bits", {"code": 10, "bits": 16}, DTypeError, "must be"),
    Lie("a bool of 32 bits", {"code": 6}, DTypeError, "must be"),
    Lie("a wide element in so many lanes that sizes overflow",
        {"bits": 255, "lanes": 65535, "shape": (2**40, 3)}, SizeError),
    Lie("major version 2", {"major": 2}, VersionError, "2.3", only_versioned=True),
    Lie("major version 2 with a rank of -5 and no shape", {"major": 2, "ndim": -5, "shape": None}, VersionError, only_versioned=True),
    Lie("major version 0 in a versioned struct", {"major": 0}, VersionError, "0.3", only_versioned=True),
    Lie("the largest major version", {"major": 2**32 - 1}, VersionError, only_versioned=True),
    Lie("a byte offset inside an element behind a handle", {"device_type": 8, "byte_offset": 2}, LayoutError, "`byte_offset`"),
    Lie("strides that reach before the start of a handle's buffer", {"device_type": 8, "strides": (-3, 1)}, LayoutError, "before the start"),
]  # fmt: skip

TAKEN = [
    Lie("a struct that is right", {}, look=numbers(*ROWS)),
    Lie("minor version 99", {"minor": 99}, look=numbers(*ROWS)),
    Lie("flags that nobody knows", {"flags": 2**64 - 8}, look=lambda t: not t.read_only and t.tolist() == ROWS),
    Lie("READ_ONLY", {"flags": 1}, look=lambda t: t.read_only, only_versioned=True),
    Lie("READ_ONLY among all other flags", {"flags": 2**64 - 1}, look=lambda t: t.read_only, only_versioned=True),
    Lie("no strides though the minor version is 3", {"strides": None}, look=numbers(*ROWS)),
    Lie("a byte offset of 4", {"byte_offset": 4}, look=numbers([1, 2, 3], [4, 5, 6])),
    Lie("a byte offset that is no multiple of the element", {"byte_offset": 1}, look=lambda t: t.copy().shape == (2, 3)),
    Lie("a byte offset without strides", {"byte_offset": 4, "strides": None}, look=numbers([1, 2, 3], [4, 5, 6])),
    Lie("no axes and no shape", {"ndim": 0, "shape": None, "strides": None}, look=lambda t: t.tolist() == 0),
    Lie("no axes and a shape at address 3", {"ndim": 0, "shape": 3, "strides": 5}, look=lambda t: t.shape == ()),
    Lie("no elements at NULL", {"shape": (0, 3), "data": None}, look=lambda t: t.tolist() == []),
    Lie("no elements at an address that is none", {"shape": (2, 0), "data": 1}, look=lambda t: t.tolist() == [[], []]),
    Lie("no elements and a byte offset to nowhere", {"shape": (2, 0), "byte_offset": 2**64 - 1}, look=lambda t: t.size == 0),
    Lie("negative strides", {"first": 5, "strides": (-3, -1)}, look=numbers([5, 4, 3], [2, 1, 0])),
    Lie("strides of 0", {"strides": (0, 0)}, look=numbers([0, 0, 0], [0, 0, 0])),
    Lie("overlapping strides", {"strides": (1, 1)}, look=numbers([0, 1, 2], [1, 2, 3])),
    Lie("the lowest stride on an axis of extent 1", {"shape": (1, 3), "strides": (LOWEST, 1)}, look=numbers([0, 1, 2])),
    Lie("64 axes", {"ndim": 64, "shape": (1,) * 64, "strides": ZEROS}, look=lambda t: t.ndim == 64 and t.size == 1),
    Lie("device 0", {"device_type": 0}, look=lambda t: t.device.device_type == 0),
    Lie("device -1", {"device_type": -1, "device_id": -7}, look=lambda t: t.device == (-1, -7)),
    Lie("a device that nobody knows", {"device_type": 2**31 - 1}, look=lambda t: t.device.device_type == 2**31 - 1),
    Lie("device cpu:5", {"device_id": 5}, look=lambda t: t.device == (1, 5)),
    Lie("device cpu:-1", {"device_id": -1}, look=lambda t: t.device == (1, -1)),
    Lie("pinned memory", {"device_type": 3}, look=lambda t: t.device == (3, 0) and t.tolist() == ROWS),
    Lie("managed memory", {"device_type": 13}, look=lambda t: t.device == (13, 0) and t.tolist() == ROWS),
    Lie("code 18", {"code": 18}, look=lambda t: t.dtype.code == 18),
    Lie("code 200", {"code": 200}, look=lambda t: t.dtype.code == 200),
    Lie("255 bits", {"bits": 255, "ndim": 1, "shape": (1,)}, look=lambda t: t.dtype.bits == 255),
    Lie("two lanes", {"lanes": 2, "ndim": 1, "shape": (3,), "strides": (1,)}, look=lambda t: t.dtype.lanes == 2),
    Lie("65535 lanes", {"lanes": 65535, "ndim": 0}, look=lambda t: t.nbytes == 262140),
    Lie("float4 in one lane, packed", {"code": 17, "bits": 4}, look=lambda t: t.dtype == "float4_e2m1fn"),
    Lie("float4 in two lanes, as PyTorch has it", {"code": 17, "bits": 4, "lanes": 2}, look=lambda t: t.itemsize == 1),
    Lie("a complex number of halves", {"code": 5}, look=lambda t: t.dtype == "complex32"),
    Lie("no deleter", {"deleter": None}, look=numbers(*ROWS), ends=0),
    Lie("no deleter and no context", {"deleter": None, "manager_ctx": None}, look=numbers(*ROWS), ends=0),
    Lie("a context at an odd address, which is the producer's", {"manager_ctx": 3}, look=numbers(*ROWS)),
]  # fmt: skip
