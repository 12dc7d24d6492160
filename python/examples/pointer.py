"""Makes arrays of pointers that a C library returns, with ctypes.

    cc -shared -fPIC python/examples/readings.c -o libreadings.so
    PYTHONPATH=python python python/examples/pointer.py ./libreadings.so

The library (python/examples/readings.c) knows nothing of ndferry. Its memory goes back by its own function.
"""

from __future__ import annotations

import ctypes
import sys

import ndferry
import numpy as np

CHANNELS, PITCH = 3, 4


def load(path: str) -> ctypes.CDLL:
    library = ctypes.CDLL(path)
    # Without a restype ctypes takes every result for an int, and cuts addresses to 32 bits.
    library.readings_take.restype = library.readings_calibration.restype = ctypes.c_void_p
    library.readings_take.argtypes = [ctypes.POINTER(ctypes.c_int64)]
    return library


def take(library: ctypes.CDLL) -> ndferry.Tensor:
    """Readings, one row each, on the library's own memory."""
    count = ctypes.c_int64()
    address = library.readings_take(ctypes.byref(count))
    if not address:
        raise MemoryError("the library has no memory for readings")
    return ndferry.wrap(
        address,
        (count.value, CHANNELS),
        "float32",
        strides=(PITCH, 1),  # in elements: rows are padded
        deleter=library.readings_free,  # called once with the address, after the last use
    )


def calibration(library: ctypes.CDLL) -> ndferry.Tensor:
    """The library's table: it lives as long as the library, which is kept alive by the tensor."""
    return ndferry.wrap(library.readings_calibration(), CHANNELS, "uint16", owner=library, read_only=True)


def main() -> None:
    library = load(sys.argv[1])
    readings = take(library)
    array = np.from_dlpack(readings)  # shares the memory, padding and all
    print("array", array.shape, array.strides, array.dtype)
    table = calibration(library).numpy()
    print("table", table.tolist(), "writeable:", table.flags.writeable)
    print("calibrated", (array * table)[1].tolist())

    last = array[-1]
    del readings, array
    print("a view is left:", last.tolist())
    del last
    print("the end")


if __name__ == "__main__":
    main()
