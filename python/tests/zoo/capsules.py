"""Objects whose `__dlpack__` gives what it should not, and capsules that are not what they say."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from ctypes import c_void_p, py_object
from typing import Any

import ndferry

from . import Animal, Cage
from .foreign import EXCHANGE, LEGACY, USED_LEGACY, USED_VERSIONED, VERSIONED, Legacy, Source, Versioned
from .foreign import address, capsule, name_of, rename

_python = ctypes.PyDLL(None)
_set_context, _get_context = _python["PyCapsule_SetContext"], _python["PyCapsule_GetContext"]
_set_context.argtypes, _get_context.argtypes, _get_context.restype = [py_object, c_void_p], [py_object], c_void_p

CAPSULE_ONLY = (ndferry.from_dlpack,)
ROWS = [[0, 1, 2], [3, 4, 5]]


class Own(BaseException):
    """An exception that no `except Exception` catches."""


class TwoWords(BufferError):
    """A refusal of a producer's own class."""

    def __init__(self, word: str, number: int) -> None:
        super().__init__(f"{word} {number}")


class Plain:
    """An object without a protocol."""


EXCEPTIONS = (
    ValueError, RuntimeError, KeyError, MemoryError, RecursionError, StopIteration, KeyboardInterrupt, SystemExit,
    GeneratorExit, Own,
)  # fmt: skip


