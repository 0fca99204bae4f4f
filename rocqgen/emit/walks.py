# SPDX-License-Identifier: Apache-2.0
"""Walks: the entries that a walk to an address goes through, and steps of the proof with them.

They are as in `theories/auto/kinds.v`, and travel as items of kind `KWalk`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rocqgen.emit.cells import FRAME, LARGE, PAGE_WORDS, PRESENT, Cell, owe, slot, the_cell
from rocqgen.emit.ghosts import GAscend, GDescend, GFold, GNothing, GUnfold
from rocqgen.emit.normal import Alu, ECst, Term, mk_and, mk_op
from rocqgen.emit.paths import StuckError
from rocqgen.emit.shares import rational
from rocqgen.emit.symbolic import Fact, FDiv, FOne, IClaim, IRes, KWalk, Region
from rocqgen.source.spec import Rel

if TYPE_CHECKING:
    from rocqgen.emit.paths import Path
    from rocqgen.emit.symbolic import Item, Share

Walks = GUnfold | GDescend | GAscend | GNothing | GFold
_LEADS = ECst(PRESENT)


@dataclass(frozen=True, slots=True)
class Window:
    """Where the tables of a walk are mapped: so far behind their physical addresses, in a space."""

    space: Term
    distance: Term


@dataclass(frozen=True, slots=True)
class Walk:
    """The slots that a walk to `va` reads, as far as the entries lead, and what they hold.

    `shifts` are those of its levels.  It begins in the table that `start` leads to; or `below` the
    entry that `start` is, and then there is nothing of it where that leads to no table.
    """

    below: bool
    shifts: tuple[int, ...]
    root: Term
    va: Term
    start: Term
    entries: tuple[Term, ...]
    window: Window | None

    def item(self, share: Share) -> IRes:
        """A share of it as an item."""
        mapped = () if self.window is None else (self.window.space, self.window.distance)
        kind = KWalk(self.below, self.shifts, self.window is not None)
        return IRes(kind, share, (self.root, self.va, self.start, *self.entries, *mapped))

    @property
    def table(self) -> Term:
        """The physical address of the table in which it begins."""
        return mk_and(self.start, ECst(FRAME))

    @property
    def slot(self) -> Term:
        """The physical address of the entry that it reads first."""
        return slot(self.start, self.va, self.shifts[0])

    @property
    def region(self) -> Region:
        """What the entry that it reads first answers for."""
        return Region(self.shifts[0], self.root, self.va)

    @property
    def page(self) -> Term | None:
        """Where its first table is mapped."""
        return None if self.window is None else mk_op(Alu.ADD, self.table, self.window.distance)

    @property
    def rest(self) -> Walk | None:
        """What is below its first entry."""
        if len(self.shifts) == 1:
            return None
        first, *others = self.entries
        return replace(self, below=True, shifts=self.shifts[1:], start=first, entries=tuple(others))

    @property
    def cell(self) -> Cell:
        """Its first entry."""
        return Cell(self.slot, self.entries[0], (self.region,), (None,), ())


def walk_of(item: Item) -> Walk | None:
    """The walk that an item is, if it is one."""
    if not isinstance(item, IRes) or not isinstance(item.kind, KWalk):
        return None
    kind = item.kind
    root, va, start, *more = item.terms
    count = len(kind.shifts)
    window = Window(more[count], more[count + 1]) if kind.mapped else None
    return Walk(kind.below, kind.shifts, root, va, start, tuple(more[:count]), window)


def the_walk(path: Path, n: int, *, below: bool) -> Walk:
    """The walk that an item is, from a table or below an entry."""
    walk = walk_of(path.items[n])
    if walk is None or walk.below != below:
        raise StuckError("this is no walk " + ("below an entry" if below else "from a table"))
    return walk


def apply_walk(ghost: Walks, path: Path) -> list[Fact]:
    """Do a step of the proof with walks; gives what is owed."""
    match ghost:
        case GUnfold(n):
            _unfold(path, n)
            return []
        case GDescend(n):
            walk = the_walk(path, n, below=True)
            below = replace(walk, below=False, start=walk.table)
            path.put(n, below.item(path.items[n].share), None)
            return leads(walk.start)
        case GAscend(n, entry):
            walk = the_walk(path, n, below=False)
            above = replace(walk, below=True, start=entry)
            path.put(n, above.item(path.items[n].share), None)
            return owe(Rel.EQ, walk.table, above.table)
        case GNothing(kind, terms):
            nothing = walk_of(IRes(kind, FOne(), terms))
            if nothing is None or not nothing.below:
                raise StuckError("this is no walk below an entry")
            path.add(nothing.item(FOne()), None)
            return owe(Rel.NE, bits(nothing.start), _LEADS)
        case GFold():
            return _fold(ghost, path)


def bits(entry: Term) -> Term:
    """The bits of an entry that say whether it leads to a table."""
    return mk_and(entry, ECst(PRESENT | LARGE))


def leads(entry: Term) -> list[Fact]:
    """That an entry leads to a table."""
    return owe(Rel.EQ, bits(entry), _LEADS)


def _unfold(path: Path, n: int) -> None:
    walk, share = the_walk(path, n, below=False), path.items[n].share
    writer = path.item_writer.get(n)
    path.remove(n)
    path.add(walk.cell.item(share), writer, at=n)
    if walk.rest is not None:
        path.add(walk.rest.item(share), writer)
    if walk.window is not None and walk.page is not None:
        claim = IClaim(True, walk.window.space, walk.page, FDiv(PAGE_WORDS, 1), walk.table)
        path.add(claim, writer)


def _fold(ghost: GFold, path: Path) -> list[Fact]:
    cell, share = the_cell(path, ghost.cell), path.items[ghost.cell].share
    open_to_all = None in cell.claimed if share == FOne() else cell.claimed == (None,)
    if len(cell.reach) != 1 or cell.reach[0] is None or not open_to_all or cell.owed:
        raise StuckError("an entry of a walk answers for one page, claims all and owes nothing")
    shift, root, va = cell.reach[0].shift, cell.reach[0].root, cell.reach[0].va
    facts = owe(Rel.EQ, cell.addr, slot(ghost.table, va, shift))
    rest: Walk | None = None
    window: Window | None = None
    if ghost.below is not None:
        rest = the_walk(path, ghost.below, below=True)
        alike = path.items[ghost.below].share == share
        if not alike or (rest.root, rest.va) != (root, va):
            raise StuckError("the walk below an entry is another one's")
        facts += owe(Rel.EQ, rest.start, cell.entry)
    if ghost.claim is not None:
        n, distance = ghost.claim
        claim = path.items[n]
        whole = isinstance(claim, IClaim) and rational(claim.share) == PAGE_WORDS
        if not isinstance(claim, IClaim) or not whole or not claim.writable:
            raise StuckError("a table of a walk is mapped as a page")
        window = Window(claim.root, distance)
    walk = Walk(
        False,
        (shift, *(rest.shifts if rest is not None else ())),
        root,
        va,
        ghost.table,
        (cell.entry, *(rest.entries if rest is not None else ())),
        window,
    )
    if rest is not None and rest.window != window:
        raise StuckError("the tables of a walk are mapped in one way")
    if ghost.claim is not None and walk.page is not None:
        claim = path.items[ghost.claim[0]]
        if isinstance(claim, IClaim):
            facts += owe(Rel.EQ, claim.addr, walk.page) + owe(Rel.EQ, claim.value, walk.table)
    parts = [ghost.cell, ghost.below, None if ghost.claim is None else ghost.claim[0]]
    used = [n for n in parts if n is not None]
    writers = [path.item_writer[n] for n in used if n in path.item_writer]
    path.remove(ghost.cell)
    path.add(walk.item(share), writers[0] if writers else None, at=ghost.cell)
    for n in sorted(used[1:], reverse=True):
        path.remove(n)
    return facts
