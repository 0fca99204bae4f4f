# SPDX-License-Identifier: Apache-2.0
"""Assertions: what is owned, and facts about words."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from rocqgen.source.location import Location
from rocqgen.source.machine import Reg
from rocqgen.source.words import Expr, Frac


class Rel(enum.Enum):
    """Pure relations between words; the order is unsigned."""

    EQ = "="
    NE = "!="
    LT = "<"
    LE = "<="


@dataclass(frozen=True, slots=True)
class RegPt:
    """`reg |->r value`."""

    reg: Reg
    value: Expr
    location: Location


@dataclass(frozen=True, slots=True)
class VirtPt:
    """`addr |->v{frac} value`: 8 bytes; `writable` is false for the read-only form `|->vr`."""

    addr: Expr
    value: Expr
    frac: Frac
    writable: bool
    location: Location


@dataclass(frozen=True, slots=True)
class PhysPt:
    """`addr |->p{frac} value`: 8 bytes of physical memory."""

    addr: Expr
    value: Expr
    frac: Frac
    location: Location


@dataclass(frozen=True, slots=True)
class Claim:
    """`va ~>{frac} pa`: the space translates the 8 bytes at `va` to those at `pa`.

    With `page` it is `page va ~>{frac} pa`: the claim of the 4 KiB page at `va`, which has 512
    words: `frac` is a share of all of it, 512 times that of a word.
    """

    va: Expr
    pa: Expr
    frac: Frac
    writable: bool
    location: Location
    page: bool = False


@dataclass(frozen=True, slots=True)
class Code:
    """`code{frac}`: the fragment's own code is mapped executable at its addresses."""

    frac: Frac
    location: Location


@dataclass(frozen=True, slots=True)
class Pure:
    """A pure fact `left rel right`."""

    rel: Rel
    left: Expr
    right: Expr
    location: Location


@dataclass(frozen=True, slots=True)
class At:
    """`[root] { items }`: the items hold in the space rooted at `root` (an `Expr` of sort root)."""

    root: Expr
    items: tuple[Assertion, ...]
    location: Location


class Level(enum.IntEnum):
    """The size of a page, as the number of address bits inside it (SDM vol. 3, 5.5.4).

    No page is larger than 1 GiB; the others are what one entry of the PML4 or PML5 is for.
    """

    K4 = 12
    M2 = 21
    G1 = 30
    G512 = 39
    T256 = 48


@dataclass(frozen=True, slots=True)
class Everywhere:
    """`all`: every page of every space."""

    location: Location


@dataclass(frozen=True, slots=True)
class Page:
    """`va in root level L`: the page of that size around `va` in the space rooted at `root`."""

    va: Expr
    root: Expr
    level: Level
    location: Location


Pages = tuple[Everywhere | Page, ...]
"""Which translations something is said of; `none` is the empty one."""


@dataclass(frozen=True, slots=True)
class Entry:
    """`addr |->e{frac} value`: 8 bytes of physical memory that are an entry of a page table.

    It `answers` for these pages where a walk to them reads it at the level of their size; `claims`
    are those that may be claimed through it; of `owes` the TLB may still hold what an earlier entry
    said.
    """

    addr: Expr
    value: Expr
    frac: Frac
    answers: Pages
    claims: Pages
    owes: Pages
    location: Location


@dataclass(frozen=True, slots=True)
class AnyWords:
    """`_` as the content of a block: words that nobody knows."""

    location: Location


@dataclass(frozen=True, slots=True)
class Fill:
    """An expression as the content of a block: every word of it is `value`."""

    value: Expr
    location: Location


@dataclass(frozen=True, slots=True)
class Elements:
    """`array from start` as the content of a block: word i of it is `array[start + i]`."""

    array: str
    start: Expr
    location: Location


Content = AnyWords | Fill | Elements


@dataclass(frozen=True, slots=True)
class Block:
    """`addr[count] |->v{frac} content`: `count` words from `addr` on.

    Addresses are those of the space if `virtual` (and then `writable` is false for `|->vr`), else
    physical ones (`|->p`; `writable` is true).
    """

    virtual: bool
    addr: Expr
    count: Expr
    content: Content
    frac: Frac
    writable: bool
    location: Location


@dataclass(frozen=True, slots=True)
class Window:
    """`mapped by distance in space`: each table of a walk is mapped there as a page, writable, so
    far behind its physical address."""

    distance: Expr
    space: Expr


@dataclass(frozen=True, slots=True)
class Walk:
    """`walk va in root level depth from table reads entries mapped by distance in space`: the slots
    that a walk to `va` goes through.

    `table` is what leads to the table that the walk reads at `depth` (4 is the PML4, 1 the page
    table): its physical address, or an entry or a root with other bits.  `entries` are what the
    slots hold, from that level down, to the last or to one above it: what lies behind that is no
    part of it then.  They are owned as far as they lead to tables: each behind one that is present
    and is no large page.
    """

    va: Expr
    root: Expr
    depth: int
    table: Expr
    entries: tuple[Expr, ...]
    location: Location
    mapped: Window | None = None


Assertion = RegPt | VirtPt | PhysPt | Claim | Code | Pure | At | Entry | Block | Walk
