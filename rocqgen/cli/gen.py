# SPDX-License-Identifier: Apache-2.0
"""``rocqgen gen``: write the theories of annotated fragments, without checking them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rocqgen.cli.inputs import read_inputs
from rocqgen.errors import UserError
from rocqgen.exits import ExitCode
from rocqgen.prove.files import write_theories

if TYPE_CHECKING:
    import argparse

    from rocqgen.cli.parser import Subparsers


def register(subparsers: Subparsers) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "gen",
        help="write theories, a proof skeleton to read and continue",
        description="Assembles, decodes and generates, but checks nothing: it needs no prover. "
        "Proofs in the regions of theories that are there already are kept; a theory that was "
        "changed by hand elsewhere is not overwritten. `rocqgen prove` reads the regions of "
        "theories in a folder `proofs` beside the source.",
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path(), metavar="DIR", help="where (default: here)"
    )
    parser.add_argument(
        "--force", action="store_true", help="replace theories that were changed by hand"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the theories and print the name of each file."""
    inputs = read_inputs(args.paths, kept=args.output)
    for error in inputs.errors:
        print(error.render(), file=sys.stderr)
    for path in write_theories(inputs.theories, args.output, force=args.force):
        print(path)
    if inputs.errors:
        return max(error.exit_code for error in inputs.errors)
    if not inputs.theories:
        raise UserError("no annotated fragment found", exit_code=ExitCode.NOTHING_FOUND)
    return ExitCode.OK
