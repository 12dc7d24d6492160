"""How NumPy's functions and Python's operators work on tensors.

NumPy runs them, on views that share the tensors' memory, and the arrays that come out become tensors that share
theirs: no element is copied either way. docs/numpy.md says what to expect.
"""

from __future__ import annotations

import operator

from ._dtype import DType
from ._errors import NdferryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def _numpy() -> Any:
    try:
        import numpy
    except ImportError:
        raise TypeError("operators on a Tensor run in NumPy, which is not installed") from None
    return numpy


def share(result: Any) -> Any:
    """NumPy's array or scalar as a tensor; as it is when no tensor can hold it: Python objects, long doubles."""
    from ._create import asarray

    try:
        return asarray(_numpy().asarray(result))
    except (BufferError, TypeError, NdferryError):
        return result


class Call:
    """One call of NumPy: its arguments as NumPy takes them, and its results as tensors."""

    def __init__(self) -> None:
        self._numpy = _numpy()
        self._views: dict[int, Any] = {}  # by the id of a tensor
        self._given: dict[int, Any] = {}  # what the caller gave, by the id of what NumPy gets

    def take(self, value: Any) -> Any:
        """An argument, with views in the place of all tensors in it."""
        if isinstance(value, Dispatch):
            view = self._views.get(id(value))
            if view is None:
                view = self._views[id(value)] = value.numpy()
                self._given[id(view)] = value
            return view
        if type(value) is list or type(value) is tuple:
            return type(value)(map(self.take, value))
        if type(value) is dict:
            return {key: self.take(one) for key, one in value.items()}
        if isinstance(value, DType):
            return value.numpy()
        if isinstance(value, self._numpy.ndarray):
            self._given[id(value)] = value
        return value

    def give(self, result: Any) -> Any:
        """A result, with tensors in the place of NumPy's own arrays and scalars; subclasses stay what they are. What
        the caller gave, such as `out`, comes back as the very same object."""
        # Without a tensor among the arguments it is `like=` that asks for one.
        if self._views and id(result) in self._given:
            return self._given[id(result)]
        if type(result) is self._numpy.ndarray or isinstance(result, self._numpy.generic):
            return share(result)
        if type(result) is list:
            return [self.give(one) for one in result]
        if isinstance(result, tuple):
            parts = [self.give(one) for one in result]
            return type(result)(*parts) if hasattr(result, "_fields") else tuple(parts)
        return result

    def run(self, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
        """Calls a function of NumPy."""
        arguments, keywords = self.take((arguments, keywords))
        return self.give(function(*arguments, **keywords))

    def ask(self, function: Callable[..., Any], arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Calls a function that asks the classes of its arguments, with views in the place of tensors. Those that
        `take` does not see, in a deque say, would be asked again without end: others may have their turn instead."""
        arguments, keywords = self.take((arguments, keywords))
        return self.give(function(*arguments, **keywords)) if self._views else NotImplemented


def _is_foreign(operand: Any) -> bool:
    """Whether an operand answers for ufuncs itself, as those of pandas, xarray and Dask do. Subclasses of NumPy's
    array, such as astropy's quantities, do so too, but work with arrays only: they have their turn when NumPy runs."""
    answers = getattr(type(operand), "__array_ufunc__", None) is not None
    return answers and not isinstance(operand, (Dispatch, _numpy().ndarray, _numpy().generic))


def _operate(function: Callable[..., Any], ufunc: str, a: Any, b: Any, other: Any) -> Any:
    if getattr(type(other), "__array_ufunc__", False) is None:
        return NotImplemented  # the other operand wants to do it
    if _is_foreign(other):
        return getattr(_numpy(), ufunc)(a, b)
    # NumPy's operator rather than the ufunc: it also compares what has no common type, and structured types, and
    # leaves the work to those who ask for it by priority, such as SciPy's sparse arrays.
    return Call().run(function, a, b)


def _binary(function: Callable[..., Any], ufunc: str) -> tuple[Any, Any]:
    def forward(self: Dispatch, other: object) -> Any:
        return _operate(function, ufunc, self, other, other)

    def reflected(self: Dispatch, other: object) -> Any:
        return _operate(function, ufunc, other, self, other)

    return forward, reflected


def _numeric(function: Callable[..., Any], in_place_function: Callable[..., Any], ufunc: str) -> tuple[Any, Any, Any]:
    def in_place(self: Dispatch, other: object) -> Any:
        if _is_foreign(other):
            return getattr(_numpy(), ufunc)(self, other, out=(self,))
        return Call().run(in_place_function, self, other)

    return *_binary(function, ufunc), in_place


def _compare(function: Callable[..., Any], ufunc: str) -> Any:
    return _binary(function, ufunc)[0]


def _unary(function: Callable[..., Any]) -> Any:
    def method(self: Dispatch) -> Any:
        return Call().run(function, self)

    return method


class Dispatch:
    """What makes NumPy's functions and Python's operators work on the tensors that derive from this class."""

    __slots__ = ()

    # Above NumPy's arrays, and below their subclasses that ask for any: results are tensors before arrays, but masked
    # arrays and matrices before tensors.
    __array_priority__ = 1.0

    if TYPE_CHECKING:

        def numpy(self) -> Any: ...

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        where = kwargs.get("where")
        if any(map(_is_foreign, (*inputs, *kwargs.get("out", ()), where))):
            return NotImplemented
        if method == "at" and getattr(inputs[0], "read_only", False):
            raise ValueError("array to perform in place operation on is read-only")  # NumPy before 2.5 does not look
        return Call().run(getattr(ufunc, method), *inputs, **kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        array = _numpy().ndarray
        if not all(issubclass(one, (Dispatch, array)) for one in types):
            return NotImplemented
        if any(one.__array_function__ not in (Dispatch.__array_function__, array.__array_function__) for one in types):
            return Call().ask(func, args, kwargs)
        # Not through dispatch again, which a tensor that `take` does not see would make endless.
        return Call().run(getattr(func, "_implementation", func), *args, **kwargs)

    def __array_wrap__(self, arr: Any, context: Any = None, return_scalar: bool = False) -> Any:
        return Call().give(arr)  # a tensor without axes where NumPy would make a scalar

    # The methods that Dask calls on its chunks, and pint on what is compared.

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        """The elements converted by NumPy, on new memory; `copy` False gives the tensor itself if it has that type."""
        return Call().run(_numpy().ndarray.astype, self, dtype, copy=copy)

    def sum(self, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
        """NumPy's sum over one axis, several, or all."""
        return Call().run(_numpy().ndarray.sum, self, axis=axis, dtype=dtype, keepdims=keepdims)

    def all(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Whether all elements are true, along one axis, several, or all."""
        return Call().run(_numpy().ndarray.all, self, axis=axis, keepdims=keepdims)

    def any(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Whether any element is true, along one axis, several, or all."""
        return Call().run(_numpy().ndarray.any, self, axis=axis, keepdims=keepdims)

    __add__, __radd__, __iadd__ = _numeric(operator.add, operator.iadd, "add")
    __sub__, __rsub__, __isub__ = _numeric(operator.sub, operator.isub, "subtract")
    __mul__, __rmul__, __imul__ = _numeric(operator.mul, operator.imul, "multiply")
    __matmul__, __rmatmul__, __imatmul__ = _numeric(operator.matmul, operator.imatmul, "matmul")
    __truediv__, __rtruediv__, __itruediv__ = _numeric(operator.truediv, operator.itruediv, "divide")
    __floordiv__, __rfloordiv__, __ifloordiv__ = _numeric(operator.floordiv, operator.ifloordiv, "floor_divide")
    __mod__, __rmod__, __imod__ = _numeric(operator.mod, operator.imod, "remainder")
    __pow__, __rpow__, __ipow__ = _numeric(operator.pow, operator.ipow, "power")
    __lshift__, __rlshift__, __ilshift__ = _numeric(operator.lshift, operator.ilshift, "left_shift")
    __rshift__, __rrshift__, __irshift__ = _numeric(operator.rshift, operator.irshift, "right_shift")
    __and__, __rand__, __iand__ = _numeric(operator.and_, operator.iand, "bitwise_and")
    __or__, __ror__, __ior__ = _numeric(operator.or_, operator.ior, "bitwise_or")
    __xor__, __rxor__, __ixor__ = _numeric(operator.xor, operator.ixor, "bitwise_xor")
    __divmod__, __rdivmod__ = _binary(divmod, "divmod")

    __lt__ = _compare(operator.lt, "less")
    __le__ = _compare(operator.le, "less_equal")
    __eq__ = _compare(operator.eq, "equal")
    __ne__ = _compare(operator.ne, "not_equal")
    __ge__ = _compare(operator.ge, "greater_equal")
    __gt__ = _compare(operator.gt, "greater")

    __neg__, __pos__ = _unary(operator.neg), _unary(operator.pos)
    __abs__, __invert__ = _unary(operator.abs), _unary(operator.invert)

    # Elements decide what is equal, and they may change: like NumPy's arrays, tensors have no hash.
    __hash__ = None  # type: ignore[assignment]
