"""What the engine is to reach, as ratios within a run, and whether a row does."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cases import LARGE, SMALL
from measure import Row

GROUPS = {
    "copy": "contiguous copies", "bswap": "byte order", "convert": "conversions", "transpose2d": "matrices transposed",
    "layout": "layouts of images and networks", "hptt57": "HPTT's benchmark", "view": "windows, steps, reversals, broadcasts",
    "pixel": "pixels", "fused": "transposed and converted at once", "scale": "scale and bias", "packed": "packed types",
    "small": "small tensors", "fill": "fill and equal",
}  # fmt: skip
AHEAD, OF_NUMPY, OF_TORCH = 1.4, 5.5, 3.0  # geometric means over all cases
MORE_THREADS = 0.95  # of one thread's speed, at least
NEAR = 15.0  # nanoseconds that a small case may be behind the best peer


@dataclass
class Target:
    """A share of the roof, or of memcpy, for the cases of some groups and sizes."""

    groups: tuple[str, ...]
    cases: str  # a regular expression
    size: str  # medium or large
    share: float
    of: str = "roof"

    @property
    def words(self) -> str:
        return f"{', '.join(self.groups)} {f'({self.cases}) ' if self.cases else ''}{self.size}: {self.share} of {self.of}"


TARGETS = [  # the first that fits counts
    Target(("copy", "bswap", "convert"), "", "large", 0.85),
    Target(("transpose2d", "hptt57"), "_(u8|i8|bool|f16|bf16|i16|u16)_|_(u8|f16|bf16|i16)$", "large", 0.50),
    Target(("transpose2d", "hptt57"), "", "large", 0.60),
    Target(("layout",), "nhwc|nchw", "large", 0.75),
    Target(("layout",), "", "large", 0.60),
    Target(("view", "pixel"), "", "large", 0.80),
    Target(("fused", "scale"), "", "large", 0.50),
    Target(("convert", "copy", "bswap"), "", "medium", 0.80, "memcpy"),
    Target(("transpose2d",), "", "medium", 0.40, "memcpy"),
]


def size_of(row: Row) -> str:
    """Small, medium or large, by useful bytes; what is in between has no share to reach."""
    if row.size <= SMALL:
        return "small"
    return "medium" if row.size <= 1 << 20 else "large" if row.size >= 4 * LARGE else "middle"


def target_of(row: Row) -> Target | None:
    for one in TARGETS:
        if row.group in one.groups and size_of(row) == one.size and re.search(one.cases, row.case):
            return one
    return None


def share_of(row: Row, target: Target) -> float:
    return row.ours / row.rates.get(target.of, float("nan"))


def shortfalls(row: Row) -> list[str]:
    """What this row misses, in words."""
    found = []
    name, rate = row.best
    late = row.size / row.ours - row.size / rate
    if row.ratio < 1 and (size_of(row) != "small" or late > NEAR):
        found.append(f"{row.ratio:.2f} × {name}")
    target = target_of(row)
    if target and share_of(row, target) < target.share:
        found.append(f"{share_of(row, target):.2f} of {target.of}, {target.share} wanted")
    return found
