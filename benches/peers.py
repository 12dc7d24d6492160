"""The libraries that exchange.py measures ndferry against, each as a pair of functions; those that are not installed are
named and left out."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import ctypes_dlpack
import numpy

import ndferry

HERE = Path(__file__).resolve().parent


class Peer(NamedTuple):
    """A library: how it takes an array, and an array of its own, if it has any."""

    name: str
    take: Callable[[Any], object]
    array: Any


def peers() -> list[Peer]:
    array = numpy.zeros((4, 4), numpy.float32)
    found = [
        Peer("numpy", numpy.from_dlpack, array),
        Peer("ndferry", ndferry.from_dlpack, ndferry.from_dlpack(array)),
        Peer("ctypes-dlpack", ctypes_dlpack.from_dlpack, ctypes_dlpack.from_dlpack(array)),
    ]
    for name, load in (("torch", _torch), ("tvm-ffi", _tvm_ffi), ("nanobind", _nanobind), ("cuda.core", _cuda_core)):
        try:
            found.append(load(name, array))
        except (ImportError, OSError, subprocess.CalledProcessError) as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
    return found


def _torch(name: str, array: Any) -> Peer:
    import torch

    return Peer(name, torch.from_dlpack, torch.zeros(4, 4))


def _tvm_ffi(name: str, array: Any) -> Peer:
    import tvm_ffi

    return Peer(name, tvm_ffi.from_dlpack, tvm_ffi.from_dlpack(array))


def _cuda_core(name: str, array: Any) -> Peer:
    from cuda.core.utils import StridedMemoryView

    return Peer(name, lambda x: StridedMemoryView.from_dlpack(x, stream_ptr=-1), None)


def _nanobind(name: str, array: Any) -> Peer:
    """Compiled when it is first asked for, with the compiler that there is."""
    import nanobind

    folder = HERE.parent / "target" / "benches"
    folder.mkdir(parents=True, exist_ok=True)
    tag = f"{nanobind.__version__}{sysconfig.get_config_var('EXT_SUFFIX')}"
    path = folder / f"exchange_nanobind-{tag}"
    if not path.exists():
        package = Path(nanobind.__file__).parent
        includes = [sysconfig.get_path("include"), package / "include", package / "ext" / "robin_map" / "include"]
        sources = [HERE / "exchange_nanobind.cpp", package / "src" / "nb_combined.cpp"]
        flags = ["-std=c++17", "-O3", "-DNDEBUG", "-fPIC", "-shared", "-fvisibility=hidden", "-fno-strict-aliasing"]
        compiler = (sysconfig.get_config_var("CXX") or "c++").split()[0]
        command = [compiler, *flags, *(f"-I{one}" for one in includes), *map(str, sources), "-o", str(path)]
        subprocess.run(command, check=True, capture_output=True)
    spec = importlib.util.spec_from_file_location("exchange_nanobind", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.take(array)
    return Peer(name, module.take, None)
