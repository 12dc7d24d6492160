"""Libraries that are about something else and take arrays, and Python's own types."""

from __future__ import annotations

import math
from typing import Any

from ._cases import Cannot, Case
from ._library import (
    Library,
    Wrapped,
    address_of_buffer,
    address_of_numpy,
    numbers_of_numpy,
    numpy_array,
    typed_bytes,
    typed_view,
)

_TYPECODES = {
    "int8": "b", "uint8": "B", "int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "int64": "q", "uint64": "Q",
    "float32": "f", "float64": "d",
}  # fmt: skip
_MODES = {"uint8": "L", "int32": "I", "float32": "F"}


def _pyarrow(m: Any, case: Case) -> Any:
    if case.layout in ("vector", "read-only", "reversed"):
        return m.array(case.base, type=getattr(m, {"bool": "bool_"}.get(case.dtype, case.dtype))())
    return m.Tensor.from_numpy(numpy_array(m, case))


def _arrow_numpy(x: Any, case: Case) -> Any:
    kind = type(x).__name__
    if kind == "Buffer":
        flat, shape = typed_view(memoryview(x), case), case.values[0]
        return flat.reshape(shape) if flat.size == max(1, math.prod(shape)) else flat  # it keeps bytes only
    return x.to_numpy() if kind == "Tensor" else x.to_numpy(zero_copy_only=False)


