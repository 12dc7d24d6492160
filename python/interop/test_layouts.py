"""Conversions drawn at random, element types and layouts, against NumPy's, ml_dtypes' and PyTorch's.

A seed draws the same conversions every time. After each the whole buffers are compared, what lies between and around the
elements too.
"""

from __future__ import annotations

import math
from typing import Any

import layouts
import ndferry
import numpy as np
import pytest
from samples import ALL_NAMES, MISSING, NUMPY_NAMES, fits, is_float, numpy_dtype, values_of

DRAWS = 40  # of each seed
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(params=[1, 2], ids=["1-thread", "2-threads"])
def threads(request):
    ndferry.set_thread_count(request.param)
    yield request.param
    ndferry.set_thread_count(0)


@pytest.fixture(scope="module")
def pools():
    """Values that a conversion is defined for, by the pair of types."""
    known: dict[tuple[str, str], np.ndarray] = {}

    def values(source: str, target: str) -> np.ndarray:
        if (source, target) not in known:
            made = values_of(source, np.random.default_rng(7))
            if (is_float(source) or "complex" in source) and "int" in target:
                made = made[fits(made, target)]  # others are undefined in C, and differ from one NumPy to the next
            known[source, target] = made
        return known[source, target]

    return values


def put(target: np.ndarray, values: np.ndarray, rng: np.random.Generator) -> None:
    """Fills a view, whose elements may be repeated, with some of the values."""
    target[...] = values[rng.integers(0, len(values), target.shape)]


def swapped(dtype: np.dtype, rng: np.random.Generator) -> np.dtype:
    """A type of NumPy's in the other byte order, at times; ml_dtypes has none."""
    return dtype.newbyteorder() if dtype.isbuiltin == 1 and rng.random() < 0.25 else dtype


def against_numpy(rng: np.random.Generator, pools: Any, elements: int, pair: tuple[str, str] | None = None) -> None:
    """One conversion."""
    names = pair or tuple(rng.choice(ALL_NAMES, size=2).tolist())
    if names in MISSING:
        return
    types = [swapped(numpy_dtype(name), rng) for name in names]
    shape = layouts.draw_shape(rng, elements)
    from_, to = layouts.draw(rng, shape, source=True), layouts.draw(rng, shape)
    held = from_.buffer(rng, types[0].itemsize)
    source = from_.in_numpy(held, types[0])
    put(source, pools(*names), rng)
    wanted = to.buffer(rng, types[1].itemsize)
    got = wanted.copy()
    np.copyto(to.in_numpy(wanted, types[1]), source, casting="unsafe")
    target = ndferry.asarray(to.in_numpy(got, types[1]))
    tensor = ndferry.asarray(source)
    assert tensor.data_ptr == source.ctypes.data or not source.size
    before = held.copy()
    target.copy_from(tensor, casting="unsafe")
    wrong = np.flatnonzero(got != wanted)
    assert not wrong.size, (types, from_, to, wrong[:5], got[wrong[:5]], wanted[wrong[:5]])
    np.testing.assert_array_equal(held, before)


@pytest.mark.parametrize("seed", range(20))
def test_any_types_and_layouts_convert_as_in_numpy(seed, threads, pools):
    rng = np.random.default_rng([seed, threads])
    for _ in range(DRAWS):
        against_numpy(rng, pools, int(2 ** rng.uniform(0, 17)))


LARGE = [
    ("float32", "float32"), ("uint8", "float32"), ("float32", "float16"), ("float64", "int32"), ("int16", "int16"),
    ("float32", "bfloat16"), ("uint8", "uint8"), ("complex64", "complex128"),
]  # fmt: skip


