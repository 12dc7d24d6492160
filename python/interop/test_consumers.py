"""`Tensor.to`, with every library that is installed: what it gives is what `Tensor.explain` said, to the byte."""

from __future__ import annotations

import ctypes
import gc
import importlib

import ndferry
import numpy as np
import probe
import pytest
from samples import random_layout
from test_profiles import is_installed

ROWS = {name: row for name, row in ndferry.consumers().items() if row.is_tested and is_installed(name)}


@pytest.fixture(params=ROWS)
def row(request):
    if request.param == "jax":
        importlib.import_module("jax").config.update("jax_enable_x64", True)
    return ROWS[request.param]


def shown(row, array) -> ndferry.Tensor:
    """What the library shows of its array."""
    return probe.back(row.name, probe.load(row.name), array)


def aligned(array: np.ndarray) -> np.ndarray:
    """The same array on memory that is aligned to 256 bytes, with the same strides."""
    if not array.size:
        return array
    low, high = np.lib.array_utils.byte_bounds(array) if hasattr(np.lib, "array_utils") else np.byte_bounds(array)
    room = np.zeros(high - low + 256, "u1")
    start = -room.ctypes.data % 256 + (array.ctypes.data - low)
    made = np.ndarray(array.shape, array.dtype, room, start, array.strides)
    made[...] = array
    return made


def test_what_is_given_is_what_was_explained(row, rng):
    outcomes = set()
    for i in range(150):
        array = random_layout(rng, str(rng.choice(["u1", "i4", "f4", "f8", "c8", "?", ">i2"])))
        tensor = ndferry.asarray(aligned(array) if i % 2 else array)
        line = tensor.explain(row.name)
        if "does not take" in line:
            with pytest.raises(BufferError) as refused:
                tensor.to(row.name)
            assert str(refused.value) == line
            outcomes.add("refused")
            continue
        result = tensor.to(row.name)
        seen = shown(row, result)
        np.testing.assert_array_equal(seen.numpy(), array.astype(array.dtype.newbyteorder("=")), err_msg=line)
        if array.size and row.shares:
            assert (seen.data_ptr == tensor.data_ptr) == ("zero-copy" in line), line
            assert ("copies" in line) != ("zero-copy" in line)
            outcomes.add("shared" if "zero-copy" in line else "copied")
            if "copies" in line:
                with pytest.raises(BufferError, match="`copy` forbids"):
                    tensor.to(row.name, copy=False)
            assert shown(row, tensor.to(row.name, copy=True)).data_ptr != tensor.data_ptr
    assert {"shared", "copied"} <= outcomes or not row.shares


def test_read_only_memory_is_never_writable_elsewhere(row):
    tensor = ndferry.zeros((8, 8), "float32").as_read_only()
    seen = shown(row, tensor.to(row.name))
    assert seen.data_ptr != tensor.data_ptr or (seen.read_only and row.keeps_read_only)
    if row.shares:
        assert (seen.data_ptr == tensor.data_ptr) == row.keeps_read_only
        shared = shown(row, tensor.to(row.name, copy=False, allow_writable=True))
        assert shared.data_ptr == tensor.data_ptr
    if row.shares and not row.keeps_read_only:
        with pytest.raises(BufferError, match="would become writable, and `copy` forbids"):
            tensor.to(row.name, copy=False)


def test_the_array_keeps_the_memory_alive_and_lets_it_go(row):
    gc.collect()  # what other tests left in cycles
    before = ndferry.statistics()
    tensor = ndferry.full((4, 3), 7, "float32")
    array = tensor.to(row.name)
    del tensor
    gc.collect()
    if row.shares:
        assert ndferry.statistics().live_bytes == before.live_bytes + 48
    seen = shown(row, array)
    assert seen.tolist() == [[7] * 3] * 4
    del array, seen
    gc.collect()
    assert ndferry.statistics() == before


def test_a_module_is_as_good_as_its_name(row):
    module = probe.load(row.name)
    seen = shown(row, ndferry.zeros(3, "float32").to(module))
    assert seen.tolist() == [0, 0, 0]
    assert ndferry.zeros(3, "float32").explain(module) == ndferry.zeros(3, "float32").explain(row.name)


def test_a_broadcast_stays_small_where_it_can():
    torch = pytest.importorskip("torch")
    small = ndferry.asarray(np.arange(3.0))
    array = small.broadcast_to(1_000_000, 3).to("torch")
    assert array.shape == (1_000_000, 3) and array.stride() == (0, 1) and array.untyped_storage().nbytes() <= 24
    assert torch.equal(array[999_999], torch.arange(3.0, dtype=torch.float64))
    assert array.data_ptr() != small.data_ptr


def test_jax_does_not_write_what_it_is_allowed_to():
    """What stands in docs/handover.md of `allow_writable`."""
    jax = pytest.importorskip("jax")
    tensor = ndferry.full(1 << 14, 1, "float32").as_read_only()
    take = lambda: tensor.to(jax, copy=False, allow_writable=True)  # noqa: E731
    assert take().unsafe_buffer_pointer() == tensor.data_ptr
    jax.jit(lambda x: x + 1, donate_argnums=0)(take()).block_until_ready()
    take().at[0].set(9).block_until_ready()
    assert tensor.equal(ndferry.full(1 << 14, 1, "float32"))


def test_jax_is_not_left_to_narrow_in_silence():
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", False)
    try:
        for dtype, narrow in (("float64", "float32"), ("int64", "int32"), ("uint64", "uint32")):
            tensor = ndferry.zeros(3, dtype)
            line = f"JAX: would make {narrow} of {dtype}, as jax_enable_x64 is off; switch it on, or convert it to {narrow}"
            assert tensor.explain("jax") == line
            with pytest.raises(BufferError, match="jax_enable_x64 is off"):
                tensor.to("jax")
            assert str(tensor.convert(narrow).to("jax").dtype) == narrow
    finally:
        jax.config.update("jax_enable_x64", True)


def test_pinned_memory_reaches_who_knows_cpu_only(row):
    memory = (ctypes.c_float * 64)(*range(64))
    start = -ctypes.addressof(memory) % 64
    tensor = ndferry.wrap(ctypes.addressof(memory) + start, 4, "float32", device="cuda_host", owner=memory)
    seen = shown(row, tensor.to(row.name))
    assert seen.tolist() == [start // 4 + i for i in range(4)]
    if row.shares:
        assert seen.data_ptr == tensor.data_ptr


@pytest.mark.skipif(not is_installed("cupy"), reason="cupy is not installed")
def test_cupy_is_given_no_host_memory():
    with pytest.raises(BufferError, match="takes memory on cuda or cuda_managed, the tensor is on cpu"):
        ndferry.zeros(3).to("cupy")
