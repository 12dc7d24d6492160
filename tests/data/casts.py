"""Writes casts.txt: one checksum for every cast that NumPy and ml_dtypes know, over inputs that casts.rs repeats.

Run it with `python casts.py > casts.txt` where numpy and ml_dtypes are installed.
"""

import re
import sys

import ml_dtypes
import numpy as np

COUNT = 1 << 18
INTS = ["int2", "int4", "int8", "int16", "int32", "int64"]
FLOATS = ["float16", "float32", "float64", "bfloat16", "float8_e3m4", "float8_e4m3", "float8_e4m3b11fnuz",
          "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu",
          "float6_e2m3fn", "float6_e3m2fn", "float4_e2m1fn"]
COMPLEX = ["complex32", "complex64", "complex128"]
NAMES = ["bool"] + INTS + ["u" + name for name in INTS] + FLOATS + COMPLEX


def dtype(name):
    return np.dtype(getattr(ml_dtypes, name, None) or name)


def mix(x):
    """SplitMix64: the hash of each element of a uint64 array."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def bits_of(name):
    return {"bool": 8, "bfloat16": 16}.get(name) or int(re.match(r"u?[a-z]+(\d+)", name)[1])


def patterns(name):
    """Bit patterns of real numbers: all there are, or many with every exponent, ties and long runs of equal bits."""
    bits = bits_of(name)
    if bits <= 16:
        return np.arange(1 << bits, dtype=np.uint64)
    i = np.arange(COUNT, dtype=np.uint64)
    h = mix(i)
    kind = i % np.uint64(4)
    if name.startswith("float"):
        mantissa, bias = (23, 127) if bits == 32 else (52, 1023)
        # An exponent from -40 to 23, and a mantissa of 2 to 13 bits followed by 0, by 1, or by minus 1.
        exponent = np.uint64(bias - 40) + (h >> np.uint64(32)) % np.uint64(64)
        kept = np.uint64(mantissa - 2) - (h >> np.uint64(40)) % np.uint64(12)
        tie = ((h % np.uint64(1 << mantissa)) >> kept) << kept
        near = ((h >> np.uint64(63)) << np.uint64(bits - 1)) + (exponent << np.uint64(mantissa)) + tie
        near = near + (h >> np.uint64(60)) % np.uint64(3) - np.uint64(1)
        raw = np.where(kind < 2, h, near)
    else:
        raw = np.where(kind < 2, h >> (i % np.uint64(64)), ~(h >> (i % np.uint64(61))))
        raw = raw + np.where(kind == 0, np.uint64(1) << (h % np.uint64(64)), np.uint64(0))
    return raw if bits == 64 else raw & np.uint64((1 << bits) - 1)


def array(name):
    if name in COMPLEX:
        part = "float" + str(int(name[7:]) // 2)
        real, imaginary = array(part), array(part)
        step = 7 if len(real) == 65536 else 3
        return np.stack([real, np.roll(imaginary, step)], axis=1).reshape(-1).view(dtype(name))
    raw = patterns(name)
    if name == "bool":
        return raw != 0
    item = dtype(name).itemsize
    return raw.astype("u" + str(item)).view(dtype(name))


def defined(source, target, x):
    """Where C says what the cast gives."""
    if target not in INTS and target[1:] not in INTS or source in INTS or source[1:] in INTS or source == "bool":
        return np.ones(len(x), bool)
    x = (x.real if source in ("complex64", "complex128") else x.astype(np.complex64).real if source == "complex32" else x)
    x = x.astype(np.float32).astype(np.float64) if x.dtype != np.float64 else x
    bits = bits_of(target.removeprefix("u"))
    low, high = (0.0, 2.0**bits) if target[0] == "u" else (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1))
    return (x >= low) & (x < high)


def checksum(y, keep):
    item = y.dtype.itemsize
    parts = 2 if y.dtype.kind == "c" or y.dtype.name == "complex32" else 1
    raw = y.view("u" + str(item // parts)).astype(np.uint64)
    if y.dtype.name in ("int2", "uint2", "int4", "uint4"):
        raw = raw & np.uint64((1 << int(y.dtype.name[-1])) - 1)
    raw = np.where(np.repeat(keep, parts), raw, np.uint64(0))
    weight = mix(np.arange(len(raw), dtype=np.uint64) ^ np.uint64(0x5555)) | np.uint64(1)
    return int(np.sum((raw + np.uint64(1)) * weight, dtype=np.uint64))


print(f"# numpy {np.__version__}, ml_dtypes {ml_dtypes.__version__}; source, target, checksum of all outputs")
with np.errstate(all="ignore"):
    for source in NAMES:
        x = array(source)
        for target in NAMES:
            if (source, target) == ("complex32", "bool"):
                continue  # ml_dtypes drops the imaginary part here, NumPy does not for its own complex numbers
            try:
                y = x.astype(dtype(target))
            except TypeError:
                print(f"no cast from {source} to {target}", file=sys.stderr)
                continue
            print(f"{source} {target} {checksum(y, defined(source, target, x)):016x}")
