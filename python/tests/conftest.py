"""Fixtures that every test has."""

from __future__ import annotations

import gc
import signal

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


@pytest.fixture
def ctrl_c():
    """Ctrl-C is heard, here and in child processes, even where the tests themselves run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
