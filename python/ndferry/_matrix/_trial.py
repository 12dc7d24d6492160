"""One attempt, inside a process that may die of it."""

from __future__ import annotations

import warnings
from typing import Any

from ._cases import Cannot, Case, value
from ._libraries import LIBRARIES
from ._library import Library, Wrapped
from ._outcomes import Trial
from ._protocols import NotOffered, offer

_modules: dict[str, Any] = {}


def attempt(producer_key: str, consumer_key: str, protocol: str, case: Case) -> Trial:
    """Lets one library give an array to another, and looks at what came."""
    producer, consumer = LIBRARIES[producer_key], LIBRARIES[consumer_key]
    trial = Trial(producer_key, consumer_key, protocol, "refused")
    take = consumer.taker(protocol)
    if take is None:
        trial.outcome = "untaken"
        return trial
    if producer.untyped:
        case = Case("uint8", case.layout)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            source = producer.produce(_load(producer), case)
            offered = offer(source, protocol)
        except NotOffered:
            trial.outcome = "absent"
            return trial
        except Exception as error:  # of a library
            trial.outcome, trial.detail = "unmade", _told(error)
            return trial
        try:
            got = take(_load(consumer), offered)
        except Exception as error:
            trial.detail = _told(error)
            return trial
        trial.flavour = getattr(offered, "flavour", "") if protocol != "asarray" else ""
        trial.outcome, trial.detail = _judge(producer, source, consumer, got, case)
    return trial


def prepare(key: str) -> None:
    """Imports a library; that it cannot be imported shows when it is tried."""
    try:
        _load(LIBRARIES[key])
    except ImportError:
        pass


def _load(library: Library) -> Any:
    """The library's module; a failure is remembered, for a second import may succeed by half."""
    if library.key not in _modules:
        try:
            _modules[library.key] = library.load()
        except Exception as error:
            _modules[library.key] = ImportError(f"it cannot be imported: {_told(error)}")
    module = _modules[library.key]
    if isinstance(module, ImportError):
        raise module
    return module


def _told(error: Exception) -> str:
    words = " ".join(str(error).split())
    name = "" if isinstance(error, (Cannot, Wrapped)) else type(error).__name__
    return ": ".join(one for one in (name, words[:240]) if one)


def _judge(producer: Library, source: Any, consumer: Library, got: Any, case: Case) -> tuple[str, str]:
    """Compares values first, then memory."""
    if not producer.must_refuse:
        try:
            shape, values = consumer.numbers(got, case)
        except Exception as error:
            return "wrapped", f"it became a {type(got).__name__}: {_told(error)}"
        if (difference := _difference(tuple(shape), values, producer, case)) is not None:
            return "wrong", difference
    elif (kept := _kept(got)) is not None:
        return "wrapped", kept
    else:
        return "wrong", f"it was accepted as {type(got).__name__}, and must be refused"
    if consumer.copies:
        return "copied", ""
    there, here = _address(producer, source), _address(consumer, got)
    if there is not None and here is not None:
        is_shared = there == here
    elif producer.write is not None or consumer.write is not None:
        is_shared = _is_written_through(producer, source, consumer, got, case)
    else:
        return "unproved", "neither addresses nor writing can show it"
    if is_shared and not producer.writable(source) and consumer.writable(got):
        return "writable", "the memory is read-only, what came of it can be written"
    return ("shared", "") if is_shared else ("copied", "")


def _difference(shape: tuple[int, ...], values: list[Any], producer: Library, case: Case) -> str | None:
    wanted_shape, wanted = case.values
    if shape not in (wanted_shape, producer.shape(wanted_shape)):
        return f"the shape is {shape}, not {wanted_shape}"
    for i, (one, other) in enumerate(zip(values, wanted)):
        if one != other:
            return f"element {i} is {one!r}, not {other!r}"
    return None


def _address(library: Library, array: Any) -> int | None:
    try:
        return library.pointer(array)
    except Exception:  # not every array of a library has one
        return None


def _kept(got: Any) -> str | None:
    """Whether what must be refused is kept unread; its elements are not touched but where they are Python objects."""
    dtype = str(getattr(got, "dtype", ""))
    inside = getattr(got, "magnitude", None)
    return (
        f"it became a {type(got).__name__} of objects"
        if dtype == "object" or type(inside).__name__ == "_Edge"
        else None
    )


def _is_written_through(producer: Library, source: Any, consumer: Library, got: Any, case: Case) -> bool:
    """Whether what is written on one side arrives on the other."""
    fresh = value(case.dtype, 40)
    if producer.write is not None:
        producer.write(source, fresh)
        return bool(consumer.numbers(got, case)[1][0] == fresh)
    if consumer.write is not None:
        consumer.write(got, fresh)
    return bool(producer.numbers(source, case)[1][0] == fresh)
