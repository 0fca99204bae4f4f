# SPDX-License-Identifier: Apache-2.0
"""``rocqgen status``: what was proved when, from the last runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocqgen.exits import ExitCode
from rocqgen.prove.store import Store
from rocqgen.report.json import render_json
from rocqgen.report.status import render_status

if TYPE_CHECKING:
    import argparse

    from rocqgen.cli.parser import Subparsers


def register(subparsers: Subparsers) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "status",
        help="what was proved when",
        description="Shows the last outcome of each theorem that was ever checked on this account, "
        "and whether its source has changed since.",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the last outcomes; they are history, so the exit code is 0 whatever they are."""
    outcomes = Store().latest()
    if args.json:
        print(render_json(outcomes, exit_code=ExitCode.OK), end="")
    else:
        print(render_status(outcomes))
    return ExitCode.OK
