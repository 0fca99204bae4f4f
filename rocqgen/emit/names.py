# SPDX-License-Identifier: Apache-2.0
"""The names of one theory: of its constants, of parameters, of what a run and an exit bind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rocqgen.emit.encode import BASE
from rocqgen.emit.escape import LIBRARY, Fresh, identifier
from rocqgen.emit.gallina import Printer
from rocqgen.emit.symbolic import Residual

if TYPE_CHECKING:
    from rocqgen.emit.plan import Plan
    from rocqgen.source.spec import Fragment

_CONSTANTS = (
    "code pre posts spec hints env at run correct data "
    "closed machine image values supplied adequate results runs"
).split()


@dataclass(frozen=True, slots=True)
class Scope:
    """Names, and the printer that uses them.

    `params` and `shares` are the parameters of sort word, the entry first, and of sort fraction;
    `bound` has the existentials of each exit, `written` the same as the annotation calls them.
    """

    theory: str
    params: list[str]
    shares: list[str]
    bound: list[list[str]]
    written: list[list[str]]
    printer: Printer
    fresh: Fresh

    @staticmethod
    def of(fragment: Fragment, made: Plan) -> Scope:
        """Name everything in `made`; a name that the theory uses gets a number behind it."""
        name = identifier(fragment.name)
        facts = made.verdict.facts if isinstance(made.verdict, Residual) else ()
        taken = {f"{name}_{suffix}" for suffix in _CONSTANTS}
        taken |= {f"{name}_fact_{n + 1}" for n in range(len(facts))}
        fresh = Fresh(taken | LIBRARY)
        shown = {number: fresh(ident) for ident, number in made.names.words.items()}
        shares = {number: fresh(ident) for ident, number in made.names.fractions.items()}
        shown = {BASE.x: fresh("entry"), **shown}
        params = [shown[number] for number in sorted(shown)]
        bound = []
        for item, post in zip(fragment.spec.exits, made.goal.posts, strict=True):
            numbers = [number for number, _ in post.witness]
            idents = [fresh(one.ident) for one in item.exists]
            shown |= zip(numbers, idents, strict=True)
            bound.append(idents)
        defs = made.verdict.defs if isinstance(made.verdict, Residual) else ()
        shown |= {number: fresh(f"t{number}") for number, _ in defs if number not in shown}
        written = [[one.ident for one in item.exists] for item in fragment.spec.exits]
        printer = Printer(shown, shares)
        return Scope(name, params, [*shares.values()], bound, written, printer, fresh)

    @property
    def arguments(self) -> list[str]:
        """All parameters."""
        return [*self.params, *self.shares]

    @property
    def binders(self) -> list[str]:
        """Binders of all parameters, as words that may be broken into lines."""
        return [*binders(self.params, "word"), *binders(self.shares, "Qp")]


def binders(names: list[str], sort: str) -> list[str]:
    """`(a b : sort)`, as words that may be broken into lines."""
    return (
        [f"({names[0]}", *names[1:], ":", f"{sort})"]
        if len(names) > 1
        else [f"({one} : {sort})" for one in names]
    )
