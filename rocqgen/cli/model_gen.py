# SPDX-License-Identifier: Apache-2.0
"""``rocqgen model gen``: write the theories of memory models, and have them checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rocqgen.cli.progress import progress_bar
from rocqgen.exits import ExitCode
from rocqgen.prove.files import write_theories
from rocqgen.prove.run import Report, exit_code
from rocqgen.prove.run import run as run_theories
from rocqgen.prove.setup import checker
from rocqgen.prove.store import Store
from rocqgen.report.table import Table
from rocqgen.rocq.library import LOGICAL_ROOT, ensure_library
from rocqgen.rocq.server import LoadPath
from rocqgen.rocq.toolchain import require_toolchain

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from rocqgen.cli.parser import Subparsers
    from rocqgen.emit.theory import Theory


def register(commands: Subparsers) -> None:
    """Add ``gen`` to the subcommands of ``model``."""
    parser = commands.add_parser(
        "gen",
        help="write the theory of a model: its layout, its mode, and that its parts fit together",
        description="Writes one theory for each model. It needs no prover but with --prove. A "
        "theory that was changed by hand since it was generated is not overwritten.",
        epilog="Exit codes with --prove are those of rocqgen prove.",
    )
    parser.add_argument(
        "models", nargs="+", metavar="NAME|FILE", help="a model that ships, or a TOML file"
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=Path(), metavar="DIR", help="where (default: here)"
    )
    parser.add_argument(
        "--force", action="store_true", help="replace theories that were changed by hand"
    )
    parser.add_argument("--prove", action="store_true", help="check the theories as well")
    parser.set_defaults(do=generate)


def generate(args: argparse.Namespace) -> int:
    """Write the theories and print the name of each file, then check them if that is wanted."""
    # pydantic takes long to import, and `rocqgen --help` does not need it.
    from rocqgen.emit.model import emit_model  # noqa: PLC0415
    from rocqgen.models import parse_model, read_spec  # noqa: PLC0415

    theories = []
    for source in dict.fromkeys(args.models):
        # A name that looks like a path is one: a file `riscv-sv39` would else hide the model.
        path = Path(source) if "/" in source or source.endswith(".toml") else source
        file, text = read_spec(path)
        theories.append(emit_model(parse_model(text, file=file), source=file, text=text))
    for written in write_theories(theories, args.output, force=args.force):
        print(written)
    return _prove(theories) if args.prove else ExitCode.OK


def _prove(theories: Sequence[Theory]) -> ExitCode:
    with progress_bar() as progress:
        toolchain = require_toolchain()
        library = ensure_library(toolchain, progress)
    table = Table([theory.theorem for theory in theories])
    prepared = checker(toolchain, theories, library=LoadPath(library.path, LOGICAL_ROOT))
    with prepared as ready, table:
        report: Report = run_theories(theories, ready, Store(), on_outcome=table.row)
    table.finish(report.outcomes)
    return exit_code(report.outcomes, bad_inputs=0, interrupted=report.interrupted)
