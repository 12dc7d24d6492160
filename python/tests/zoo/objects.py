"""Objects that speak no protocol, or only NumPy's `__array__`, given to `asarray`: what Python can nest and answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import ndferry

from . import Animal, Cage
from .capsules import EXCEPTIONS

DOORS = (ndferry.asarray,)
REFUSALS = (TypeError, ValueError, BufferError, ndferry.DTypeError, ndferry.UnsupportedError)


def nested(levels: int) -> list[Any]:
    inner: Any = 1.0
    for _ in range(levels):
        inner = [inner]
    return inner


def endless() -> Cage:
    one: list[Any] = []
    one.append(one)
    return Cage(one, None, after=one.clear)


class Arrays:
    """An object with `__array__`, which answers what it is told to."""

    def __init__(self, answer: Callable[[Any], object]) -> None:
        self.answer = answer

    def __array__(self, dtype: object = None, copy: object = None) -> object:
        return self.answer(self)


def planted(exception: type[BaseException]) -> Callable[..., object]:
    def method(*_: object) -> object:
        raise exception("planted")

    return method


def arrays() -> Iterator[Animal]:
    answers: dict[str, Callable[[Any], object]] = {
        "itself": lambda self: self, "another such object": lambda self: Arrays(self.answer), "text": lambda self: "12",
        "None": lambda self: None, "a list": lambda self: [1, 2], "a class": lambda self: int,
        "a number": lambda self: 7, "bytes": lambda self: b"ab",
    }  # fmt: skip
    for what, answer in answers.items():
        make = lambda answer=answer: Cage(Arrays(answer), None)  # noqa: E731
        yield Animal(f"__array__ gives {what}", make, REFUSALS, doors=DOORS)
    yield Animal("__array__ is a number", lambda: Cage(type("", (), {"__array__": 7})()), REFUSALS, doors=DOORS)


def numbers() -> Iterator[Animal]:
    for exception in EXCEPTIONS:
        for method in ("__float__", "__index__", "__complex__", "__bool__"):
            one = type("Number", (), {method: planted(exception)})
            for what, given in {"a number": one, "a number in a list": lambda one=one: [1.0, one()]}.items():
                make = lambda given=given: Cage(given())  # noqa: E731
                # Which methods count as numbers is told elsewhere; here that none brings the process down.
                allowed = (exception, *REFUSALS)
                yield Animal(f"{what} whose {method} raises {exception.__name__}", make, allowed, doors=DOORS)


def animals() -> Iterator[Animal]:
    yield from arrays()
    yield from numbers()
    yield Animal("a list of a hundred levels", lambda: Cage(nested(100)), (*REFUSALS, ndferry.InvalidArgumentError), doors=DOORS)
    yield Animal(
        "a list of a hundred thousand levels", lambda: Cage(nested(100_000)), (RecursionError, *REFUSALS),
        doors=DOORS, slow=True,
    )  # fmt: skip
    yield Animal("a list that holds itself", endless, (RecursionError, *REFUSALS), doors=DOORS, slow=True)
    for what, given in {"ragged lists": [[1, 2], [3]], "a list and a number": [[1], 2], "text": "12", "a dictionary": {1: 2}}.items():
        yield Animal(what, lambda given=given: Cage(given), REFUSALS, doors=DOORS)
