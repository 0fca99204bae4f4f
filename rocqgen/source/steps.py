# SPDX-License-Identifier: Apache-2.0
"""Marks on instructions: which assertion an access goes to, and steps of the proof alone."""

from __future__ import annotations

from dataclasses import dataclass

from rocqgen.source.assertions import Page, Pages
from rocqgen.source.location import Location
from rocqgen.source.words import Expr


@dataclass(frozen=True, slots=True)
class Hint:
    """`at address` on the line of the instruction at `offset`: its memory access goes to what the
    precondition has at `address` in the space that is current there, although the addresses are not
    syntactically equal.

    With `index`, `address` is that of a block and `index` the number of the word in it.  With
    `via`, the access is translated by the claim of the page at `via`, and `address` is that of
    what lies there: a cell, a physical points-to or block.  An instruction that accesses memory
    twice (`push m`, `pop m`, `call m`) has two hints in the order of the accesses, or none.

    Names are those of the parameters, and those that an invariant of the fragment binds.
    """

    offset: int
    address: Expr
    location: Location
    index: Expr | None = None
    via: Expr | None = None


@dataclass(frozen=True, slots=True)
class ClaimPage:
    """`claim va in root through a, b`: claim the page at `va` through the entries at these
    physical addresses, from the top; none where they are to be found."""

    va: Expr
    root: Expr
    through: tuple[Expr, ...]
    location: Location


@dataclass(frozen=True, slots=True)
class MapCode:
    """`map code in root through a, b`: the fragment's code is mapped in the space `root`, too, by
    the entries at these physical addresses, from the top; none where they are to be found."""

    root: Expr
    through: tuple[Expr, ...]
    location: Location


@dataclass(frozen=True, slots=True)
class UnclaimPage:
    """`unclaim va in root`: give the claim of the page at `va` back to its entries."""

    va: Expr
    root: Expr
    location: Location


@dataclass(frozen=True, slots=True)
class OpenEntry:
    """`open addr for pages`: these pages, too, may be claimed through the entry at `addr`."""

    addr: Expr
    pages: Pages
    location: Location


@dataclass(frozen=True, slots=True)
class AnswerPage:
    """`answer addr for va in root level L`: the entry at `addr` comes to answer for this page, too:
    no walk to it reads the entry yet, or `root` is not the current space."""

    addr: Expr
    page: Page
    location: Location


@dataclass(frozen=True, slots=True)
class NewEntry:
    """`cell addr`: the physical word at `addr` becomes an entry of no table yet."""

    addr: Expr
    location: Location


@dataclass(frozen=True, slots=True)
class Drop:
    """`drop addr`: what is known of `addr` (an entry, a points-to or a block) is given up."""

    addr: Expr
    location: Location


@dataclass(frozen=True, slots=True)
class SplitBlock:
    """`split addr at index`: the block at `addr` becomes two, the second from this word on."""

    addr: Expr
    index: Expr
    location: Location


@dataclass(frozen=True, slots=True)
class JoinBlocks:
    """`join addr`: the block at `addr` and the one that begins where it ends become one."""

    addr: Expr
    location: Location


@dataclass(frozen=True, slots=True)
class ToWord:
    """`word addr`: the block of one word at `addr` becomes a points-to."""

    addr: Expr
    location: Location


@dataclass(frozen=True, slots=True)
class ToBlock:
    """`block addr`: the points-to at `addr` becomes a block of one word."""

    addr: Expr
    location: Location


@dataclass(frozen=True, slots=True)
class Forget:
    """`forget addr`: what the words of the block at `addr` are is given up."""

    addr: Expr
    location: Location


@dataclass(frozen=True, slots=True)
class PayElsewhere:
    """`pay addr`: the entry at `addr` owes nothing to spaces other than the current one."""

    addr: Expr
    location: Location


@dataclass(frozen=True, slots=True)
class UnfoldWalk:
    """`unfold table`: the entry in this table is taken out of the walk that goes through it."""

    addr: Expr
    location: Location


@dataclass(frozen=True, slots=True)
class FoldWalk:
    """`fold table`: the entry in this table and the walk below it become one walk."""

    addr: Expr
    location: Location


Action = (
    ClaimPage
    | MapCode
    | UnclaimPage
    | OpenEntry
    | AnswerPage
    | NewEntry
    | PayElsewhere
    | Drop
    | SplitBlock
    | JoinBlocks
    | ToWord
    | ToBlock
    | Forget
    | UnfoldWalk
    | FoldWalk
)


@dataclass(frozen=True, slots=True)
class Ghost:
    """`first G` or `then G` on the line of the instruction at `offset`: a step of the proof alone,
    in front of the instruction or, with `after`, behind it."""

    offset: int
    after: bool
    action: Action
    location: Location
