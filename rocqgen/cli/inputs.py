# SPDX-License-Identifier: Apache-2.0
"""From the paths on the command line to theories, and to the files that are no good."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rocqgen.errors import UserError
from rocqgen.exits import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rocqgen.check.witness import Witness
    from rocqgen.emit.regions import Proof
    from rocqgen.emit.theory import Theory
    from rocqgen.source.spec import Fragment

SUFFIXES = (".s", ".S", ".spec")

PROOFS = "proofs"
"""The folder beside a source with theories whose regions were filled in by hand."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """All fragments that were found, the theory of each, and what is wrong with the other files."""

    theories: tuple[Theory, ...]
    errors: tuple[UserError, ...]
    fragments: tuple[Fragment, ...] = ()


@dataclass(frozen=True, slots=True)
class Fragments:
    """All fragments that were found, and what is wrong with the other files."""

    fragments: tuple[Fragment, ...]
    errors: tuple[UserError, ...]


def read_inputs(paths: Sequence[Path], *, kept: Path | None = None) -> Inputs:
    """Read every annotated fragment below ``paths`` and generate its theory.

    A folder is searched for `*.s`, `*.S` and `*.spec`; files in it without annotations are passed
    over.  One that is named itself must have some.  Proofs that a person wrote are taken from the
    theories in ``kept``; without it, from the folder `PROOFS` beside each source.
    """
    found = read_fragments(paths)
    made = [make_theory(one, kept=kept) for one in found.fragments]
    pairs = zip(found.fragments, made, strict=True)
    return Inputs(
        tuple(one for one in made if not isinstance(one, UserError)),
        (*found.errors, *(one for one in made if isinstance(one, UserError))),
        tuple(fragment for fragment, one in pairs if not isinstance(one, UserError)),
    )


def make_theory(
    fragment: Fragment, witness: Witness | None = None, *, kept: Path | None = None
) -> Theory | UserError:
    """The theory of a fragment, closed at a state if there is one, or why there is none."""
    # Templates are slow to import, and `rocqgen status` needs none of them.
    from rocqgen.emit import emit_theory  # noqa: PLC0415

    try:
        return emit_theory(fragment, witness, _proofs(fragment, kept))
    except UserError as error:
        return error


def _proofs(fragment: Fragment, kept: Path | None) -> dict[str, Proof]:
    from rocqgen.emit.regions import read_proofs  # noqa: PLC0415
    from rocqgen.source.reserved import theory_name  # noqa: PLC0415

    source = Path(fragment.source)
    folder = source.parent / PROOFS if kept is None else kept
    proofs: dict[str, Proof] = {}
    # A theory has the proofs of what its fragment calls, too, with lemmas of the same names.
    for one in (*(callee.fragment for callee in fragment.callees), fragment):
        name = f"{theory_name(one.source, one.name)}.v"
        # Where names clash, theories lie below the names of their sources.
        proofs |= read_proofs(folder / name) | read_proofs(folder / source.stem / name)
    return proofs


def read_fragments(paths: Sequence[Path]) -> Fragments:
    """The same without theories: what the prover cannot prove is read, too."""
    errors: list[UserError] = []
    fragments = [one for found in _files(paths, errors) for one in found]
    return Fragments(tuple(fragments), tuple(errors))


def _files(paths: Sequence[Path], errors: list[UserError]) -> Iterator[tuple[Fragment, ...]]:
    """The fragments of each file."""
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
                yield _read(file, errors, named=False)
        else:
            yield _read(path, errors, named=True)


def find_sources(folder: Path) -> Iterable[Path]:
    """The annotated files below ``folder``, sorted, hidden folders left out."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.endswith(SUFFIXES) and not name.startswith("."):
                yield Path(place) / name


def _read(path: Path, errors: list[UserError], *, named: bool) -> tuple[Fragment, ...]:
    # Assembler and decoder are slow to import, too.
    from rocqgen.source.fragment import load_fragments  # noqa: PLC0415

    try:
        return load_fragments(path)
    except UserError as error:
        if named or error.exit_code is not ExitCode.NOTHING_FOUND:
            errors.append(error)
        return ()
