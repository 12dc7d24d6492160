"""Views, against NumPy's on random layouts."""

from __future__ import annotations

import ndferry
import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from samples import random_layout


def check(tensor: ndferry.Tensor, wanted: np.ndarray) -> None:
    """The same elements at the same addresses."""
    assert tensor.shape == wanted.shape
    np.testing.assert_array_equal(tensor.numpy(), wanted)
    if wanted.size:
        assert tensor.data_ptr == wanted.ctypes.data
        steps = [(a, b) for a, b, n in zip(tensor.byte_strides, wanted.strides, wanted.shape) if n > 1]
        assert all(a == b for a, b in steps), steps


@pytest.fixture
def layouts(rng):
    return [random_layout(rng) for _ in range(300)]


def test_descriptions_agree(layouts):
    for array in layouts:
        tensor = ndferry.asarray(array)
        check(tensor, array)
        assert (tensor.ndim, tensor.size, tensor.nbytes, tensor.itemsize) == (
            array.ndim, array.size, array.nbytes, array.itemsize,
        )  # fmt: skip
        assert tensor.is_contiguous() == array.flags.c_contiguous
        assert tensor.is_contiguous("F") == array.flags.f_contiguous
        assert tensor.device == (1, 0) == ndferry.Device(1, 0) and str(tensor.device) == "cpu" == tensor.device
        assert not tensor.read_only


def test_permutations(layouts, rng):
    for array in layouts:
        tensor = ndferry.asarray(array)
        axes = [int(one) for one in rng.permutation(array.ndim)]
        check(tensor.permute(*axes), array.transpose(axes))
        check(tensor.permute([one - array.ndim for one in axes]), array.transpose(axes))
        check(tensor.T, array.T)
        check(tensor.transpose(), array.T)
        check(tensor.transpose(None), array.T)
        check(tensor.transpose(*axes), array.transpose(axes))
        if array.ndim:
            a, b = (int(one) for one in rng.integers(-array.ndim, array.ndim, 2))
            check(tensor.swap_axes(a, b), array.swapaxes(a, b))


def random_key(rng, shape):
    """Something that numpy takes in brackets as a view."""
    key = []
    for extent in shape[: rng.integers(0, len(shape) + 1)]:
        kind = rng.integers(4)
        if kind == 0 and extent:
            key.append(int(rng.integers(-extent, extent)))
        elif kind == 1:
            key.append(slice(None))
        else:
            bounds = [None if rng.integers(3) == 0 else int(rng.integers(-7, 8)) for _ in range(2)]
            step = None if rng.integers(2) else int(rng.choice([1, 2, 3, -1, -2, 10**20, -(10**20)]))
            key.append(slice(*bounds, step))
    if rng.integers(2):
        key.insert(int(rng.integers(0, len(key) + 1)), None)
    if rng.integers(2):
        key.append(Ellipsis)
    return tuple(key)


def test_indexing(layouts, rng):
    for array in layouts:
        tensor = ndferry.asarray(array)
        for _ in range(4):
            key = random_key(rng, array.shape)
            try:
                wanted = array[key if Ellipsis in key else (*key, ...)]
            except ValueError:
                continue  # NumPy has no step of 10**20
            check(tensor[key], wanted)


def test_ellipsis_stands_anywhere_and_one_key_needs_no_tuple():
    array = np.arange(120).reshape(2, 3, 4, 5)
    tensor = ndferry.asarray(array)
    check(tensor[..., 1], array[..., 1])
    check(tensor[1, ..., ::-1], array[1, ..., ::-1])
    check(tensor[None, ..., None], array[None, ..., None])
    check(tensor[1], array[1])
    check(tensor[np.int8(1)], array[1])
    check(tensor[()], array)
    check(tensor[1, 2, 3, 4], array[1, 2, 3, 4, ...])
    check(tensor[10**30 :, : -(10**30)], array[5:, :0])


@pytest.mark.parametrize("key", [True, [0, 1], np.array([0, 1]), np.array([True, False]), 1.0, "x", (0, [1])])
def test_what_would_copy_is_no_index(key):
    with pytest.raises(TypeError, match="an index may be an integer"):
        ndferry.zeros((2, 3))[key]


