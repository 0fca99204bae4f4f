# SPDX-License-Identifier: Apache-2.0
"""Pages that are claimed and given back, and what entries answer for: mirrors `auto/ghost.v`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rocqgen.emit.cells import (
    LARGE,
    LEAF_SHIFTS,
    PAGE_SHIFT,
    PAGE_WORDS,
    PRESENT,
    USER,
    WRITABLE,
    Cell,
    Paging,
    leaf_frame,
    owe,
    page_of,
    put_cell,
    same_page,
    slot,
    the_cell,
    whole_cell,
)
from rocqgen.emit.ghosts import GClaim, GReach, GUnclaim
from rocqgen.emit.normal import WORD, ECst, Term, mk_and
from rocqgen.emit.paths import StuckError
from rocqgen.emit.shares import rational
from rocqgen.emit.symbolic import Fact, FDiv, IClaim, Region
from rocqgen.source.spec import Rel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocqgen.emit.paths import Path
    from rocqgen.emit.symbolic import Regions
    from rocqgen.source.machine import Instr

_INSIDE = ECst((1 << PAGE_SHIFT) - 1)
_ZERO = ECst(0)
_RESERVED = 13
"""The first bit of a large leaf that is reserved; the one below is for PAT."""


def unclaim(ghost: GUnclaim, path: Path) -> list[Fact]:
    """The claim on a page is given back to an entry; gives what is owed."""
    cell, claim = whole_cell(path, ghost.cell), path.items[ghost.claim]
    if not isinstance(claim, IClaim) or rational(claim.share) != PAGE_WORDS:
        raise StuckError("the claim of a page is given back, but it is not owned whole")
    found = claimed_at(cell, claim)
    if found is None:
        raise StuckError("the page is not claimed through this entry")
    region = cell.claimed[found]
    if region is None:
        raise TypeError("a page is expected")
    here = page_of(PAGE_SHIFT, claim.addr)
    rest = cell.claimed[:found] + cell.claimed[found + 1 :]
    put_cell(path, ghost.cell, replace(cell, claimed=rest))
    path.remove(ghost.claim)
    return [
        *owe(Rel.EQ, mk_and(claim.addr, _INSIDE), _ZERO),
        *owe(Rel.EQ, page_of(PAGE_SHIFT, region.va), here),
    ]


def claimed_at(cell: Cell, claim: IClaim) -> int | None:
    """Which of the pages claimed through a cell a claim is on, as the engine takes it."""
    own = [
        (n, one)
        for n, one in enumerate(cell.claimed)
        if one is not None and one.shift == PAGE_SHIFT and one.root == claim.root
    ]
    here = page_of(PAGE_SHIFT, claim.addr)
    exact = [n for n, one in own if page_of(PAGE_SHIFT, one.va) == here]
    return next(iter([*exact, *(n for n, _ in own)]), None)


def walk_facts(cells: Sequence[Cell], root: Term, va: Term, paging: Paging) -> list[Fact]:
    """That the cells are those that a walk reads, and that all but the last are links."""
    facts, table = [], root
    for n, (cell, shift) in enumerate(zip(cells, paging.shifts, strict=False)):
        facts += owe(Rel.EQ, cell.addr, slot(table, va, shift))
        if n + 1 < len(cells):
            bits = mk_and(cell.entry, ECst(PRESENT + LARGE + paging.reserved))
            facts += owe(Rel.EQ, bits, ECst(PRESENT))
        table = cell.entry
    return facts


def root_facts(root: Term, paging: Paging) -> list[Fact]:
    """That a root has no bits above the physical addresses."""
    return owe(Rel.EQ, mk_and(root, ECst(WORD - (1 << paging.maxphyaddr))), _ZERO)


def page_facts(entry: Term, paging: Paging) -> list[Fact]:
    """That the entry of a page table is present."""
    return owe(Rel.EQ, mk_and(entry, ECst(PRESENT + paging.reserved)), ECst(PRESENT))


def leaf_facts(shift: int, entry: Term, paging: Paging) -> list[Fact]:
    """That an entry is a leaf of `2 ** shift` bytes: a large one has reserved bits from 13 on."""
    if shift == PAGE_SHIFT:
        return page_facts(entry, paging)
    reserved = (1 << shift) - (1 << _RESERVED) | paging.reserved
    bits = mk_and(entry, ECst(PRESENT | LARGE | reserved))
    return owe(Rel.EQ, bits, ECst(PRESENT | LARGE))


def answered(cells: Sequence[Cell], place: int, root: Term, va: Term, paging: Paging) -> list[Fact]:
    """That the cells answer for a page and owe nothing; it is to be noted with one of them."""
    facts = []
    for n, (cell, shift) in enumerate(zip(cells, paging.shifts, strict=False)):
        facts += _found(cell.reach, root, va, shift, "answers for")
        if cell.owed:
            raise StuckError("a page is claimed, but an entry on its way owes a flush")
        if n == place:
            facts += _free(cell.claimed, root, va)
        else:
            facts += _found(cell.claimed, root, va, None, "has claimed")
    return facts


def claim_page(ghost: GClaim, path: Path, paging: Paging, writer: Instr | None) -> list[Fact]:
    """A page is claimed through the entries on its way; gives what is owed."""
    length = len(ghost.path)
    if len(set(ghost.path)) != length or not 1 <= length <= len(paging.shifts):
        raise StuckError("a page is claimed through one entry of each level")
    shift = paging.shifts[length - 1]
    if shift not in LEAF_SHIFTS:
        raise StuckError("an entry on the way of a page is not there: no page is as large")
    cells = [the_cell(path, n) for n in ghost.path]
    root, va, last = ghost.root, ghost.va, cells[-1].entry
    facts = [
        *owe(Rel.EQ, mk_and(va, _INSIDE), _ZERO),
        *paging.canonical(va),
        *root_facts(root, paging),
    ]
    facts += walk_facts(cells, root, va, paging)
    facts += leaf_facts(shift, last, paging)
    facts += answered(cells, ghost.place, root, va, paging)
    facts += owe(Rel.EQ, ghost.pa, leaf_frame(shift, last, va))
    facts += owe(Rel.EQ, _rights(cells, USER), _ZERO)
    if ghost.writable:
        facts += owe(Rel.EQ, _rights(cells, WRITABLE), ECst(WRITABLE))
    noted = whole_cell(path, ghost.path[ghost.place])
    region = Region(PAGE_SHIFT, root, va)
    put_cell(path, ghost.path[ghost.place], replace(noted, claimed=(region, *noted.claimed)))
    path.add(IClaim(ghost.writable, root, va, FDiv(PAGE_WORDS, 1), ghost.pa), writer)
    return facts


def _rights(cells: Sequence[Cell], bit: int) -> Term:
    """Whether all entries have the bit."""
    total = mk_and(cells[-1].entry, ECst(bit))
    for cell in reversed(cells[:-1]):
        total = _ZERO if total == _ZERO else mk_and(cell.entry, total)
    return total


def _found(regions: Regions, root: Term, va: Term, shift: int | None, what: str) -> list[Fact]:
    """What is owed so that a page is in one of the regions, of a level if one is given."""
    for one in regions:
        if one is None:
            return []
        if _level(one, shift) and one.root == root and not same_page(one, va):
            return []
    for one in regions:
        if one is not None and _level(one, shift) and one.root == root:
            return same_page(one, va)
    raise StuckError(f"a page is claimed, but an entry on its way {what} no page around it")


def _level(region: Region, shift: int | None) -> bool:
    return region.shift >= PAGE_SHIFT if shift is None else region.shift == shift


def _free(regions: Regions, root: Term, va: Term) -> list[Fact]:
    """What is owed so that a page is in none of the regions."""
    facts = []
    for one in regions:
        if one is None or one.shift < PAGE_SHIFT:
            raise StuckError("a page is claimed through an entry that has all pages claimed")
        if one.root == root:
            facts += owe(Rel.NE, page_of(one.shift, one.va), page_of(one.shift, va))
        else:
            facts += owe(Rel.NE, one.root, root)
    return facts


def reach(ghost: GReach, path: Path, paging: Paging) -> list[Fact]:
    """An entry answers for a page whose walk ends before it; gives what is owed."""
    cells = [the_cell(path, n) for n in ghost.path]
    if len({ghost.cell, *ghost.path}) <= len(cells) or not 1 <= len(cells) <= len(paging.shifts):
        raise StuckError("a walk has one entry of each level, and none that is below its end")
    if not PAGE_SHIFT <= ghost.shift <= paging.shifts[len(cells) - 1]:
        raise StuckError("an entry below another answers for a page that is larger")
    facts = walk_facts(cells, path.root, ghost.va, paging)
    facts += owe(Rel.EQ, mk_and(cells[-1].entry, ECst(PRESENT)), _ZERO)
    cell = whole_cell(path, ghost.cell)
    region = Region(ghost.shift, path.root, ghost.va)
    put_cell(path, ghost.cell, replace(cell, reach=(region, *cell.reach)))
    return facts
