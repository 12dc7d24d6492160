"""Tables of DLPack's C exchange API that lie."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from typing import Any

import ndferry

from . import Animal, Cage
from .capsules import EXCEPTIONS
from .foreign import EXCHANGE, VERSIONED, FromObject, Source, Table, address, capsule

_python = ctypes.PyDLL(None)
ROWS = [[0, 1, 2], [3, 4, 5]]
Export = Callable[[Any, Any], int]


class Exchanger:
    """An object whose class has a table, and which gives a capsule when it is asked for one."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def __dlpack__(self, **_: object) -> object:
        return self.source.capsule()


def cage(table: Table | object, name: bytes | None = EXCHANGE, source: Source | None = None, **more: Any) -> Cage:
    """An object of a class of its own, with a table or what stands in its place."""
    source = source or Source()
    attribute = capsule(table, name) if isinstance(table, Table) else table
    members = {"__dlpack_c_exchange_api__": attribute, "table": table, "kept": more.pop("kept", None)}
    producer = type("Producer", (Exchanger,), members)(source)
    return Cage(producer, lambda: source.ends, (source,), **more)


def never(*_: object) -> int:
    raise AssertionError("called")


def of(export: Export | int, source: Source | None = None, **fields: Any) -> Cage:
    """An object whose class has a table with this function."""
    function = export if isinstance(export, int) else FromObject(export)
    table = Table(major=1, minor=3, from_object=function if isinstance(function, int) else address(function))
    for name, value in fields.items():
        setattr(table, name, value)
    return cage(table, source=source, kept=function)


def whole(tensor: ndferry.Tensor) -> bool:
    return tensor.tolist() == ROWS


def passed_over() -> Iterator[Animal]:
    """What is no table that this library reads: `__dlpack__` is asked, as if there were none."""

    def loop() -> Cage:
        one = of(never, major=2)
        table = type(one.given).table
        table.prev_api = address(table)
        return one

    def two_in_a_loop() -> Cage:
        first, second = Table(major=2), Table(major=3)
        first.prev_api, second.prev_api = address(second), address(first)
        return cage(first, kept=second)

    def long() -> Cage:
        chain = [Table(major=2 + i) for i in range(1000)]
        for one, before in zip(chain, chain[1:]):
            one.prev_api = address(before)
        return cage(chain[0], kept=chain)

    makes = {
        "a table of major version 2": lambda: of(never, major=2),
        "a table of major version 0": lambda: of(never, major=0),
        "a table whose chain leads back to itself": loop,
        "two tables that lead to each other": two_in_a_loop,
        "a chain of a thousand versions": long,
        "a chain that leads to an odd address": lambda: of(never, major=2, prev_api=3),
        "a table at an odd address": lambda: cage(capsule(ctypes.c_char.from_buffer(ROOM, 1), EXCHANGE)),
        "a table without functions": lambda: cage(Table(major=1, minor=3)),
        "a table in a capsule without a name": lambda: cage(Table(major=1), None),
        "a table in a capsule named as a tensor": lambda: cage(Table(major=1), VERSIONED),
        "an integer in place of a table": lambda: cage(0x1000),
        "None in place of a table": lambda: cage(None),
        "a property in place of a table": lambda: cage(property(lambda self: Table)),
        "the struct itself in place of a capsule": lambda: cage(b"dlpack_exchange_api"),
    }  # fmt: skip
    for sentence, make in makes.items():
        yield Animal(sentence, make, look=whole)


ROOM = (ctypes.c_char * 128)()


def failing() -> Iterator[Animal]:
    """Functions that fail, or do not say how they fared."""

    def gives(status: int, out: int = 0) -> Export:
        def export(_: object, place: Any) -> int:
            place[0] = out
            return status

        return export

    for status, out in ((-1, 0), (0, 0), (0, 3), (7, 0), (-(2**31), 0)):
        sentence = f"a function that gives {status}, {out or 'NULL'} and no exception"
        make = lambda status=status, out=out: of(gives(status, out))  # noqa: E731
        yield Animal(sentence, make, RuntimeError, f"gave {status}")

    def kept() -> Cage:
        source = Source()
        return of(gives(-1, address(source.managed)), source)

    yield Animal("a function that fails and gives a struct, which is not touched", kept, RuntimeError, "gave -1")
    bad_argument, size = (address(one) for one in (_python.PyErr_BadArgument, _python.PyObject_Size))
    yield Animal("a function that gives 0 with an exception", lambda: of(bad_argument), TypeError, "bad argument")
    yield Animal("a function that gives -1 with an exception", lambda: of(size), TypeError, "has no len()")
    for exception in EXCEPTIONS:

        def export(_: object, __: object, exception: type[BaseException] = exception) -> int:
            raise exception("planted")

        make = lambda export=export: of(export)  # noqa: E731
        # ctypes reports what a callback raises, and lets the function return whatever lies there.
        name = f"a function in Python that raises {exception.__name__}"
        yield Animal(name, make, RuntimeError, "no exception", unraisable=(exception,))


def surprising() -> Iterator[Animal]:
    """Functions that do more than they should."""

    def given(source: Source, before: Callable[[], object], **fields: Any) -> Cage:
        def export(_: object, place: Any) -> int:
            before()
            place[0] = address(source.managed)
            return 0

        return of(export, source, **fields)

    yield Animal("a table of minor version 99", lambda: given(Source(), lambda: None, minor=99), look=whole)

    def forgets() -> Cage:
        source = Source()
        one = given(source, lambda: delattr(type(one.given), "__dlpack_c_exchange_api__"))
        return one

    yield Animal("a class that loses its table while it is used", forgets, look=whole)

    def uses() -> Cage:
        other = Source()
        return given(Source(), lambda: ndferry.from_dlpack(other.capsule()).tolist())

    yield Animal("a function that uses ndferry itself", uses, look=whole)

    def deleted() -> Cage:
        source = Source(ndim=-1)

        def on_end() -> None:
            try:
                ndferry.from_dlpack(Source(ndim=65).capsule())
            except BufferError:
                raise KeyError("planted") from None

        source.on_end = on_end
        return given(source, lambda: None)

    yield Animal(
        "a lie whose deleter is refused something else, and raises",
        deleted, BufferError, "`ndim` is -1", ends=1, unraisable=(KeyError,),
    )  # fmt: skip


def places() -> Iterator[Animal]:
    """Tables where there should be none."""

    def on_the_instance() -> Cage:
        one = of(never)
        plain = Exchanger(one.given.source)
        plain.__dlpack_c_exchange_api__ = type(one.given).__dlpack_c_exchange_api__
        plain.class_ = type(one.given)
        return Cage(plain, one.ends, one.watched)

    yield Animal("a table on the instance, which is not asked", on_the_instance, look=whole)
    for exception in EXCEPTIONS:

        def get(_: object, exception: type[BaseException] = exception) -> object:
            raise exception("planted")

        def on_the_metaclass(get: Any = get) -> Cage:
            meta = type("Meta", (type,), {"__dlpack_c_exchange_api__": property(get)})
            return Cage(meta("Odd", (), {"__dlpack_c_exchange_api__": 3})())

        name = f"a table that the metaclass answers with {exception.__name__}"
        yield Animal(name, on_the_metaclass, exception, "planted", doors=(ndferry.from_dlpack,))


def animals() -> Iterator[Animal]:
    for chapter in (passed_over, failing, surprising, places):
        yield from chapter()
