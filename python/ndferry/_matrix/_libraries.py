"""Every library that is tried, by its key."""

from __future__ import annotations

from ._edges import EDGES
from ._frameworks import LIBRARIES as FRAMEWORKS
from ._library import Library
from ._numpy_family import LIBRARIES as NUMPY_FAMILY
from ._others import LIBRARIES as OTHERS

_KNOWN = {one.key: one for one in (*FRAMEWORKS, *NUMPY_FAMILY, *OTHERS)}
_FIRST = ("numpy", "torch", "jax", "tensorflow", "cupy", "mlx", "ndferry")
NAMES = [*_FIRST, *(key for key in _KNOWN if key not in _FIRST)]
EDGE_NAMES = [one.key for one in EDGES]
LIBRARIES: dict[str, Library] = {key: _KNOWN[key] for key in NAMES} | {one.key: one for one in EDGES}
