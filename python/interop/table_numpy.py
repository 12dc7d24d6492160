"""NumPy, through all of its doors, and array-api-strict, which is NumPy in a strict dress."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import ndferry
import numpy as np
from libraries import (
    COPIES, FLOAT8, LEGACY, LOCKS, NO_FORMAT, NO_WORDS, NUMPY, NUMPY_2, NUMPY_NAMES, OF_NUMPY, PACKED, PADDED, RANKS,
    As, Door, Legacy, Library, Only, Refuses, in_array, rows,
)  # fmt: skip

# NumPy refused with another class before 2.5, and had at most 32 axes before 2.0.
ERROR = "BufferError" if NUMPY >= (2, 5) else "RuntimeError"
MANY_AXES = {} if NUMPY_2 else rows(Refuses("(Value|Runtime)Error", "dim"), *RANKS)
_DLPACK = {
    **NO_WORDS,
    **rows(Refuses(ERROR, "Unsupported dtype"), "bfloat16", "complex32", *FLOAT8, *PACKED, *PADDED),
    **MANY_AXES,
}
_LEGACY = {**_DLPACK, **LEGACY}
_INTERFACE = {
    **rows(Refuses("AttributeError", "no type for"), "bfloat16", "complex32", *FLOAT8, *PACKED, *PADDED),
    **MANY_AXES,
}
_STRUCT = {
    **_INTERFACE,
    **rows(Refuses("AttributeError", "__array_interface__ only"), "U2", "datetime64[s]", "timedelta64[ns]"),
}
_ARRAY = {**rows(Refuses("TypeError", "share bytes"), *PACKED), **MANY_AXES}
if not hasattr(ml_dtypes, "complex32"):
    _ARRAY["complex32"] = Refuses("TypeError", "neither NumPy nor this version of ml_dtypes")

# Inwards NumPy refuses what its DLPack has no words for, and words of its other doors say less than its dtypes.
_REFUSED = {
    **rows(Refuses("BufferError", "DLPack only supports"), "bfloat16", "complex32", *FLOAT8, *PACKED, *OF_NUMPY),
    "part of an element": Refuses("BufferError", "multiple of itemsize"),
}
_REFUSED_READ_ONLY = {**_REFUSED, **rows(Refuses("BufferError", "readonly"), "read-only", "zero stride")}
_OPAQUE = {
    **rows(As("|V1"), *FLOAT8, *PACKED),
    "bfloat16": As("|V2"),
    # Letters that say nothing: ml_dtypes gives "<f1" and "<W4".
    "float8_e5m2": Refuses("DTypeError|BufferError", "f1"),
    "complex32": Refuses("DTypeError|BufferError", "W4"),
    "part of an element": COPIES,
}
_OPAQUE_STRUCT = {
    **_OPAQUE,
    "datetime64[s]": As("datetime64"),  # without the unit
    "timedelta64[ns]": As("timedelta64"),
    OF_NUMPY[-1]: As("|V6", LOCKS),  # NumPy forgets the fields, and all flags
    "part of an element": COPIES,
}
_NO_BUFFER = {
    **rows(Refuses("ValueError", "cannot include dtype"), "bfloat16", "complex32", *FLOAT8, *PACKED),
    **rows(Refuses("ValueError", "cannot include dtype"), "datetime64[s]", "timedelta64[ns]"),
    "part of an element": COPIES,
}
_PADDED = {**{name: As(f"{name}[padded]") for name in PACKED}, "part of an element": COPIES}

_LAYOUTS = {
    "C order": lambda a: a,
    "F order": lambda a: np.asfortranarray(a),
    "permuted": lambda a: a.reshape(2, 3, 4).transpose(2, 0, 1),
    "sliced": lambda a: a[:, ::2],
    "negative": lambda a: a[::-1, ::-2],
    "zero stride": lambda a: np.broadcast_to(a[0], (3, 6)),
    "zero stride, writable": lambda a: np.lib.stride_tricks.as_strided(a, (3, 6), (0, a.itemsize)),
    "no axes": lambda a: a[1, 2, ...],
    "no elements": lambda a: a[:0],
    "odd stride of one": lambda a: np.lib.stride_tricks.as_strided(a, (1, 6, 1), (17, a.itemsize, 5)),
    "read-only": lambda a: np.lib.stride_tricks.as_strided(a, writeable=False),
    "unaligned": lambda a: _unaligned(a),
    "offset": lambda a: a.reshape(24)[1:],
    "part of an element": lambda a: _field(a),
}


def _unaligned(array: np.ndarray) -> np.ndarray:
    memory = np.zeros(array.nbytes + 1, "u1")
    moved = memory[1:].view(array.dtype).reshape(array.shape)
    moved[...] = array
    return moved


def _field(array: np.ndarray) -> np.ndarray:
    record = np.zeros(array.shape, [("byte", "u1"), ("value", array.dtype)])
    record["value"] = array
    return record["value"]


def _strict() -> Any:
    import array_api_strict

    return array_api_strict


NUMPY_ROW = Library(
    "numpy",
    "numpy",
    in_array,
    out=(
        Door("from_dlpack", lambda t: np.from_dlpack(t), _DLPACK) if NUMPY_2
        else Door("from_dlpack", lambda t: np.from_dlpack(t), _LEGACY, LOCKS),
        Door("from_dlpack, legacy", lambda t: np.from_dlpack(Legacy(t)), _LEGACY, LOCKS),
        Door("__array_interface__", lambda t: np.asarray(Only(t, "__array_interface__")), _INTERFACE),
        Door("__array_struct__", lambda t: np.asarray(Only(t, "__array_struct__")), _STRUCT),
        Door("buffer", lambda t: np.asarray(t.memoryview()), {**NO_FORMAT, **MANY_AXES}),
        Door("__array__", lambda t: np.asarray(Only(t, "__array__")), _ARRAY),
        Door("asarray", lambda t: np.asarray(t), _ARRAY),
        Door("numpy()", lambda t: t.numpy(), _ARRAY),
    ),
    into=(
        Door("__dlpack__", lambda a: ndferry.from_dlpack(a), _REFUSED if NUMPY_2 else _REFUSED_READ_ONLY),
        Door("__dlpack__, legacy", lambda a: ndferry.from_dlpack(Legacy(a)), _REFUSED_READ_ONLY),
        Door("__array_interface__", lambda a: ndferry.asarray(Only(a, "__array_interface__")), _OPAQUE),
        Door("__array_struct__", lambda a: ndferry.asarray(Only(a, "__array_struct__")), _OPAQUE_STRUCT),
        Door("buffer", lambda a: ndferry.asarray(memoryview(a)), _NO_BUFFER),
        Door("asarray", lambda a: ndferry.asarray(a), _PADDED),
    ),
    make=lambda array: array,
    dtypes=(*NUMPY_NAMES, "bfloat16", "complex32", *FLOAT8, *PACKED, *OF_NUMPY),
    layouts=_LAYOUTS,
)
_OTHERS = ("float16", "bfloat16", *FLOAT8, *PADDED, *OF_NUMPY)
_STRICT = {
    **rows(Refuses("TypeError", "does not support the dtype"), *_OTHERS),
    **_ARRAY,
    "complex32": Refuses("TypeError", "does not support the dtype|neither NumPy nor"),
}
STRICT_ROW = Library(
    "array-api-strict",
    "array_api_strict",
    lambda a: in_array(a._array),
    out=(
        Door("from_dlpack", lambda t: _strict().from_dlpack(t), {**_DLPACK, "float16": _STRICT["float16"]}) if NUMPY_2
        else Door("from_dlpack", lambda t: _strict().from_dlpack(t), {**_LEGACY, "float16": _STRICT["float16"]}, LOCKS),
        Door("asarray", lambda t: _strict().asarray(t), _STRICT),
    ),
    into=(
        Door("__dlpack__", lambda a: ndferry.from_dlpack(a)),
        Door("asarray", lambda a: ndferry.asarray(a)),
    ),
    make=lambda array: _strict().asarray(array),
    dtypes=tuple(name for name in NUMPY_NAMES if name != "float16"),
    layouts={
        "C order": lambda a: a,
        "F order": lambda a: a.T,
        "sliced": lambda a: a[:, ::2],
        "negative": lambda a: a[::-1, ::-2],
        "no elements": lambda a: a[:0, :],
    },
)
