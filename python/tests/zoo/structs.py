"""DLPack structs that lie, the same lie in either kind of struct and through every door that takes one."""

from __future__ import annotations

import ndferry
from ndferry import InvalidArgumentError

from . import Animal, Cage, lies
from .foreign import EXCHANGE, FromObject, Legacy, Source, Table, Versioned, address, capsule, name_of


def _kinds(lie: lies.Lie):
    yield "versioned", Versioned
    if not lie.only_versioned:
        yield "legacy", Legacy


class Producer:
    """An object that gives one capsule."""

    def __init__(self, one: object) -> None:
        self.one = one

    def __dlpack__(self, **_: object) -> object:
        return self.one

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0


def of_capsule(raises: type[BaseException] | None) -> type[BaseException] | None:
    """The class of a refusal by native code: BufferError, as the array API standard asks, or ValueError."""
    return raises and (ValueError if raises is InvalidArgumentError else BufferError)


def _in_capsule(lie: lies.Lie, kind: type, wrap) -> Cage:
    one = Source(kind, **lie.fields)
    held = one.capsule()
    name = name_of(held)

    def after() -> None:
        # Refused, the capsule is still the producer's, with its name; taken, it says so.
        assert name_of(held) == (name if lie.raises else b"used_" + name)

    return Cage(wrap(held), lambda: one.ends, (one, held), after)


def _pointer(lie: lies.Lie, kind: type) -> Cage:
    one = Source(kind, **lie.fields)
    return Cage((address(one.managed), kind is Versioned), lambda: one.ends, (one,))


def through_pointer(given: tuple[int, bool]) -> ndferry.Tensor:
    return ndferry.from_dlpack_pointer(given[0], versioned=given[1])


def _in_table(lie: lies.Lie) -> Cage:
    one = Source(Versioned, **lie.fields)

    def export(_, out) -> int:
        out[0] = address(one.managed)
        return 0

    class Exchanger:
        function = FromObject(export)
        table = Table(major=1, minor=3, from_object=address(function))

        def __dlpack__(self, **_: object) -> object:
            # Asked again for what does not lie on the CPU, and only for that.
            return one.capsule()

    Exchanger.__dlpack_c_exchange_api__ = capsule(Exchanger.table, EXCHANGE)
    return Cage(Exchanger(), lambda: one.ends, (one,))


def animals():
    for lie in lies.REFUSED + lies.TAKEN:
        ends = None if lie.raises else lie.ends
        common = {"says": lie.says, "look": lie.look, "ends": ends}
        for word, kind in _kinds(lie):
            make = lambda lie=lie, kind=kind: _in_capsule(lie, kind, Producer)  # noqa: E731
            yield Animal(f"{lie.sentence}, {word}, from an object", make, of_capsule(lie.raises), **common)
            make = lambda lie=lie, kind=kind: _in_capsule(lie, kind, lambda held: held)  # noqa: E731
            yield Animal(f"{lie.sentence}, {word}, in a capsule", make, of_capsule(lie.raises), **common, doors=(ndferry.from_dlpack,))  # fmt: skip
            make = lambda lie=lie, kind=kind: _pointer(lie, kind)  # noqa: E731
            yield Animal(f"{lie.sentence}, {word}, at an address", make, lie.raises, **common, doors=(through_pointer,))
        # A table's struct is given away in any case: refused, it is ended too. One on another device is ended, and
        # `__dlpack__` asked, whose struct is ended as well.
        elsewhere = lie.fields.get("device_type", 1) != 1
        common["ends"] = lie.ends * (2 if elsewhere and not lie.raises else 1)
        make = lambda lie=lie: _in_table(lie)  # noqa: E731
        yield Animal(f"{lie.sentence}, from an exchange table", make, of_capsule(lie.raises), **common)
