"""Whether an installed ndferry is whole: run by a Python that has nothing else, away from the checkout.

    python -I installed.py PATH/TO/c_examples/hello.c
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
import time

IMPORT_MS = 15.0  # what importing the package takes at most on a machine with nothing else to do, without NumPy
BUSY = 4  # times as long as that on one that has


def import_time() -> float:
    """Milliseconds that `import ndferry` takes by itself, the best of several fresh processes."""
    clock = "import time; began = time.perf_counter(); import {}; print((time.perf_counter() - began) * 1e3)"
    best = float("inf")
    for _ in range(20):
        # ctypes is Python's own, and so are what it brings along.
        code = "import ctypes, os, sys; " + clock.format("ndferry")
        best = min(best, float(subprocess.check_output([sys.executable, "-I", "-c", code])))
    return best


def carry() -> None:
    """Memory in, a view of it, its numbers in another type, and memory out again."""
    import ndferry

    pixels = bytearray(range(24))
    photo = ndferry.asarray(memoryview(pixels).cast("B", (2, 4, 3)))
    planes = photo.permute(2, 0, 1).convert("float32", scale=0.5)
    assert planes.shape == (3, 2, 4), planes.shape
    assert memoryview(planes)[2, 1, 3] == 11.5
    pixels[23] = 99
    assert memoryview(photo)[1, 3, 2] == 99, "the memory is not shared"
    assert "numpy" not in sys.modules
    package = os.path.dirname(os.path.abspath(ndferry.__file__))
    assert ndferry._library.lib.path.startswith(package), ndferry._library.lib.path


def config(*options: str) -> list[str]:
    beside = os.path.dirname(sys.executable)
    program = shutil.which("ndferry-config", path=beside)
    assert program, f"no ndferry-config in {beside}"
    return subprocess.check_output([program, *options], text=True).split()


def licences() -> None:
    """Whoever passes the library on has what its licences ask to be passed on with it."""
    files = {file.name for file in importlib.metadata.files("ndferry") or []}
    missing = {"LICENSE-APACHE", "LICENSE-MIT", "LICENSE-THIRD-PARTY"} - files
    assert not missing, missing


def build(program: str) -> None:
    """A C program is built with what the package brings, and runs."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "program")
        subprocess.check_call([os.environ.get("CC", "cc"), program, *config("--cflags", "--libs"), "-o", out])
        subprocess.check_call([out], stdout=subprocess.DEVNULL)
    for option in ("--cmakedir", "--pkgconfigdir"):
        (path,) = config(option)
        assert os.listdir(path), path


if __name__ == "__main__":
    began = time.perf_counter()
    carry()
    licences()
    build(sys.argv[1])
    taken = import_time()
    assert taken <= BUSY * IMPORT_MS, f"importing takes {taken:.1f} ms"
    version = ".".join(map(str, sys.version_info[:3]))
    print(f"Python {version}: whole; importing takes {taken:.1f} ms ({time.perf_counter() - began:.1f} s)")
