"""`python -m ndferry inspect`."""

from __future__ import annotations

import argparse
import builtins
import importlib
import json
import os
import sys
from typing import Any

from .._html import page
from . import inspect
from ._page import fragment
from ._rules import RULES

_CLEAN, _FOUND, _FAILED = 0, 1, 2
_EPILOG = """\
exit status: 0 nothing of that kind was found; 1 there are violations (with --strict: or disagreements);
2 there is no such object, or the options are wrong.

example: python -m ndferry inspect 'numpy:zeros((2, 3))[:, ::2]' --strict
"""


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "inspect",
        help="what an array says about itself on every protocol, and which rules it breaks",
        description="Shows what an array-like says about itself on every protocol, and which rules it breaks.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("object", metavar="MODULE:EXPRESSION", help="an expression, evaluated with the module's names")
    parser.add_argument("--strict", action="store_true", help="fail for disagreements too")
    parser.add_argument("--ignore", metavar="RULES", default="", help="rules that may be broken, separated by commas")
    parser.add_argument("--json", action="store_true", help="print JSON (docs/inspect.md says what is in it)")
    parser.add_argument("--html", metavar="FILE", help="write the report as a page of its own")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    ignored = {one.strip() for one in options.ignore.split(",")} - {""}
    if unknown := ignored - set(RULES):
        return _fail(f"--ignore: there is no rule {', '.join(sorted(unknown))}")
    try:
        obj = _evaluate(options.object)
    except Exception as error:  # of a stranger's module or expression
        return _fail(f"{options.object}: {type(error).__name__}: {error}")
    report = inspect(obj)
    report.findings = [one for one in report.findings if one.id not in ignored]
    if options.html:
        try:
            with open(options.html, "w", encoding="utf-8") as file:
                file.write(page(f"ndferry inspect: {report.type}", "body{margin:16px}", fragment(report)))
        except OSError as error:
            return _fail(f"--html: {error}")
    text = json.dumps(report.to_dict(), indent=2) if options.json else str(report)
    encoding = sys.stdout.encoding or "ascii"
    try:
        print(text.encode(encoding, "replace").decode(encoding), flush=True)
    except BrokenPipeError:  # of `| head`; nothing more can be said, at the end of Python neither
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if not report.is_array:
        return _FAILED
    return _CLEAN if report.is_clean(options.strict) else _FOUND


def _evaluate(words: str) -> Any:
    module_name, colon, expression = words.partition(":")
    if not colon or not expression:
        raise ValueError("it must be MODULE:EXPRESSION, such as numpy:zeros(3)")
    sys.path.insert(0, os.getcwd())
    module = importlib.import_module(module_name)
    top = module_name.partition(".")[0]
    # Comprehensions look into the first mapping only, which must be a dict; names made on demand are in the second.
    return eval(expression, {"__builtins__": builtins, top: sys.modules[top], **vars(module)}, _Lazy(module))


class _Lazy(dict[str, Any]):
    """Names of a module, those included that it makes when they are asked for."""

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.module = module

    def __missing__(self, name: str) -> Any:
        try:
            return getattr(self.module, name)
        except AttributeError:
            raise KeyError(name) from None


def _fail(message: str) -> int:
    print(f"ndferry inspect: {message}", file=sys.stderr)
    return _FAILED
