# SPDX-License-Identifier: Apache-2.0
"""``rocqgen model``: show memory models, check the specs of new ones, and write their theories."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rocqgen.cli import model_gen
from rocqgen.exits import ExitCode

if TYPE_CHECKING:
    import argparse

    from rocqgen.cli.parser import Subparsers


def register(subparsers: Subparsers) -> None:
    """Add ``model`` and its own subcommands."""
    parser = subparsers.add_parser(
        "model",
        help="show a memory model, check the spec of one, or write its theory",
        description=__doc__,
    )
    parser.set_defaults(run=run, do=_list)
    commands = parser.add_subparsers(metavar="list|show|check|gen")

    listing = commands.add_parser("list", help="the models that come with rocqgen (the default)")
    listing.set_defaults(do=_list)

    show = commands.add_parser("show", help="everything that a model says, as a page of text")
    show.add_argument("model", metavar="NAME|FILE", help="a model that ships, or a TOML file")
    show.set_defaults(do=_show)

    check = commands.add_parser(
        "check",
        help="whether specs are sound: every mistake, with its line",
        description="Exits with 0 if all specs are sound, with 4 otherwise.",
    )
    check.add_argument("files", nargs="+", metavar="FILE", help="a TOML file, or a model's name")
    check.set_defaults(do=_check)

    model_gen.register(commands)


def run(args: argparse.Namespace) -> int:
    """Do what the subcommand asks for."""
    return int(args.do(args))


def _source(text: str) -> str | Path:
    """A name, or a path if it looks like one: a file `riscv-sv39` would else hide the model."""
    return Path(text) if "/" in text or text.endswith(".toml") else text


def _list(_args: argparse.Namespace) -> int:
    # pydantic takes long to import, and `rocqgen --help` does not need it.
    from rocqgen.models import load_model, shipped_models  # noqa: PLC0415
    from rocqgen.report.model import render_list  # noqa: PLC0415

    print(render_list(load_model(name) for name in shipped_models()))
    return ExitCode.OK


def _show(args: argparse.Namespace) -> int:
    from rocqgen.models import load_model  # noqa: PLC0415
    from rocqgen.report.model import render_model  # noqa: PLC0415

    print(render_model(load_model(_source(args.model))))
    return ExitCode.OK


def _check(args: argparse.Namespace) -> int:
    from rocqgen.models import find_problems, load_model  # noqa: PLC0415

    code = ExitCode.OK
    for file in args.files:
        problems = find_problems(_source(file))
        for problem in problems:
            print(problem.render(), file=sys.stderr)
        if problems:
            code = ExitCode.USAGE
        else:
            model = load_model(_source(file))
            print(f"{file}: ok: {model.name}, {model.title}")
    return code
