# SPDX-License-Identifier: Apache-2.0
"""``rocqgen library``: compile the theory library, for those who want to use it by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocqgen.cli.progress import progress_bar
from rocqgen.exits import ExitCode
from rocqgen.rocq.library import ensure_library
from rocqgen.rocq.toolchain import require_toolchain

if TYPE_CHECKING:
    import argparse

    from rocqgen.cli.parser import Subparsers


def register(subparsers: Subparsers) -> None:
    """Add ``library``."""
    parser = subparsers.add_parser(
        "library",
        help="compile the theory library and print where it is",
        description="Compiles the theory library, where that is not done yet, and prints the "
        "folder of its logical root: coqc -Q $(rocqgen library) rocqgen FILE.v",
    )
    parser.set_defaults(run=run)


def run(_args: argparse.Namespace) -> int:
    """Compile what is missing and print the folder."""
    with progress_bar() as tell:
        library = ensure_library(require_toolchain(), tell)
    print(library.path)
    return ExitCode.OK
