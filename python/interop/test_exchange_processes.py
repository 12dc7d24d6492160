"""Exchanges at the end of the interpreter, in forked children, and what kills a process."""

from __future__ import annotations

import os
import signal

import pytest
from exchange import available
from table import LIBRARIES

AT_EXIT = """
import conftest, sys
from table import LIBRARIES
from tensors import array_of_type, of_type
library = next(one for one in LIBRARIES if one.name == {name!r})
held = []
for door in library.out:
    held.append(door.go(of_type("float32")))
for door in library.into:
    given = library.make(array_of_type("float32"))
    held += [given, door.go(given)]
{keep}
sys.stdout.write("ready")
"""


KEPT = ("sys.held = held", "held.append(held)", "import atexit; atexit.register(held.clear)")
# All ways for the two that differ most, one for the others.
ENDS = [(one, keep) for one in LIBRARIES for keep in (KEPT if one.name in ("numpy", "torch") else KEPT[:1])]


@pytest.mark.parametrize(("library", "keep"), ENDS, ids=[f"{one.name}-{keep}" for one, keep in ENDS])
def test_the_interpreter_ends_quietly(library, keep, child):
    available(library)
    code, printed = child(AT_EXIT.format(name=library.name, keep=keep))
    assert (code, printed) == (0, "ready")


FORKED = """
import conftest, os, ndferry, numpy as np
from libraries import load
torch = load("torch")
tensor = ndferry.full(1000, 3)
array, mine = np.from_dlpack(tensor), np.arange(10.0)
taken = ndferry.asarray(mine)
other = torch.from_dlpack(tensor) if torch else tensor
theirs = ndferry.from_dlpack(torch.ones(10)) if torch else taken
child = os.fork()
assert (array == 3).all() and taken.tolist() == mine.tolist() and int(other[999]) == 3 and len(theirs) == 10
fresh = np.from_dlpack(ndferry.full(10, 7))
del tensor, other, theirs, taken, mine
assert (array == 3).all() and (fresh == 7).all()
del array, fresh
assert ndferry.statistics() == (0, 0)
if not child:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print("both", end="")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_and_its_parent_both_use_and_release(child):
    assert child(FORKED) == (0, "both")


TEXT = """
import conftest, ndferry, tensorflow
text = tensorflow.constant(["text"])
try:
    ndferry.asarray(text)
except BufferError:
    ndferry.from_dlpack(text)
"""


def test_tensorflow_aborts_when_it_is_asked_for_the_dlpack_struct_of_text(child):
    """In its own `__dlpack__`; `asarray` refuses before it asks."""
    available(next(one for one in LIBRARIES if one.name == "tensorflow"))
    code, _ = child(TEXT)
    assert code == -signal.SIGABRT
