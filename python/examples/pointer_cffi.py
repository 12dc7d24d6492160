"""The same as pointer.py, with cffi in ABI mode.

    cc -shared -fPIC python/examples/readings.c -o libreadings.so
    PYTHONPATH=python python python/examples/pointer_cffi.py ./libreadings.so
"""

from __future__ import annotations

import sys

import cffi
import ndferry
import numpy as np

ffi = cffi.FFI()
ffi.cdef("float *readings_take(int64_t *out_count); void readings_free(void *rows);")


def address(pointer: object) -> int:
    return int(ffi.cast("uintptr_t", pointer))


def main() -> None:
    library = ffi.dlopen(sys.argv[1])
    count = ffi.new("int64_t *")
    rows = library.readings_take(count)
    if rows == ffi.NULL:
        raise MemoryError("the library has no memory for readings")
    free = address(ffi.addressof(library, "readings_free"))
    readings = ndferry.wrap(address(rows), (count[0], 3), "float32", strides=(4, 1), deleter=free)
    array = np.from_dlpack(readings)
    print("array", array.shape, array.strides, array.dtype)
    del readings, array
    print("the end")


if __name__ == "__main__":
    main()
