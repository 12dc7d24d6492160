"""A process that tries what it is told, one line of JSON after another: `python -m ndferry._matrix._worker`."""

from __future__ import annotations

import json
import os
import sys
import traceback

# Small, quiet and the same everywhere; whoever sets them knows better.
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0",
    "JAX_ENABLE_X64": "1", "JAX_PLATFORMS": "cpu", "NUMBA_DISABLE_PERFORMANCE_WARNINGS": "1",
}  # fmt: skip


def main() -> None:
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # Libraries print; the answers have a descriptor of their own, and the rest goes where errors go.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    from ._cases import Case
    from ._trial import attempt, prepare

    for line in sys.stdin:
        words = json.loads(line)
        try:
            if len(words) == 1:
                prepare(*words)
                answer = {}
            else:
                producer, consumer, protocol, *case = words
                answer = attempt(producer, consumer, protocol, Case(*case)).to_dict()
        except Exception:  # a mistake of this package, which the parent reports as one
            answer = {"failure": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)
    os._exit(0)  # the ends of twenty libraries are not what is tried


if __name__ == "__main__":
    main()
