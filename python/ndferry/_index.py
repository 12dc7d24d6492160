"""What may stand in brackets and as an axis, and the views that it means."""

from __future__ import annotations

from operator import index

from . import _declarations as c

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ._tensor import Tensor

_INT32_MAX = 2**31 - 1
_INT64_MAX = 2**63 - 1


def integers(values: Any, name: str) -> Sequence[int]:
    """One integer, or any sequence or array of them, as several."""
    try:
        return [index(values)]
    except TypeError:
        pass
    try:
        return [index(one) for one in values]
    except TypeError:
        raise TypeError(f"`{name}` is {values!r}, it must be an integer or a sequence of integers") from None


def integer(value: Any) -> int:
    """An integer that C can hold; ctypes would cut off what it cannot."""
    return fitting(index(value))


def fitting(number: int) -> int:
    if not -_INT64_MAX <= number <= _INT64_MAX:
        raise OverflowError(f"{in_words(number)} does not fit 64 bits")
    return number


def in_words(number: int) -> str:
    """An integer in a message. Python refuses to write very long ones."""
    return str(number) if number.bit_length() <= 128 else f"an integer of {number.bit_length()} bits"


def axis(value: Any) -> int:
    """An axis that C can hold; the library says whether there is such an axis."""
    number = index(value)
    return number if -_INT32_MAX <= number <= _INT32_MAX else _INT32_MAX


def bounds(start: Any, stop: Any, step: Any) -> tuple[int, int, int]:
    """The parts of a slice as the library reads them. As in Python, too large is as good as the end."""
    return (
        c.NDF_SLICE_END if start is None else _clamped(start),
        c.NDF_SLICE_END if stop is None else _clamped(stop),
        1 if step is None else _clamped(step),
    )


def _clamped(value: Any) -> int:
    try:
        number = index(value)
    except TypeError:
        raise TypeError(f"a slice has integers or None, not {type(value).__name__}") from None
    return number if -_INT64_MAX <= number <= _INT64_MAX else _INT64_MAX if number > 0 else -_INT64_MAX


def view(tensor: Tensor, key: Any) -> Tensor:
    """`tensor[key]`."""
    keys = key if isinstance(key, tuple) else (key,)
    named = ellipses = 0
    for one in keys:
        if one is Ellipsis:
            ellipses += 1
        elif one is not None:
            named += 1
            if not isinstance(one, slice):
                _require_integer(one)
    ndim = tensor.ndim
    if named > ndim:
        raise IndexError(f"too many indices: the tensor has {ndim} axes, {named} are indexed")
    if ellipses > 1:
        raise IndexError("an index can have only one ellipsis (...)")
    at = 0
    for one in keys:
        if one is None:
            tensor = tensor.unsqueeze(at)
            at += 1
        elif one is Ellipsis:
            at += ndim - named
        elif isinstance(one, slice):
            tensor = tensor.slice(at, one.start, one.stop, one.step)
            at += 1
        else:
            tensor = tensor.select(at, one)
    return tensor


def _require_integer(key: Any) -> None:
    """Refuses what would not be a view."""
    try:
        if isinstance(key, bool):
            raise TypeError
        index(key)
    except TypeError:
        why = "picking elements by list, mask or array makes a copy; do it in NumPy, on tensor.numpy()"
        name = type(key).__name__
        raise TypeError(f"an index may be an integer, a slice, None or ..., not {name}: {why}") from None
