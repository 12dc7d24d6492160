"""Passing something through a door, and saying what came of it."""

from __future__ import annotations

import re
from typing import Any

import ndferry
import numpy as np
import pytest
from libraries import COPIES, EMPTY, LOCKS, SHARES, UNLOCKS, As, Changes, Library, Refuses, Seen, load


def available(library: Library) -> None:
    if load(library.module) is None:
        pytest.skip(f"{library.name} is not installed here")


def outcome(given: Seen, taken: Seen) -> Any:
    """What came of an exchange, from what both sides say of it."""
    assert taken.shape == given.shape
    if 0 in given.shape:
        return EMPTY
    if taken.elements != given.elements:
        return Changes
    if taken.address != given.address:
        return COPIES
    if taken.writable == given.writable:
        return SHARES
    return UNLOCKS if taken.writable else LOCKS


def tell(tensor: ndferry.Tensor) -> Seen:
    return Seen(tensor.shape, tensor.tobytes(), tensor.data_ptr, not tensor.read_only)


def caught(call: Any) -> tuple[Any, BaseException | None]:
    try:
        return call(), None
    except Exception as error:
        # Without the frames, which would hold the tensor in a cycle.
        error.__context__ = error.__cause__ = None
        return None, error.with_traceback(None)


def check_refusal(error: BaseException, expected: Any) -> None:
    assert isinstance(expected, Refuses), f"{type(error).__name__}: {error}"
    names = [one.__name__ for one in type(error).__mro__]
    assert any(re.fullmatch(expected.error, name) for name in names), f"{names[0]}: {error}"
    assert re.search(expected.words, str(error)), str(error)


def expected_of(door: Any, name: str) -> Any:
    usual = EMPTY if name == "no elements" else door.otherwise
    return door.expected.get(name, usual)


def matches(came: Any, expected: Any) -> bool:
    return came is Changes if isinstance(expected, Changes) else came == expected


def check_out(library: Library, door: Any, name: str, tensor: ndferry.Tensor) -> None:
    expected = expected_of(door, name)
    with np.errstate(all="ignore"):
        taken, error = caught(lambda: door.go(tensor))
    if error is not None:
        check_refusal(error, expected)
        return
    assert not isinstance(expected, Refuses), f"taken as {taken!r}"
    came = outcome(tell(tensor), library.see(taken))
    assert matches(came, expected), came


def check_in(library: Library, door: Any, name: str, given: Any, dtype: str) -> None:
    expected = expected_of(door, name)
    tensor, error = caught(lambda: door.go(given))
    if error is not None:
        check_refusal(error, expected)
        return
    if isinstance(expected, As):
        dtype, expected = expected.dtype, expected.outcome
    assert not isinstance(expected, Refuses), f"taken as {tensor!r}"
    assert tensor.dtype == ndferry.dtype(dtype)
    came = outcome(library.see(given), tell(tensor))
    assert matches(came, expected), came
