"""NumPy arrays that remember where their elements came from. Imported when `ndferry.ndarray` is first asked for,
because it needs NumPy."""

from __future__ import annotations

import numpy

from ._create import asarray
from ._device import Device, device
from ._tensor import Tensor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class ndarray(numpy.ndarray):
    """A NumPy array on the memory of a tensor, or of whatever `ndferry.asarray` takes, that carries a note.

    `label` is anything the caller wants to find again; `origin` is the device that the elements came from, by default
    the tensor's. Both go along with slices, views, copies, results of NumPy's functions (from the first such array
    among the arguments) and pickles.

    >>> frame = ndferry.ndarray(ndferry.zeros((4, 6)), label="camera 2")
    >>> frame[1:3].label, frame.origin == "cpu"
    ('camera 2', True)
    """

    label: Any
    """What the caller noted."""
    origin: Device | None
    """The device that the elements came from."""
    owner: Tensor | None
    """The tensor whose memory this is; None for arrays with memory of their own, such as results and copies."""

    def __new__(cls, tensor: Any, label: Any = None, origin: object = None) -> ndarray:
        tensor = asarray(tensor)
        array: ndarray = tensor.numpy().view(cls)
        array.label, array.owner = label, tensor
        array.origin = tensor.device if origin is None else device(origin)
        return array

    def __array_finalize__(self, obj: Any) -> None:
        if not isinstance(obj, ndarray):
            self.label = self.origin = self.owner = None
            return
        self.label, self.origin = obj.label, obj.origin
        # New memory lies nowhere inside the memory of an array that is alive.
        is_view = obj.owner is not None and numpy.may_share_memory(self, obj)
        self.owner = obj.owner if is_view else None

    def __reduce__(self) -> tuple[Any, ...]:
        array: Any = super().__reduce__()
        return *array[:2], (array[2], self.label, self.origin)

    def __setstate__(self, state: Any) -> None:
        state, self.label, self.origin = state
        super().__setstate__(state)
