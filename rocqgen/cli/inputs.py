# SPDX-License-Identifier: Apache-2.0
"""From the paths on the command line to theories, and to the files that are no good."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rocqgen.errors import UserError
from rocqgen.exits import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rocqgen.emit.theory import Theory

SUFFIXES = (".s", ".S", ".spec")


@dataclass(frozen=True, slots=True)
class Inputs:
    """The theories of all fragments that were found, and what is wrong with the others."""

    theories: tuple[Theory, ...]
    errors: tuple[UserError, ...]


def read_inputs(paths: Sequence[Path]) -> Inputs:
    """Read every annotated fragment below ``paths``.

    A folder is searched for `*.s`, `*.S` and `*.spec`; files in it without annotations are passed
    over.  One that is named itself must have some.
    """
    theories: list[Theory] = []
    errors: list[UserError] = []
    for path in paths:
        if not path.exists():
            errors.append(
                UserError(
                    "no such file or folder",
                    file=path,
                    expected="an assembly file, a .spec file or a folder",
                )
            )
        elif path.is_dir():
            for file in find_sources(path):
                _read(file, theories, errors, named=False)
        else:
            _read(path, theories, errors, named=True)
    return Inputs(tuple(theories), tuple(errors))


def find_sources(folder: Path) -> Iterable[Path]:
    """The annotated files below ``folder``, sorted, hidden folders left out."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.endswith(SUFFIXES) and not name.startswith("."):
                yield Path(place) / name


def _read(path: Path, theories: list[Theory], errors: list[UserError], *, named: bool) -> None:
    # Assembler, decoder and templates are slow to import, and `rocqgen status` needs none of them.
    from rocqgen.emit import emit_theory  # noqa: PLC0415
    from rocqgen.source.fragment import load_fragments  # noqa: PLC0415

    try:
        for fragment in load_fragments(path):
            theory = emit_theory(fragment)
            if fragment.expect is not None and theory.expect is None:
                theory = replace(theory, expect=fragment.expect.location)
            theories.append(theory)
    except UserError as error:
        if named or error.exit_code is not ExitCode.NOTHING_FOUND:
            errors.append(error)
