"""What stands in the place of other projects' objects while their own tests run."""

from __future__ import annotations

import functools

import ndferry
import numpy as np
from numpy.testing.overrides import get_overridable_numpy_array_functions, get_overridable_numpy_ufuncs

numpy_from_dlpack = np.from_dlpack


def between(x):
    """`x` by way of ndferry: whoever takes it takes a tensor. What ndferry does not take goes as it is."""
    return ndferry.from_dlpack(x) if hasattr(x, "__dlpack__") else x


def from_dlpack(x, /, *, device=None, copy=None):
    """ndferry in the place of `numpy.from_dlpack`."""
    return ndferry.from_dlpack(x, device=device, copy=copy).numpy()


def tensor(x):
    """A tensor in the place of an array."""
    return ndferry.asarray(x)


def view(x):
    """A memoryview of a tensor on the memory of an array, in the place of the array's own."""
    return ndferry.asarray(x).memoryview()


def imported(x, **how):
    """The array that ndferry makes of what speaks some protocol, in the place of the one that NumPy makes."""
    return ndferry.asarray(x, **how).numpy()


class _Chunks(type):
    def __instancecheck__(cls, x):
        return isinstance(x, ndferry.Tensor)


class chunk(metaclass=_Chunks):
    """Tensors as the class of chunks of a Dask array, in the place of `sparse.COO`."""

    @staticmethod
    def from_numpy(x, fill_value=None):
        import dask.array

        dask.array.register_chunk_type(ndferry.Tensor)
        return ndferry.asarray(x)


def same_numbers(a, b, **how):
    """Dask's comparison, without asking that both are of one class."""
    from dask.array.utils import assert_eq

    assert_eq(a, b, **{"check_type": False} | how)


OVERRIDABLE = {*get_overridable_numpy_array_functions(), *get_overridable_numpy_ufuncs()}


class _Exchanged:
    """Arrays of one call as tensors, and its results as arrays again."""

    def __init__(self):
        self.given = {}

    def take(self, value):
        if type(value) in (list, tuple):
            return type(value)(map(self.take, value))
        if type(value) is not np.ndarray:
            return value
        try:
            taken = ndferry.asarray(value)
        except (TypeError, BufferError, ValueError, NotImplementedError):
            return value  # of a type that no tensor holds, such as Python objects
        self.given[id(taken)] = taken, value
        return taken

    def give(self, value):
        if type(value) is ndferry.Tensor:
            if id(value) in self.given:
                return self.given[id(value)][1]
            array = value.numpy()
            return array if array.ndim else array[()]
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return type(value)(*map(self.give, value))
        return type(value)(map(self.give, value)) if type(value) in (list, tuple) else value


CALLS = [0, 0]  # of functions that take tensors, and those in which there was one


def on_tensors(function):
    """A function of NumPy that gets tensors for all arrays, if NumPy lets others override it."""
    if not getattr(function, "__hash__", None) or function not in OVERRIDABLE:
        return function

    @functools.wraps(function)
    def call(*arguments, **keywords):
        exchanged = _Exchanged()
        arguments, keywords = [*map(exchanged.take, arguments)], {k: exchanged.take(v) for k, v in keywords.items()}
        CALLS[0] += 1
        CALLS[1] += bool(exchanged.given)
        return exchanged.give(function(*arguments, **keywords))

    return call


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"calls with tensors: {CALLS[1]} of {CALLS[0]}")
