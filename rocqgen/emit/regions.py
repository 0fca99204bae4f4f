# SPDX-License-Identifier: Apache-2.0
"""Proofs that a person wrote in a generated theory: read from there, put into the next one.

Each lemma for a residual fact has a region between two comments, `rocqgen:user-begin NAME` and
`rocqgen:user-end NAME`.  What stands there instead of `DEFAULT` is that person's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rocqgen.source.location import Location, refused
from rocqgen.source.text import read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DEFAULT = "  solve_fact.\n"

_REGION = re.compile(
    r"\(\* rocqgen:user-begin (?P<name>[A-Za-z_][A-Za-z0-9_']*) \*\)\n"
    r"(?P<body>.*?)(?P<end>[ \t]*\(\* rocqgen:user-end (?P=name) \*\))",
    re.DOTALL,
)
_BEGIN = re.compile(r"rocqgen:user-begin")


@dataclass(frozen=True, slots=True)
class Proof:
    """The text of a proof, whole lines, and where its region begins."""

    text: str
    location: Location


def read_proofs(path: Path) -> dict[str, Proof]:
    """The proofs in the regions of the theory at `path`, by the names of their lemmas.

    None where there is no such file.  A region without an end is a `UserError`.
    """
    if not path.exists():
        return {}
    _, text = read_text(path, expected="a theory that rocqgen gen wrote")
    return proofs_in(text, path)


def proofs_in(text: str, path: Path) -> dict[str, Proof]:
    """The proofs in the regions of a theory, by the names of their lemmas; it stands at `path`."""
    regions = list(_REGION.finditer(text))
    for begin in _BEGIN.finditer(text):
        if not any(one.start() < begin.start() < one.end() for one in regions):
            raise refused(
                "a region without an end",
                _place(path, text, begin.start()),
                "`(* rocqgen:user-end NAME *)` behind it, as rocqgen gen wrote it",
            )
    proofs: dict[str, Proof] = {}
    for one in regions:
        place = _place(path, text, one.start())
        if one["name"] in proofs:
            raise refused(f"a second region for `{one['name']}`", place, "one for each lemma")
        if any("\ue000" <= char <= "\uf8ff" for char in one["body"]):
            raise refused("a private character in a proof", place, "characters that have a meaning")
        proofs[one["name"]] = Proof(one["body"], place)
    return {name: proof for name, proof in proofs.items() if proof.text.split() != DEFAULT.split()}


def without_proofs(text: str) -> str:
    """A theory as it is with `DEFAULT` in every region."""
    return _REGION.sub(
        lambda one: one[0][: one.start("body") - one.start()] + DEFAULT + one["end"], text
    )


def refuse_unused(proofs: Mapping[str, Proof], lemmas: Iterable[str]) -> None:
    """A proof of a lemma that there is not is a `UserError`: it would be lost."""
    known = set(lemmas)
    for name, proof in proofs.items():
        if name not in known:
            raise refused(
                f"there is no lemma `{name}` any more",
                proof.location,
                expected=f"a proof of one of {', '.join(sorted(known))}"
                if known
                else "no proofs: the theorem leaves nothing to prove",
                hint="the proof in the region of the lemma that it belongs to now, or nowhere",
            )


def _place(path: Path, text: str, offset: int) -> Location:
    line = text.count("\n", 0, offset) + 1
    return Location(str(path), line, offset - text.rfind("\n", 0, offset))
