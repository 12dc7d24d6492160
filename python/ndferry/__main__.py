"""`python -m ndferry`: the tools."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    from ._inspect import _command as inspect
    from ._matrix import _command as matrix

    parser = argparse.ArgumentParser(prog="python -m ndferry", description="Tools around the exchange of arrays.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in (matrix, inspect):
        command.add(commands)
    options = parser.parse_args(arguments)
    status: int = options.run(options)
    return status


if __name__ == "__main__":
    sys.exit(main())
