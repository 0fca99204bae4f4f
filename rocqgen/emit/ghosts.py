# SPDX-License-Identifier: Apache-2.0
"""Steps of the proof alone, as in `theories/auto/state.v`: about items, by their numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rocqgen.emit.normal import Term
    from rocqgen.emit.symbolic import KBlock, KWalk, Regions, Share


@dataclass(frozen=True, slots=True)
class GUnclaim:
    """The claim on a page is given back to a cell."""

    cell: int
    claim: int


@dataclass(frozen=True, slots=True)
class GClaim:
    """A page of 4 KiB is claimed.

    `path` has the cells on its way from the root; the claim is noted in that at `place`.
    """

    path: tuple[int, ...]
    place: int
    writable: bool
    root: Term
    va: Term
    pa: Term


@dataclass(frozen=True, slots=True)
class GOpen:
    """More may be claimed through a cell."""

    cell: int
    regions: Regions


@dataclass(frozen=True, slots=True)
class GReach:
    """A cell answers for a page of the current space, whose walk ends at the cells `path`."""

    path: tuple[int, ...]
    cell: int
    shift: int
    va: Term


@dataclass(frozen=True, slots=True)
class GReachElsewhere:
    """A cell answers for a page of another space."""

    cell: int
    shift: int
    root: Term
    va: Term


@dataclass(frozen=True, slots=True)
class GPayElsewhere:
    """What a cell owes in other spaces is paid."""

    cell: int


@dataclass(frozen=True, slots=True)
class GCode:
    """The fragment's code is mapped in a space, through the cells `path`; that at `place` notes it.

    `twin` are the first cells of the walk to the code here; the last of them holds what that of
    the same level in `path` does.
    """

    path: tuple[int, ...]
    place: int
    twin: tuple[int, ...]
    root: Term


@dataclass(frozen=True, slots=True)
class GNew:
    """A word of memory becomes a cell."""

    item: int


@dataclass(frozen=True, slots=True)
class GDrop:
    """An item is forgotten."""

    item: int


@dataclass(frozen=True, slots=True)
class GSplit:
    """A share becomes two: the first stays."""

    item: int
    first: Share
    second: Share


@dataclass(frozen=True, slots=True)
class GJoin:
    """Two shares become one, which is the first item."""

    item: int
    other: int


@dataclass(frozen=True, slots=True)
class GSplitBlock:
    """A block becomes two: the second from a word on."""

    block: int
    index: Term


@dataclass(frozen=True, slots=True)
class GJoinBlocks:
    """Two blocks become one, which is the first item."""

    block: int
    other: int


@dataclass(frozen=True, slots=True)
class GWord:
    """A block of one word becomes that word."""

    block: int


@dataclass(frozen=True, slots=True)
class GBlock:
    """A word becomes a block of one word."""

    item: int


@dataclass(frozen=True, slots=True)
class GForget:
    """What a block is filled with is forgotten."""

    block: int


@dataclass(frozen=True, slots=True)
class GArray:
    """A block of one word becomes that of an array's word at an index."""

    block: int
    array: int
    index: Term


@dataclass(frozen=True, slots=True)
class GEmpty:
    """A block of no words comes to be."""

    kind: KBlock
    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class GUnfold:
    """The first entry of a walk, and with it the claim on its table, become items of their own."""

    walk: int


@dataclass(frozen=True, slots=True)
class GDescend:
    """The walk below an entry that leads to a table is one from that table."""

    walk: int


@dataclass(frozen=True, slots=True)
class GAscend:
    """The walk from a table is one below an entry that leads there."""

    walk: int
    entry: Term


@dataclass(frozen=True, slots=True)
class GNothing:
    """There is a walk below an entry that leads to no table."""

    kind: KWalk
    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class GFold:
    """An entry in a table, the walk below it, and the claim on the table become one walk.

    The claim comes with the distance at which tables are mapped.
    """

    cell: int
    below: int | None
    claim: tuple[int, Term] | None
    table: Term


Ghost = (
    GUnclaim
    | GClaim
    | GOpen
    | GReach
    | GReachElsewhere
    | GPayElsewhere
    | GCode
    | GNew
    | GDrop
    | GSplit
    | GJoin
    | GSplitBlock
    | GJoinBlocks
    | GWord
    | GBlock
    | GForget
    | GArray
    | GEmpty
    | GUnfold
    | GDescend
    | GAscend
    | GNothing
    | GFold
)
