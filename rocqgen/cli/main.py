# SPDX-License-Identifier: Apache-2.0
"""Parses the command line, runs one command, and turns every error into a sentence and a code."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import traceback
from typing import TYPE_CHECKING, Protocol

from rocqgen import __version__
from rocqgen.cli import check, doctor, gen, library, model, prove, space, status, toolchain, walk
from rocqgen.cli.parser import Parser
from rocqgen.errors import UserError
from rocqgen.exits import ExitCode
from rocqgen.userdirs import cache_dir, ensure_dir

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from types import FrameType

    from rocqgen.cli.parser import Subparsers


class Command(Protocol):
    """What a module of this folder offers to be a command."""

    def register(self, subparsers: Subparsers) -> None:
        """Add the command's parser, with ``set_defaults(run=run)``."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it; the value is the exit code."""


COMMANDS: tuple[Command, ...] = (
    prove,
    check,
    gen,
    status,
    model,
    toolchain,
    library,
    walk,
    space,
    doctor,
)
"""In the order in which ``rocqgen --help`` lists them."""


def make_parser() -> Parser:
    """Build the parser with all commands."""
    parser = Parser(
        prog="rocqgen",
        description="Machine-checked Rocq theorems from annotated x86-64 code.",
        epilog="Exit codes: 0 all proved, 1 some failed, 2 interrupted, 3 internal error or no "
        "prover, 4 wrong input, 5 nothing found.",
    )
    parser.add_argument("--version", action="version", version=f"rocqgen {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.register(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``rocqgen`` with ``argv`` (``sys.argv[1:]`` if None) and give its exit code."""
    _treat_termination_as_interrupt()
    try:
        args = make_parser().parse_args(argv)
        return int(args.run(args))
    except UserError as error:
        print(error.render(), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("rocqgen: interrupted", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) has gone; point stdout elsewhere or the flush at exit fails too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the one place where everything ends up
        print(_report_defect(error), file=sys.stderr)
        return ExitCode.INTERNAL


def _treat_termination_as_interrupt() -> None:
    """Let SIGTERM unwind as Ctrl-C does, so that workers are ended and locks released."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, interrupt)


def _report_defect(error: Exception) -> str:
    """Keep the traceback in a file and say in a sentence what happened and where it is."""
    text = "".join(traceback.format_exception(error))
    said = str(error).strip().splitlines()
    what = f"{type(error).__name__}: {said[0]}" if said else type(error).__name__
    try:
        folder = ensure_dir(cache_dir() / "crashes")
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=folder, prefix="crash-", suffix=".txt", delete=False
        ) as file:
            file.write(f"rocqgen {__version__}\n{' '.join(sys.argv)}\n\n{text}")
    except (OSError, UserError):
        return f"rocqgen: internal error: {what} (the traceback could not be written to the cache)"
    return f"rocqgen: internal error: {what}; please report it with the file {file.name}"
