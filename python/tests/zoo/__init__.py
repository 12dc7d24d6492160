"""Producers that lie, each a small animal: what it does, and what has to become of it.

An animal ends in a tensor that is right, or in an exception of the class it names; either way the process lives, nothing
is left alive, and its deleter has run as often as docs/ownership.md says.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import ndferry


# What asarray does not tell in words of its own, but raises.
UNTOLD = BufferError, ndferry.NdferryError, MemoryError, RecursionError


@dataclass
class Cage:
    """One living animal."""

    given: Any
    """What the door gets."""
    ends: Callable[[], int] | None = None
    """How often its deleter ran."""
    watched: tuple[object, ...] = ()
    """Producers whose reference count must come back."""
    after: Callable[[], None] = lambda: None
    """What must hold in the end."""


@dataclass(frozen=True)
class Animal:
    """What a producer does, in a sentence, and what comes of it."""

    sentence: str
    make: Callable[[], Cage]
    raises: type[BaseException] | tuple[type[BaseException], ...] | None = None
    """The exception, exactly; None if the animal is only odd, and taken."""
    says: str = ""
    """A part of the message."""
    look: Callable[[ndferry.Tensor], object] = lambda tensor: True
    """What must be true of the tensor."""
    ends: int | None = None
    """How often the deleter runs: by default once after a tensor, never after a refusal."""
    doors: tuple[Callable[[Any], ndferry.Tensor], ...] = field(default=(ndferry.from_dlpack, ndferry.asarray))
    unraisable: tuple[type[BaseException], ...] = ()
    """The exceptions that nobody can catch, which Python reports and forgets: those of deleters and destructors."""
    asked: str = ""
    """What `asarray` asks, and tells of as a BufferError when it raises: `__dlpack__` where that is asked at all."""
    slow: bool = False
    """Whether it takes long enough to be met only once."""

    def __str__(self) -> str:
        return self.sentence

    def meet(self, door: Callable[[Any], ndferry.Tensor]) -> None:
        """Lets the animal through a door, and looks at everything it could have broken."""
        alive = ndferry.statistics()
        cage = self.make()
        counts = [sys.getrefcount(one) for one in cage.watched]
        lost: list[type[BaseException]] = []
        hook, sys.unraisablehook = sys.unraisablehook, lambda args: lost.append(args.exc_type)
        try:
            taken = self._pass(door, cage)
        finally:
            sys.unraisablehook = hook
        assert tuple(lost) == self.unraisable, f"nobody could catch {lost}"
        expected = (1 if taken else 0) if self.ends is None else self.ends
        if [sys.getrefcount(one) for one in cage.watched] != counts or ndferry.statistics() != alive:
            gc.collect()
        assert [sys.getrefcount(one) for one in cage.watched] == counts, "references of the producer"
        assert cage.ends is None or cage.ends() == expected, f"its deleter ran {cage.ends()} times, not {expected}"
        cage.after()
        del cage
        if ndferry.statistics() != alive:
            gc.collect()
        assert ndferry.statistics() == alive, "something is left alive"

    def _pass(self, door: Callable[[Any], ndferry.Tensor], cage: Cage) -> bool:
        try:
            tensor = door(cage.given)
        except BaseException as error:
            if self.raises is None:
                raise AssertionError(f"{self} is refused: {error!r}") from error
            self._judge(error, door, cage.given)
            return False
        if self.raises is not None:
            raise AssertionError(f"{self} is taken: {tensor.shape} {tensor.dtype}")
        walk(tensor)
        assert self.look(tensor), f"{tensor.shape} {tensor.strides} {tensor.dtype} {tensor.device}"
        return True

    def _judge(self, error: BaseException, door: object, given: object) -> None:
        """Fails unless a refusal is the right one."""
        allowed = self.raises if isinstance(self.raises, tuple) else (self.raises,)
        asked = self.asked or ("`__dlpack__`" if ndferry.from_dlpack in self.doors else "")
        begin = ""
        if door is ndferry.asarray and asked and issubclass(allowed[0], Exception) and not issubclass(allowed[0], UNTOLD):
            begin = f"{asked} of {type(given).__name__} raised {allowed[0].__name__}: "
            allowed = (BufferError,)
        assert type(error) in allowed, f"{error!r} is none of {allowed}"
        assert str(error).startswith(begin), f"{begin!r} is not how this begins: {error}"
        assert self.says in str(error), f"{self.says!r} is not in: {error}"


def walk(tensor: ndferry.Tensor) -> None:
    """Everything that a description says, what views and exports make of it, and no element."""
    assert len(tensor.shape) == len(tensor.strides) == tensor.ndim
    _ = tensor.dtype.name, tensor.device, tensor.data_ptr, tensor.nbytes, tensor.size, tensor.read_only
    for export in (
        lambda: tensor.__dlpack__(max_version=(1, 0)),
        tensor.__dlpack__,
        tensor.memoryview,
        lambda: tensor.__array_interface__,
        lambda: tensor.__array_struct__,
        lambda: ndferry.from_dlpack(tensor),
        lambda: tensor.permute(tuple(reversed(range(tensor.ndim)))),
    ):
        try:
            export()
        except (BufferError, AttributeError, ndferry.NdferryError):
            pass  # many cannot be said in every protocol


from . import array_struct, buffers, capsules, deleters, exchange, interface, objects, structs  # noqa: E402  # they need the above

CHAPTERS = (structs, capsules, deleters, exchange, interface, array_struct, buffers, objects)
