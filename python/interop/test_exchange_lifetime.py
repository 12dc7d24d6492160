"""Whoever goes first, elements stay as long as somebody needs them, and no longer."""

from __future__ import annotations

import gc
import threading

import ndferry
import numpy as np
import pytest
from conftest import settled
from exchange import available, expected_of
from libraries import LOCKS, NUMPY_2, SHARES, UNLOCKS, load
from table import LIBRARIES
from tensors import array_of_type, of_type

SHARED = (SHARES, LOCKS, UNLOCKS)
OUT = [(one, door) for one in LIBRARIES for door in one.out if expected_of(door, "C order") in SHARED]
INTO = [(one, door) for one in LIBRARIES for door in one.into if expected_of(door, "C order") in SHARED]


def ids(cases):
    return [f"{library.name}-{door.name}" for library, door in cases]


out = pytest.mark.parametrize(("library", "door"), OUT, ids=ids(OUT))
into = pytest.mark.parametrize(("library", "door"), INTO, ids=ids(INTO))


@out
def test_an_array_of_another_library_outlives_the_tensor(library, door):
    available(library)
    before = ndferry.statistics()
    tensor = of_type("float32")
    elements, address = tensor.tobytes(), tensor.data_ptr
    taken = door.go(tensor)
    del tensor
    gc.collect()
    assert ndferry.statistics().live_bytes == before.live_bytes + 96
    seen = library.see(taken)
    assert (seen.elements, seen.address) == (elements, address)
    del taken
    assert settled(before)


@out
def test_a_tensor_outlives_the_array_of_another_library(library, door):
    available(library)
    tensor = of_type("float32")
    elements = tensor.tobytes()
    alive = ndferry.statistics()
    door.go(tensor)
    assert settled(alive) and tensor.tobytes() == elements


@out
def test_an_array_may_go_on_another_thread_or_with_an_exception(library, door):
    available(library)
    before = ndferry.statistics()
    held = [door.go(of_type("float32"))]
    thread = threading.Thread(target=held.clear)
    thread.start()
    thread.join()
    assert settled(before)

    def fail():
        taken = door.go(of_type("float32"))
        raise KeyError(id(taken))

    with pytest.raises(KeyError):
        fail()
    assert settled(before)


@into
def test_a_tensor_keeps_the_memory_of_another_library(library, door):
    available(library)
    given = library.make(array_of_type("float32"))
    elements = library.see(given).elements
    tensor = door.go(given)
    address = tensor.data_ptr
    view = tensor[1:]
    del given, tensor
    gc.collect()
    churn = [library.make(array_of_type("float32") * 0) for _ in range(8)]  # what would lie there if it were free
    assert view.tobytes() == elements[24:] and view.data_ptr == address + 24
    del churn


@into
def test_another_library_keeps_its_memory_when_the_tensor_goes(library, door):
    available(library)
    given = library.make(array_of_type("float32"))
    elements = library.see(given).elements
    held = [door.go(given)]
    thread = threading.Thread(target=held.clear)
    thread.start()
    thread.join()
    assert library.see(given).elements == elements


@pytest.mark.parametrize("name", ["torch", "jax.numpy"])
def test_a_long_operation_without_the_interpreters_lock_keeps_its_memory(name):
    module = load(name)
    if module is None:
        pytest.skip(f"{name} is not installed here")
    # Zeroed by the system when it is given back and taken anew, so a lost element would be seen.
    tensors = [ndferry.full(4_000_000, 1.0, "float32")]
    array = module.from_dlpack(tensors[0])
    started, sums = threading.Event(), []

    def work(array):
        started.set()
        for _ in range(20):
            sums.append(float((array * 2).sum()))

    thread = threading.Thread(target=work, args=(array,))
    del array
    thread.start()
    started.wait()
    tensors.clear()
    churn = [ndferry.zeros(4_000_000, "float32") for _ in range(4)]
    thread.join()
    del thread, churn
    assert sums == [8e6] * 20


def test_one_memory_goes_round_through_all_libraries():
    tensor = of_type("float32")
    elements, address, thing = tensor.tobytes(), tensor.data_ptr, tensor
    del tensor
    rounds = 0
    for library in LIBRARIES:
        passes = library.out and expected_of(library.out[0], "C order") in SHARED
        if library.module in ("jax", "tensorflow") or not NUMPY_2 and library.module in ("numpy", "array_api_strict"):
            passes = False  # what comes back is read-only, which the next one may have no word for
        if load(library.module) is None or not passes:
            continue
        thing = library.out[0].go(thing)
        thing = library.into[0].go(thing)
        rounds += 1
        assert thing.data_ptr == address
    assert rounds >= (3 if NUMPY_2 else 2) and np.asarray(thing).tobytes() == elements
