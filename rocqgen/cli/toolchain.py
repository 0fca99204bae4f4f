# SPDX-License-Identifier: Apache-2.0
"""``rocqgen toolchain``: list, install, find and use the Rocq prover."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from rocqgen.cli.progress import progress_bar
from rocqgen.errors import UserError
from rocqgen.exits import ExitCode
from rocqgen.rocq.toolchain import (
    DEFAULT_SUITE,
    Toolchain,
    find_toolchain,
    how_to_install,
    install_toolchain,
    installed_toolchains,
    require_toolchain,
    toolchain_on_path,
)

if TYPE_CHECKING:
    import argparse

    from rocqgen.cli.parser import Subparsers


def register(subparsers: Subparsers) -> None:
    """Add ``toolchain`` and its own subcommands."""
    parser = subparsers.add_parser(
        "toolchain", help="list, install, find or use the Rocq prover", description=__doc__
    )
    parser.set_defaults(run=run, do=_list)
    commands = parser.add_subparsers(metavar="list|install|path|exec")

    listing = commands.add_parser("list", help="the provers that are here (the default)")
    listing.set_defaults(do=_list)

    install = commands.add_parser(
        "install",
        help="unpack a prover from the machine's Debian mirror into the user's cache",
        description="Unpacks Coq, SerAPI, stdpp and Iris from Debian packages into the user's "
        "cache directory. Needs no root rights; apt checks the packages' signatures. An "
        "interrupted installation is taken up where it was.",
    )
    install.add_argument("--mirror", metavar="URI", help="a Debian mirror (default: apt's own)")
    install.add_argument(
        "--suite", default=DEFAULT_SUITE, help="the Debian release (default: %(default)s)"
    )
    install.add_argument(
        "--keyring", type=Path, metavar="FILE", help="what has signed it (default: Debian's)"
    )
    install.add_argument(
        "--force", action="store_true", help="also if there is a usable one; unpack anew"
    )
    install.set_defaults(do=_install)

    path = commands.add_parser("path", help="the folder of the programs that rocqgen uses")
    path.set_defaults(do=_path)

    execute = commands.add_parser(
        "exec", help="run a command with that prover first on PATH: exec -- coqtop"
    )
    execute.add_argument("command", nargs="+", metavar="CMD")
    execute.set_defaults(do=_exec)


def run(args: argparse.Namespace) -> int:
    """Run the chosen subcommand."""
    return int(args.do(args))


def describe(toolchain: Toolchain) -> str:
    """One line on a toolchain: version and place."""
    return f"Coq {toolchain.version} in {toolchain.coqc.parent}"


def _list(_args: argparse.Namespace) -> int:
    """Print a line for each prover that works, the one that is used first, with a star."""
    on_path = toolchain_on_path()
    found = [on_path.toolchain] if on_path.toolchain is not None else []
    found += installed_toolchains()
    for number, toolchain in enumerate(found):
        used = " " if number else "*"
        print(f"{used} {toolchain.origin}  {toolchain.version}  {toolchain.coqc.parent}")
    if on_path.toolchain is None:
        print(f"none on PATH: {on_path.problem}")
    if not found:
        print("none installed; write: " + how_to_install())
        return ExitCode.NOTHING_FOUND
    return ExitCode.OK


def _install(args: argparse.Namespace) -> int:
    usable = None if args.force else find_toolchain()
    if usable is not None:
        print(f"a usable prover is here: {describe(usable)} (--force installs another)")
        return ExitCode.OK
    with progress_bar() as tell:
        made = install_toolchain(
            mirror=args.mirror,
            suite=args.suite,
            keyring=args.keyring,
            force=args.force,
            progress=tell,
        )
    print(f"installed {describe(made)}")
    return ExitCode.OK


def _path(_args: argparse.Namespace) -> int:
    print(require_toolchain().coqc.parent)
    return ExitCode.OK


def _exec(args: argparse.Namespace) -> int:
    environ = require_toolchain().environ()
    program = shutil.which(args.command[0], path=environ["PATH"])
    if program is None:
        raise UserError(f"no program {args.command[0]!r} in the toolchain or on PATH")
    os.execve(program, args.command, environ)  # noqa: S606 - running it is the command's purpose
