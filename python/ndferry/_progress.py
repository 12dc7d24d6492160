"""A Python function that is told how far a conversion is."""

from __future__ import annotations

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
            signals.deliver()
            return int(progress(done, total) is False)
        except BaseException as error:
            raised.append(error)
            return 1

    function = _FUNCTION(tell)
    # By its address only: what `cast` gives holds itself, and with it whatever `progress` knows.
    options.progress = c_void_p.from_buffer(function).value
    with _Signals() as signals:
        status = convert()
    if raised:
        try:
            raise raised[0]
        finally:
            raised.clear()  # or the exception would hold itself, and through its frames the tensors
    check(status)


class _Signals:
    """Keeps signals until somebody can be told. What their handlers raise where the interpreter enters `tell` would be
    lost: ctypes has nobody to hand it to."""

    def __enter__(self) -> _Signals:
        self.kept: list[tuple[int, Any]] = []
        self.before: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():
            try:
                for number in signal.valid_signals():
                    if callable(signal.getsignal(number)):
                        self.before[number] = signal.signal(number, self._keep)
            except ValueError:
                pass  # only the main interpreter has signals
            except BaseException:
                self._restore()  # one that is not kept yet has come
                raise
        return self

    def _keep(self, number: int, frame: Any) -> None:
        self.kept.append((number, frame))

    def deliver(self) -> None:
        """Hands over what was kept, to whom it was meant for."""
        while self.kept:
            number, frame = self.kept.pop(0)
            self.before[number](number, frame)

    def _restore(self) -> None:
        left = [number for number in self.before if signal.getsignal(number) == self._keep]
        if left:
            try:
                for number in left:
                    signal.signal(number, self.before[number])
            finally:
                self._restore()  # a handler that is back may raise

    def __exit__(self, *failure: object) -> None:
        self._restore()
        self.deliver()