@pytest.mark.parametrize("pair", LARGE, ids="-".join)
def test_what_threads_share_converts_as_in_numpy(pair, threads, pools):
    """Targets of more than 16 MB: two axes, their order and gaps drawn."""
    rng = np.random.default_rng([len(pair[0]), threads])
    against_numpy(rng, pools, (18 << 20) // numpy_dtype(pair[1]).itemsize, pair)


# PyTorch. Its results are NumPy's but for
# - the payload of NaN,
# - float64 to float16, which it rounds to float32 on the way,
# - float8_e4m3fn, which has no infinity: what does not fit becomes the largest number there, NaN in ml_dtypes,
# - float8_e8m0fnu as a target, which has neither sign nor zero: PyTorch drops the one and makes 2^-127 of the other,
#   ml_dtypes makes NaN of both.

FLOAT8 = ["float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz"]
TORCH_TARGETS = [*NUMPY_NAMES, "bfloat16", *FLOAT8]
TORCH_SOURCES = [*TORCH_TARGETS, "float8_e8m0fnu"]
NARROW = ["float16", "bfloat16", *FLOAT8]


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")



def rule(target: str) -> str:
    """The option with which a conversion does what PyTorch's does."""
    return "saturate" if target == "float8_e4m3fn" else "wrap"


def without_payloads(array: np.ndarray) -> np.ndarray:
    """Elements in C order, as the bits of their parts; every NaN is the same."""
    dense = np.ascontiguousarray(array).reshape(-1)
    parts = dense.view(dense.real.dtype) if dense.dtype.kind == "c" else dense
    if parts.dtype.kind in "f" or parts.dtype.isbuiltin == 2:
        parts = np.where(np.isnan(parts), parts.dtype.type(np.nan), parts)
    return parts.view(f"u{parts.itemsize}")


def against_torch(torch: Any, rng: np.random.Generator, pools: Any, elements: int, pair: tuple[str, str]) -> None:
    source_name, target_name = pair
    types = [numpy_dtype(name) for name in pair]
    values = pools(*pair)
    if target_name == "float16" and source_name in ("float64", "complex128"):
        values = values.astype("complex64" if values.dtype.kind == "c" else "float32").astype(values.dtype)
    shape = layouts.draw_shape(rng, elements)
    from_, to = layouts.draw(rng, shape, of_torch=True, source=True), layouts.draw(rng, shape, of_torch=True)
    held = from_.buffer(rng, types[0].itemsize)
    put(from_.in_numpy(held, types[0]), values, rng)
    wanted = to.buffer(rng, types[1].itemsize)
    got = wanted.copy()
    source = from_.in_torch(held, getattr(torch, source_name))
    to.in_torch(wanted, getattr(torch, target_name)).copy_(source)
    target = ndferry.from_dlpack(to.in_torch(got, getattr(torch, target_name)))
    target.copy_from(ndferry.from_dlpack(source), casting="unsafe", overflow=rule(target_name))
    told = types, from_, to
    results = [to.in_numpy(one, types[1]) for one in (got, wanted)]
    assert np.array_equal(*map(without_payloads, results)), told
    for one in results:
        one.view(f"V{types[1].itemsize}")[...] = np.zeros((), f"V{types[1].itemsize}")
    assert np.array_equal(got, wanted), told  # what lies around the elements


@pytest.mark.parametrize("seed", range(10))
def test_any_types_and_layouts_convert_as_in_pytorch(seed, threads, pools, torch):
    rng = np.random.default_rng([seed, threads])
    for _ in range(DRAWS):
        pair = str(rng.choice(TORCH_SOURCES)), str(rng.choice(TORCH_TARGETS))
        against_torch(torch, rng, pools, int(2 ** rng.uniform(0, 17)), pair)


@pytest.mark.parametrize("pair", LARGE, ids="-".join)
def test_what_threads_share_converts_as_in_pytorch(pair, threads, pools, torch):
    rng = np.random.default_rng([len(pair[0]), threads])
    against_torch(torch, rng, pools, (18 << 20) // numpy_dtype(pair[1]).itemsize, pair)


@pytest.mark.parametrize("name", [*NARROW, "float8_e8m0fnu"])
def test_every_narrow_float_widens_as_in_pytorch(name, torch):
    dtype = numpy_dtype(name)
    patterns = np.arange(256**dtype.itemsize, dtype=f"u{dtype.itemsize}")
    source = torch.from_numpy(patterns).view(getattr(torch, name))
    for wide in ("float32", "float64"):
        wanted = source.to(getattr(torch, wide)).numpy()
        got = ndferry.from_dlpack(source).convert(wide).numpy()
        np.testing.assert_array_equal(without_payloads(got), without_payloads(wanted))


@pytest.mark.parametrize("name", NARROW)
def test_floats_of_every_size_narrow_as_in_pytorch(name, torch):
    """All float32 whose low 16 bits are 0, and those next to them, which are no ties any more."""
    high = np.arange(1 << 16, dtype="u4") << 16
    bits = np.concatenate([high, high + 1, high - 1, high + 0x1000, high + 0x8000, high + 0x8001])
    source = torch.from_numpy(bits.view("i4")).view(torch.float32)
    wanted = source.to(getattr(torch, name)).view(torch.uint8).numpy().view(numpy_dtype(name))
    got = ndferry.from_dlpack(source).convert(name, overflow=rule(name)).numpy()
    np.testing.assert_array_equal(without_payloads(got), without_payloads(wanted))


def test_pytorch_rounds_doubles_twice_on_their_way_to_halves(torch):
    numbers = np.array([1 + 2**-11 + 2**-40, -1 - 2**-11 - 2**-40])
    tensor = ndferry.asarray(numbers)
    twice = torch.from_numpy(numbers).to(torch.float16).tolist()
    assert twice == tensor.convert("float32").convert("float16").tolist() == [1, -1]
    assert tensor.convert("float16").tolist() == numbers.astype("float16").tolist() == [1 + 2**-10, -1 - 2**-10]


def test_halves_of_complex_numbers_convert_as_in_pytorch(torch):
    """NumPy has no such type."""
    bits = np.arange(1 << 16, dtype="u2")
    both = np.stack([bits, bits[::-1]], -1)
    source = torch.from_numpy(both).view(torch.complex32)[:, 0]
    for name in ("complex64", "complex128", "float32", "float16", "bool"):
        wanted = source.to(getattr(torch, name)).numpy()
        got = ndferry.from_dlpack(source).convert(name).numpy()
        np.testing.assert_array_equal(without_payloads(got), without_payloads(wanted))
    wide = source.to(torch.complex64)
    narrowed = ndferry.from_dlpack(wide).convert("complex32").convert("complex64").numpy()
    np.testing.assert_array_equal(without_payloads(narrowed), without_payloads(wide.numpy()))
