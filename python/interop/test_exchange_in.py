"""Arrays of other libraries become tensors: every element type and layout that they have, through every door."""

from __future__ import annotations

import ml_dtypes
import pytest
from exchange import available, check_in
from table import LIBRARIES
from tensors import array_of_type

pytestmark = pytest.mark.filterwarnings("ignore")
TYPES = [(library, door, name) for library in LIBRARIES for door in library.into for name in library.dtypes]
LAYOUTS = [(library, door, name) for library in LIBRARIES for door in library.into for name in library.layouts]


def ids(cases):
    return [f"{library.name}-{door.name}-{name}" for library, door, name in cases]


@pytest.mark.parametrize(("library", "door", "name"), TYPES, ids=ids(TYPES))
def test_every_type_is_taken_as_the_table_says(library, door, name):
    available(library)
    if name == "complex32" and library.name == "numpy" and not hasattr(ml_dtypes, name):
        pytest.skip("this ml_dtypes has no complex32")
    check_in(library, door, name, library.make(array_of_type(name)), name)


@pytest.mark.parametrize(("library", "door", "name"), LAYOUTS, ids=ids(LAYOUTS))
def test_every_layout_is_taken_as_the_table_says(library, door, name):
    available(library)
    made = library.layouts[name](library.make(array_of_type("float32")))
    check_in(library, door, name, made, "float32")