def test_indices_out_of_range_are_index_errors():
    tensor = ndferry.zeros((2, 3))
    for key in (2, -3, (0, 3), (0, 0, 0), (..., ...), (0, 10**15)):
        with pytest.raises(IndexError):
            tensor[key]
    with pytest.raises(ValueError, match="step"):
        tensor[::0]


def test_flips_and_slices_along_an_axis(layouts, rng):
    for array in layouts:
        tensor = ndferry.asarray(array)
        check(tensor.flip(), np.flip(array) if array.ndim else array)
        for axis in range(-array.ndim, array.ndim):
            check(tensor.flip(axis), np.flip(array, axis))
            where = (slice(None),) * (axis % array.ndim)
            check(tensor.slice(axis, 1, None, 2), array[(*where, slice(1, None, 2))])
            if array.shape[axis]:
                check(tensor.select(axis, -1), array[(*where, -1, ...)])


def test_axes_of_extent_one_come_and_go(layouts):
    for array in layouts:
        tensor = ndferry.asarray(array)
        check(tensor.squeeze(), array.squeeze()[...])
        check(tensor.squeeze(()), array)
        for axis in range(-array.ndim - 1, array.ndim + 1):
            check(tensor.unsqueeze(axis), np.expand_dims(array, axis))
        for axis in (i for i, extent in enumerate(array.shape) if extent == 1):
            check(tensor.squeeze(axis), array.squeeze(axis))
    with pytest.raises(ndferry.ShapeError):
        ndferry.zeros((2, 1)).squeeze(0)


def test_reshape_is_a_view_or_says_why_not(layouts, rng):
    refused = 0
    for array in layouts:
        tensor = ndferry.asarray(array)
        for shape in ((-1,), (1, array.size), array.shape[::-1], (*array.shape, 1), (2, -1), (-1, 2)):
            try:
                wanted = array.reshape(shape)
            except ValueError:
                with pytest.raises(ValueError):
                    tensor.reshape(shape)
                continue
            if not array.size:
                assert tensor.reshape(*shape).shape == wanted.shape
            elif np.shares_memory(wanted, array):
                check(tensor.reshape(*shape), wanted)
            else:
                refused += 1
                with pytest.raises(ndferry.LayoutError):
                    tensor.reshape(shape)
                np.testing.assert_array_equal(tensor.contiguous().reshape(shape).numpy(), wanted)
    assert refused > 10


def test_broadcasting(layouts):
    for array in layouts:
        tensor = ndferry.asarray(array)
        for shape in ((2, *array.shape), tuple(4 if n == 1 else n for n in array.shape)):
            wanted = np.broadcast_to(array, shape)
            got = tensor.broadcast_to(shape)
            check(got, wanted)
            assert got.read_only == (0 in got.strides and got.size > tensor.size) or not got.size
    with pytest.raises(ndferry.ShapeError):
        ndferry.zeros((2, 3)).broadcast_to((2, 4))


def test_diagonals(rng):
    for _ in range(200):
        array = random_layout(rng)
        if array.ndim < 2:
            continue
        a, b = (int(one) for one in rng.permutation(array.ndim)[:2])
        offset = int(rng.integers(-3, 4))
        check(ndferry.asarray(array).diagonal(offset, a, b), array.diagonal(offset, a, b))
    with pytest.raises(ndferry.NdferryError):
        ndferry.zeros((2, 2)).diagonal(0, 1, 1)


def test_sliding_windows(rng):
    for _ in range(200):
        array = random_layout(rng)
        for axis, extent in enumerate(array.shape):
            window, step = int(rng.integers(1, extent + 1)) if extent else 0, int(rng.integers(1, 4))
            if not window:
                continue
            every = sliding_window_view(array, window, axis)
            wanted = every[(slice(None),) * axis + (slice(None, None, step),)]
            got = ndferry.asarray(array).sliding_window(axis, window, step)
            check(got, wanted)
            if step < window and wanted.shape[axis] > 1 and wanted.size:
                assert got.read_only


