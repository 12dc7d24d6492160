"""OpenCV: images, and since 5.0 arrays of any rank."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .entry import Array, Entry, Job, Unable, distribution

TYPES = ("uint8", "int8", "uint16", "int16", "int32", "float32", "float64")


def entry(job: Job) -> Entry:
    import cv2

    if job.source.dtype.name not in TYPES or job.packed or job.kind not in ("copy", "scale"):
        raise Unable
    return Entry(call(cv2, job), lambda: cv2.setNumThreads(job.threads))


def call(cv2: Any, job: Job) -> Callable[[], object]:
    source, target = job.source, job.target
    if job.kind == "scale":
        return scaled(cv2, source, target, job.options)
    if source.dtype != target.dtype or not target.flags.c_contiguous:
        raise Unable
    if source.ndim == 2:
        return matrix(cv2, source, target)
    if source.ndim == 4 and min(source.strides) > 0:
        if source.shape[1] == 3 and source.transpose(0, 2, 3, 1).flags.c_contiguous:
            pixels = source.transpose(0, 2, 3, 1)
            return lambda: [cv2.split(one, list(into)) for one, into in zip(pixels, target)]
        if source.shape[3] == 3 and source.transpose(0, 3, 1, 2).flags.c_contiguous:
            planes = source.transpose(0, 3, 1, 2)
            return lambda: [cv2.merge(list(one), into) for one, into in zip(planes, target)]
    if source.ndim >= 3 and source.shape[-1] in (3, 4) and abs(source.strides[-1]) in (0, source.itemsize):
        return colours(cv2, source, target)
    return permuted(cv2, source, target)


def matrix(cv2: Any, source: Array, target: Array) -> Callable[[], object]:
    if source.T.flags.c_contiguous and min(source.shape) > 4:
        base = source.T
        return lambda: cv2.transpose(base, target)
    whole = source[tuple(slice(None, None, -1) if stride < 0 else slice(None) for stride in source.strides)]
    if whole.flags.c_contiguous and min(source.strides) < 0:
        code = -1 if source.strides[0] < 0 and source.strides[1] < 0 else int(source.strides[1] < 0)
        return lambda: cv2.flip(whole, code, target)
    if source.strides[1] == source.itemsize and source.strides[0] > 0:
        return lambda: cv2.copyTo(source, None, target)
    raise Unable


def colours(cv2: Any, source: Array, target: Array) -> Callable[[], object]:
    """Pixels one by one: BGR, RGBA, grey."""
    size = source.itemsize
    channels = source.shape[-1]
    steps = source.strides[-2] // size, source.strides[-1] // size
    code, base = {
        (3, 3, -1): (cv2.COLOR_BGR2RGB, source[..., ::-1]),
        (3, 4, 1): (cv2.COLOR_RGBA2RGB, np.lib.stride_tricks.as_strided(source, (*source.shape[:-1], 4))),
        (3, 1, 0): (cv2.COLOR_GRAY2RGB, source[..., 0]),
    }.get((channels, *steps), (None, source))
    if code is None or not base.flags.c_contiguous:
        raise Unable
    flat = base.reshape(-1, base.shape[-2], base.shape[-1]) if code != cv2.COLOR_GRAY2RGB else base.reshape(-1, base.shape[-1])
    into = target.reshape(-1, target.shape[-2], channels)
    return lambda: cv2.cvtColor(flat, code, into)


def permuted(cv2: Any, source: Array, target: Array) -> Callable[[], object]:
    order = sorted(range(source.ndim), key=lambda axis: -source.strides[axis])
    base = source.transpose(order)
    if not base.flags.c_contiguous or order == sorted(order):
        raise Unable
    back = [int(one) for one in np.argsort(order)]
    whole, into = cv2.Mat(base), cv2.Mat(target)  # else a short last axis is taken for channels
    return lambda: cv2.transposeND(whole, back, into)


def scaled(cv2: Any, source: Array, target: Array, options: dict[str, Any]) -> Callable[[], object]:
    """Bytes of pixels to planes of floats: what is fed to networks. One factor for all channels, summands for each."""
    scale, bias = options.get("scale", [1.0]), options.get("bias", [0.0] * 3)
    pixels = source.transpose(0, 2, 3, 1) if source.ndim == 4 else source
    if source.ndim != 4 or target.dtype != np.float32 or source.dtype != np.uint8 or len(set(scale)) > 1 or len(bias) != 3:
        raise Unable
    means = [-one / scale[0] for one in bias]
    return lambda: cv2.dnn.blobFromImages(list(pixels), scale[0], mean=means)


def versions() -> dict[str, str]:
    return distribution("opencv-python-headless")
