# SPDX-License-Identifier: Apache-2.0
"""Resolves names and checks sorts: `raw` nodes go in, `spec` nodes come out."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from rocqgen.errors import UserError
from rocqgen.source import raw
from rocqgen.source.annotations import refused
from rocqgen.source.location import Location
from rocqgen.source.reserved import REGISTERS, is_register, why_refused
from rocqgen.source.shares import check_shares
from rocqgen.source.spec import (
    Assertion,
    At,
    Bin,
    Claim,
    Code,
    Exit,
    Expr,
    Frac,
    FracLit,
    FracVar,
    Hint,
    Label,
    Lit,
    Name,
    PhysPt,
    Pure,
    RegPt,
    Sort,
    Spec,
    Var,
    VirtPt,
)

_SORTS = {sort.value: sort for sort in Sort}


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels that an annotation may name: offsets from the entry; `outside` are the others."""

    inside: Mapping[str, int]
    outside: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Scope:
    """The names in force; `fresh` collects those for `_`, and is `None` where `_` may not be."""

    labels: Labels
    names: dict[str, Name]
    taken: set[str]
    fresh: list[Name] | None = None


def check_spec(block: raw.RawSpec, labels: Labels) -> Spec:
    """Resolve a block.

    An unknown, duplicate or reserved name, a wrong sort and an assertion that cannot stand where it
    does are a `UserError` with line and column.
    """
    taken = set(_idents(block)) | set(labels.inside)
    names: dict[str, Name] = {}
    for binder in block.params:
        _bind(binder, names, labels)
    params = tuple(names.values())
    space = _root(block.space, _Scope(labels, names, taken))
    anonymous: list[Name] = []
    pre = _assertion(block.pre, _Scope(labels, names, taken, anonymous))
    check_shares(pre, space)
    exits = tuple(_exit(item, space, _Scope(labels, names, taken)) for item in block.exits)
    return Spec((*params, *anonymous), space, pre, exits, (), block.location)


def check_hint(hint: raw.RawHint, offset: int, spec: Spec, labels: Labels) -> tuple[Hint, ...]:
    """Resolve `at` on the line of the instruction at `offset`, in the scope of the parameters."""
    names = {name.ident: name for name in spec.params}
    scope = _Scope(labels, names, set(names))
    return tuple(Hint(offset, _word(item, scope), item.location) for item in hint.addresses)


# -- binders ---------------------------------------------------------------------------------------


