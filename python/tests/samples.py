"""Dtypes, values and layouts that the tests share."""

from __future__ import annotations

import ml_dtypes
import ndferry
import numpy as np

NUMPY_NAMES = (
    "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64 complex128"
).split()
NARROW_BITS = {
    "int4": 4, "uint4": 4, "int2": 2, "uint2": 2, "float4_e2m1fn": 4, "float6_e2m3fn": 6, "float6_e3m2fn": 6,
}  # fmt: skip
ML_NAMES = [
    "bfloat16", "float8_e3m4", "float8_e4m3", "float8_e4m3b11fnuz", "float8_e4m3fn", "float8_e4m3fnuz",
    "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu", *NARROW_BITS,
]  # fmt: skip
NOT_HELD = (np.longdouble, np.clongdouble, np.object_)  # types of NumPy that no tensor has
NUMPY_2 = np.lib.NumpyVersion(np.__version__) >= "2.0.0"  # before, NumPy reads and writes legacy DLPack only
# Before 2.5, NumPy never lets go of the operands of a reduction when a type of others answers with an exception.
FAILED_REDUCTIONS_LEAK = np.lib.NumpyVersion(np.__version__) < "2.5.0"
ALL_NAMES = NUMPY_NAMES + ML_NAMES
# ml_dtypes 0.6 has no such conversion.
_E8M0 = "float8_e8m0fnu"
_WITHOUT_E8M0 = {name for name in ML_NAMES if name not in (_E8M0, "bfloat16")}
MISSING = {
    *[(_E8M0, name) for name in _WITHOUT_E8M0], *[(name, _E8M0) for name in _WITHOUT_E8M0],
    ("int4", "uint4"), ("int4", "int2"), ("int4", "uint2"), ("uint4", "int4"), ("uint4", "int2"), ("uint4", "uint2"),
    ("int2", "uint4"), ("int2", "uint2"), ("uint2", "int4"), ("uint2", "int2"),
    ("float6_e2m3fn", "int4"), ("float6_e2m3fn", "uint4"), ("int4", "float6_e2m3fn"), ("uint4", "float6_e2m3fn"),
}  # fmt: skip


def numpy_dtype(name: str) -> np.dtype:
    return np.dtype(getattr(ml_dtypes, name)) if name in ML_NAMES else np.dtype(name)


def is_float(name: str) -> bool:
    return "float" in name


def limits(name: str) -> tuple[int, int]:
    info = ml_dtypes.iinfo(numpy_dtype(name)) if name[-1] in "24" and name[-2] == "t" else np.iinfo(name)
    return int(info.min), int(info.max)


def fits(values: np.ndarray, target: str) -> np.ndarray:
    """Where NumPy defines the conversion of a float to an integer: the whole part fits."""
    real = (values.real if values.dtype.kind == "c" else values).astype("float64")
    low, high = limits(target)
    with np.errstate(invalid="ignore"):
        # float64 holds every value that matters, and 2**64 - 1 as 2**64, which does not fit.
        whole = np.trunc(real)
        return np.isfinite(real) & (whole >= low) & (whole < float(high) + (high < 2**53))


def values_of(name: str, rng: np.random.Generator) -> np.ndarray:
    """Every value of a type of at most 16 bits; of a wider one random bits, ties, limits, and values of all sizes."""
    dtype = numpy_dtype(name)
    if name == "bool":
        return np.array([False, True])
    if name in NARROW_BITS:
        return np.arange(2 ** NARROW_BITS[name], dtype="u1").view(dtype)
    if dtype.itemsize <= 2:
        return np.arange(256**dtype.itemsize, dtype=f"u{dtype.itemsize}").view(dtype)
    raw = rng.integers(0, 256, 3000 * dtype.itemsize, dtype="u1").view(dtype)
    if dtype.kind in "iu":
        low = -300 if dtype.kind == "i" else 0
        return np.concatenate([raw, rng.integers(low, 70000, 2000).astype(dtype)])
    with np.errstate(all="ignore"):
        sizes = rng.standard_normal(3000) * np.exp(rng.uniform(-40, 40, 3000))
        ties = rng.integers(-600, 600, 1000) / 2
        limits = [
            0.0, -0.0, np.inf, -np.inf, np.nan, 65504, 65519.99, 65520, 448, 464, 465, 57344, 61440, 240, 248, 7.5, 7.75,
            2**-24, 2**-25, 2**-25 * 1.0001, 2**-149, 2**-150, 2**31, 2**63, 2**64, 255.5, -128.5, 1 + 2**-11, 1 + 2**-24,
        ]  # fmt: skip
        plain = np.concatenate([sizes, ties, limits])
        return np.concatenate([raw, plain.astype(dtype), (1j * plain).astype(dtype) if dtype.kind == "c" else raw[:0]])


def same_bytes(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Element by element, whether all bytes are the same."""
    a, b = (np.ascontiguousarray(one).view("u1").reshape(one.size, -1) for one in (a, b))
    return (a == b).all(axis=1)


def random_layout(rng: np.random.Generator, dtype: str = "int32", max_ndim: int = 4) -> np.ndarray:
    """An array of distinct elements in a random order, with steps of any sign, gaps, and axes of extent 0 and 1."""
    ndim = int(rng.integers(0, max_ndim + 1))
    shape = rng.choice([1, 2, 3, 5, 0], p=[0.15, 0.3, 0.3, 0.22, 0.03], size=ndim)
    steps = rng.choice([1, 2, -1, -2], size=ndim)
    whole = tuple(int(extent * abs(step) + 1) for extent, step in zip(shape, steps))
    array = np.arange(int(np.prod(whole, dtype=int))).astype(dtype).reshape(whole, order=rng.choice(["C", "F"]))
    array = array.transpose(rng.permutation(ndim))
    steps = steps[: array.ndim]
    view = array[(..., *[slice(None, None, int(step)) for step in steps])]
    return view[(..., *[slice(0, int(extent)) for extent in shape])]


def same_answer(got: object, wanted: object) -> None:
    """What NumPy answers when asked with arrays, and with tensors: a tensor for each array and each scalar of NumPy's
    that a tensor can hold, all else alike, to the bit."""
    if isinstance(wanted, (tuple, list)):
        assert type(got) is type(wanted) and len(got) == len(wanted)
        for one, other in zip(got, wanted):
            same_answer(one, other)
    elif (type(wanted) is np.ndarray or isinstance(wanted, np.generic)) and wanted.dtype.type not in NOT_HELD:
        assert type(got) is ndferry.Tensor and got.dtype == wanted.dtype and got.device == "cpu"
        if wanted.dtype.isbuiltin == 2:  # of ml_dtypes, whose NaN NumPy's comparison does not know
            assert got.shape == wanted.shape and got.tobytes() == wanted.tobytes()
        else:
            np.testing.assert_array_equal(got.numpy(), np.asarray(wanted), strict=True)
    else:
        assert type(got) is type(wanted)
        np.testing.assert_array_equal(got, wanted)
