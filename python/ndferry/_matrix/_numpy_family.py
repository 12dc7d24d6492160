"""NumPy, and the libraries whose arrays are NumPy's inside."""

from __future__ import annotations

from typing import Any

from ._cases import Case
from ._library import Library, Wrapped, address_of_numpy, numbers_of_numpy, numpy_array


def _write(array: Any, value: Any) -> None:
    array[(0,) * array.ndim] = value


def _frozen(module: Any, array: Any) -> Any:
    array.flags.writeable = False
    return array


def _broadcast(module: Any, array: Any) -> Any:
    import numpy as np

    return np.broadcast_to(array, (2, 3), subok=True)


def _is_writable(array: Any) -> bool:
    return bool(array.flags.writeable)


def _inside(get: Any) -> dict[str, Any]:
    """How to look at a library that wraps a NumPy array."""
    return {
        "numbers": lambda x, case: numbers_of_numpy(_numpy(get(x)), case),
        "pointer": lambda x: address_of_numpy(_numpy(get(x))),
        "writable": lambda x: _is_writable(_numpy(get(x))),
        "write": lambda x, value: _write(_numpy(get(x)), value),
    }


def _numpy(inner: Any) -> Any:
    """The array inside; what else is there has no numbers."""
    import numpy as np

    if isinstance(inner, np.generic):
        return np.asarray(inner)
    if not isinstance(inner, np.ndarray):
        raise Wrapped(f"it holds a {type(inner).__name__}")
    return inner.view(np.ndarray)  # without units and masks


_IS_NUMPY: dict[str, Any] = {"freeze": _frozen, "broadcast": _broadcast, **_inside(lambda x: x)}


def _make(wrap: Any) -> Any:
    """Makes the NumPy array, and the library's around it in the layout that is asked for."""
    return lambda m, case: wrap(m, numpy_array(m, case))


def _dlpack(m: Any, x: Any) -> Any:
    return m.from_dlpack(x)


_IS_MASKED: dict[str, Any] = _IS_NUMPY | {"freeze": lambda m, x: _frozen(m, x)}


def _masked(m: Any, case: Case) -> Any:
    return m.array(numpy_array(m, case), copy=False)


LIBRARIES = [
    Library(
        "numpy", "NumPy", "numpy",
        make=numpy_array, takes={"dlpack": _dlpack}, asarray=lambda m, x: m.asarray(x), **_IS_NUMPY,
    ),
    Library(
        "numpy.ma", "numpy.ma", "numpy.ma", distribution="numpy",
        make=_masked, asarray=lambda m, x: m.asarray(x), **_IS_MASKED,
    ),
    Library(
        "array-api-strict", "array-api-strict", "array_api_strict", distribution="array-api-strict",
        make=_make(lambda m, x: m.asarray(x)), takes={"dlpack": _dlpack}, asarray=lambda m, x: m.asarray(x),
        **_inside(lambda x: x._array),
    ),
    Library(
        "dask", "Dask", "dask.array",
        make=_make(lambda m, x: m.from_array(x, chunks=-1)), asarray=lambda m, x: m.asarray(x),
        **_inside(lambda x: x.compute(scheduler="synchronous")),
    ),
    Library(
        "xarray", "xarray", "xarray",
        make=_make(lambda m, x: m.DataArray(x)), asarray=lambda m, x: m.DataArray(x), **_inside(lambda x: x.variable._data),
    ),
    Library(
        "pandas", "pandas", "pandas",
        make=_make(lambda m, x: m.Series(x, copy=False)), asarray=lambda m, x: m.Series(x, copy=False),
        **_inside(lambda x: x.array._ndarray),
    ),
    Library(
        "astropy", "astropy.units", "astropy.units",
        make=_make(lambda m, x: m.Quantity(x, "m", copy=None, dtype=x.dtype)),
        asarray=lambda m, x: m.Quantity(x, "m", copy=None, dtype=None), **_IS_NUMPY,
    ),
    Library(
        "pint", "pint", "pint",
        make=_make(lambda m, x: m.Quantity(x, "m")), asarray=lambda m, x: m.Quantity(x, "m"),
        **_inside(lambda x: x.magnitude),
    ),
    Library(
        "unyt", "unyt", "unyt",
        make=_make(lambda m, x: m.unyt_array(x, "m")), asarray=lambda m, x: m.unyt_array(x, "m"), **_IS_NUMPY,
    ),
    Library(
        "scipy", "SciPy (sparse)", "scipy.sparse", distribution="scipy", copies=True,
        asarray=lambda m, x: m.coo_array(x), numbers=lambda x, case: numbers_of_numpy(x.toarray(), case),
    ),
    Library(
        "sparse", "PyData/Sparse", "sparse", copies=True,
        asarray=lambda m, x: m.asarray(x), numbers=lambda x, case: numbers_of_numpy(x.todense(), case),
    ),
    Library(
        "sklearn", "scikit-learn", "sklearn.utils", distribution="scikit-learn",
        asarray=lambda m, x: m.check_array(x, ensure_2d=False, allow_nd=True, dtype=None, ensure_min_samples=0),
        **_inside(lambda x: x),
    ),
]  # fmt: skip
