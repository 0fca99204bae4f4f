# SPDX-License-Identifier: Apache-2.0
"""The names of one theory: of its constants, of parameters, of what a run and an exit bind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rocqgen.emit.encode import BASE
from rocqgen.emit.escape import LIBRARY, Fresh, identifier
from rocqgen.emit.gallina import Printer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rocqgen.emit.goal import Specified

_CONSTANTS = (
    "own code pre posts cuts spec says contracts plans env at run holds correct data "
    "closed machine image values supplied adequate results runs"
).split()


def constants(name: str, facts: int = 0) -> set[str]:
    """The names of what a theory defines for a fragment or a contract of this name."""
    return {f"{name}_{suffix}" for suffix in _CONSTANTS} | {
        f"{name}_fact_{n + 1}" for n in range(facts)
    }


ARRAY = "word → word"
"""The type of arrays."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Names, and the printer that uses them.

    `params`, `shares` and `arrays` are the parameters of sort word, the entry first, of sort
    fraction and of sort array;
    `bound` has the names that each end binds (exits, then invariants), `written` the same as the
    annotation calls them.
    """

    theory: str
    params: list[str]
    shares: list[str]
    arrays: list[str]
    bound: list[list[str]]
    written: list[list[str]]
    printer: Printer
    fresh: Fresh

    @staticmethod
    def of(
        name: str, spec: Specified, run: Mapping[int, str] | None = None, taken: Iterable[str] = ()
    ) -> Scope:
        """Name everything in `spec`, and the numbers that a `run` has given to values.

        A name that is `taken`, or that the template uses, gets a number behind it.
        """
        premises = {f"assumed_{ident}" for ident in spec.names.words}
        fresh = Fresh({*taken, *constants(identifier(name)), *premises} | LIBRARY)
        shown = {number: fresh(ident) for ident, number in spec.names.words.items()}
        shares = {number: fresh(ident) for ident, number in spec.names.fractions.items()}
        arrays = {number: fresh(ident) for ident, number in spec.names.arrays.items()}
        if BASE.x not in shown:
            shown = {BASE.x: fresh("entry"), **shown}
        params = [shown[number] for number in sorted(shown)]
        bound = []
        for end in spec.ends:
            idents = [fresh(one.ident) for one in end.exists]
            shown |= zip(end.bound, idents, strict=True)
            bound.append(idents)
        # Runs begin to name behind all of these; segments have names in common.
        for number, wanted in (run or {}).items():
            if number not in shown:
                shown[number] = fresh(wanted)
        written = [[one.ident for one in end.exists] for end in spec.ends]
        printer = Printer(shown, shares, arrays)
        return Scope(
            name,
            params,
            [*shares.values()],
            [*arrays.values()],
            bound,
            written,
            printer,
            fresh,
        )

    @property
    def arguments(self) -> list[str]:
        """All parameters."""
        return [*self.params, *self.shares, *self.arrays]

    @property
    def binders(self) -> list[str]:
        """Binders of all parameters, as words that may be broken into lines."""
        return [
            *binders(self.params, "word"),
            *binders(self.shares, "Qp"),
            *binders(self.arrays, ARRAY),
        ]


def binders(names: list[str], sort: str) -> list[str]:
    """`(a b : sort)`, as words that may be broken into lines."""
    return (
        [f"({names[0]}", *names[1:], ":", f"{sort})"]
        if len(names) > 1
        else [f"({one} : {sort})" for one in names]
    )
