# SPDX-License-Identifier: Apache-2.0
"""What has to be done before a store to an entry of a page table: claims are given back.

Before a table is linked, its entries come to answer for pages.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from rocqgen.emit.access import is_page_share
from rocqgen.emit.cells import PAGE_SHIFT, PAGE_WORDS, PRESENT, Cell, cell_of, slot
from rocqgen.emit.elements import physical_element
from rocqgen.emit.ghosts import GJoin, GUnclaim
from rocqgen.emit.items import place, same_kind
from rocqgen.emit.normal import ECst
from rocqgen.emit.paths import FirstError, StuckError
from rocqgen.emit.shares import rational
from rocqgen.emit.symbolic import FOne, IClaim, Region

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rocqgen.emit.actions import Steps
    from rocqgen.emit.aliases import Aliases
    from rocqgen.emit.normal import Term
    from rocqgen.emit.paths import Path
    from rocqgen.emit.symbolic import Item
    from rocqgen.emit.wording import Wording


@dataclass(frozen=True, slots=True)
class Editing:
    """Asks for steps of the proof in front of a store; `wanted` are entries that ends want."""

    steps: Steps
    wanted: Sequence[Cell]

    @property
    def aliases(self) -> Aliases:
        """What is equal."""
        return self.steps.aliases

    @property
    def wording(self) -> Wording:
        """For messages."""
        return self.steps.wording

    def storing(self, path: Path, n: int, value: Term) -> None:
        """Where a table is about to be linked, its entries come to answer as an end wants it."""
        cell = cell_of(path.items[n])
        if cell is None:
            return
        equal = self.aliases.rewriting(path).equal
        for want in (*self.wanted, *self._walks(path, cell, value)):
            for one in want.reach:
                if one is None or not _above(cell, one):
                    continue
                if equal(want.addr, slot(value, one.va, one.shift)):
                    self._prepare(path, want, one)

    def _walks(self, path: Path, cell: Cell, value: Term) -> Iterator[Cell]:
        """The entries that come behind one on walks that are wanted, where it leads to `value`."""
        for walk in self.steps.walks:
            for shift, behind in pairwise(walk.shifts):
                for one in cell.reach:
                    if one is None or one.shift != shift:
                        continue
                    if self.aliases.same_page(path, one, walk.root, walk.va):
                        region = Region(behind, one.root, one.va)
                        addr = slot(value, one.va, behind)
                        yield Cell(addr, ECst(0), (region,), (), ())

    def _prepare(self, path: Path, want: Cell, region: Region) -> None:
        """Asks for an entry of a table to answer for a page."""
        n = self.aliases.physical(path, want.addr)
        if n is None:
            where = self.aliases.rewriting(path).linear(want.addr)
            element = physical_element(self.aliases, path, where)
            if element is not None:
                raise FirstError(self.steps.alone(path, *element))
        cell = None if n is None else cell_of(path.items[n])
        if n is not None and cell is None:
            raise FirstError(self.steps.new(path, want.addr))
        for one in () if cell is None else cell.reach:
            if one is None or (
                one.shift == region.shift
                and self.aliases.same_page(path, one, region.root, region.va)
            ):
                return
        if cell is not None:
            root, va = region.root, region.va
            raise FirstError(self.steps.answer(path, want.addr, root, va, region.shift))

    def ready(self, path: Path, n: int) -> bool:
        """Makes an entry ready to be written; gives whether it has to be said that it is absent."""
        item = path.items[n]
        cell = cell_of(item)
        if cell is None:
            return False
        if not isinstance(item.share, FOne):
            self._join(path, n, item)
        present = self.aliases.rewriting(path).bits(cell.entry, PRESENT)
        absent = present == 0
        if present is None and not cell.claimed:
            path.unsure = (*path.unsure, cell.addr)
        if cell.claimed and not absent:
            self._unclaim(path, n, cell)
        return absent and not cell.claimed and not isinstance(cell.entry, ECst)

    def _join(self, path: Path, n: int, item: Item) -> None:
        """Asks for the shares of an item to be joined, if there are others."""
        for m, other in enumerate(path.items):
            if m != n and joinable(item, other):
                raise FirstError(GJoin(min(m, n), max(m, n)))

    def _unclaim(self, path: Path, n: int, cell: Cell) -> None:
        """Asks for the claims of a page through an entry to be given back."""
        for region in cell.claimed:
            m = None if region is None else self._claim_of(path, region)
            if m is not None:
                if rational(path.items[m].share) != PAGE_WORDS:
                    self._join(path, m, path.items[m])
                else:
                    raise FirstError(GUnclaim(n, m))
            say = self.wording
            entry, page = say.term(cell.addr), say.region(region)
            raise StuckError(
                f"a store to the entry at {entry}, through which `{page}` is claimed: "
                f"{self._why_kept(region, m)}, and it is not known that the entry is absent"
            )

    def _why_kept(self, region: Region | None, m: int | None) -> str:
        if region is None:
            return "all pages may be claimed"
        if region.shift != PAGE_SHIFT:
            return "the claims of a large page cannot be given back"
        page = f"page {self.wording.term(region.va)} ~> ..` of that space"
        return f"`{page} is not owned whole" if m is not None else f"`{page} is not owned"

    def _claim_of(self, path: Path, region: Region) -> int | None:
        """The claim of a page of 4 KiB."""
        if region.shift != PAGE_SHIFT:
            return None
        rewriting = self.aliases.rewriting(path)
        for n, item in enumerate(path.items):
            if not isinstance(item, IClaim) or not is_page_share(item.share):
                continue
            same = rewriting.equal(item.root, region.root)
            if same and rewriting.same_above(PAGE_SHIFT, item.addr, region.va):
                return n
        return None


def _above(cell: Cell, region: Region) -> bool:
    """Whether an entry may lead to a table with one that answers for a page."""
    return any(one is None or one.shift == region.shift + _INDEX for one in cell.reach)


_INDEX = 9
"""The bits of an address that are an index in a table."""


def joinable(one: Item, other: Item) -> bool:
    """Whether the shares of two items can be joined."""
    alike = same_kind(replace(one, share=other.share), other) and same_kind(
        replace(other, share=one.share), one
    )
    numbers = rational(one.share), rational(other.share)
    return alike and None not in numbers and place(one) == place(other)
