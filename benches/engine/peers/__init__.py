"""Who takes part: each peer is asked to write a view into another, and answers with a call, or says that it cannot."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator

from . import c_libraries, hptt, intel, limits, numpy_, onednn, opencv, ours, python_, rust, torch_
from .entry import Entry, Job, Native, Timing, Unable

__all__ = ["ALLOCATES", "LIMITS", "PEERS", "Entry", "Job", "Native", "Timing", "entries", "versions"]

PEERS: dict[str, Callable[[Job], Entry]] = {
    "ndferry": ours.entry, "numpy": numpy_.entry, "torch": torch_.entry, "opencv": opencv.entry, "jax": python_.jax_entry,
    "onednn": onednn.entry, "ipp": intel.ipp_entry, "mkl": intel.mkl_entry, "fbgemm": c_libraries.fbgemm_entry,
    "libxsmm": c_libraries.xsmm_entry, "hptt": hptt.entry, "numkong": python_.numkong_entry,
    "ndarray": rust.ndarray_entry, "half": rust.half_entry, "transpose": rust.transpose_entry,
    "strided-perm": rust.strided_perm_entry,
    "memcpy": limits.memcpy, "plain": limits.plain, "stream": limits.stream,
}  # fmt: skip
LIMITS = {"memcpy", "plain", "stream"}  # they move bytes; what arrives is not the answer
ALLOCATES = {"jax", "numkong"}  # make their result anew, for there is no other way to ask
PROCESSORS = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
THREADED = {"ndferry", "torch", "opencv", "onednn", "mkl", "hptt", "memcpy", "plain", "stream"}


def entries(job: Job, threads: list[int], only: set[str] | None) -> Iterator[tuple[str, int, Entry]]:
    """Every peer that takes part in this case, with each number of threads that it can have."""
    for name, make in PEERS.items():
        if only is not None and name not in only:
            continue
        for count in threads if name in THREADED else [1]:
            try:
                yield name, count, make(job.with_threads(count))
            except (Unable, ImportError):
                break
            except (TypeError, ValueError, RuntimeError, AttributeError, OSError) as why:
                print(f"  {name}: {type(why).__name__}: {str(why).splitlines()[0][:100]}", file=sys.stderr)
                break
            finally:
                if PROCESSORS:  # NumKong leaves its caller one
                    os.sched_setaffinity(0, PROCESSORS)


def versions() -> dict[str, str]:
    """Of everything that is there."""
    found = {}
    for module in (ours, numpy_, torch_, opencv, python_, onednn, intel, c_libraries, hptt, rust):
        found |= module.versions()
    return found
