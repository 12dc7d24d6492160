"""A C++ extension of nanobind takes tensors and makes them."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import ndferry
import numpy as np
import pytest
from conftest import settled
from tensors import LAYOUTS, of_layout, of_type

HERE = Path(__file__).parent
NAME = "ndferry_interop_nanobind"


@pytest.fixture(scope="module")
def extension(tmp_path_factory):
    nanobind = pytest.importorskip("nanobind")
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    headers = sysconfig.get_path("include")
    if compiler is None or not Path(headers, "Python.h").exists():
        pytest.skip("no C++ compiler, or no headers of Python")
    sources, folder = Path(nanobind.source_dir()), tmp_path_factory.mktemp("nanobind")
    made = folder / f"{NAME}{sysconfig.get_config_var('EXT_SUFFIX')}"
    include = [headers, nanobind.include_dir(), sources.parent / "ext" / "robin_map" / "include"]
    command = [compiler, "-std=c++17", "-O1", "-shared", "-fPIC", "-fvisibility=hidden", "-fno-strict-aliasing"]
    command += [f"-I{one}" for one in include]
    command += ["-o", str(made), str(HERE / "nanobind_extension.cpp"), str(sources / "nb_combined.cpp")]
    if sys.platform == "darwin":
        command += ["-undefined", "dynamic_lookup"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    spec = importlib.util.spec_from_file_location(NAME, made)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", [one for one in LAYOUTS if not one.startswith("rank")])
def test_every_layout_is_seen_as_it_is(extension, name):
    tensor = of_layout(name)
    address, shape, strides, code, bits = extension.look(tensor)
    assert (address, shape, code, bits) == (tensor.data_ptr, tensor.shape, 2, 32)
    assert [step for step, extent in zip(strides, shape) if extent > 1] == [
        step for step, extent in zip(tensor.strides, shape) if extent > 1
    ]


@pytest.mark.parametrize("name", "bool int8 uint64 float16 complex128 bfloat16 float8_e4m3fn float4_e2m1fn".split())
def test_every_type_is_seen_as_it_is(extension, name):
    tensor = of_type(name)
    assert extension.look(tensor)[0] == tensor.data_ptr and extension.look(tensor)[4] == tensor.dtype.bits


def test_writes_reach_the_tensor_and_read_only_ones_are_refused(extension):
    tensor = ndferry.asarray([1.0, 2.0, 3.0], "float32")
    extension.negate(tensor)
    extension.negate(tensor[::-2])
    assert tensor.tolist() == [1, -2, 3]
    with pytest.raises(TypeError):
        extension.negate(tensor.as_read_only())
    assert tensor.tolist() == [1, -2, 3]


def test_both_sides_keep_the_memory_of_the_other(extension):
    made = ndferry.from_dlpack(extension.make(1000))
    assert made.tolist() == list(range(1000)) and not made.read_only
    before = ndferry.statistics()
    held = extension.hold(ndferry.full(1000, 7.0).as_read_only())
    assert ndferry.statistics().live_bytes == before.live_bytes + 8000
    back = ndferry.from_dlpack(held)
    del held
    assert back.read_only and np.asarray(back).sum() == 7000
    del back
    assert settled(before)
