"""What every test of the exchange with other libraries has."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's greetings
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("DO_NOT_TRACK", "1")

import ndferry
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))  # whose helpers serve here too

if np.lib.NumpyVersion(np.__version__) < "2.0.0":
    # What these say holds for current releases; beside an old NumPy the others are old too.
    collect_ignore = ["test_dispatch_neighbours.py", "test_documents.py", "test_inspect.py", "test_others_own.py"]

# JAX and TensorFlow hand buffers to threads of their own, which let go of them a little after the last Python
# reference, and JAX gives back Python objects at the next collection after that. Every other library does so at once.
PATIENCE_S = 60.0


def settled(wanted: object) -> bool:
    """Whether as much is alive as there should be, now or soon."""
    if ndferry.statistics() == wanted:
        return True
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        gc.collect()
        if ndferry.statistics() == wanted:
            return True
        time.sleep(0.01)
    return False


@pytest.fixture(autouse=True)
def nothing_is_left_alive():
    """After each test as many tensors and bytes are alive as before it."""
    if ndferry.statistics() != (0, 0):
        # What a failure left behind must not make the next test fail too.
        for name in ("last_type", "last_value", "last_traceback", "last_exc"):
            vars(sys).pop(name, None)
        gc.collect()
    before = ndferry.statistics()
    yield
    assert settled(before), (ndferry.statistics(), before)


@pytest.fixture(scope="session")
def child():
    """Runs a program in a process of its own, and says how it ended."""
    def run(program: str, timeout: float = 300) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=timeout, cwd=Path(__file__).parent
        )
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.fixture
def rng():
    return np.random.default_rng(20_26)
