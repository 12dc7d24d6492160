"""Prints CMake commands that set where DLPack, NumPy, Python and tvm-ffi are; what is missing stays unset."""

import importlib.util
import pathlib
import sysconfig


def package_dir(name):
    """The folder of an installed package, without importing it."""
    spec = importlib.util.find_spec(name)
    return pathlib.Path(spec.origin).parent if spec and spec.origin else None


def first_with(header, *folders):
    return next((folder for folder in folders if (folder / header).is_file()), None)


tvm_ffi = package_dir("tvm_ffi")
if tvm_ffi:
    include = first_with("dlpack/dlpack.h", tvm_ffi / "include", tvm_ffi / "include" / "dlpack")
    if include:
        print(f'set(dlpack_include "{include}")')
    library = tvm_ffi / "lib" / "libtvm_ffi.so"
    if library.is_file():
        print(f'set(tvm_ffi_library "{library}")')

numpy = package_dir("numpy")
python = first_with("Python.h", pathlib.Path(sysconfig.get_path("include")))
if numpy and python:
    include = first_with("numpy/ndarraytypes.h", numpy / "_core" / "include", numpy / "core" / "include")
    if include:
        print(f'set(numpy_include "{include};{python}")')
