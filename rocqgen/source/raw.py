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


@dataclass(frozen=True, slots=True)
class RawIndex:
    """`base[index]`: an element of an array, or a block of words."""

    base: RawExpr
    index: RawExpr
    location: Location
    depth: int


RawExpr = RawName | RawLit | RawBin | RawIndex


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
    """`va ~>{share} pa`, and with `page` in front of it."""

    va: RawExpr
    pa: RawExpr
    share: RawShare
    writable: bool
    location: Location
    page: bool = False


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
class RawPage:
    """`va in root level L`, or a lone name: `all` or `none`."""

    va: RawExpr
    root: RawExpr | None
    level: str | None
    location: Location
    level_location: Location


@dataclass(frozen=True, slots=True)
class RawEntry:
    """`addr |->e{share} value answers ... claims ... owes ...`; None for what is not written."""

    addr: RawExpr
    value: RawExpr
    share: RawShare
    answers: tuple[RawPage, ...] | None
    claims: tuple[RawPage, ...] | None
    owes: tuple[RawPage, ...] | None
    location: Location


@dataclass(frozen=True, slots=True)
class RawElements:
    """`target |->v{share} array from start`; `points` is the same without `from`."""

    points: RawVirtual | RawPhysical
    start: RawExpr


@dataclass(frozen=True, slots=True)
class RawWalk:
    """`walk va in root level depth from table reads entries mapped by distance in space`.

    None for what is not written; `mapped` has the distance and the space.
    """

    va: RawExpr
    root: RawExpr
    depth: int
    table: RawExpr
    entries: tuple[RawExpr, ...] | None
    mapped: tuple[RawExpr, RawExpr] | None
    location: Location
    depth_location: Location


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


RawAtom = (
    RawRegister
    | RawVirtual
    | RawPhysical
    | RawClaim
    | RawCode
    | RawPure
    | RawEmp
    | RawAt
    | RawEntry
    | RawElements
    | RawWalk
)


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
class RawPlatform:
    """`platform la57 maxphyaddr N`; None for a width that is not written."""

    la57: bool
    maxphyaddr: int | None
    location: Location


@dataclass(frozen=True, slots=True)
class RawSpec:
    """A whole block."""

    params: tuple[RawBinder, ...]
    space: RawExpr
    platform: RawPlatform | None
    pre: tuple[RawAtom, ...]
    exits: tuple[RawExit, ...]
    location: Location


@dataclass(frozen=True, slots=True)
class RawAssume:
    """`assume name ...`."""

    name: str
    name_location: Location
    params: tuple[RawBinder, ...]
    space: RawExpr
    pre: tuple[RawAtom, ...]
    exits: tuple[RawExit, ...]
    location: Location


@dataclass(frozen=True, slots=True)
class RawInvariant:
    """`invariant space root exists binders holds items`."""

    space: RawExpr | None
    exists: tuple[RawBinder, ...]
    holds: tuple[RawAtom, ...]
    location: Location


@dataclass(frozen=True, slots=True)
class RawPlace:
    """`address via page`."""

    address: RawExpr
    via: RawExpr | None


@dataclass(frozen=True, slots=True)
class RawHint:
    """`at address`, one for each memory access of the instruction."""

    places: tuple[RawPlace, ...]
    location: Location


@dataclass(frozen=True, slots=True)
class RawAction:
    """A step of the proof alone: `word` says which, with what stands behind it."""

    word: str
    exprs: tuple[RawExpr, ...]
    pages: tuple[RawPage, ...]
    location: Location


@dataclass(frozen=True, slots=True)
class RawGhost:
    """`first action` or, with `after`, `then action`."""

    after: bool
    action: RawAction
    location: Location


@dataclass(frozen=True, slots=True)
class RawExpect:
    """`expect outcome`."""

    outcome: str
    location: Location


RawMark = RawHint | RawExpect | RawGhost
