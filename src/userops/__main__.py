"""The command line, thin over the library: `python -m userops rfm` and `python -m userops tags`."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

from userops import __version__
from userops.command_line.options import OPTIONS
from userops.command_line.rfm import add_rfm
from userops.command_line.tags import add_tags
from userops.errors import UserOpsError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0 done, 1 the data said no."""
    chosen = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that cannot show a letter shows a ?
    try:
        chosen.run(chosen)
    except UserOpsError as error:
        name = getattr(error, "argument", None) or getattr(error, "field", None) or ""
        option = OPTIONS.get(name, name.replace("_", "-"))
        said = str(error).replace(f"{name}:", f"--{option}:", 1) if name else error
        print(f"userops: {said}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read the output has seen enough; what is still buffered goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="userops", description=__doc__)
    parser.add_argument("--version", action="version", version=f"userops {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_rfm(commands)
    add_tags(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
