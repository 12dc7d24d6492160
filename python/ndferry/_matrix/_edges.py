"""Structs of DLPack at the edges of what the header allows, and beyond: what do consumers do with them?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._inspect._structs import VERSIONED, DLManagedTensor, DLManagedTensorVersioned, name_of, pointer_in
from ._cases import Cannot, Case
from ._library import Library


class _Edge:
    """A tensor of ndferry's whose struct is changed before it is handed over."""

    def __init__(self, tensor: Any, change: Callable[[Any], None]) -> None:
        self.tensor = tensor
        self.change = change

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0

    def __dlpack__(self, *, max_version: Any = None, **_: Any) -> Any:
        capsule = self.tensor.__dlpack__(max_version=max_version)
        name = name_of(capsule)
        kind = DLManagedTensorVersioned if name == VERSIONED else DLManagedTensor
        self.change(kind.from_address(pointer_in(capsule, name) or 0))
        return capsule


def _without_deleter(struct: Any) -> None:
    struct.deleter = None


def _with_offset(struct: Any) -> None:
    struct.dl_tensor.data -= 4
    struct.dl_tensor.byte_offset = 4


def _without_strides(struct: Any) -> None:
    struct.dl_tensor.strides = None


def _negative(struct: Any) -> None:
    struct.dl_tensor.shape[0] = -1


def _of_version_2(struct: Any) -> None:
    if isinstance(struct, DLManagedTensor):
        raise BufferError("the legacy struct has no version")
    struct.major = 2


def _make(change: Callable[[Any], None]) -> Callable[[Any, Case], Any]:
    def make(m: Any, case: Case) -> Any:
        if case.layout != "vector":
            raise Cannot("edges are vectors")
        values = m.asarray([case.base[0], *case.base], case.dtype)[1:]  # in front of the first element is another
        return _Edge(values, change)

    return make


def _edge(key: str, title: str, change: Callable[[Any], None], must_refuse: bool = False) -> Library:
    return Library(
        f"edge-{key}",
        title,
        "ndferry",
        make=_make(change),
        pointer=lambda x: x.tensor.data_ptr,
        must_refuse=must_refuse,
    )


EDGES = [
    _edge("deleter", "deleter NULL", _without_deleter),
    _edge("offset", "byte_offset 4", _with_offset),
    _edge("strides", "strides NULL", _without_strides),
    _edge("extent", "extent −1", _negative, must_refuse=True),
    _edge("version", "version 2.0", _of_version_2, must_refuse=True),
]
