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


def compiled(source: Path, library: Path, *others: str) -> Path:
    """A shared library of one C file."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        pytest.skip("there is no C compiler")
    build = [compiler, "-shared", "-fPIC", "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{ROOT / 'include'}", str(source), *others]
    subprocess.run([*build, "-o", library], check=True, timeout=60)
    return library


def output_of(example: str, *arguments: Path) -> str:
    environment = {**os.environ, "NDFERRY_LIBRARY": lib.path, "PYTHONPATH": str(ROOT / "python")}
    program = [sys.executable, ROOT / "python" / "examples" / example, *arguments]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def shown_in(tutorial: str) -> str:
    """What a tutorial says that its program prints."""
    page = (ROOT / "docs" / "tutorials" / tutorial).read_text(encoding="utf-8")
    return page.split("```text\n")[1].split("```")[0]


def test_a_camera_in_c_gives_frames_to_numpy(tmp_path):
    camera = compiled(ROOT / "c_examples" / "camera.c", tmp_path / "libcamera.so", lib.path)
    said = output_of("camera.py", camera)
    assert "all buffers of the camera are in use" in said
    assert said == shown_in("camera.md")


def test_a_pointer_of_a_c_library_becomes_an_array_and_its_memory_goes_back(tmp_path):
    readings = compiled(ROOT / "python" / "examples" / "readings.c", tmp_path / "libreadings.so")
    said = output_of("pointer.py", readings)
    assert said == shown_in("pointer.md")
    assert said.endswith("the readings are back at the library\nthe end\n")


def test_cffi_gives_its_pointers_as_well(tmp_path):
    pytest.importorskip("cffi")
    readings = compiled(ROOT / "python" / "examples" / "readings.c", tmp_path / "libreadings.so")
    said = output_of("pointer_cffi.py", readings)
    assert said == "array (5, 3) (16, 4) float32\nthe readings are back at the library\nthe end\n"