def _arrow_address(x: Any) -> int | None:
    if type(x).__name__ == "Buffer":
        address: int = x.address
        return address
    if type(x).__name__ == "Tensor":
        return address_of_numpy(x.to_numpy())
    buffer = x.buffers()[1]
    return None if buffer is None else buffer.address + x.offset * (x.type.bit_width // 8)


def _arrow_writable(x: Any) -> bool:
    """Arrow's arrays are immutable, whatever their buffers say."""
    return bool(x.is_mutable) if hasattr(x, "is_mutable") else False


def _image(m: Any, case: Case) -> Any:
    if case.dtype not in _MODES or case.layout == "scalar":
        raise Cannot(f"images have no {case.layout} of {case.dtype}")
    rows = case.base if isinstance(case.base[0], list) else [case.base]
    image = m.new(_MODES[case.dtype], (len(rows[0]), len(rows)))
    image.putdata([one for row in rows for one in row])
    return image


def _image_numbers(x: Any, case: Case) -> tuple[tuple[int, ...], list[Any]]:
    """An image of one row stands for a vector."""
    read = x.get_flattened_data if hasattr(x, "get_flattened_data") else x.getdata
    width, height = x.size
    shape, _ = case.values
    return shape if len(shape) == 1 and 1 in x.size else (height, width), list(read())


def _address_read(m: Any, x: Any) -> Any:
    return m.Get_address(x)


def _mpi(m: Any, case: Case) -> Any:
    return m.buffer(bytearray(numpy_array(m, case).tobytes()))


def _mpi_numbers(x: Any, case: Case) -> tuple[tuple[int, ...], list[Any]]:
    """mpi4py keeps an address; shape and permission stay behind."""
    shape, values = case.values
    if isinstance(x, int):
        return shape, typed_bytes(x, len(values), case).tolist()
    return numbers_of_numpy(typed_view(memoryview(x), case), case)


def _array(m: Any, case: Case) -> Any:
    if case.dtype not in _TYPECODES or case.layout not in ("vector", "read-only"):
        raise Cannot(f"array.array has no {case.layout} of {case.dtype}")
    return m.array(_TYPECODES[case.dtype], case.base)


def _array_taken(m: Any, x: Any) -> Any:
    return m.array(x.format, x)


def _bytes(m: Any, case: Case) -> Any:
    if case.layout not in ("vector", "read-only"):
        raise Cannot(f"bytes have no {case.layout}")
    return numpy_array(m, case).tobytes()


def _view(m: Any, case: Case) -> Any:
    if case.dtype not in _TYPECODES:
        raise Cannot(f"memoryview has no {case.dtype}")
    typecode: Any = _TYPECODES[case.dtype]
    view = memoryview(bytearray(numpy_array(m, case).tobytes())).cast(typecode)
    shape = numpy_array(m, case).shape
    if case.layout in ("transposed", "strided"):
        raise Cannot("memoryview has no transposed or strided views of two axes")
    return view.cast("B").cast(typecode, shape) if len(shape) != 1 else view


def _view_numbers(x: Any, case: Case) -> tuple[tuple[int, ...], list[Any]]:
    values = typed_view(memoryview(x.tobytes()), case).tolist()
    return tuple(x.shape), values


def _jitted(m: Any, x: Any) -> Any:
    """What a compiled function gets, it gives back."""
    return m.njit(_same)(x)


def _same(x: Any) -> Any:
    return x


def _numba_array(x: Any) -> Any:
    import numpy as np

    if not isinstance(x, (np.ndarray, np.generic)):
        raise Wrapped(f"the function gave back a {type(x).__name__}")
    return np.asarray(x)


def _opencv(m: Any, x: Any) -> Any:
    return m.copyTo(x, None)


def _opencv_numbers(x: Any, case: Case) -> tuple[tuple[int, ...], list[Any]]:
    """OpenCV makes matrices of vectors."""
    shape, _ = case.values
    return numbers_of_numpy(x.reshape(shape) if len(shape) < 2 and x.size == max(1, *shape, 1) else x, case)


LIBRARIES = [
    Library(
        "pyarrow", "PyArrow", "pyarrow",
        make=_pyarrow,
        takes={
            "dlpack": lambda m, x: m.Tensor.from_dlpack(x), "arrow": lambda m, x: m.array(x),
            "buffer": lambda m, x: m.py_buffer(x),
        },
        asarray=lambda m, x: m.array(x), numbers=lambda x, case: numbers_of_numpy(_arrow_numpy(x, case), case),
        pointer=_arrow_address, writable=_arrow_writable,
    ),
    Library(
        "numba", "Numba", "numba",
        asarray=_jitted, numbers=lambda x, case: numbers_of_numpy(_numba_array(x), case),
        pointer=lambda x: address_of_numpy(_numba_array(x)), writable=lambda x: _numba_array(x).flags.writeable,
    ),
    Library(
        "mpi4py", "mpi4py", "mpi4py.MPI", untyped=True,
        make=lambda m, case: _mpi(m, case) if case.layout == "vector" else _refuse("mpi4py's buffers are bytes"),
        takes={"dlpack": _address_read, "cuda": _address_read, "buffer": _address_read, "array": None,
               "array-interface": None, "array-struct": None},
        asarray=_address_read, numbers=_mpi_numbers,
        pointer=lambda x: x if isinstance(x, int) else x.address, writable=lambda x: not isinstance(x, int),
    ),
    Library(
        "pillow", "Pillow", "PIL.Image", shape=lambda shape: (1, *shape) if len(shape) == 1 else shape,
        make=_image, distribution="Pillow",
        takes={"array-interface": lambda m, x: m.fromarray(x), "array": None, "array-struct": None, "buffer": None},
        asarray=lambda m, x: m.fromarray(x), numbers=_image_numbers,
        write=lambda x, value: x.putpixel((0, 0), value), transpose=lambda m, x: x.transpose(m.Transpose.TRANSPOSE),
    ),
    Library(
        "opencv", "OpenCV", "cv2", distribution="opencv-python-headless",
        asarray=_opencv, numbers=_opencv_numbers, pointer=lambda x: address_of_numpy(x),
    ),
    Library(
        "memoryview", "memoryview", "builtins",
        make=_view, takes={"buffer": lambda m, x: memoryview(x), "array": None, "array-interface": None, "array-struct": None},
        asarray=lambda m, x: memoryview(x), numbers=_view_numbers, pointer=address_of_buffer,
        writable=lambda x: not x.readonly, freeze=lambda m, x: x.toreadonly(),
    ),
    Library(
        "array", "array.array", "array",
        make=_array, takes={"buffer": _array_taken, "array": None, "array-interface": None, "array-struct": None},
        numbers=lambda x, case: ((len(x),), x.tolist()), pointer=address_of_buffer,
    ),
    Library(
        "bytes", "bytes", "builtins", untyped=True,
        make=_bytes, takes={"buffer": lambda m, x: bytes(x)},
        numbers=lambda x, case: (case.values[0], typed_view(memoryview(x), case).tolist()),
        pointer=address_of_buffer, writable=lambda x: False,
    ),
]  # fmt: skip


def _refuse(why: str) -> Any:
    raise Cannot(why)