def _bind(binder: raw.RawBinder, names: dict[str, Name], labels: Labels) -> Name:
    ident, place = binder.ident, binder.location
    sort = _SORTS.get(binder.sort)
    if sort is None:
        raise refused(
            f"unknown sort `{binder.sort}`",
            binder.sort_location,
            "`word`, `root` or `fraction`",
            _close(binder.sort, _SORTS),
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


def _fresh(scope: _Scope, sort: Sort, place: Location) -> str:
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


def _idents(block: raw.RawSpec) -> Iterator[str]:
    """Every name that the block binds."""
    for binder in block.params:
        yield binder.ident
    for item in block.exits:
        for binder in item.exists:
            yield binder.ident


# -- expressions -----------------------------------------------------------------------------------


def _word(expr: raw.RawExpr, scope: _Scope) -> Expr:
    match expr:
        case raw.RawLit():
            return Lit(expr.value, expr.location)
        case raw.RawBin():
            return Bin(expr.op, _word(expr.left, scope), _word(expr.right, scope), expr.location)
        case raw.RawName(ident="_"):
            return Var(_fresh(scope, Sort.WORD, expr.location), expr.location)
        case raw.RawName():
            return _name(expr, scope)


def _name(expr: raw.RawName, scope: _Scope) -> Expr:
    ident, place = expr.ident, expr.location
    found = scope.names.get(ident)
    if found is not None:
        if found.sort is Sort.FRACTION:
            raise refused(f"`{ident}` is a fraction", place, "a word or a root")
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
    raise _unknown(ident, place, [*scope.names, *scope.labels.inside])


def _unknown(ident: str, place: Location, known: Iterable[str]) -> UserError:
    close = _close(ident, known)
    return refused(
        f"unknown name `{ident}`",
        place,
        "a name bound by `forall` or `exists`, or a label of the fragment",
        close or f"forall {ident} : word",
    )


def _close(ident: str, known: Iterable[str]) -> str | None:
    close = difflib.get_close_matches(ident, list(known), n=1)
    return close[0] if close else None


def _root(expr: raw.RawExpr, scope: _Scope) -> Expr:
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
        roots = [name.ident for name in scope.names.values() if name.sort is Sort.ROOT]
        if expr.ident not in scope.labels.inside:
            raise refused(
                f"unknown name `{expr.ident}`",
                expr.location,
                "a root bound by `forall`",
                _close(expr.ident, roots) or f"forall {expr.ident} : root",
            )
    raise refused("this is not a root", expr.location, "the name of a root", "forall r : root")


def _frac(share: raw.RawShare, scope: _Scope) -> Frac:
    if share.ident is None:
        return _lowest(share)
    ident, place = share.ident, share.location
    if ident == "_":
        return FracVar(_fresh(scope, Sort.FRACTION, place), place)
    found = scope.names.get(ident)
    if found is None:
        fractions = [name.ident for name in scope.names.values() if name.sort is Sort.FRACTION]
        raise refused(
            f"unknown name `{ident}`",
            place,
            "a fraction bound by `forall`",
            _close(ident, fractions) or f"forall {ident} : fraction",
        )
    if found.sort is not Sort.FRACTION:
        raise refused(
            f"`{ident}` is a {found.sort.value}", place, "a fraction", f"forall {ident} : fraction"
        )
    return FracVar(ident, place)


def _lowest(share: raw.RawShare) -> FracLit:
    common = math.gcd(share.numerator, share.denominator)
    return FracLit(share.numerator // common, share.denominator // common, share.location)


# -- assertions ------------------------------------------------------------------------------------


def _assertion(items: tuple[raw.RawAtom, ...], scope: _Scope) -> tuple[Assertion, ...]:
    checked = tuple(_atom(item, scope) for item in items if not isinstance(item, raw.RawEmp))
    seen: dict[str, Location] = {}
    for item in checked:
        if isinstance(item, RegPt):
            if item.reg.value in seen:
                first = seen[item.reg.value]
                raise refused(
                    f"`{item.reg.value}` is described twice, first in line {first.line}, "
                    f"column {first.column}",
                    item.location,
                    "each register at most once in an assertion",
                    f"{item.reg.value} |->r x once, and x = ... for a second fact",
                )
            seen[item.reg.value] = item.location
    return checked


def _atom(item: raw.RawAtom, scope: _Scope) -> Assertion:
    match item:
        case raw.RawRegister():
            return _register(item, scope)
        case raw.RawVirtual():
            addr = _word(item.addr, scope)
            frac = _frac(item.share, scope)
            return VirtPt(addr, _word(item.value, scope), frac, item.writable, item.location)
        case raw.RawPhysical():
            addr = _word(item.addr, scope)
            frac = _frac(item.share, scope)
            return PhysPt(addr, _word(item.value, scope), frac, item.location)
        case raw.RawClaim():
            va = _word(item.va, scope)
            frac = _frac(item.share, scope)
            return Claim(va, _word(item.pa, scope), frac, item.writable, item.location)
        case raw.RawCode():
            return Code(_frac(item.share, scope), item.location)
        case raw.RawPure():
            left = _word(item.left, scope)
            return Pure(item.rel, left, _word(item.right, scope), item.location)
        case raw.RawAt():
            return _at(item, scope)
        case raw.RawEmp():
            raise AssertionError("emp is the empty list of items")


def _register(item: raw.RawRegister, scope: _Scope) -> RegPt:
    left = item.left
    if not isinstance(left, raw.RawName) or left.ident not in REGISTERS:
        written = f"`{left.ident}`" if isinstance(left, raw.RawName) else "an expression"
        hint = None
        if isinstance(left, raw.RawName):
            close = _close(left.ident.lower(), REGISTERS)
            hint = "space r, for the root in cr3" if left.ident == "cr3" else close
        raise refused(
            f"{written} in front of `|->r` is not a 64-bit general-purpose register",
            left.location,
            ", ".join(REGISTERS),
            hint,
        )
    return RegPt(REGISTERS[left.ident], _word(item.value, scope), item.location)


_EVERYWHERE = {
    raw.RawRegister: "registers belong to no space",
    raw.RawPhysical: "physical memory belongs to no space",
    raw.RawPure: "a fact about words belongs to no space",
    raw.RawAt: "`[r] { ... }` says its space itself",
}


def _at(item: raw.RawAt, scope: _Scope) -> At:
    root = _root(item.root, scope)
    for inner in item.items:
        if reason := _EVERYWHERE.get(type(inner)):
            raise refused(
                f"{reason}, and cannot be inside `[r] {{ ... }}`",
                inner.location,
                "virtual points-tos, claims and `code`",
                "ASSERTION * [r] { ... }",
            )
    return At(root, _assertion(item.items, scope), item.location)


def _exit(item: raw.RawExit, default: Expr, outer: _Scope) -> Exit:
    address = _word(item.address, outer)
    space = default if item.space is None else _root(item.space, outer)
    names = dict(outer.names)
    bound = [_bind(binder, names, outer.labels) for binder in item.exists]
    for name in bound:
        if name.sort is Sort.FRACTION:
            raise refused(
                f"`{name.ident}` is a fraction",
                name.location,
                "existentials of sort word or root",
                f"{name.ident} : fraction behind `forall`",
            )
    anonymous: list[Name] = []
    scope = _Scope(outer.labels, names, set(outer.taken), anonymous)
    post = _assertion(item.post, scope)
    check_shares(post, space)
    for name in anonymous:
        if name.sort is Sort.FRACTION:
            raise refused(
                "`_` cannot be a fraction here", name.location, "a fraction bound by `forall`"
            )
    return Exit(address, space, (*bound, *anonymous), post, item.location)
