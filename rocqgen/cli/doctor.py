# SPDX-License-Identifier: Apache-2.0
"""``rocqgen doctor``: what is installed, what is missing, and what to type."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from textwrap import indent
from typing import TYPE_CHECKING

from rocqgen import __version__
from rocqgen.errors import UserError
from rocqgen.exits import ExitCode
from rocqgen.resources import templates_dir, theories_dir
from rocqgen.rocq.library import find_library
from rocqgen.rocq.toolchain import (
    find_toolchain,
    how_to_install,
    installed_toolchains,
    toolchain_on_path,
)
from rocqgen.userdirs import cache_dir

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from rocqgen.cli.parser import Subparsers
    from rocqgen.rocq.toolchain import Toolchain


@dataclass(frozen=True)
class Check:
    """One line of the report. ``fix`` is what to type; ``needed`` says if all depends on it."""

    name: str
    good: bool
    found: str
    fix: str = ""
    needed: bool = True

    @property
    def sign(self) -> str:
        """``ok``, ``missing``, or ``-`` for what is not there and need not be."""
        if self.good:
            return "ok"
        return "missing" if self.needed else "-"


def register(subparsers: Subparsers) -> None:
    """Add ``doctor``."""
    parser = subparsers.add_parser(
        "doctor",
        help="what is installed, what is missing, what to type",
        description="Exit code 3 if something is missing that rocqgen cannot do without.",
    )
    parser.set_defaults(run=run)


def run(_args: argparse.Namespace) -> int:
    """Print the report."""
    checks = list(examine())
    # Plain lines, not a rich table: paths must be copied whole, whatever the terminal's width.
    width = max(len(check.name) for check in checks)
    for check in checks:
        print(f"{check.sign:<7}  {check.name:<{width}}  {check.found}")
    for check in checks:
        if not check.good and check.fix:
            print(f"\n{check.name}: write\n{indent(check.fix, '  ')}")
    if any(check.needed and not check.good for check in checks):
        return ExitCode.INTERNAL
    print("\nnothing that is needed is missing")
    return ExitCode.OK


def examine() -> Iterator[Check]:
    """Make all checks, in the order of the report."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield Check("python", True, f"{version} in {sys.prefix}")
    yield Check("rocqgen", True, f"{__version__}, cache in {cache_dir()}")
    yield from _packages()
    yield _assembler()
    yield from _folders()
    toolchain = find_toolchain()
    yield from _prover(toolchain)
    yield _library(toolchain)


def _packages() -> Iterator[Check]:
    """The Python packages that rocqgen's own metadata names, extras aside."""
    try:
        requirements = metadata.requires("rocqgen") or []
    except metadata.PackageNotFoundError:
        yield Check("package rocqgen", False, "runs without being installed", "pip install .")
        return
    for requirement in requirements:
        if "extra ==" in requirement:
            continue
        name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
        try:
            yield Check(f"package {name}", True, metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Check(f"package {name}", False, "not installed", f"pip install '{requirement}'")


def _assembler() -> Check:
    """GNU as; another assembler has other directives and no --gdwarf."""
    fix = "apt-get install binutils"
    program = shutil.which("as")
    if program is None:
        return Check("GNU as", False, "as is not on PATH", fix)
    answer = subprocess.run(
        [program, "--version"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    said = (answer.stdout or answer.stderr).strip().splitlines() or ["no version"]
    return Check("GNU as", said[0].startswith("GNU assembler"), f"{said[0]}, {program}", fix)


def _folders() -> Iterator[Check]:
    for name, find in (("templates", templates_dir), ("theories", theories_dir)):
        try:
            yield Check(name, True, str(find()))
        except UserError as error:
            yield Check(name, False, error.message, error.hint or "")


def _prover(toolchain: Toolchain | None) -> Iterator[Check]:
    """The prover and, as each was checked by loading it, what comes with it."""
    on_path = toolchain_on_path()
    if on_path.toolchain is not None:
        yield Check("prover on PATH", True, f"Coq {on_path.toolchain.version}")
    else:
        yield Check("prover on PATH", False, on_path.problem, needed=False)
    private = next(installed_toolchains(), None)
    if private is not None:
        yield Check("prover in the cache", True, f"Coq {private.version}")
    else:
        yield Check("prover in the cache", False, "none", needed=False)
    if toolchain is None:
        for name in ("prover", "sertop", "stdpp.bitvector", "iris"):
            fix = how_to_install() if name == "prover" else ""
            yield Check(name, False, "none that is usable", fix)
        return
    yield Check("prover", True, f"Coq {toolchain.version}, {toolchain.coqc}")
    yield Check("sertop", True, str(toolchain.sertop))
    yield Check("stdpp.bitvector", True, "loads")
    yield Check("iris", True, "loads")


def _library(toolchain: Toolchain | None) -> Check:
    name = "theory library"
    if toolchain is None:
        return Check(name, False, "not built, for want of a prover", needed=False)
    library = find_library(toolchain)
    if library is None:
        found = "not built for this prover and these sources; the next proof builds it"
        return Check(name, False, found, needed=False)
    return Check(name, True, f"built, {library.path}")
