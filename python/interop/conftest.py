"""Where the helpers of the other tests are, and the fixture that is theirs too."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))


@pytest.fixture
def rng():
    return np.random.default_rng(20_26)
