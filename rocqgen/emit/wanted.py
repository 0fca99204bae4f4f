# SPDX-License-Identifier: Apache-2.0
"""What has to be done to the items of a path before they are what is wanted.

That is at an exit, at an invariant and where a function is called: shares are split and joined,
pages are claimed and given back, entries answer for pages.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rocqgen.emit.access import is_page_share
from rocqgen.emit.cells import PAGE_SHIFT, Cell, cell_of
from rocqgen.emit.elements import physical_element
from rocqgen.emit.ghost import apply
from rocqgen.emit.ghosts import GJoin, GNew, GOpen, GPayElsewhere, GSplit, GUnclaim
from rocqgen.emit.items import place, same_kind
from rocqgen.emit.paths import StuckError
from rocqgen.emit.pieces import Pieces, counted
from rocqgen.emit.shares import rational, share_of
from rocqgen.emit.symbolic import FOne, IClaim, IPhys, Region
from rocqgen.emit.walking import Folding, same_start
from rocqgen.emit.walks import walk_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rocqgen.emit.actions import Steps
    from rocqgen.emit.ghosts import Ghost
    from rocqgen.emit.paths import Path
    from rocqgen.emit.symbolic import Item, Regions


@dataclass(slots=True)
class Wanted:
    """The items of a path against those that are wanted, as far as they are not there."""

    steps: Steps
    path: Path
    left: list[int]
    """Items that are there and not yet taken."""
    missing: list[Item]
    taken: list[tuple[int, Item]]
    """Items that are there, and what they are taken for."""

    @staticmethod
    def of(steps: Steps, path: Path, items: Sequence[Item]) -> Wanted:
        """Take what is there word for word."""
        left, missing, taken = list(range(len(path.items))), [], []
        for item in items:
            for n in left:
                have = path.items[n]
                alike = same_kind(have, item) and place(have) == place(item)
                alike = alike and same_start(steps.aliases, path, have, item)
                if alike and counted(steps.aliases, path, have, item):
                    left.remove(n)
                    taken.append((n, item))
                    break
            else:
                missing.append(item)
        return Wanted(steps, path, left, missing, taken)

    def ghosts(self) -> Iterator[Ghost]:
        """Steps that may help, the best first; what cannot be done is noted with the path."""
        for item in self.missing:
            ghost = self._share(item)
            if ghost is not None:
                yield ghost
            elif isinstance(item, IClaim) and is_page_share(item.share):
                yield from self._tried(self._claim, item)
        for item in self.missing:
            piece = Pieces(self.steps, self.path, self.left).step(item)
            if piece is not None:
                yield piece
            want = cell_of(item)
            if want is not None:
                yield from self._tried(self._cell, want, item)
            if walk_of(item) is not None:
                yield from self._tried(self._walk, item)
        for n, item in self.taken:
            want = cell_of(item)
            if want is not None:
                yield from self._tried(self._ordered, n, want)

    def _tried(
        self, make: Callable[..., Ghost | None], *what: Cell | Item | int
    ) -> Iterator[Ghost]:
        try:
            ghost = make(*what)
        except StuckError as error:
            self.path.lacks(error)
            return
        if ghost is not None:
            yield ghost

    # -- shares ------------------------------------------------------------------------------------

    def _share(self, want: Item) -> Ghost | None:
        """A share split off a larger one, or joined from two."""
        wanted = rational(want.share)
        if wanted is None:
            return None
        found: list[int] = []
        for n in self.left:
            have = self.path.items[n]
            share = rational(have.share)
            alike = same_kind(replace(have, share=want.share), want) and place(have) == place(want)
            if not alike or share is None:
                continue
            if share > wanted:
                return GSplit(n, want.share, share_of(share - wanted))
            found.append(n)
        return GJoin(found[0], found[1]) if len(found) > 1 else None

    # -- pages -------------------------------------------------------------------------------------

    def _claim(self, want: IClaim) -> Ghost:
        """The claim of a page that is wanted and not there."""
        return self.steps.claim(
            self.path,
            want.root,
            want.addr,
            writable=want.writable,
            pa=want.value,
            opening=True,
            unfolding=not self.path.folding,
        )

    # -- walks -------------------------------------------------------------------------------------

    def _walk(self, item: Item) -> Ghost | None:
        """A step towards a walk that is wanted."""
        walk = walk_of(item)
        if walk is None:
            return None
        ghost = Folding(self.steps, self.path, self.left).step(walk)
        self.path.folding = True
        return ghost

    # -- entries -----------------------------------------------------------------------------------

    def _cell(self, want: Cell, item: Item) -> Ghost | None:
        """A step that brings an entry nearer to what is wanted."""
        for n in self.left:
            have = self.path.items[n]
            cell = cell_of(have)
            if isinstance(have, IPhys) and have.addr == want.addr:
                return GNew(n) if have.share == item.share == FOne() else None
            if cell is not None and cell.addr == want.addr:
                return self._lists(n, cell, want)
        linear = self.steps.aliases.rewriting(self.path).linear
        element = physical_element(self.steps.aliases, self.path, linear(want.addr))
        if element is None or element[0] not in self.left:
            return None
        return self.steps.new(self.path, want.addr)

    def _lists(self, n: int, have: Cell, want: Cell) -> Ghost | None:
        if not isinstance(self.path.items[n].share, FOne):
            return None
        owed = self._beyond(have.owed, want.owed)
        if any(isinstance(one, Region) and one.root != self.path.root for one in owed):
            return GPayElsewhere(n)
        for one in self._beyond(want.reach, have.reach):
            if one is not None:
                return self.steps.answer(self.path, have.addr, one.root, one.va, one.shift)
        for one in self._beyond(have.claimed, want.claimed):
            claim = None if one is None or one.shift != PAGE_SHIFT else self._left_claim(one)
            if claim is not None:
                return GUnclaim(n, claim)
        more = self._beyond(want.claimed, have.claimed)
        enough = len(more) == len(want.claimed) - len(have.claimed)
        # A page of 4 KiB is claimed, and not only opened.
        large = all(one is None or one.shift > PAGE_SHIFT for one in more)
        if more and enough and large:
            return GOpen(n, more)
        self._note(n, have, owed, self._beyond(have.claimed, want.claimed))
        return None

    def _ordered(self, n: int, want: Cell) -> Ghost | None:
        """A step that brings the pages that an entry claims into the order in which they stand.

        One that is given back and claimed again stands first.
        """
        cell = cell_of(self.path.items[n])
        have = () if cell is None else cell.claimed
        if len(have) != len(want.claimed) or self._beyond(have, want.claimed):
            return None
        rest = list(want.claimed)
        for one in reversed(have):
            if rest and self._same(one, rest[-1]):
                rest.pop()
        region = rest[-1] if rest else None
        if region is None or region.shift != PAGE_SHIFT:
            return None
        found = self.steps.aliases.page_claim(self.path, region.root, region.va)
        claim = None if found is None else self.path.items[found]
        if found is None or found in self.left or not isinstance(claim, IClaim):
            return None
        ghost, trial = GUnclaim(n, found), self.path.copy()
        apply(ghost, trial, self.steps.paging, None)
        again = self.steps.claim(
            trial, claim.root, claim.addr, writable=claim.writable, pa=claim.value
        )
        apply(again, trial, self.steps.paging, None)
        return ghost

    def _note(self, n: int, have: Cell, owed: Regions, claimed: Regions) -> None:
        """Note what an entry still owes or has claimed."""
        say = self.steps.wording
        entry = f"the entry at {say.term(have.addr)}"
        if owed:
            pages = ", ".join(map(say.region, owed))
            self.path.lacks(StuckError(f"{entry} owes {pages}, which is not flushed", item=n))
        elif claimed:
            pages = ", ".join(map(say.region, claimed))
            why = f"{entry} claims {pages}, and that is not owned whole to be given back"
            self.path.lacks(StuckError(why, item=n))

    def _left_claim(self, region: Region) -> int | None:
        """The claim of a page that is not wanted."""
        found = self.steps.aliases.page_claim(self.path, region.root, region.va)
        return found if found in self.left else None

    def _beyond(self, some: Regions, others: Regions) -> Regions:
        """Those of `some` that are not among `others`."""
        return tuple(one for one in some if not any(self._same(one, two) for two in others))

    def _same(self, one: Region | None, two: Region | None) -> bool:
        if one is None or two is None:
            return one is two
        if one.shift != two.shift:
            return False
        return self.steps.aliases.same_page(self.path, one, two.root, two.va)
