"""Meets every animal of the zoo, again and again, in a process of its own: `python -m zoo [repetitions]`.

Prints the name of each before it is met, so that the last line names the one that brought the process down, and fails
if memory grows with the number of meetings.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from ctypes import c_size_t

from . import CHAPTERS, Animal

WARM_UP = 5
SMALLEST = 24  # bytes: glibc takes 32 for any block, and gives the first few out of what it had put aside


class MallInfo(ctypes.Structure):
    _fields_ = [(name, c_size_t) for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]  # fmt: skip


_mallinfo = getattr(ctypes.CDLL(None), "mallinfo2", None)
if _mallinfo is not None:
    _mallinfo.restype = MallInfo


def footprint() -> tuple[int, int]:
    """Blocks that Python has, and bytes that the C library has given out, where it tells."""
    gc.collect()
    if _mallinfo is None:
        return sys.getallocatedblocks(), 0
    info = _mallinfo()
    return sys.getallocatedblocks(), info.uordblks + info.hblkhd


def growth(animal: Animal, door: object, repetitions: int) -> str:
    """How much more memory is there after some meetings; nothing if it is less than once for each.

    Tables and caches of Python's grow too, but by leaps, or until they are full: so who grows is met again, more often.
    """
    found = ""
    for factor in (1, 1, 4, 150):
        gc.freeze()  # what is there by now need not be looked at again
        blocks, given = footprint()
        for _ in range(repetitions * factor):
            animal.meet(door)
        blocks, given = (now - then for now, then in zip(footprint(), (blocks, given)))
        gc.unfreeze()
        if blocks < repetitions * factor and given < SMALLEST * repetitions * factor:
            return ""
        found = f"{animal} [{door.__name__}]: {blocks} blocks, {given} bytes after {repetitions * factor} meetings"
    return found


def main(repetitions: int) -> None:
    growing = []
    for chapter in CHAPTERS:
        for animal in chapter.animals():
            for door in animal.doors:
                print(f"{chapter.__name__}: {animal} [{door.__name__}]", flush=True)
                for _ in range(1 if animal.slow else WARM_UP):
                    animal.meet(door)
                if not animal.slow and (found := growth(animal, door, repetitions)):
                    growing.append(found)
    if growing:
        sys.exit("\n".join(growing))


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 30)
