"""The programs in python/examples, as their readers run them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ndferry._library import lib

ROOT = Path(__file__).resolve().parents[2]


def test_a_camera_in_c_gives_frames_to_numpy(tmp_path):
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        pytest.skip("there is no C compiler")
    camera = tmp_path / "libcamera.so"
    build = [compiler, "-shared", "-fPIC", f"-I{ROOT / 'include'}", ROOT / "c_examples" / "camera.c", lib.path]
    subprocess.run([*build, "-o", camera], check=True, timeout=60)
    environment = {**os.environ, "NDFERRY_LIBRARY": lib.path, "PYTHONPATH": str(ROOT / "python")}
    done = subprocess.run(
        [sys.executable, ROOT / "python" / "examples" / "camera.py", camera],
        capture_output=True, text=True, timeout=60, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "all buffers of the camera are in use" in done.stdout
    assert done.stdout.splitlines()[-1] == "after close: [2, 3, 4] [3, 4, 5]"
