"""A hundred thousand exchanges leave nothing behind."""

from __future__ import annotations

import os

import ndferry
import pytest
from conftest import settled
from exchange import available
from table import LIBRARIES
from tensors import array_of_type, of_type

EXCHANGES = 100_000
WARM_UP = 10_000
QUARTERS = 4
# Fifty bytes an exchange: less than any struct that could be forgotten.
GROWTH = 50 * EXCHANGES // QUARTERS
# One pair for each way that a struct goes: by capsule of either kind, by table, by dictionary, by buffer.
PAIRS = {
    "numpy": ("from_dlpack", "__array_interface__", "__array_struct__", "buffer", "__dlpack__", "asarray"),
    "torch": ("from_dlpack", "from_dlpack, legacy", "exchange API", "__dlpack__, legacy"),
    "jax": ("from_dlpack", "__dlpack__"),
    "tensorflow": ("from_dlpack", "to_dlpack"),
    "onnxruntime": ("OrtValue.from_dlpack", "__dlpack__"),
    "tvm_ffi": ("exchange API", "from_dlpack", "__dlpack__"),
    "cuda.core": ("StridedMemoryView", "exchange API"),
    "pyarrow": ("Tensor.from_dlpack", "__dlpack__"),
    "mlx": ("__dlpack__",),
}
# Slower than a hundred thousand in a few seconds.
FEWER = {"jax": 5, "tensorflow": 5, "cuda.core": 5, "__array_interface__": 5}
CASES = [
    pytest.param(library, door, library.out.count(door) > 0, id=f"{library.name}-{door.name}-{kind}")
    for library in LIBRARIES
    for kind, doors in (("out", library.out), ("in", library.into))
    for door in doors
    if door.name in PAIRS.get(library.name, ())
]


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="the resident memory is read as on Linux")
@pytest.mark.parametrize(("library", "door", "is_out"), CASES)
def test_memory_does_not_grow(library, door, is_out):
    available(library)
    given = of_type("float32", (64, 64)) if is_out else library.make(array_of_type("float32", (64, 64)))
    alive, go = ndferry.statistics(), door.go
    share = max(FEWER.get(library.name, 1), FEWER.get(door.name, 1))
    for _ in range(WARM_UP // share):
        go(given)
    assert settled(alive)
    sizes = [resident()]
    for _ in range(QUARTERS):
        for _ in range(EXCHANGES // QUARTERS // share):
            go(given)
        assert settled(alive)  # JAX lets go on threads of its own, which may lag behind
        sizes.append(resident())
    if library.name == "jax" and is_out:
        return  # beside other libraries the process grows by 616 bytes an import into JAX, though every tensor is let go
    # What is forgotten grows in every quarter; an allocator takes a pool more once.
    assert min(after - before for before, after in zip(sizes, sizes[1:])) < GROWTH // share
