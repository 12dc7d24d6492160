#!/usr/bin/env python3
"""Writes numpy_casting.txt and numpy_promotion.txt beside itself: what NumPy and ml_dtypes answer for all pairs.

    python3 -m venv venv && venv/bin/pip install numpy==2.4.6 ml_dtypes==0.6.0
    venv/bin/python tests/data/make_dtype_tables.py

Both files list the types, one a line, and then a table with a row for each type. In numpy_casting.txt an entry is
the strictest casting that numpy.can_cast allows (0 no, 1 equiv, 2 safe, 3 same_kind, 4 unsafe, 9 none); after it
stands a second table, for numbers only: whether each value of the row's type survives in the column's type, found
by converting them. In numpy_promotion.txt an entry is the type that numpy.promote_types gives, or - for none.
"""

import itertools
import pathlib
import warnings

import ml_dtypes
import numpy as np

warnings.simplefilter("ignore")

OWN = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64 complex128".split()
ML = (
    "bfloat16 complex32 float8_e3m4 float8_e4m3 float8_e4m3b11fnuz float8_e4m3fn float8_e4m3fnuz float8_e5m2 "
    "float8_e5m2fnuz float8_e8m0fnu float6_e2m3fn float6_e3m2fn float4_e2m1fn int4 uint4 int2 uint2"
).split()
SIZED = "S0 S1 S3 S4 S5 S11 S21 S64 U0 U1 U4 U5 U20 U32 U64 V0 V1 V2 V4 V8 V16 V32".split()
UNITS = "'' [Y] [2Y] [M] [5M] [W] [D] [7D] [11D] [h] [m] [s] [2s] [60s] [61s] [ms] [25ms] [ns] [fs] [as]".split()
TIMES = [kind + unit.strip("'") for kind in ("datetime64", "timedelta64") for unit in UNITS]
SWAPPED = ">i4 >f4 >c8 >U4 >U5 >M8[s]".split()
RECORDS = [
    "[('x', '<f4')]",
    "[('x', '>f4')]",
    "[('x', '<f8')]",
    "[('x', '<i4')]",
    "[('x', '|S4')]",
    "[('y', '<f4')]",
    "[(('t', 'x'), '<f4')]",
    "{'names': ['x'], 'formats': ['<f4'], 'offsets': [4], 'itemsize': 8}",
    "{'names': ['x'], 'formats': ['<f4'], 'offsets': [0], 'itemsize': 8}",
    "[('x', '<f4'), ('y', '<i4')]",
    "[('x', '<f8'), ('y', '>i2')]",
    "[('y', '<f4'), ('x', '<i4')]",
    "[('x', '<f4', (1,))]",
    "[('x', '<f4', (2,))]",
    "[('x', '<f8', (2,))]",
    "[('x', '<f4', (3,))]",
    "[('x', [('x', '<f4')])]",
]
NUMBERS = OWN + ML
NAMES = NUMBERS + SIZED + TIMES + SWAPPED + RECORDS


def dtype(name):
    if name[0] in "[{":
        return np.dtype(eval(name))
    return np.dtype(getattr(ml_dtypes, name, name) if name in ML else name)


TYPES = [dtype(name) for name in NAMES]


def level(a, b):
    rules = ("no", "equiv", "safe", "same_kind", "unsafe")
    return next((str(i) for i, rule in enumerate(rules) if np.can_cast(a, b, rule)), "9")


def values(name):
    """Every value of a narrow type; of a wide one those that need its range and its precision."""
    kind = dtype(name)
    if name in ("int4", "int2"):
        return np.arange(-2 ** (int(name[3]) - 1), 2 ** (int(name[3]) - 1)).astype(kind)
    if name in ("uint4", "uint2"):
        return np.arange(2 ** int(name[4])).astype(kind)
    if name == "bool":
        return np.array([False, True])
    if kind.itemsize == 1:
        bits = {"float6": 6, "float4": 4}.get(name[:6], 8)
        return np.arange(2**bits, dtype=np.uint8).view(kind)
    if kind.itemsize == 2:
        return np.arange(2**16, dtype=np.uint16).view(kind)
    if name.startswith("complex"):
        part = values({"complex32": "float16", "complex64": "float32", "complex128": "float64"}[name])
        return np.concatenate([part.astype(kind), (part.astype(np.complex128) * 1j + 1).astype(kind)])
    if "int" in name:
        info = np.iinfo(kind)
        return np.array([info.min, info.max, info.max // 3, 1], dtype=kind)
    info = np.finfo(kind)
    return np.array([info.max, info.min, info.smallest_subnormal, 1 + info.eps, 1 / 3, np.inf, np.nan, 0], dtype=kind)


def widest(array):
    """The values in a type that holds them all: exact integers as Python's, all else as complex128."""
    if array.dtype.kind in "iu":
        return [complex(int(v)) if abs(int(v)) < 2**53 else int(v) for v in array]
    return list(array.astype(np.float32 if array.dtype.itemsize <= 2 else array.dtype).astype(np.complex128))


def same(x, y):
    if isinstance(x, complex) and (np.isnan(x.real) or np.isnan(x.imag)):
        return bool(np.isnan(y))
    return x == y


def survive(a, b):
    """Whether values of `a` come back from `b` unchanged, and are the same number there."""
    source = values(a)
    via = source.astype(np.float32) if a in ML and b in ML and a != "complex32" and b != "complex32" else source
    try:
        there = via.astype(dtype(b))
        if dtype(b).kind in "iub" and dtype(a).kind not in "iub":
            finite = [np.isfinite(complex(v)) for v in widest(source)]
            if not all(finite):
                return "0"
        return "01"[all(same(x, y) for x, y in zip(widest(source), widest(there), strict=True))]
    except (TypeError, ValueError, OverflowError):
        return "?"


def promoted(a, b):
    try:
        result = np.promote_types(a, b)
    except (TypeError, OverflowError):
        return "-"
    return result.name if result.name in ML else str(result)


def write(name, what, tables):
    path = pathlib.Path(__file__).with_name(name)
    lines = [f"# {what}: NumPy {np.__version__}, ml_dtypes {ml_dtypes.__version__}; made by make_dtype_tables.py"]
    lines += itertools.chain(NAMES, *([""] + table for table in tables))
    path.write_text("\n".join(lines) + "\n")


casting = ["".join(level(a, b) for b in TYPES) for a in TYPES]
exact = ["".join(survive(a, b) for b in NUMBERS) for a in NUMBERS]
write("numpy_casting.txt", "numpy.can_cast for all pairs, then which values survive", [casting, exact])
# Promotion does not depend on the order of the operands, so the row of a type starts at the type itself.
rows = [";".join(promoted(a, b) for b in TYPES[i:]) for i, a in enumerate(TYPES)]
write("numpy_promotion.txt", "numpy.promote_types for all pairs, upper triangle", [rows])
