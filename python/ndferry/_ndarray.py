"""NumPy arrays that remember where their elements came from. Imported when `ndferry.ndarray` is first asked for,
because it needs NumPy."""

from __future__ import annotations

import numpy

from ._create import asarray
from ._device import Device, device as to_device
from ._tensor import Tensor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class ndarray(numpy.ndarray):  # type: ignore[type-arg]
    """A NumPy array on the memory of a tensor, or of whatever `ndferry.asarray` takes, that carries a note.

    `label` is anything the caller wants to find again; `device` is where the elements came from, by default where they
    are. Both go along with slices, views, copies, results of NumPy's functions (from the first such array among the
    arguments) and pickles.
    """

    label: Any
    """What the caller noted."""
    device: Device | None
    """Where the elements came from."""
    owner: Tensor | None
    """The tensor whose memory this is; None for arrays with memory of their own, such as results and copies."""

    def __new__(cls, tensor: Any, label: Any = None, device: object = None) -> ndarray:
        tensor = asarray(tensor)
        array = tensor.numpy().view(cls)
        array.label, array.owner = label, tensor
        array.device = tensor.device if device is None else to_device(device)
        return array

    def __array_finalize__(self, obj: Any) -> None:
        self.label = getattr(obj, "label", None)
        self.device = getattr(obj, "device", None) if isinstance(obj, ndarray) else None
        owner = getattr(obj, "owner", None)
        # New memory lies nowhere inside the memory of an array that is alive.
        self.owner = owner if owner is not None and numpy.may_share_memory(self, obj) else None

    def __reduce__(self) -> tuple[Any, ...]:
        make, arguments, state = super().__reduce__()
        return make, arguments, (state, self.label, self.device)

    def __setstate__(self, state: Any) -> None:
        state, self.label, self.device = state
        super().__setstate__(state)
