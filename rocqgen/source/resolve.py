# SPDX-License-Identifier: Apache-2.0
"""Resolves names: binders, expressions, roots and fractions, each of its sort."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rocqgen.errors import UserError
from rocqgen.source import raw
from rocqgen.source.location import Location, refused
from rocqgen.source.reserved import REGISTERS, is_register, why_refused
from rocqgen.source.spec import (
    Bin,
    Expr,
    Frac,
    FracLit,
    FracVar,
    Label,
    Lit,
    Name,
    Select,
    Sort,
    Var,
)

_SORTS = {sort.value: sort for sort in Sort}


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels that an annotation may name: offsets from the entry; `outside` are the others."""

    inside: Mapping[str, int]
    outside: frozenset[str] = frozenset()


@dataclass(slots=True)
class Scope:
    """The names in force; `fresh` collects those for `_`, and is `None` where `_` may not be."""

    labels: Labels
    names: dict[str, Name]
    taken: set[str]
    fresh: list[Name] | None = None

    def sort_of(self, expr: raw.RawExpr) -> Sort | None:
        """The sort of the name that `expr` is; None where it is none that is bound."""
        found = self.names.get(expr.ident) if isinstance(expr, raw.RawName) else None
        return None if found is None else found.sort


# -- binders ---------------------------------------------------------------------------------------


def bind(binder: raw.RawBinder, names: dict[str, Name], labels: Labels) -> Name:
    """Bind a name; one that is reserved, bound already or of no sort is a `UserError`."""
    ident, place = binder.ident, binder.location
    sort = _SORTS.get(binder.sort)
    if sort is None:
        raise refused(
            f"unknown sort `{binder.sort}`",
            binder.sort_location,
            "`word`, `root`, `fraction` or `array`",
            close(binder.sort, _SORTS),
        )
    if reason := why_refused(ident):
        raise refused(f"`{ident}` cannot be bound: {reason}", place, "another name", _other(ident))
    if ident in names:
        first = names[ident].location
        raise refused(
            f"`{ident}` is bound twice, first in line {first.line}, column {first.column}",
            place,
            "different names",
        )
    if ident in labels.inside:
        raise refused(f"`{ident}` is a label of the fragment", place, "a name that is not a label")
    names[ident] = Name(ident, sort, place)
    return names[ident]


def _other(ident: str) -> str | None:
    candidate = f"{ident}0"
    return candidate if why_refused(candidate) is None else None


def fresh(scope: Scope, sort: Sort, place: Location) -> str:
    """A name for `_`: `u1`, `u2`, ..., without those that the spec uses."""
    if scope.fresh is None:
        raise refused("`_` cannot stand here", place, "a name")
    number = 1
    while f"u{number}" in scope.taken:
        number += 1
    ident = f"u{number}"
    scope.taken.add(ident)
    scope.fresh.append(Name(ident, sort, place))
    return ident


# -- expressions -----------------------------------------------------------------------------------


def word(expr: raw.RawExpr, scope: Scope) -> Expr:
    """An expression of sort word; a root may stand for one."""
    match expr:
        case raw.RawLit():
            return Lit(expr.value, expr.location)
        case raw.RawBin():
            return Bin(expr.op, word(expr.left, scope), word(expr.right, scope), expr.location)
        case raw.RawName(ident="_"):
            return Var(fresh(scope, Sort.WORD, expr.location), expr.location)
        case raw.RawName():
            return _name(expr, scope)
        case raw.RawIndex():
            return _select(expr, scope)


def _select(expr: raw.RawIndex, scope: Scope) -> Select:
    base, place = expr.base, expr.base.location
    if isinstance(base, raw.RawName) and scope.sort_of(base) is Sort.ARRAY:
        return Select(base.ident, word(expr.index, scope), expr.location)
    if isinstance(base, raw.RawName) and base.ident not in scope.names:
        raise _unknown(base.ident, place, _of(scope, Sort.ARRAY), f"forall {base.ident} : array")
    raise refused(
        "this is not an array",
        place,
        "an array bound by `forall` in front of `[`; `a[n]` for n words at a stands in front of "
        "an arrow alone",
        f"forall {base.ident} : array" if isinstance(base, raw.RawName) else None,
    )


