"""Takes frames from a camera that is written in C, as NumPy arrays on the camera's own buffers.

    cc -shared -fPIC -Iinclude c_examples/camera.c -Ltarget/release -lndferry -o libcamera.so
    PYTHONPATH=python python python/examples/camera.py ./libcamera.so

The camera's library (c_examples/camera.c) knows nothing of Python: it returns `ndf_tensor*`.
"""

from __future__ import annotations

import ctypes
import sys

import ndferry  # first: the camera's library then shares the libndferry that this package has loaded
import numpy as np


class Camera:
    """The C library with Python's manners."""

    def __init__(self, path: str) -> None:
        self._library = library = ctypes.CDLL(path)
        library.camera_open.restype = library.camera_next_frame.restype = ctypes.c_void_p
        library.camera_next_frame.argtypes = library.camera_close.argtypes = [ctypes.c_void_p]
        library.camera_close.restype = None
        library.ndf_last_error_message.restype = ctypes.c_char_p
        self._camera = library.camera_open()
        if not self._camera:
            raise MemoryError("the camera could not be opened")

    def next_frame(self) -> ndferry.Tensor:
        handle = self._library.camera_next_frame(self._camera)
        if not handle:
            raise RuntimeError(self._library.ndf_last_error_message().decode())
        return ndferry.from_handle(handle)  # the frame goes back to the camera with the last array, view or export

    def close(self) -> None:
        self._library.camera_close(self._camera)


def main() -> None:
    camera = Camera(sys.argv[1])
    frame = camera.next_frame()
    pixels = np.from_dlpack(frame)  # the camera's memory
    print("frame", pixels.shape, pixels.strides, pixels.dtype, "first row of red:", pixels[0, :, 0])
    assert pixels.ctypes.data == frame.data_ptr

    batch = frame.permute(2, 0, 1)[None].convert("float32", scale=1 / 255)
    print("batch", batch.shape, batch.dtype, "from 0 to 1:", float(batch.numpy().max()) <= 1)

    second = camera.next_frame()
    del frame  # `pixels` still uses the first buffer: there is none left
    try:
        camera.next_frame()
    except RuntimeError as error:
        print("as it should be:", error)
    del pixels  # now there is
    third = camera.next_frame()
    camera.close()
    print("after close:", second[0, 0].tolist(), third[0, 0].tolist())


if __name__ == "__main__":
    main()
