"""`ndferry.ndarray`: NumPy's array with a note of where it came from."""

from __future__ import annotations

import copy
import gc
import pickle

import ndferry
import numpy as np
import pytest


def noted():
    return ndferry.ndarray(ndferry.asarray([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), label="camera 7", origin="cuda:1")


def notes(array):
    assert type(array) is ndferry.ndarray
    return array.label, array.origin


NOTES = ("camera 7", ndferry.device("cuda:1"))


def test_it_shows_the_tensors_memory():
    t = ndferry.asarray([1.0, 2.0, 3.0])
    array = t.numpy(subclass=True)
    assert notes(array) == (None, "cpu") and array.owner is t
    array[0] = 9
    assert t.tolist() == [9, 2, 3] and array.ctypes.data == t.data_ptr
    assert isinstance(array, np.ndarray) and type(t.numpy()) is np.ndarray
    assert not t.as_read_only().numpy(subclass=True).flags.writeable
    source = np.arange(3)
    assert ndferry.ndarray(source, "note").ctypes.data == source.ctypes.data and ndferry.ndarray([1, 2]).tolist() == [
        1,
        2,
    ]
    assert ndferry.ndarray(ndferry.zeros(2, "bfloat16")).dtype == "bfloat16"
    with pytest.raises(TypeError, match="cuda:0"):
        ndferry.ndarray(ndferry.wrap(4096, 4, "float32", device="cuda:0"))


def test_views_carry_the_note_and_the_owner():
    array = noted()
    for view in (
        array[1], array[:, ::-1], array.T, array.reshape(3, 2), array.view(), array.view("i8"), array[None], array.ravel(),
        np.asanyarray(array), array.real, np.transpose(array), np.expand_dims(array, 0), array[0][1:], array.squeeze(),
    ):  # fmt: skip
        assert notes(view) == NOTES and view.owner is array.owner


def test_new_memory_carries_the_note_alone():
    array = noted()
    for made in (
        array.copy(), array + 1, 1 - array, np.exp(array), array.sum(axis=0), np.mean(array, axis=1), array.astype("f4"),
        array[[0, 1]], array[array > 2], array.flatten(), np.add(array, array), np.sort(array), np.zeros_like(array),
        np.where(array > 0, array, 0) + array, copy.copy(array), copy.deepcopy(array), np.modf(array)[1],
    ):  # fmt: skip
        assert notes(made) == NOTES and made.owner is None


def test_the_first_array_among_the_operands_gives_the_note():
    array = noted()
    other = ndferry.ndarray([[1.0, 1.0, 1.0]], "other")
    assert (array + other).label == "camera 7" and (other + array).label == "other"
    assert (np.ones(3) + array).label == "camera 7"


def test_view_casting_starts_without_a_note_and_back_ends_it():
    array = noted()
    plain = np.arange(3.0).view(ndferry.ndarray)
    assert notes(plain) == (None, None) and plain.owner is None
    assert not hasattr(array.view(np.ndarray), "label") and not hasattr(np.asarray(array), "label")


def test_operations_in_place_keep_everything():
    array = noted()
    owner = array.owner
    array += 1
    array[0] = 7
    assert notes(array) == NOTES and array.owner is owner and owner.tolist()[0] == [7, 7, 7]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_carry_the_note(protocol):
    array = noted()
    for one in (array, array[:, ::-2], array.astype(">i2")):
        back = pickle.loads(pickle.dumps(one, protocol))
        assert notes(back) == NOTES and back.owner is None and back.dtype.kind == one.dtype.kind
        np.testing.assert_array_equal(back, one)


def test_it_goes_on_as_any_array_does():
    array = noted()
    t = ndferry.asarray(array)
    assert t.data_ptr == array.ctypes.data and np.from_dlpack(array).ctypes.data == t.data_ptr
    # Among tensors it wins, as subclasses of NumPy's array do.
    assert notes(t + array) == NOTES and notes(np.add(t, array)) == NOTES


def test_the_owner_lives_as_long_as_its_views_and_no_longer():
    before = ndferry.statistics()
    array = ndferry.ndarray(ndferry.zeros(1000))
    made, view = array * 2, array[::2]
    del array
    gc.collect()
    assert ndferry.statistics().live_bytes == before.live_bytes + 8000 and view.owner.shape == (1000,)
    del view
    assert ndferry.statistics() == before and made.sum() == 0