def array(expr: raw.RawExpr, scope: Scope) -> str:
    """The name of an array."""
    if isinstance(expr, raw.RawName) and scope.sort_of(expr) is Sort.ARRAY:
        return expr.ident
    if isinstance(expr, raw.RawName) and expr.ident not in scope.names and expr.ident != "_":
        known = _of(scope, Sort.ARRAY)
        raise _unknown(expr.ident, expr.location, known, f"forall {expr.ident} : array")
    raise refused("this is not an array", expr.location, "the name of an array", "forall A : array")


def _of(scope: Scope, sort: Sort) -> list[str]:
    return [name.ident for name in scope.names.values() if name.sort is sort]


def _name(expr: raw.RawName, scope: Scope) -> Expr:
    ident, place = expr.ident, expr.location
    found = scope.names.get(ident)
    if found is not None:
        if found.sort is Sort.FRACTION:
            raise refused(f"`{ident}` is a fraction", place, "a word or a root")
        if found.sort is Sort.ARRAY:
            raise refused(
                f"`{ident}` is an array",
                place,
                "a word: an element of the array; or the array as the content of a block",
                f"{ident}[i], or a[n] |->v {ident}",
            )
        return Var(ident, place)
    if ident in scope.labels.inside:
        if reason := why_refused(ident):
            raise refused(f"the label `{ident}` cannot be used: {reason}", place, "another label")
        return Label(ident, scope.labels.inside[ident], place)
    if is_register(ident):
        raise refused(
            f"`{ident}` is a register, not a value",
            place,
            "a name for the register's value",
            f"{ident.lower()} |->r x, and x here" if ident.lower() in REGISTERS else None,
        )
    if ident in scope.labels.outside:
        raise refused(
            f"the label `{ident}` is not in this fragment",
            place,
            "a label between this entry and the end of its code, or a parameter",
        )
    known = [*scope.names, *scope.labels.inside]
    raise _unknown(ident, place, known, f"forall {ident} : word")


def _unknown(ident: str, place: Location, known: Iterable[str], hint: str) -> UserError:
    return refused(
        f"unknown name `{ident}`",
        place,
        "a name bound by `forall` or `exists`, or a label of the fragment",
        close(ident, known) or hint,
    )


def close(ident: str, known: Iterable[str]) -> str | None:
    """The known name that is most like `ident`."""
    found = difflib.get_close_matches(ident, list(known), n=1)
    return found[0] if found else None


def root(expr: raw.RawExpr, scope: Scope) -> Expr:
    """A name of sort root; a word is not the root of a space."""
    if isinstance(expr, raw.RawName) and expr.ident != "_":
        found = scope.names.get(expr.ident)
        if found is not None and found.sort is Sort.ROOT:
            return Var(expr.ident, expr.location)
        if found is not None:
            raise refused(
                f"`{expr.ident}` is a {found.sort.value}",
                expr.location,
                "a root",
                f"forall {expr.ident} : root",
            )
        roots = _of(scope, Sort.ROOT)
        if expr.ident not in scope.labels.inside:
            raise refused(
                f"unknown name `{expr.ident}`",
                expr.location,
                "a root bound by `forall`",
                close(expr.ident, roots) or f"forall {expr.ident} : root",
            )
    raise refused("this is not a root", expr.location, "the name of a root", "forall r : root")


def frac(share: raw.RawShare, scope: Scope) -> Frac:
    """A share."""
    if share.ident is None:
        return _lowest(share)
    ident, place = share.ident, share.location
    if ident == "_":
        return FracVar(fresh(scope, Sort.FRACTION, place), place)
    found = scope.names.get(ident)
    if found is None:
        fractions = _of(scope, Sort.FRACTION)
        raise refused(
            f"unknown name `{ident}`",
            place,
            "a fraction bound by `forall`",
            close(ident, fractions) or f"forall {ident} : fraction",
        )
    if found.sort is not Sort.FRACTION:
        raise refused(
            f"`{ident}` is a {found.sort.value}", place, "a fraction", f"forall {ident} : fraction"
        )
    return FracVar(ident, place)


def _lowest(share: raw.RawShare) -> FracLit:
    common = math.gcd(share.numerator, share.denominator)
    return FracLit(share.numerator // common, share.denominator // common, share.location)
