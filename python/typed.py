"""A user's program as type checkers see it: `cargo xtask wheel` gives it to them with the package. `test_package.py` runs it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

import ndferry


def prepared(photo: npt.NDArray[np.uint8]) -> ndferry.Tensor:
    crop = ndferry.from_dlpack(photo)[1:-1, ::-1]
    return crop.permute(2, 0, 1)[None].convert("float16", scale=1 / 255, bias=[0.0, 0.5, 1.0], axis=1)


def main() -> None:
    batch = prepared(np.zeros((4, 6, 3), np.uint8))
    shape: tuple[int, ...] = batch.shape
    dtype: ndferry.DType = batch.dtype
    batch[0, 0] = 0.25
    array = np.from_dlpack(batch)
    same = batch.numpy()
    first: float = float(batch[0, 0, 0, 0]) + float(array.flat[0]) + float(same.flat[0])
    with memoryview(batch.convert("float32")) as elements:
        count = len(elements.tobytes()) // elements.itemsize
    refused = 0
    try:
        batch.reshape(7)
    except ndferry.ShapeError as error:
        refused = error.status
    assert (shape, str(dtype), first, count, refused) == ((1, 3, 2, 6), "float16", 0.75, 36, 2)


if __name__ == "__main__":
    main()
