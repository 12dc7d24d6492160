"""`python -m ndferry matrix`."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from typing import IO, Any

from ._cases import DTYPES, LAYOUTS, Case
from ._libraries import EDGE_NAMES, LIBRARIES, NAMES
from ._outcomes import Trial
from ._page import render as render_page
from ._pool import Pool, Task
from ._protocols import PROTOCOLS
from ._result import Result
from ._table import Progress, Style, render

_HARMLESS, _HARMFUL, _FAILED = 0, 1, 2
_EPILOG = f"""\
libraries: {", ".join(NAMES)}

protocols: {", ".join(PROTOCOLS)}

layouts:
{chr(10).join(f"  {key:<11} {text}" for key, text in LAYOUTS.items())}

exit status: 0 whatever was exchanged arrived; 1 some values were wrong, some process died or gave no answer;
2 the options are wrong, or the run was interrupted: what was tried until then is shown and written.
"""


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "matrix",
        help="which of the installed libraries exchange arrays with which, and whether they copy",
        description="Lets every installed library give arrays to every other, over every protocol, and shows what came.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = {"type": _names, "metavar": "A,B,…"}
    parser.add_argument("--libraries", default=NAMES, help="only these, in this order (default: all)", **names)
    parser.add_argument("--protocol", default=list(PROTOCOLS), help="only these protocols (default: all)", **names)
    parser.add_argument("--dtype", default="float32", choices=DTYPES, help="the element type (default: %(default)s)")
    parser.add_argument("--layout", default="vector", choices=LAYOUTS, help="how elements lie (default: %(default)s)")
    parser.add_argument("--edges", action="store_true", help="add structs at the edges of DLPack, made by hand")
    parser.add_argument("--html", metavar="FILE", help="write a page that needs nothing else")
    parser.add_argument("--json", metavar="FILE", help="write every trial (docs/matrix.md says what is in it)")
    jobs = min(4, os.cpu_count() or 1)
    parser.add_argument("--jobs", type=_positive, default=jobs, metavar="N", help="processes (default: %(default)s)")
    parser.add_argument(
        "--timeout",
        type=float,
        default=60,
        metavar="S",
        help="seconds for one trial, once both are imported (default: 60)",
    )
    parser.set_defaults(run=run)


def _names(text: str) -> list[str]:
    return list(dict.fromkeys(one.strip() for one in text.split(",") if one.strip()))


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def run(options: argparse.Namespace) -> int:
    for name, given, known in (
        ("--libraries", options.libraries, LIBRARIES),
        ("--protocol", options.protocol, PROTOCOLS),
    ):
        unknown = [one for one in given if one not in known]
        if unknown or not given:
            words = f"{', '.join(unknown)} is not known" if unknown else "nothing is named"
            return _fail(f"{name}: {words}, it may be {', '.join(known)}")
    if options.timeout <= 0:
        return _fail(f"--timeout: {options.timeout:g} is not above 0")
    # Opened first, for a path that cannot be written must not cost a whole run.
    with contextlib.ExitStack() as files:
        try:
            outputs: list[tuple[IO[str], Callable[[Result], str]]] = [
                (files.enter_context(open(path, "w", encoding="utf-8")), text)
                for path, text in ((options.json, _json), (options.html, render_page))
                if path
            ]
        except OSError as error:
            return _fail(str(error))
        try:
            return _show(measure(options), outputs)
        except KeyboardInterrupt:
            return _fail("interrupted")


def _show(result: Result, outputs: list[tuple[IO[str], Callable[[Result], str]]]) -> int:
    """Prints a result, writes it where it is wanted, and says what the run was worth."""
    columns = shutil.get_terminal_size((110, 24)).columns
    print(render(result, Style(sys.stdout), columns))
    for file, text in outputs:
        try:
            file.write(text(result))
            file.flush()
        except OSError as error:
            return _fail(f"{file.name}: {error}")
    if not result.is_whole:
        return _fail("interrupted, what is shown is not all")
    return _HARMLESS if result.is_harmless else _HARMFUL


def measure(options: argparse.Namespace) -> Result:
    """Runs the trials, until Ctrl-C if need be."""
    edges = EDGE_NAMES if options.edges else []
    versions = {key: LIBRARIES[key].find() for key in dict.fromkeys([*options.libraries, *edges])}
    present = [key for key, version in versions.items() if version is not None]
    tasks: list[Task] = []
    trials: list[Trial] = []
    for producer in present:
        for consumer in present:
            for protocol in options.protocol:
                if LIBRARIES[consumer].taker(protocol) is None:
                    trials.append(Trial(producer, consumer, protocol, "untaken"))
                else:
                    tasks.append((producer, consumer, protocol))
    case = Case(options.dtype, options.layout)
    progress = Progress(sys.stderr, len(tasks))
    start = time.monotonic()
    result = Result(case, options.protocol, versions, [])
    is_whole = False
    try:
        for trial in Pool(case, options.jobs, options.timeout).run(tasks, progress.start):
            trials.append(trial)
            progress.step()
        is_whole = True
    except KeyboardInterrupt:
        pass  # what has been tried is worth to be seen
    finally:
        progress.end()
    order = {key: i for i, key in enumerate(present)}
    trials.sort(key=lambda one: (order[one.producer], order[one.consumer]))
    return Result(case, options.protocol, versions, trials, result.started, time.monotonic() - start, is_whole)


def _json(result: Result) -> str:
    return json.dumps(result.to_dict(), indent=1, ensure_ascii=False) + "\n"


def _fail(message: str) -> int:
    print(f"ndferry matrix: {message}", file=sys.stderr)
    return _FAILED
