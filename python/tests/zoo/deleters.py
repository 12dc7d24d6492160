"""Deleters that misbehave: all of them in Python, called from native code when the last tensor goes."""

from __future__ import annotations

import ctypes
import gc
import threading
from collections.abc import Callable, Iterator

import ndferry

from . import Animal, Cage
from .foreign import Legacy, Source, Versioned, address

KINDS = (Versioned, Legacy)
_libc = ctypes.CDLL(None)
_libc.malloc.restype, _libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]


def through_pointer(source: Source) -> ndferry.Tensor:
    return ndferry.from_dlpack_pointer(address(source.managed), versioned=isinstance(source.managed, Versioned))


def through_capsule(source: Source) -> ndferry.Tensor:
    return ndferry.from_dlpack(source.capsule())


def on_another_thread(source: Source) -> ndferry.Tensor:
    """The tensor dies on another thread, and a tensor on the same memory is not given back: there is none."""
    tensors = [through_capsule(source)]
    worker = threading.Thread(target=tensors.clear)
    worker.start()
    worker.join()
    return ndferry.zeros((2, 3))


def while_an_exception_is_in_flight(source: Source) -> ndferry.Tensor:
    """The tensor dies while an exception goes up, which must arrive as it is."""

    def fail() -> None:
        tensor = through_capsule(source)
        raise LookupError(f"planted {tensor.ndim}")

    try:
        fail()
    except LookupError as error:
        assert str(error) == "planted 2"
        error.__traceback__ = None
    else:
        raise AssertionError("the exception is lost")
    return ndferry.zeros((2, 3))


DOORS = (through_pointer, through_capsule, on_another_thread, while_an_exception_is_in_flight)


def deleter(
    sentence: str,
    prepare: Callable[[Source], Callable[[], object]],
    ends: int = 1,
    unraisable: tuple[type[BaseException], ...] = (),
    doors: tuple[Callable[[Source], ndferry.Tensor], ...] = DOORS,
) -> Iterator[Animal]:
    """A deleter of either kind of struct: `prepare` makes, with the struct, what the deleter does."""
    for kind in KINDS:

        def make(kind: type = kind) -> Cage:
            source = Source(kind)
            source.on_end = prepare(source)

            def after() -> None:
                source.in_the_end()
                del source.on_end, source.in_the_end  # they refer to the source

            return Cage(source, lambda: source.ends, (source,), after=after)

        name = f"{sentence}, {kind.__name__.lower()}"
        yield Animal(name, make, ends=ends, unraisable=unraisable, doors=doors)


def raises(exception: type[BaseException]) -> Callable[[Source], Callable[[], object]]:
    def prepare(_: Source) -> Callable[[], object]:
        def on_end() -> None:
            raise exception("planted")

        return on_end

    return prepare


def reenter(_: Source) -> Callable[[], object]:
    def on_end() -> None:
        other = Source()
        tensor = ndferry.from_dlpack(other.capsule())
        assert tensor.convert("float64").tolist() == [[0, 1, 2], [3, 4, 5]]
        try:
            ndferry.from_dlpack(Source(ndim=-1).capsule())
        except BufferError as error:
            assert "`ndim` is -1" in str(error)
        else:
            raise AssertionError("taken")
        del tensor
        assert other.ends == 1 and ndferry.zeros(5).tolist() == [0] * 5

    return on_end


def drop_others(_: Source) -> Callable[[], object]:
    others = [Source() for _ in range(100)]
    tensors = [ndferry.from_dlpack(one.capsule()) for one in others]

    def on_end() -> None:
        tensors.clear()
        assert [one.ends for one in others] == [1] * 100

    return on_end


def drop_a_chain(source: Source) -> Callable[[], object]:
    """Each of a hundred deleters drops the tensor whose deleter drops the next one."""
    links = [Source() for _ in range(100)]
    for one, following in zip(links, links[1:]):
        held = [ndferry.from_dlpack(following.capsule())]
        one.on_end = held.clear
    first = [ndferry.from_dlpack(links[0].capsule())]

    def in_the_end() -> None:  # Python puts off what nests too deeply
        assert [one.ends for one in links] == [1] * 100

    source.in_the_end = in_the_end
    return first.clear


def take_again(source: Source) -> Callable[[], object]:
    """The struct is taken once more by its own deleter, which makes it live again until the new tensor goes."""

    def on_end() -> None:
        if source.ends == 1:
            assert through_pointer(source).tolist() == [[0, 1, 2], [3, 4, 5]]

    return on_end


def scribble(source: Source) -> Callable[[], object]:
    """As a deleter that frees the struct: whoever looks at it afterwards reads nonsense."""

    def on_end() -> None:
        ctypes.memset(address(source.managed), 0xA5, ctypes.sizeof(source.managed))
        ctypes.memset(address(source.kept[0]), 0xA5, 16)
        ctypes.memset(address(source.numbers), 0xA5, 32)

    return on_end


def free() -> Iterator[Animal]:
    """A struct from `malloc` whose deleter is `free` itself."""
    for kind in KINDS:

        def make(kind: type = kind) -> Cage:
            source = Source(kind, deleter=address(_libc.free))
            size = ctypes.sizeof(kind)
            room = _libc.malloc(size)
            ctypes.memmove(room, address(source.managed), size)
            return Cage((room, source), None, (source,))

        def door(given: tuple[int, Source]) -> ndferry.Tensor:
            return ndferry.from_dlpack_pointer(given[0], versioned=isinstance(given[1].managed, Versioned))

        yield Animal(f"a deleter that is the C library's free, {kind.__name__.lower()}", make, doors=(door,))


def animals() -> Iterator[Animal]:
    for exception in (ValueError, MemoryError, RecursionError, StopIteration, KeyboardInterrupt, SystemExit):
        sentence = f"a deleter that raises {exception.__name__}"
        yield from deleter(sentence, raises(exception), unraisable=(exception,))
    yield from deleter("a deleter that uses ndferry and is refused by it", reenter)
    yield from deleter("a deleter that drops the last references to a hundred tensors", drop_others)
    yield from deleter("a deleter that drops a tensor whose deleter drops a tensor, a hundred times", drop_a_chain)
    yield from deleter("a deleter that takes its own struct again", take_again, ends=2)
    yield from deleter("a deleter that writes over its struct", scribble)
    yield from deleter("a deleter that collects garbage", lambda _: gc.collect)
    yield from free()
