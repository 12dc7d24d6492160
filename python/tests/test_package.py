"""The package as a whole: its declarations, finding the library, importing."""

from __future__ import annotations

import ctypes
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import ndferry
import pytest
from ndferry import _declarations, _library

ROOT = Path(__file__).resolve().parents[2]


def run(program: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, env={**os.environ, **environment}
    )


def test_the_declarations_are_what_the_header_says():
    script = ROOT / "python" / "declarations.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_every_function_of_the_header_is_declared():
    header = re.sub(r"/\*.*?\*/", "", (ROOT / "include" / "ndferry.h").read_text(), flags=re.DOTALL)
    named = set(re.findall(r"\b(ndf_\w+)\(", re.sub(r"typedef [^;]*;", "", header)))
    assert named == set(_declarations.FUNCTIONS)


def test_structs_have_the_sizes_of_c():
    sizes = {"dtype": 16, "device": 8, "convert_options": 88, "array_struct": 56, "statistics": 48}
    for name, size in sizes.items():
        assert ctypes.sizeof(getattr(_declarations, f"ndf_{name}")) == size


def test_importing_needs_no_numpy_and_is_light():
    # What an environment's own `.pth` files import is none of ours.
    done = run("import sys; before = set(sys.modules); import ndferry\n"
               "print({'numpy', 'typing', 'ast', 'enum'} & (set(sys.modules) - before))")
    assert (done.stdout, done.stderr) == ("set()\n", "")


def test_it_works_without_numpy():
    done = run(
        "import sys; sys.modules['numpy'] = None; import ndferry\n"
        "t = ndferry.asarray([[1, 2], [3, 4]], 'float32')[:, ::-1]\n"
        "print(t.tolist(), ndferry.from_dlpack(t).shape, ndferry.float32 == 'f4', repr(t.convert('bfloat16')))\n"
        "try: t.numpy()\n"
        "except ImportError: print('no numpy')\n"
    )
    assert done.stdout.startswith("[[2.0, 1.0], [4.0, 3.0]] (2, 2) True") and "no numpy" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("path", "reason"), [("/nowhere/lib.so", "there is no file"), (__file__, "cannot load"), ("libc", "does not fit")]
)
def test_a_library_that_cannot_be_used_is_one_clear_line(path, reason):
    if path == "libc":
        path = next((str(one) for one in Path("/").glob("lib*/**/libm.so.6")), "")
        if not path:
            pytest.skip("no other library was found")
    done = run("import ndferry", NDFERRY_LIBRARY=path)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: ndferry: ") and path in last and reason in last


def test_the_checkouts_library_is_found_without_being_told():
    done = run(
        "import sys; sys.path.insert(0, sys.argv[1]) if len(sys.argv) > 1 else None\n"
        "from ndferry import _library; print(_library._find())",
        NDFERRY_LIBRARY="",
    )
    if "there is no libndferry" in done.stderr:
        assert "cargo build --release" in done.stderr
    else:
        assert done.stdout.strip() in [str(ROOT / "target" / one / "libndferry.so") for one in ("release", "debug")]


def test_the_librarys_path_may_be_relative(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("libndferry.so").symlink_to(_library.lib.path)
    for path in ("libndferry.so", "./libndferry.so"):
        done = run(
            "import ndferry; print(ndferry._library.lib.path)", NDFERRY_LIBRARY=path, PYTHONPATH=str(ROOT / "python")
        )
        assert done.stdout.strip() == str(tmp_path / "libndferry.so"), done.stderr


def test_no_type_is_set_on_functions_that_all_share():
    done = run(
        "import ctypes; before = set(vars(ctypes.pythonapi)); import ndferry\n"
        "ndferry.from_dlpack(ndferry.asarray([1, 2])); ndferry.asarray(b'abc')\n"
        "print(set(vars(ctypes.pythonapi)) - before)"
    )
    assert done.stdout == "set()\n", done.stderr


def test_errors_are_of_pythons_classes_too():
    for subclass, parent in (
        (ndferry.ShapeError, ValueError), (ndferry.DTypeError, TypeError), (ndferry.RangeError, IndexError),
        (ndferry.OutOfMemoryError, MemoryError), (ndferry.UnsupportedError, NotImplementedError),
        (ndferry.ReadOnlyError, ValueError), (ndferry.SizeError, OverflowError), (ndferry.VersionError, BufferError),
    ):  # fmt: skip
        assert issubclass(subclass, (ndferry.NdferryError,)) and issubclass(subclass, parent)
    with pytest.raises(ndferry.ShapeError) as caught:
        ndferry.zeros(3).reshape(2, 2)
    assert caught.value.status == _declarations.NDF_ERROR_SHAPE and "3" in str(caught.value)


def test_every_public_name_is_there_and_documented():
    for name in ndferry.__all__:
        assert getattr(ndferry, name).__doc__
    for name, member in {**vars(_library.native.NativeTensor), **vars(ndferry.Tensor)}.items():
        if not name.startswith("_"):
            assert member.__doc__, name
    assert ndferry.__version__ == _library.lib.ndf_version_string().decode()
    with pytest.raises(AttributeError):
        ndferry.float33
    assert "float32" in dir(ndferry)


def test_statistics_count_memory_once():
    before = ndferry.statistics()
    tensor = ndferry.zeros((10, 10))
    views = [tensor[i] for i in range(10)]
    assert ndferry.statistics().live_tensors == before.live_tensors + 11
    assert ndferry.statistics().live_bytes == before.live_bytes + 800
    del tensor, views


def test_the_program_that_type_checkers_are_given_runs():
    pytest.importorskip("numpy")
    runpy.run_path(str(ROOT / "python" / "typed.py"), run_name="__main__")
