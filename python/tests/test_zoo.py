"""The zoo: producers that lie, through every door. Each ends in a tensor that is right or in an exception of the class it
names, with nothing left alive and its deleter run as often as the contract says."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
import time

import ndferry
import pytest
from zoo import array_struct, buffers, capsules, deleters, exchange, interface, objects, structs
from zoo.foreign import Source, address

ROWS = [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]


def visitors(chapter):
    """Every animal of a chapter at every door that it may try."""
    pairs = [(animal, door) for animal in chapter.animals() for door in animal.doors]
    ids = [f"{animal} [{door.__name__}]" for animal, door in pairs]
    assert len(set(ids)) == len(ids)
    return pytest.mark.parametrize(("animal", "door"), pairs, ids=ids)


@visitors(structs)
def test_structs_of_dlpack(animal, door):
    animal.meet(door)


@visitors(capsules)
def test_capsules_of_dlpack_and_who_gives_them(animal, door):
    animal.meet(door)


@visitors(deleters)
def test_deleters(animal, door):
    animal.meet(door)


@visitors(exchange)
def test_tables_of_the_exchange_api(animal, door):
    animal.meet(door)


@visitors(interface)
def test_dictionaries_of_the_array_interface(animal, door):
    animal.meet(door)


@visitors(array_struct)
def test_structs_of_the_array_interface(animal, door):
    animal.meet(door)


@visitors(buffers)
def test_buffers(animal, door):
    animal.meet(door)


@visitors(objects)
def test_objects_without_a_protocol(animal, door):
    animal.meet(door)


def test_the_whole_zoo_lives_in_a_process_of_its_own_and_does_not_grow():
    paths = [os.path.dirname(__file__), *sys.path]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(one for one in paths if one)}
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-m", "zoo"], capture_output=True, text=True, timeout=300, env=environment
    )
    met = done.stdout.splitlines()
    assert done.returncode == 0 and not done.stderr, f"{met[-1:]} ended the process: {done.stderr}"
    assert len(met) > 1000


def while_another_thread(changes, enough):
    """Runs the body of a loop until it has seen enough, while another thread does something all the time."""
    stop = threading.Event()

    def work():
        while not stop.is_set():
            changes()

    worker = threading.Thread(target=work)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    worker.start()
    try:
        end = time.monotonic() + 20
        while not enough():
            assert time.monotonic() < end
            yield
    finally:
        stop.set()
        worker.join()
        sys.setswitchinterval(interval)


def run_at_once(work, count):
    """Threads that take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        workers = [threading.Thread(target=work) for _ in range(count)]
        for one in workers:
            one.start()
        for one in workers:
            one.join()
    finally:
        sys.setswitchinterval(interval)


def test_a_struct_that_another_thread_changes_is_taken_as_it_was_at_one_moment():
    source = Source()
    tensor = source.managed.dl_tensor
    shape = source.kept[0]

    states = itertools.cycle([(2, 2), (-1, 2), (2, -5), (1, 2), (2, 2**62)])

    def change():
        tensor.ndim, shape[0] = next(states)

    seen = []
    expected = {None, ndferry.ShapeError, ndferry.SizeError}
    for _ in while_another_thread(change, lambda: len(seen) >= 1000 and expected <= set(seen)):
        ends = source.ends
        try:
            taken = ndferry.from_dlpack_pointer(address(source.managed))
        except ndferry.NdferryError as error:
            assert source.ends == ends
            seen.append(type(error))
        else:
            assert taken.shape in ((2, 3), (2,)) and taken.tolist()[-1] in ([3, 4, 5], 3)
            del taken
            assert source.ends == ends + 1
            seen.append(None)
    assert set(seen) == expected


def test_a_dictionary_that_another_thread_changes_never_reaches_outside_its_buffer():
    memory = bytearray(range(24))
    interface_ = {"shape": (6,), "typestr": "<i4", "data": memory, "version": 3, "strides": None, "offset": 0}

    honest = {"shape": (6,), "offset": 0, "strides": None, "typestr": "<i4"}
    states = itertools.cycle([honest, {"offset": 20}, {"strides": (-4,)}, {"typestr": "<i8"}, honest, {"shape": (7,)}])

    def change():
        interface_.update(next(states))

    class Shows:
        __array_interface__ = interface_

    taken = refused = 0
    given = Shows()
    for _ in while_another_thread(change, lambda: min(taken, refused) >= 100):
        try:
            tensor = ndferry.asarray(given)
        except ValueError:
            refused += 1
        else:
            assert len(tensor.tobytes()) in (24, 48) and set(tensor.tobytes()) <= set(range(24))
            taken += 1
            del tensor
    memory.clear()


def test_a_capsule_is_taken_by_one_thread_while_others_ask_whether_it_is_a_copy():
    told = []
    for _ in range(50):
        sources = [Source(flags=2) for _ in range(4)]
        held = [source.capsule() for source in sources]
        start = threading.Barrier(4)

        def work(held=held, start=start):
            start.wait()
            for one in held:
                try:
                    told.append(str(ndferry.from_dlpack(capsules.Gives(one), copy=True).tolist()))
                except Exception as error:
                    told.append(str(error))

        run_at_once(work, 4)
        assert [source.ends for source in sources] == [1] * 4
    used = "the DLPack capsule has been used; a capsule can be consumed once"
    assert sorted(told) == sorted([str(ROWS)] * 200 + [used] * 600)
