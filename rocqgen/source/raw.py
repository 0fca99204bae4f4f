# SPDX-License-Identifier: Apache-2.0
"""An annotation as it was written: names are not resolved yet, sorts are not known."""

from __future__ import annotations

from dataclasses import dataclass

from rocqgen.source.location import Location
from rocqgen.source.spec import BinOp, Rel


@dataclass(frozen=True, slots=True)
class RawName:
    """A name, or `_`."""

    ident: str
    location: Location
    depth: int = 0


@dataclass(frozen=True, slots=True)
class RawLit:
    """A word literal, reduced to [0, 2**64)."""

    value: int
    location: Location
    depth: int = 0


@dataclass(frozen=True, slots=True)
class RawBin:
    """A binary operation; `depth` is its height as a tree."""

    op: BinOp
    left: RawExpr
    right: RawExpr
    location: Location
    depth: int


RawExpr = RawName | RawLit | RawBin


@dataclass(frozen=True, slots=True)
class RawShare:
    """`{q}` or `{1/2}`; without braces it is `1/1` at the arrow."""

    ident: str | None
    numerator: int
    denominator: int
    location: Location


@dataclass(frozen=True, slots=True)
class RawRegister:
    """`left |->r value`."""

    left: RawExpr
    value: RawExpr
    location: Location


@dataclass(frozen=True, slots=True)
class RawVirtual:
    """`addr |->v{share} value`."""

    addr: RawExpr
    value: RawExpr
    share: RawShare
    writable: bool
    location: Location


@dataclass(frozen=True, slots=True)
class RawPhysical:
    """`addr |->p{share} value`."""

    addr: RawExpr
    value: RawExpr
    share: RawShare
    location: Location


@dataclass(frozen=True, slots=True)
class RawClaim:
    """`va ~>{share} pa`."""

    va: RawExpr
    pa: RawExpr
    share: RawShare
    writable: bool
    location: Location


@dataclass(frozen=True, slots=True)
class RawCode:
    """`code{share}`."""

    share: RawShare
    location: Location


@dataclass(frozen=True, slots=True)
class RawPure:
    """`left rel right`."""

    rel: Rel
    left: RawExpr
    right: RawExpr
    location: Location


@dataclass(frozen=True, slots=True)
class RawEmp:
    """`emp`."""

    location: Location


@dataclass(frozen=True, slots=True)
class RawAt:
    """`[root] { items }`."""

    root: RawExpr
    items: tuple[RawAtom, ...]
    location: Location


RawAtom = RawRegister | RawVirtual | RawPhysical | RawClaim | RawCode | RawPure | RawEmp | RawAt


@dataclass(frozen=True, slots=True)
class RawBinder:
    """`name : sort`, one for each name."""

    ident: str
    sort: str
    location: Location
    sort_location: Location


@dataclass(frozen=True, slots=True)
class RawExit:
    """`exit address space root exists binders ensures post`."""

    address: RawExpr
    space: RawExpr | None
    exists: tuple[RawBinder, ...]
    post: tuple[RawAtom, ...]
    location: Location


@dataclass(frozen=True, slots=True)
class RawSpec:
    """A whole block."""

    params: tuple[RawBinder, ...]
    space: RawExpr
    pre: tuple[RawAtom, ...]
    exits: tuple[RawExit, ...]
    location: Location


@dataclass(frozen=True, slots=True)
class RawHint:
    """`at address`, one for each memory access of the instruction."""

    addresses: tuple[RawExpr, ...]
    location: Location


@dataclass(frozen=True, slots=True)
class RawExpect:
    """`expect outcome`."""

    outcome: str
    location: Location


RawMark = RawHint | RawExpect
