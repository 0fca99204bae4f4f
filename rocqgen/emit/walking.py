# SPDX-License-Identifier: Apache-2.0
"""Which steps of the proof take an entry out of a walk, or make a walk of entries."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rocqgen.emit.access import is_page_share
from rocqgen.emit.aliases import WORD_OFFSETS
from rocqgen.emit.cells import FRAME, Cell, cell_of, slot
from rocqgen.emit.ghosts import GAscend, GDescend, GFold, GNothing, GOpen, GUnfold
from rocqgen.emit.normal import ECst, mk_and
from rocqgen.emit.paths import StuckError
from rocqgen.emit.symbolic import FOne, IClaim, KWalk
from rocqgen.emit.walks import Walk, walk_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rocqgen.emit.actions import Steps
    from rocqgen.emit.aliases import Aliases
    from rocqgen.emit.fields import Linear
    from rocqgen.emit.ghosts import Ghost
    from rocqgen.emit.normal import Term
    from rocqgen.emit.paths import Path
    from rocqgen.emit.symbolic import Item


def _walks(path: Path) -> Iterator[tuple[int, Walk]]:
    for n, item in enumerate(path.items):
        walk = walk_of(item)
        if walk is not None:
            yield n, walk


def _parts(path: Path) -> Iterator[tuple[Walk, GUnfold | GDescend]]:
    """The walks and what is below their entries, with the next step towards the first entry."""
    for n, walk in _walks(path):
        part: Walk | None = walk
        while part is not None:
            yield part, _down(n, walk)
            part = part.rest


def same_start(aliases: Aliases, path: Path, have: Item, want: Item) -> bool:
    """Whether two items, if they are walks, are said to begin at the same word."""
    one, two = walk_of(have), walk_of(want)
    if one is None or two is None:
        return True
    rewriting = aliases.rewriting(path)
    return rewriting.equal(one.start, two.start) or not rewriting.equal(one.table, two.table)


def _down(n: int, walk: Walk) -> GUnfold | GDescend:
    """What takes a walk apart."""
    return GDescend(n) if walk.below else GUnfold(n)


def unfold_page(aliases: Aliases, path: Path, addr: Term) -> GUnfold | GDescend | None:
    """A step towards the entry at a virtual address, in a table of a walk that is mapped there."""
    rewriting = aliases.rewriting(path)
    for walk, step in _parts(path):
        if walk.window is None or walk.page is None:
            continue
        distance = rewriting.offset(addr, walk.page)
        here = rewriting.equal(walk.window.space, path.root)
        if here and distance is not None and not distance & ~WORD_OFFSETS:
            return step
    return None


def unfold_slot(aliases: Aliases, path: Path, where: Linear) -> GUnfold | GDescend | None:
    """A step towards the entry at a physical address, which a walk reads."""
    rewriting = aliases.rewriting(path)
    for walk, step in _parts(path):
        if rewriting.canonical(rewriting.linear(walk.slot)) == rewriting.canonical(where):
            return step
    return None


def unfold_table(steps: Steps, path: Path, table: Term) -> GUnfold | GDescend:
    """A step towards the entry of a walk in the table that a word leads to."""
    rewriting = steps.aliases.rewriting(path)
    for n, walk in _walks(path):
        if rewriting.equal(walk.table, mk_and(table, ECst(FRAME))):
            return _down(n, walk)
    raise StuckError(f"there is no walk from {steps.wording.term(table)}")


def fold_table(steps: Steps, path: Path, table: Term) -> Ghost:
    """A step towards the walk that begins in the table that a word leads to."""
    equal = steps.aliases.rewriting(path).equal
    for item in path.items:
        cell = cell_of(item)
        region = None if cell is None or len(cell.reach) != 1 else cell.reach[0]
        if cell is None or region is None:
            continue
        if not equal(cell.addr, slot(table, region.va, region.shift)):
            continue
        known = [walk for _, walk in _walks(path)]
        levels = next(
            (
                walk.shifts
                for walk in (*steps.walks, *known)
                if region.shift in walk.shifts and (walk.root, walk.va) == (region.root, region.va)
            ),
            () if steps.paging is None else steps.paging.shifts,
        )
        shifts = tuple(one for one in levels if one <= region.shift)
        windows = [
            walk.window
            for walk in (*known, *steps.walks)
            if (walk.root, walk.va) == (region.root, region.va)
        ]
        entries = (cell.entry, *(ECst(0) for _ in shifts[1:]))
        window = windows[0] if windows else None
        want = Walk(False, shifts, region.root, region.va, table, entries, window)
        return Folding(steps, path, range(len(path.items))).step(want)
    raise StuckError(f"no entry in the table at {steps.wording.term(table)} can begin a walk")


@dataclass(frozen=True, slots=True)
class Folding:
    """Makes walks of the items `left` of a path."""

    steps: Steps
    path: Path
    left: Sequence[int]

    def step(self, want: Walk) -> Ghost:
        """The next step towards a walk from a table, which is not there."""
        n = self._find(want, below=True)
        if n is not None:
            return GDescend(n)
        cell = self._entry(want)
        if cell is None:
            apart = self._apart(want)
            if apart is not None:
                return apart
            raise StuckError(f"there is no `{self.steps.wording.term(want.slot)} |->e ..`")
        n, have = cell
        prepared = self._prepared(n, have, want)
        if prepared is not None:
            return prepared
        below: int | None = None
        if want.rest is not None:
            rest = replace(want.rest, start=have.entry)
            below = self._find(rest, below=True, exact=True)
            if below is None:
                return self._below(rest)
        return GFold(n, below, self._page(want), want.start)

    def _apart(self, want: Walk) -> Ghost | None:
        """A step towards the entry that a walk reads first, which another one has."""
        equal = self.steps.aliases.rewriting(self.path).equal
        for part, step in _parts(self.path):
            number = step.walk
            if number in self.left and part.region == want.region and equal(part.slot, want.slot):
                return step
        return None

    def _below(self, rest: Walk) -> Ghost:
        """A step towards the walk below an entry."""
        n = self._find(rest, below=False)
        if n is not None:
            return GAscend(n, rest.start)
        if self._entry(rest) is not None:
            return self.step(replace(rest, below=False, start=rest.table))
        kind = KWalk(True, rest.shifts, rest.window is not None)
        return GNothing(kind, rest.item(FOne()).terms)

    def _find(self, want: Walk, *, below: bool, exact: bool = False) -> int | None:
        """The walk through the same tables; `exact`: below the same entry."""
        equal = self.steps.aliases.rewriting(self.path).equal
        for n in self.left:
            walk = walk_of(self.path.items[n])
            if walk is None or walk.below != below:
                continue
            if (walk.shifts, walk.root, walk.va) != (want.shifts, want.root, want.va):
                continue
            same = walk.start, want.start
            if equal(*same) if exact else equal(walk.table, want.table):
                return n
        return None

    def _entry(self, want: Walk) -> tuple[int, Cell] | None:
        """The entry that a walk reads first."""
        found = self.steps.aliases.cell(self.path, want.slot)
        return found if found is not None and found[0] in self.left else None

    def _prepared(self, n: int, have: Cell, want: Walk) -> Ghost | None:
        """What makes an entry one of a walk; nothing where it is."""
        say = self.steps.wording
        entry, region = f"the entry at {say.term(have.addr)}", want.region
        if have.owed:
            pages = ", ".join(map(say.region, have.owed))
            raise StuckError(f"{entry} owes {pages}, which is not flushed", item=n)
        if region not in have.reach:
            return self.steps.answer(self.path, have.addr, want.root, want.va, region.shift)
        if have.reach != (region,):
            raise StuckError(f"{entry} answers for more than {say.region(region)}", item=n)
        if None in have.claimed:
            return None
        if not isinstance(self.path.items[n].share, FOne):
            raise StuckError(f"{entry} does not claim `all`, as those of a walk do", item=n)
        return GOpen(n, (None,))

    def _page(self, want: Walk) -> tuple[int, Term] | None:
        """The claim on the first table of a walk, if that is mapped."""
        if want.window is None or want.page is None:
            return None
        equal = self.steps.aliases.rewriting(self.path).equal
        for n in self.left:
            item = self.path.items[n]
            if not isinstance(item, IClaim) or not item.writable or not is_page_share(item.share):
                continue
            if item.root == want.window.space and equal(item.addr, want.page):
                return n, want.window.distance
        say = self.steps.wording.term
        raise StuckError(f"there is no `page {say(want.page)} ~> {say(want.table)}`")
