"""Tensors become arrays of other libraries: every element type and every layout, through every door."""

from __future__ import annotations

import pytest
from exchange import available, check_out
from libraries import NAMES
from table import LIBRARIES
from tensors import LAYOUTS, of_layout, of_type

DOORS = [(library, door) for library in LIBRARIES for door in library.out]
pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.parametrize(("library", "door"), DOORS, ids=[f"{library.name}-{door.name}" for library, door in DOORS]),
]


@pytest.mark.parametrize("name", NAMES)
def test_every_type_arrives_as_the_table_says(library, door, name):
    available(library)
    check_out(library, door, name, of_type(name))


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_arrives_as_the_table_says(library, door, name):
    available(library)
    check_out(library, door, name, of_layout(name))
