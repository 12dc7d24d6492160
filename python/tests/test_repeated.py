"""Small copies are remembered: asked again, of other memory, they do the same; what must be refused still is."""

from __future__ import annotations

import ndferry
import numpy as np
import pytest

TYPES = ["u1", "i2", ">i2", "f4", ">f4", "f8", "i8", "c8", "?", "f2", "c16", ">c8"]


def window(rng, shape, dtype):
    """A view of the shape somewhere in memory of its own: permuted, stepped, reversed, with gaps."""
    order = rng.permutation(len(shape))
    steps = rng.integers(1, 3, len(shape)) * rng.choice([1, -1], len(shape))
    room = [extent * abs(step) + int(rng.integers(0, 3)) for extent, step in zip(shape, steps)]
    base = (rng.standard_normal([room[axis] for axis in order]) * 5).astype(dtype)
    view = base.transpose(np.argsort(order)) if len(shape) else base
    starts = [0 if step > 0 else extent * -int(step) - 1 for extent, step in zip(shape, steps)]
    view = view[tuple(slice(start, None, int(step)) for start, step in zip(starts, steps))]
    return view[tuple(slice(0, extent) for extent in shape)]


def place(view):
    """Another view of the same type, shape and strides, elsewhere in other memory."""
    low, high = np.lib.array_utils.byte_bounds(view) if hasattr(np.lib, "array_utils") else np.byte_bounds(view)
    shift = 16 * np.random.default_rng(low).integers(1, 4)
    memory = np.full(high - low + shift + 16, 0x5A, "u1")
    start = view.__array_interface__["data"][0] - low + shift
    return np.ndarray(view.shape, view.dtype, memory, int(start), view.strides), memory


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::numpy.exceptions.ComplexWarning")
@pytest.mark.parametrize("seed", range(40))
def test_repeated_copies_into_other_memory_are_as_the_first(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(int(one) for one in rng.integers(1, 7, rng.integers(0, 6)))
    source = window(rng, shape, rng.choice(TYPES))
    if len(shape) > 1 and seed % 3 == 0:
        source = source[:, :1]
    target = window(rng, shape, rng.choice(TYPES))
    for _ in range(4):
        from_, _memory = place(source)
        into, memory = place(target)
        from_[...] = (rng.standard_normal(source.shape) * 5).astype(source.dtype)
        expected = memory.copy()
        start = into.__array_interface__["data"][0] - memory.ctypes.data
        wanted = np.ndarray(into.shape, into.dtype, expected, start, into.strides)
        wanted[...] = from_.real if into.dtype.kind not in "c?" else from_
        ndferry.asarray(into, copy=False).copy_from(ndferry.asarray(from_, copy=False), casting="unsafe")
        assert memory.tobytes() == expected.tobytes()


def test_what_was_copied_between_two_is_not_so_copied_within_one():
    one, other = np.arange(64.0), np.zeros(64)
    t, u = ndferry.asarray(one), ndferry.asarray(other)
    for _ in range(3):
        u[1:33].copy_from(t[:32])
    t[1:33].copy_from(t[:32])  # the same strides and extents, but overlapping
    assert one[1:33].tolist() == list(range(32)) and other[1:33].tolist() == list(range(32))


def test_read_only_memory_stays_so_after_any_number_of_copies():
    t, u = ndferry.zeros(16), ndferry.zeros(16)
    for _ in range(3):
        u.copy_from(t)
    with pytest.raises(ndferry.NdferryError, match="read-only"):
        u.as_read_only().copy_from(t)


def test_rules_are_part_of_the_question():
    t, u = ndferry.full(16, 300.5), ndferry.zeros(16, "int8")
    for _ in range(3):
        u.copy_from(t, casting="unsafe")
    for _ in range(3):
        u.copy_from(t, casting="unsafe", overflow="saturate")
        assert u.tolist() == [127] * 16
    with pytest.raises(ndferry.NdferryError, match="not allowed"):
        u.copy_from(t)
    u.copy_from(t, casting="unsafe", scale=0.1)
    assert u.tolist() == [30] * 16
