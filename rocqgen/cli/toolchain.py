# SPDX-License-Identifier: Apache-2.0
"""``rocqgen toolchain``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocqgen.exits import ExitCode

if TYPE_CHECKING:
    import argparse

    from rocqgen.cli.parser import Subparsers


def register(subparsers: Subparsers) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser("toolchain")
    parser.set_defaults(run=run)


def run(_args: argparse.Namespace) -> int:
    """Run the command."""
    return ExitCode.OK
