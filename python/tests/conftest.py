"""Fixtures that every test has."""

from __future__ import annotations

import gc

import ndferry
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def nothing_is_left_alive():
    """After each test as many tensors and bytes are alive as before it."""
    before = ndferry.statistics()
    yield
    if ndferry.statistics() != before:
        gc.collect()
    assert ndferry.statistics() == before


@pytest.fixture
def rng():
    return np.random.default_rng(20_26)


@pytest.fixture
def xarray():
    """xarray, used once: where Dask does not load, the failure is kept, and with it the frames of the first user."""
    module = pytest.importorskip("xarray")
    module.DataArray(np.arange(3))
    return module
