"""DLPack's Python side: every question that the standard lets a consumer ask."""

from __future__ import annotations

import inspect
from typing import Any

from . import _structs as s
from ._dlpack_struct import Read, read_capsule
from ._examination import Answer, Examination, ask, lacks_keyword

NEW, OLD = "dlpack", "dlpack (legacy)"
_VERSION = (1, 3)
_NOWHERE = (9, 0)  # a Verilog simulator: nobody has memory there


def examine(exam: Examination) -> None:
    method = exam.attribute("__dlpack__", NEW)
    if method is not None and method.error is None:
        _Producer(exam, method.value).examine()


class _Producer:
    """An object that has `__dlpack__`."""

    def __init__(self, exam: Examination, method: Any) -> None:
        self.exam = exam
        self.method = method
        self.version: dict[str, Any] = {"max_version": _VERSION}  # what goes with every request

    def examine(self) -> None:
        device = self._device()
        self._judge_signature()
        old = self._take(OLD, ask(self.method), "()")
        new = self._ask_version()
        if old is not None and old.versioned:
            self.exam.find("dlpack-versioned-unasked", OLD, "the struct is of version 1, old consumers cannot read it")
        if new is not None and not new.versioned:
            self.exam.find(
                "dlpack-legacy-only", NEW, "the struct is the one from before 1.0, which cannot say read-only"
            )
        if old is not None and new is not None and not old.versioned and new.flags == s.READ_ONLY:
            self.exam.find(
                "dlpack-legacy-read-only", OLD, "the versioned struct is read-only, the legacy one is given too"
            )
        for read in (old, new):
            if read is not None and device is not None and read.device != device:
                told = f"`__dlpack_device__()` says {device}, the struct {read.device}"
                self.exam.find("dlpack-device-mismatch", read.facts.protocol, told)
        if (first := new or old) is not None:
            self._ask_copy(first)
            self._ask_no_copy(first)
            self._ask_devices(device or first.device)
            self._ask_stream(device or first.device)
            self._judge_laziness()

    def _device(self) -> tuple[int, int] | None:
        method = ask(lambda: self.exam.obj.__dlpack_device__)
        if method.error is not None:
            self.exam.find("dlpack-device-missing", NEW, "there is `__dlpack__`, but no `__dlpack_device__`")
            return None
        answer = ask(method.value)
        pair = ask(lambda: tuple(int(one) for one in answer.value))
        if answer.error is not None:
            self.exam.find("dlpack-device-result", NEW, f"`__dlpack_device__()` raises {answer.why}")
        elif not isinstance(answer.value, tuple) or pair.error is not None or len(pair.value) != 2:
            self.exam.find("dlpack-device-result", NEW, f"`__dlpack_device__()` is {answer.value!r:.80}")
        else:
            device: tuple[int, int] = pair.value
            return device
        return None

    def _judge_signature(self) -> None:
        """The default of `stream`, which consumers that do not name it rely on."""
        signature = ask(inspect.signature, self.method)
        if signature.error is not None:
            return  # native functions have none
        stream = signature.value.parameters.get("stream")
        if stream is not None and stream.default not in (None, inspect.Parameter.empty):
            self.exam.find("dlpack-stream-default", NEW, f"`stream` is {stream.default!r} where it is not given")

    def _take(self, protocol: str, answer: Answer, asked: str) -> Read | None:
        """What an answer holds, noted as a protocol; a refusal is judged."""
        if answer.error is not None:
            self.exam.refused(protocol, answer.why)
            self._judge_refusal(protocol, answer, asked)
            return None
        read = read_capsule(self.exam, protocol, answer.value)
        if read is None:
            self.exam.refused(protocol, "what `__dlpack__` returned cannot be read")
        else:
            self.exam.protocols[protocol] = read.facts
        return read

    def _judge_refusal(self, protocol: str, answer: Answer, asked: str) -> None:
        if isinstance(answer.error, TypeError):
            why = "consumers take it for a keyword that is not known, and ask again without it"
            self.exam.find("dlpack-type-error", protocol, f"`__dlpack__{asked}` raises {answer.why}: {why}")
        elif not isinstance(answer.error, (BufferError, MemoryError)):
            self.exam.find(
                "dlpack-refusal-class", protocol, f"`__dlpack__{asked}` raises {answer.why}, not a BufferError"
            )

    def _ask_version(self) -> Read | None:
        answer = self._ask()
        if answer is None:
            self.version = {}
            self.exam.refused(NEW, "`max_version` is not known")
            return None
        return self._take(NEW, answer, f"(max_version={_VERSION})")

    def _ask(self, **keywords: Any) -> Answer | None:
        """An answer to a request for the newest version; None where a keyword is not known."""
        keyword = next(iter(keywords), "max_version")
        answer = ask(self.method, **self.version, **keywords)
        if not lacks_keyword(answer, keyword):
            return answer
        self.exam.find("dlpack-keywords", NEW, f"`{keyword}` is not known")
        return None

    def _ask_copy(self, first: Read) -> None:
        if not self.exam.may_copy(first.facts.nbytes) or (answer := self._ask(copy=True)) is None:
            return
        if answer.error is not None:
            self.exam.find("dlpack-copy-refused", NEW, f"`copy=True` is refused: {answer.why}")
            self._judge_refusal(NEW, answer, "(copy=True)")
            return
        read = read_capsule(self.exam, NEW, answer.value)
        if read is None or not first.facts.size:
            return
        if read.facts.pointer == first.facts.pointer:
            self.exam.find("dlpack-copy-ignored", NEW, "`copy=True` gives the same memory")
        elif read.versioned and not read.flags & s.IS_COPIED:
            self.exam.find("dlpack-is-copied-missing", NEW, f"`copy=True` copies, the flags are {read.flags:#x}")

    def _ask_no_copy(self, first: Read) -> None:
        if (answer := self._ask(copy=False)) is None:
            return
        if answer.error is not None:
            if not isinstance(answer.error, ValueError):  # which the standard names beside BufferError
                self._judge_refusal(NEW, answer, "(copy=False)")
            return
        read = read_capsule(self.exam, NEW, answer.value)
        if read is None:
            return
        if read.flags & s.IS_COPIED:
            self.exam.find("dlpack-copy-forbidden", NEW, "`copy=False` gives a struct that says it is a copy")
        elif first.facts.size and read.facts.pointer != first.facts.pointer:
            self.exam.find("dlpack-copy-forbidden", NEW, "`copy=False` gives other memory than the request before")

    def _ask_devices(self, own: tuple[int, int]) -> None:
        answer = self._ask(dl_device=own)
        if answer is None:
            return
        if answer.error is not None:
            self.exam.find("dlpack-own-device-refused", NEW, f"`dl_device={own}` is refused: {answer.why}")
            self._judge_refusal(NEW, answer, f"(dl_device={own})")
        answer = self._ask(dl_device=_NOWHERE)
        if answer is not None and answer.error is not None:
            if not isinstance(answer.error, ValueError):  # of a device that is no device
                self._judge_refusal(NEW, answer, f"(dl_device={_NOWHERE})")
        elif answer is not None and (read := read_capsule(self.exam, NEW, answer.value)) is not None:
            if read.device != _NOWHERE:
                self.exam.find("dlpack-device-ignored", NEW, f"`dl_device={_NOWHERE}` gives memory on {read.device}")

    def _ask_stream(self, device: tuple[int, int]) -> None:
        """A stream that means nothing there. Any refusal will do: asking was a mistake."""
        if device[0] not in (s.CUDA, *s.HOST):
            return
        stream = 0 if device[0] == s.CUDA else 1
        answer = self._ask(stream=stream)
        if answer is not None and answer.error is None:
            rule = "dlpack-stream-accepted" if stream else "dlpack-stream-zero"
            self.exam.find(rule, NEW, f"`stream={stream}` is accepted on device {device}")

    def _judge_laziness(self) -> None:
        """PyTorch's tensors may have a bit that says that reading them negates."""
        if ask(lambda: self.exam.obj.is_neg()).value is True:
            self.exam.find("dlpack-lazy-negative", NEW, "`is_neg()` is true: the values arrive with the wrong sign")