def test_reinterpretation(rng):
    for _ in range(300):
        array = random_layout(rng, rng.choice(["int8", "int32", "int64"]))
        target = rng.choice(["u1", "i2", "f4", "f8", "c8", "V4", "S2", "M8[s]"])
        tensor = ndferry.asarray(array)
        try:
            wanted = array.view(target)
        except ValueError:
            with pytest.raises((ndferry.LayoutError, ndferry.DTypeError, ndferry.ShapeError)):
                tensor.view(target)
            continue
        if not array.size or array.shape[-1:] == (1,) and array.itemsize != wanted.itemsize:
            continue  # whether an axis of extent 1 is contiguous is a matter of taste
        got = tensor.view(target)
        assert got.shape == wanted.shape and got.tobytes() == wanted.tobytes()


def test_as_strided_proves_its_bounds():
    array = np.arange(24, dtype="i2")
    tensor = ndferry.asarray(array)
    check(tensor.as_strided((3, 4), (8, 2), 1), np.lib.stride_tricks.as_strided(array[1:], (3, 4), (16, 4)))
    check(tensor.as_strided((24,), (-1,), 23), array[::-1])
    assert tensor.as_strided((5,), (0,), 23).tolist() == [23] * 5
    for shape, strides, offset in (((25,), (1,), 0), ((24,), (1,), 1), ((2,), (-1,), 0), ((2, 2), (23, 1), 0)):
        with pytest.raises(ndferry.RangeError):
            tensor.as_strided(shape, strides, offset)
    with pytest.raises((ndferry.SizeError, ndferry.RangeError)):
        tensor.as_strided((2**62, 2**62), (2**62, 1))
    with pytest.raises(ValueError, match="`strides` has 1 entries"):
        tensor.as_strided((2, 2), (1,))


def test_a_read_only_view_cannot_be_written():
    tensor = ndferry.zeros((2, 3))
    view = tensor.as_read_only()
    assert view.read_only and view[0].read_only and not tensor.read_only
    assert not view.numpy().flags.writeable
    with pytest.raises(ndferry.ReadOnlyError):
        view[0] = 1
    with pytest.raises(ndferry.ReadOnlyError):
        view.fill(1)


def test_views_keep_the_memory_alive():
    view = ndferry.full((100, 100), 7)[3:5, ::-1]
    assert ndferry.statistics().live_bytes == 80_000
    assert view.tolist() == [[7] * 100] * 2


def test_axes_that_are_not_there_are_refused():
    tensor = ndferry.zeros((2, 3))
    for call in (
        lambda: tensor.permute(0), lambda: tensor.permute(0, 0), lambda: tensor.permute(0, 2),
        lambda: tensor.swap_axes(0, 2), lambda: tensor.select(2, 0), lambda: tensor.slice(-3),
        lambda: tensor.flip(2), lambda: tensor.flip((0, 0)), lambda: tensor.unsqueeze(4), lambda: tensor.squeeze(5),
        lambda: tensor.unsqueeze(2**40), lambda: tensor.sliding_window(0, 3), lambda: tensor.sliding_window(0, 1, 0),
        lambda: tensor.sliding_window(2**32, 1), lambda: tensor.select(0, 2**32),
    ):  # fmt: skip
        with pytest.raises(ndferry.NdferryError):
            call()


def test_overlap_of_two_views_is_exact():
    tensor = ndferry.zeros(20)
    assert tensor[::2].shares_memory(tensor[4:])
    assert not tensor[::2].shares_memory(tensor[1::2])
    assert not tensor[:5].shares_memory(tensor[5:])


def test_iteration_and_length_are_along_the_first_axis():
    array = np.arange(6).reshape(3, 2)
    tensor = ndferry.asarray(array)
    assert len(tensor) == 3 and [row.tolist() for row in tensor] == array.tolist()
    with pytest.raises(TypeError):
        len(ndferry.zeros(()))
    with pytest.raises(TypeError):
        iter(ndferry.zeros(()))
