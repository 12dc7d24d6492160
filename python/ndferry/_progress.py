"""A Python function that is told how far a conversion is."""

from __future__ import annotations

import contextlib
import signal
import threading
from ctypes import CFUNCTYPE, c_int32, c_int64, c_void_p

from ._library import check

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_FUNCTION = CFUNCTYPE(c_int32, c_void_p, c_int64, c_int64)


def watched(options: Any, progress: Callable[[int, int], object], convert: Callable[[], int]) -> None:
    """Calls `convert`, which uses `options`, and raises what `progress` raises in between, or the library says."""
    raised: list[BaseException] = []

    def tell(_: object, done: int, total: int) -> int:
        try:
            interrupts.deliver()
            return int(progress(done, total) is False)
        except BaseException as error:
            raised.append(error)
            return 1

    function = _FUNCTION(tell)
    # By its address only: what `cast` gives holds itself, and with it whatever `progress` knows.
    options.progress = c_void_p.from_buffer(function).value
    with _Interrupts() as interrupts:
        status = convert()
    if raised:
        try:
            raise raised[0]
        finally:
            raised.clear()  # or the exception would hold itself, and through its frames the tensors
    check(status)


class _Interrupts:
    """Keeps Ctrl-C until somebody can be told. Raised where the interpreter enters `tell`, it would be lost: ctypes has
    nobody to hand it to."""

    def __enter__(self) -> _Interrupts:
        self.kept: list[tuple[Any, ...]] = []
        self.before: Any = None
        if threading.current_thread() is threading.main_thread() and callable(signal.getsignal(signal.SIGINT)):
            # Only the main interpreter has signals.
            with contextlib.suppress(ValueError):
                self.before = signal.signal(signal.SIGINT, self._keep)
        return self

    def _keep(self, *signal_and_frame: Any) -> None:
        self.kept.append(signal_and_frame)

    def deliver(self) -> None:
        """Hands over what was kept, to whom it was meant for."""
        while self.kept:
            self.before(*self.kept.pop(0))

    def __exit__(self, *failure: object) -> None:
        if self.before is not None:
            signal.signal(signal.SIGINT, self.before)
            self.deliver()
