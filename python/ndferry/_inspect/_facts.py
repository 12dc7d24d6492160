"""What one protocol says about an object, in the words that all protocols share."""

from __future__ import annotations

from ctypes import c_longdouble, c_void_p, sizeof
from dataclasses import dataclass, field
from math import prod
from typing import Any

from .. import _declarations as c
from .._device import Device
from .._dtype import dtype, of_struct

OFFERED, REFUSED, ABSENT = "offered", "refused", "absent"


@dataclass
class Facts:
    """What one protocol says. None stands for what it does not say. Strides are in bytes."""

    protocol: str
    state: str = OFFERED
    reason: str = ""
    pointer: int | None = None
    shape: tuple[int, ...] | None = None
    strides: tuple[int, ...] | None = None
    dtype: str | None = None
    itemsize: int | None = None
    device: tuple[int, int] | None = None
    read_only: bool | None = None
    version: str | None = None
    owner: str | None = None
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int | None:
        return None if self.shape is None else prod(self.shape)

    @property
    def nbytes(self) -> int | None:
        return None if self.shape is None or self.itemsize is None else prod(self.shape) * self.itemsize

    @property
    def order(self) -> str | None:
        """In which orders the elements lie without gaps: "C", "F", "C F" or ""."""
        if self.shape is None or self.strides is None or self.itemsize is None:
            return None
        return " ".join(one for one in "CF" if is_contiguous(self.shape, self.strides, self.itemsize, one))

    @property
    def alignment(self) -> int | None:
        """The largest power of two, up to 4096, that the address is a multiple of."""
        return min(self.pointer & -self.pointer, 4096) if self.pointer else None

    @property
    def device_name(self) -> str | None:
        return None if self.device is None else str(Device(*self.device))

    def to_dict(self) -> dict[str, Any]:
        names = ("state", "reason", "pointer", "shape", "strides", "dtype", "itemsize", "read_only", "version", "owner")
        facts = {name: getattr(self, name) for name in names}
        facts |= {"device": self.device_name, "order": self.order, "alignment": self.alignment, **self.details}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in facts.items()}


def dense_strides(shape: tuple[int, ...], itemsize: int, order: str = "C") -> tuple[int, ...]:
    """Strides in bytes of elements without gaps."""
    strides, step = [], itemsize
    for extent in reversed(shape) if order == "C" else shape:
        strides.append(step)
        step *= extent
    return tuple(reversed(strides) if order == "C" else strides)


def is_contiguous(shape: tuple[int, ...], strides: tuple[int, ...], itemsize: int, order: str) -> bool:
    """Whether elements lie without gaps. Strides of axes with one index mean nothing, nor do any without elements."""
    if 0 in shape:
        return True
    dense = dense_strides(shape, itemsize, order)
    return all(extent == 1 or one == other for extent, one, other in zip(shape, strides, dense))


def meaningful(facts: Facts) -> tuple[int, ...] | None:
    """The strides that decide where elements lie."""
    if facts.shape is None or facts.strides is None:
        return None
    if 0 in facts.shape:
        return ()
    return tuple(stride if extent != 1 else 0 for extent, stride in zip(facts.shape, facts.strides))


def type_named(words: Any) -> tuple[str, int | None]:
    """The name and size of a type that a protocol spells in words; as it is spelt if ndferry does not know it."""
    try:
        known = dtype(words)
        return known.name, known.itemsize
    except Exception:  # words of strangers
        spelt = str(getattr(words, "str", words))
    if spelt.lstrip("|<>=").rstrip("0123456789") in ("O", "object"):
        return "object", sizeof(c_void_p)
    size = sizeof(c_longdouble)
    return {"g": f"<f{size}", "Zg": f"<c{2 * size}"}.get(spelt, spelt), None


def type_numbered(code: int, bits: int, lanes: int, padded: bool) -> tuple[str, int, bool]:
    """The name, the size of one element, and whether several share a byte, of DLPack's type. One that cannot be is a
    DTypeError."""
    whole = bits * lanes % 8 == 0
    struct = c.ndf_dtype(code=code, bits=bits, lanes=lanes, flags=c.NDF_DTYPE_PADDED if padded and not whole else 0)
    return of_struct(struct).name, (bits * lanes + 7) // 8, not (whole or padded)
