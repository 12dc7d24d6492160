"""`ndferry-config`: where the headers, the library and the files for CMake and pkg-config of this package are.

    cc program.c $(ndferry-config --cflags --libs) -o program
    cmake -S . -B build -Dndferry_DIR=$(ndferry-config --cmakedir)
"""

from __future__ import annotations

import argparse
import os
import sys

from ._library import lib


def folders() -> dict[str, str]:
    """Where things are: in the installed package, or in the checkout that this file is part of."""
    libdir = os.path.dirname(lib.path)
    package = os.path.dirname(os.path.abspath(__file__))
    found = {
        "includedir": os.path.join(package, "include"),
        "libdir": libdir,
        "cmakedir": os.path.join(package, "lib", "cmake", "ndferry"),
        "pkgconfigdir": os.path.join(package, "lib", "pkgconfig"),
    }
    if not os.path.isdir(found["includedir"]):
        found["includedir"] = os.path.join(os.path.dirname(os.path.dirname(package)), "include")
    return {name: path for name, path in found.items() if os.path.isdir(path)}


def main(arguments: list[str] | None = None) -> int:
    """Prints what is asked for, on one line."""
    parser = argparse.ArgumentParser(prog="ndferry-config", description="Where ndferry's C and C++ files are.")
    parser.add_argument("--version", action="store_true", help="the version")
    parser.add_argument("--includedir", action="store_true", help="the folder of ndferry.h and ndferry.hpp")
    parser.add_argument("--libdir", action="store_true", help="the folder of the library")
    parser.add_argument("--cmakedir", action="store_true", help="what ndferry_DIR is to be set to for find_package")
    parser.add_argument("--pkgconfigdir", action="store_true", help="what PKG_CONFIG_PATH is to hold")
    parser.add_argument("--cdef", action="store_true", help="the declarations for cffi's ABI mode")
    parser.add_argument("--cflags", action="store_true", help="options for the compiler")
    parser.add_argument("--libs", action="store_true", help="options for the linker, the run-time path among them")
    asked = parser.parse_args(arguments)
    known = folders()
    words = {
        "version": lib.ndf_version_string().decode(),
        **known,
        "cdef": os.path.join(known.get("includedir", ""), "ndferry.cdef"),
        "cflags": f"-I{known.get('includedir')}",
        "libs": f"-L{known['libdir']} -lndferry -Wl,-rpath,{known['libdir']}",
    }
    wanted = [name for name, is_asked in vars(asked).items() if is_asked]
    if not wanted:
        parser.print_help()
        return 2
    missing = [name for name in wanted if name not in words]
    if missing:
        print(f"ndferry-config: --{missing[0]}: only an installed package has it, this is a checkout", file=sys.stderr)
        return 1
    print(*(words[name] for name in wanted))
    return 0


if __name__ == "__main__":
    sys.exit(main())