class Gives:
    """A producer that answers `__dlpack__` with one thing after the other, and then with the last again and again."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)

    def __dlpack__(self, **_: object) -> object:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BaseException) or (isinstance(answer, type) and issubclass(answer, BaseException)):
            raise answer
        return answer

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0


def raising(name: str, exception: type[BaseException]) -> object:
    """An object with an attribute that raises."""

    def get(_: object) -> None:
        raise exception("planted")

    return type("Raising", (), {name: property(get)})()


def of(source: Source, given: Any, **more: Any) -> Cage:
    return Cage(given, lambda: source.ends, (source, given), **more)


def exceptions() -> Iterator[Animal]:
    for one in EXCEPTIONS:
        name = one.__name__
        for attribute in ("__dlpack__", "__dlpack_c_exchange_api__"):
            make = lambda one=one, attribute=attribute: Cage(raising(attribute, one))  # noqa: E731
            doors = CAPSULE_ONLY if attribute != "__dlpack__" else (ndferry.from_dlpack, ndferry.asarray)
            yield Animal(f"{attribute} is a property that raises {name}", make, one, "planted", doors=doors)
        make = lambda one=one: Cage(Gives(one("planted")))  # noqa: E731
        yield Animal(f"__dlpack__ raises {name}", make, one, "planted")
        make = lambda one=one: Cage(Gives(TypeError("keywords"), one("planted")))  # noqa: E731
        yield Animal(f"__dlpack__ raises TypeError, and then {name}", make, one, "planted")
    yield Animal("__dlpack__ raises BufferError", lambda: Cage(Gives(BufferError("planted"))), BufferError, "planted")
    yield Animal("__dlpack__ raises TypeError whatever it is asked", lambda: Cage(Gives(TypeError("planted"))), TypeError, "planted")  # fmt: skip
    yield Animal(
        "__dlpack__ is a property that raises AttributeError",
        lambda: Cage(raising("__dlpack__", AttributeError)), AttributeError, "planted", doors=CAPSULE_ONLY,
    )  # fmt: skip
    yield Animal("no __dlpack__", lambda: Cage(Plain()), AttributeError, "Plain has no `__dlpack__`", doors=CAPSULE_ONLY)
    # As everywhere in Python, None says that there is none.
    for door, says in ((ndferry.from_dlpack, "'NoneType'"), (ndferry.asarray, "speaks no array protocol")):
        make = lambda: Cage(type("", (), {"__dlpack__": None})())  # noqa: E731
        yield Animal("__dlpack__ is None", make, TypeError, says, doors=(door,))
    yield Animal("__dlpack__ is a number", lambda: Cage(type("", (), {"__dlpack__": 3})()), TypeError, "'int'")
    for door, raises in ((ndferry.from_dlpack, TwoWords), (ndferry.asarray, BufferError)):
        make = lambda: Cage(Gives(TwoWords("planted", 7)))  # noqa: E731
        sentence = "__dlpack__ raises a BufferError that is not made of words"
        yield Animal(sentence, make, raises, "planted 7", doors=(door,))


def garbage() -> Iterator[Animal]:
    fake = type("PyCapsule", (), {})
    for what, one in {
        "None": None, "a number": 7, "the name of a capsule": "dltensor", "an object": object(), "itself": None,
        "an object of a class named PyCapsule": fake(), "the class PyCapsule": fake,
    }.items():  # fmt: skip

        def make(what: str = what, one: object = one) -> Cage:
            producer = Gives(one)
            if what == "itself":
                producer.answers = [producer]
            return Cage(producer, None, (one,) if type(one) is fake else (), after=producer.answers.clear)

        yield Animal(f"__dlpack__ gives {what}", make, ValueError, "no DLPack capsule")
    yield Animal("an object of a class named PyCapsule", lambda: Cage(fake()), ValueError, "no DLPack capsule", doors=CAPSULE_ONLY)  # fmt: skip
    for name in (b"", b"dltensor_", b"dltensor_versioned2", b"DLTENSOR", b"used_", EXCHANGE, b"d" * 100_000):
        yield named(f"a capsule named {name[:30]!r}", name, "has another name")
    yield named("a capsule without a name", None, "has no name")
    for name in (USED_LEGACY, USED_VERSIONED):
        yield named(f"a capsule that says it was used: {name.decode()}", name, "has been used")
    yield Animal(
        "a capsule of __array_struct__",
        lambda: Cage(Gives(ndferry.zeros(3).__array_struct__)), ValueError, "has no name",
    )  # fmt: skip


def named(sentence: str, name: bytes | None, says: str) -> Animal:
    """A right struct in a capsule with a wrong name."""

    def make() -> Cage:
        source = Source()
        return of(source, Gives(capsule(source.managed, name)))

    return Animal(sentence, make, ValueError, says)


def single_use() -> Iterator[Animal]:
    for kind in (Versioned, Legacy):
        word = kind.__name__.lower()

        def used(kind: type = kind) -> Cage:
            source = Source(kind)
            held = source.capsule()
            ndferry.from_dlpack(held)
            return of(source, Gives(held))

        yield Animal(f"a {word} capsule that was consumed before", used, ValueError, "has been used", ends=1)

        def renamed(kind: type = kind) -> Cage:
            source = Source(kind)
            held = source.capsule()
            name = name_of(held)
            rename(held, None)
            rename(held, name)
            return of(source, held)

        yield Animal(f"a {word} capsule that had another name meanwhile", renamed, doors=CAPSULE_ONLY)

        def context(kind: type = kind) -> Cage:
            source = Source(kind)
            held = source.capsule()
            _set_context(held, 0x5A5A)

            def after() -> None:
                assert _get_context(held) == 0x5A5A, "the context is the producer's"

            return of(source, Gives(held), after=after)

        yield Animal(f"a {word} capsule with a context that is the producer's", context, look=is_whole)

    def wrong_kind() -> Cage:
        source = Source(Legacy)
        return of(source, Gives(capsule(source.managed, VERSIONED)))

    yield Animal("a legacy struct under the versioned name", wrong_kind, BufferError, "reads 1.x")

    def odd() -> Cage:
        room = (ctypes.c_char * 128)()
        return Cage(Gives(capsule(ctypes.c_char.from_buffer(room, 3), VERSIONED)), None, (room,))

    yield Animal("a capsule with an odd address", odd, ValueError, "no address of a DLPack struct")

    def already_taken() -> Cage:
        source = Source()

        class Taker(Gives):
            def __dlpack__(self, **keywords: object) -> object:
                held = super().__dlpack__(**keywords)
                ndferry.from_dlpack(held)
                return held

        return of(source, Taker(source.capsule()))

    yield Animal("__dlpack__ consumes its own capsule", already_taken, ValueError, "has been used", ends=1)


def is_whole(tensor: ndferry.Tensor) -> bool:
    return tensor.tolist() == ROWS


def changing() -> Iterator[Animal]:
    def strange_module(module: object) -> Cage:
        source = Source()
        return of(source, type("Strange", (Gives,), {"__module__": module})(source.capsule()))

    for module in (7, None):
        sentence = f"a producer whose class says that its module is {module}"
        yield Animal(sentence, lambda module=module: strange_module(module), look=is_whole)

    def others() -> Cage:
        other = Source()
        return of(other, Gives(other.capsule(), None))

    yield Animal("__dlpack__ gives the capsule of another object", others, look=is_whole)

    def differs() -> Cage:
        first, second = Source(), Source(shape=(1, 3))
        return Cage(Gives(first.capsule(), second.capsule()), lambda: first.ends + 10 * second.ends, (first, second))

    yield Animal("__dlpack__ gives another shape at each call", differs, look=is_whole)

    def refuses_then_lies() -> Cage:
        one = Source(ndim=-1)
        return of(one, Gives(TypeError("no keywords"), one.capsule()))

    yield Animal("__dlpack__ knows no keywords, and then lies", refuses_then_lies, BufferError, "`ndim` is -1")

    def scribbles() -> Cage:
        source = Source()
        return of(source, (Gives(source.capsule()), source))

    def door(given: tuple[Gives, Source]) -> ndferry.Tensor:
        producer, source = given
        tensor = ndferry.from_dlpack(producer)
        ctypes.memset(address(source.kept[0]), 0xFF, 16)
        ctypes.memset(address(source.kept[1]), 0xFF, 16)
        ctypes.memset(address(source.managed.dl_tensor), 0xFF, 48)
        source.managed.major, source.managed.flags = 77, 1
        return tensor

    yield Animal("a struct that is written over once it is taken", scribbles, look=is_whole, doors=(door,))


def threads() -> Iterator[Animal]:
    for kind in (Versioned, Legacy):

        def make(kind: type = kind) -> Cage:
            source = Source(kind)
            return of(source, source.capsule())

        word = kind.__name__.lower()
        yield Animal(f"a {word} capsule that eight threads consume at once", make, look=is_whole, doors=(rush,), slow=True)


def rush(given: object) -> ndferry.Tensor:
    """Eight threads take the same capsule; one gets it, the others are told that it was used."""
    got: list[ndferry.Tensor] = []
    told: list[str] = []
    start = threading.Barrier(8)

    def work() -> None:
        start.wait()
        try:
            got.append(ndferry.from_dlpack(given))
        except ValueError as error:
            told.append(str(error))

    workers = [threading.Thread(target=work) for _ in range(8)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    assert len(got) == 1 and len(told) == 7 and all("has been used" in one for one in told), told
    return got.pop()


def requests() -> Iterator[Animal]:
    """What is asked of a producer besides its elements."""

    def plain(**fields: object) -> Cage:
        source = Source(**fields)
        return of(source, Gives(source.capsule()))

    copied = (lambda given: ndferry.from_dlpack(given, copy=True),)
    shared = (lambda given: ndferry.from_dlpack(given, copy=False),)
    yield Animal("a promised copy that is the memory itself", plain, look=is_whole, doors=copied)
    yield Animal("a copy, said to be one, where none is allowed", lambda: plain(flags=2), ndferry.CopyRequiredError, "copied", doors=shared)
    yield Animal("a lie that was to be copied", lambda: plain(ndim=-1), BufferError, "`ndim`", doors=copied)
    yield Animal("a lie of another version that was to be copied", lambda: plain(major=2, flags=2), BufferError, "1.x", doors=copied)
    for what, answer in {"text": "cpu", "nothing": None, "words": ("a", "b"), "an int": 1}.items():
        device = type("Gives", (Gives,), {"__dlpack_device__": lambda self, answer=answer: answer})
        make = lambda device=device: Cage(device(None))  # noqa: E731
        onto_host = (lambda given: ndferry.from_dlpack(given, device="cpu"),)
        yield Animal(f"__dlpack_device__ gives {what}", make, (TypeError, ValueError), doors=onto_host)
    for one in EXCEPTIONS:
        device = type("Gives", (Gives,), {"__dlpack_device__": property(raising("x", one).__class__.x.fget)})
        make = lambda device=device: Cage(device(None))  # noqa: E731
        yield Animal(f"__dlpack_device__ raises {one.__name__}", make, one, "planted", doors=onto_host)

    def elsewhere() -> Cage:
        source = Source(device_type=2)
        return of(source, Gives(source.capsule()))

    yield Animal(
        "a producer asked onto the host that stays on its device",
        elsewhere, BufferError, "cuda:0", ends=1, doors=onto_host,
    )  # fmt: skip


def animals() -> Iterator[Animal]:
    for chapter in (exceptions, garbage, single_use, changing, threads, requests):
        yield from chapter()
