# SPDX-License-Identifier: Apache-2.0
"""Cells: entries of page tables, with the pages that they answer for, have claimed, and owe.

What is said of them here is as in `theories/spaces/cells.v`; they travel as items of kind `KCell`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rocqgen.emit.normal import WORD, Alu, ECst, Term, mk_add, mk_and, mk_op
from rocqgen.emit.paths import StuckError
from rocqgen.emit.symbolic import Fact, FOne, IRes, KCell, Region
from rocqgen.source.spec import Rel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rocqgen.emit.paths import Path
    from rocqgen.emit.symbolic import Item, Regions, Share

FRAME = 0x000FFFFFFFFFF000
"""The bits of a root or an entry that say where a table or a page of 4 KiB is."""
PRESENT, WRITABLE, USER, LARGE = 1, 2, 4, 1 << 7
"""Bits of an entry: SDM vol. 3, table 4-20."""
PAGE_SHIFT = 12
LEAF_SHIFTS = (PAGE_SHIFT, 21, 30)
"""Those of the levels at which a leaf can be."""
PAGE_WORDS = 512
_SLOTS = ECst(0xFF8)
"""The bits of a slot's offset in its table."""
SHIFTS = (48, 39, 30, 21, 12)
"""Those of the levels of a walk; that with four levels has no first."""


@dataclass(frozen=True, slots=True)
class Cell:
    """The entry of the slot at the physical address `addr`."""

    addr: Term
    entry: Term
    reach: Regions
    claimed: Regions
    owed: Regions

    def item(self, share: Share) -> IRes:
        """A share of it as an item."""
        lists = (self.reach, self.claimed, self.owed)
        pages = [region for regions in lists for region in regions if region is not None]
        return IRes(
            KCell(*(tuple(None if one is None else one.shift for one in them) for them in lists)),
            share,
            (self.addr, self.entry, *(term for one in pages for term in (one.root, one.va))),
        )


def cell_of(item: Item) -> Cell | None:
    """The cell that an item is, if it is one."""
    if not isinstance(item, IRes) or not isinstance(item.kind, KCell):
        return None
    addr, entry, *rest = item.terms
    words = iter(rest)
    kind = item.kind
    return Cell(
        addr,
        entry,
        _regions(kind.reach, words),
        _regions(kind.claimed, words),
        _regions(kind.owed, words),
    )


def _regions(shifts: Iterable[int | None], words: Iterator[Term]) -> Regions:
    return tuple(
        None if shift is None else Region(shift, next(words), next(words)) for shift in shifts
    )


def high_mask(shift: int) -> Term:
    """The bits of an address that tell pages of `2 ** shift` bytes apart."""
    return ECst(WORD - (1 << shift))


def page_of(shift: int, va: Term) -> Term:
    """The first address of the page of `2 ** shift` bytes around `va`."""
    return mk_and(va, high_mask(shift))


_COMPARED = {
    Rel.NE: lambda a, b: a != b,
    Rel.LT: lambda a, b: a < b,
    Rel.LE: lambda a, b: a <= b,
}


def owe(rel: Rel, a: Term, b: Term) -> list[Fact]:
    """A fact to be shown, unless it is evident (`owe`)."""
    if rel is Rel.EQ:
        evident = a == b
    else:
        evident = isinstance(a, ECst) and isinstance(b, ECst) and _COMPARED[rel](a.z, b.z)
    return [] if evident else [Fact(rel, a, b)]


def slot(table: Term, va: Term, shift: int) -> Term:
    """The address of the slot that a walk of `va` reads in a table, given by what leads to it."""
    number = mk_and(mk_op(Alu.SHR, va, ECst(shift - 3)), _SLOTS)
    return mk_op(Alu.ADD, mk_and(table, ECst(FRAME)), number)


def leaf_frame(shift: int, entry: Term, va: Term) -> Term:
    """Where the page of 4 KiB at `va` lies, in the leaf of `2 ** shift` bytes that an entry is."""
    if shift == PAGE_SHIFT:
        return mk_and(entry, ECst(FRAME))
    inside = ECst((1 << shift) - (1 << PAGE_SHIFT))
    return mk_op(Alu.ADD, mk_and(entry, ECst((1 << 52) - (1 << shift))), mk_and(va, inside))


@dataclass(frozen=True, slots=True)
class Paging:
    """What the platform says of page tables: five levels, and the width of physical addresses."""

    la57: bool
    maxphyaddr: int

    @property
    def shifts(self) -> tuple[int, ...]:
        """Those of the levels, from the root."""
        return SHIFTS if self.la57 else SHIFTS[1:]

    @property
    def reserved(self) -> int:
        """The bits of an entry that are reserved for the width of physical addresses."""
        return (1 << 52) - (1 << self.maxphyaddr)

    def canonical(self, va: Term) -> list[Fact]:
        """That `va` is canonical (SDM vol. 1, 3.3.7.1)."""
        width = 57 if self.la57 else 48
        return owe(Rel.LT, mk_add(va, 1 << width - 1), ECst(1 << width))


def the_cell(path: Path, n: int) -> Cell:
    """The cell that an item is."""
    cell = cell_of(path.items[n])
    if cell is None:
        raise StuckError("this is no entry of a page table")
    return cell


def whole_cell(path: Path, n: int) -> Cell:
    """The cell that an item is, owned whole."""
    if not isinstance(path.items[n].share, FOne):
        raise StuckError("an entry is changed that is owned in part")
    return the_cell(path, n)


def put_cell(path: Path, n: int, cell: Cell) -> None:
    """Change what is said of a cell; who wrote its entry stays."""
    path.put(n, cell.item(path.items[n].share), None)


def same_page(region: Region, va: Term) -> list[Fact]:
    """What makes a region the page of its size around `va`."""
    return owe(Rel.EQ, page_of(region.shift, region.va), page_of(region.shift, va))
