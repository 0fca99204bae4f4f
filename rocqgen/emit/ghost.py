# SPDX-License-Identifier: Apache-2.0
"""Steps of the proof alone, on symbolic data: a mirror of `sghost` (`auto/ghost.v`)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rocqgen.emit.cells import (
    FRAME,
    LARGE,
    PAGE_SHIFT,
    PAGE_WORDS,
    PRESENT,
    USER,
    WRITABLE,
    Cell,
    Paging,
    cell_of,
    high_mask,
    owe,
    page_of,
    slot,
)
from rocqgen.emit.items import content, place, same_kind
from rocqgen.emit.normal import WORD, ECst, Term, mk_and
from rocqgen.emit.paths import StuckError
from rocqgen.emit.shares import rational, share_of
from rocqgen.emit.symbolic import (
    Fact,
    FDiv,
    FOne,
    GClaim,
    GDrop,
    GJoin,
    GNew,
    GOpen,
    GPayElsewhere,
    GReach,
    GReachElsewhere,
    GSplit,
    GUnclaim,
    IClaim,
    IPhys,
    IRes,
    KCell,
    Region,
)
from rocqgen.source.spec import Rel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocqgen.emit.paths import Path
    from rocqgen.emit.symbolic import Ghost, Regions
    from rocqgen.source.machine import Instr

_INSIDE = ECst((1 << PAGE_SHIFT) - 1)
_ZERO = ECst(0)


Outcome = tuple[list[Fact], tuple[Fact, ...]]
"""What is owed, and what is learned."""
_Tables = GUnclaim | GClaim | GOpen | GReach | GReachElsewhere | GPayElsewhere | GNew


def apply(ghost: Ghost, path: Path, paging: Paging | None, writer: Instr | None) -> Outcome:
    """Do a step of the proof; gives what is owed and learned.

    What is new is blamed on `writer`.
    """
    match ghost:
        case GDrop(n):
            path.remove(n)
            return [], ()
        case GSplit():
            _split(ghost, path)
            return [], ()
        case GJoin():
            return [], _join(ghost, path)
    if paging is None:
        raise StuckError("page tables are changed, but the annotation has no `platform`")
    return _tables(ghost, path, paging, writer), ()


def _tables(ghost: _Tables, path: Path, paging: Paging, writer: Instr | None) -> list[Fact]:
    """A step with cells; gives what is owed."""
    match ghost:
        case GUnclaim():
            return _unclaim(ghost, path)
        case GClaim():
            return _claim(ghost, path, paging, writer)
        case GOpen(n, regions):
            cell = whole(path, n)
            _put(path, n, replace(cell, claimed=regions + cell.claimed))
            return []
        case GReach():
            return _reach(ghost, path, paging)
        case GReachElsewhere(n, shift, root, va):
            cell = whole(path, n)
            region = Region(shift, root, va)
            _put(path, n, replace(cell, reach=(region, *cell.reach)))
            return owe(Rel.NE, root, path.root)
        case GPayElsewhere(n):
            return _pay_elsewhere(n, path)
        case GNew(n):
            return _new(n, path)


# -- shares ----------------------------------------------------------------------------------------


def _split(ghost: GSplit, path: Path) -> None:
    item = path.items[ghost.item]
    have, first, second = (rational(one) for one in (item.share, ghost.first, ghost.second))
    if have is None or first is None or second is None or have != first + second:
        raise StuckError("a share is split into others than its parts")
    path.put(ghost.item, replace(item, share=ghost.first), None)
    path.add(replace(item, share=ghost.second), path.item_writer.get(ghost.item))


def _join(ghost: GJoin, path: Path) -> tuple[Fact, ...]:
    one, other = path.items[ghost.item], path.items[ghost.other]
    a, b = rational(one.share), rational(other.share)
    alike = same_kind(replace(one, share=other.share), other) and place(one) == place(other)
    if ghost.item == ghost.other or a is None or b is None or not alike:
        raise StuckError("shares of different things cannot be joined")
    left, right = content(one), content(other)
    if left[1:] != right[1:]:
        raise StuckError("shares of entries that say different things cannot be joined")
    path.put(ghost.item, replace(one, share=share_of(a + b)), None)
    path.remove(ghost.other)
    return tuple(owe(Rel.EQ, left[0], right[0]))


# -- cells -----------------------------------------------------------------------------------------


def the_cell(path: Path, n: int) -> Cell:
    """The cell that an item is."""
    cell = cell_of(path.items[n])
    if cell is None:
        raise StuckError("this is no entry of a page table")
    return cell


def whole(path: Path, n: int) -> Cell:
    """The cell that an item is, owned whole."""
    if not isinstance(path.items[n].share, FOne):
        raise StuckError("an entry is changed that is owned in part")
    return the_cell(path, n)


def _put(path: Path, n: int, cell: Cell) -> None:
    path.put(n, cell.item(path.items[n].share), None)


def _unclaim(ghost: GUnclaim, path: Path) -> list[Fact]:
    cell, claim = whole(path, ghost.cell), path.items[ghost.claim]
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
    _put(path, ghost.cell, replace(cell, claimed=rest))
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


def _walk(cells: Sequence[Cell], root: Term, va: Term, paging: Paging) -> list[Fact]:
    """That the cells are those that a walk reads, and that all but the last are links."""
    facts, table = [], root
    for n, (cell, shift) in enumerate(zip(cells, paging.shifts, strict=False)):
        facts += owe(Rel.EQ, cell.addr, slot(table, va, shift))
        if n + 1 < len(cells):
            bits = mk_and(cell.entry, ECst(PRESENT + LARGE + paging.reserved))
            facts += owe(Rel.EQ, bits, ECst(PRESENT))
        table = cell.entry
    return facts


def _claim(ghost: GClaim, path: Path, paging: Paging, writer: Instr | None) -> list[Fact]:
    if len(set(ghost.path)) != len(ghost.path) or len(ghost.path) != len(paging.shifts):
        raise StuckError("a page is claimed through one entry of each level")
    cells = [the_cell(path, n) for n in ghost.path]
    root, va, last = ghost.root, ghost.va, cells[-1].entry
    facts = [
        *owe(Rel.EQ, mk_and(va, _INSIDE), _ZERO),
        *paging.canonical(va),
        *owe(Rel.EQ, mk_and(root, ECst(WORD - (1 << paging.maxphyaddr))), _ZERO),
    ]
    facts += _walk(cells, root, va, paging)
    facts += owe(Rel.EQ, mk_and(last, ECst(PRESENT + paging.reserved)), ECst(PRESENT))
    for n, (cell, shift) in enumerate(zip(cells, paging.shifts, strict=True)):
        facts += _found(cell.reach, root, va, shift, "answers for")
        if cell.owed:
            raise StuckError("a page is claimed, but an entry on its way owes a flush")
        if n == ghost.place:
            facts += _free(cell.claimed, root, va)
        else:
            facts += _found(cell.claimed, root, va, None, "has claimed")
    facts += owe(Rel.EQ, ghost.pa, mk_and(last, ECst(FRAME)))
    facts += owe(Rel.EQ, _rights(cells, USER), _ZERO)
    if ghost.writable:
        facts += owe(Rel.EQ, _rights(cells, WRITABLE), ECst(WRITABLE))
    noted = whole(path, ghost.path[ghost.place])
    region = Region(PAGE_SHIFT, root, va)
    _put(path, ghost.path[ghost.place], replace(noted, claimed=(region, *noted.claimed)))
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
        if _level(one, shift) and one.root == root and not _same_page(one, va):
            return []
    for one in regions:
        if one is not None and _level(one, shift) and one.root == root:
            return _same_page(one, va)
    raise StuckError(f"a page is claimed, but an entry on its way {what} no page around it")


def _level(region: Region, shift: int | None) -> bool:
    return region.shift >= PAGE_SHIFT if shift is None else region.shift == shift


def _same_page(region: Region, va: Term) -> list[Fact]:
    return owe(Rel.EQ, page_of(region.shift, region.va), page_of(region.shift, va))


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


def _reach(ghost: GReach, path: Path, paging: Paging) -> list[Fact]:
    cells = [the_cell(path, n) for n in ghost.path]
    if len({ghost.cell, *ghost.path}) <= len(cells) or not 1 <= len(cells) <= len(paging.shifts):
        raise StuckError("a walk has one entry of each level, and none that is below its end")
    if not PAGE_SHIFT <= ghost.shift <= paging.shifts[len(cells) - 1]:
        raise StuckError("an entry below another answers for a page that is larger")
    facts = _walk(cells, path.root, ghost.va, paging)
    facts += owe(Rel.EQ, mk_and(cells[-1].entry, ECst(PRESENT)), _ZERO)
    cell = whole(path, ghost.cell)
    region = Region(ghost.shift, path.root, ghost.va)
    _put(path, ghost.cell, replace(cell, reach=(region, *cell.reach)))
    return facts


def _new(n: int, path: Path) -> list[Fact]:
    item = path.items[n]
    if not isinstance(item, IPhys) or not isinstance(item.share, FOne):
        raise StuckError("only a word of physical memory that is owned whole becomes an entry")
    before = path.item_writer.get(n)
    path.remove(n)
    path.add(IRes(KCell((), (), ()), FOne(), (item.addr, item.value)), before, at=n)
    return owe(Rel.EQ, mk_and(item.addr, ECst(7)), _ZERO)


# -- debts -----------------------------------------------------------------------------------------


def _pay_elsewhere(n: int, path: Path) -> list[Fact]:
    cell = whole(path, n)
    paid = [one for one in cell.owed if one is not None and one.root != path.root]
    _put(path, n, replace(cell, owed=tuple(one for one in cell.owed if one not in paid)))
    return [fact for one in paid for fact in owe(Rel.NE, one.root, path.root)]


def pay(path: Path, va: Term, hint: int | None) -> list[Fact]:
    """`invlpg` of `va`: cells that are owned whole no longer owe its page."""
    facts: list[Fact] = []
    for n, item in enumerate(path.items):
        cell = cell_of(item)
        if cell is None or not isinstance(item.share, FOne):
            continue
        if n == hint:
            for one in cell.owed:
                if one is not None:
                    facts += owe(Rel.EQ, one.root, path.root)
                    facts += owe(
                        Rel.EQ,
                        mk_and(one.va, high_mask(one.shift)),
                        mk_and(va, high_mask(one.shift)),
                    )
            rest: Regions = tuple(one for one in cell.owed if one is None)
        else:
            rest = tuple(
                one
                for one in cell.owed
                if one is None or one.root != path.root or _same_page(one, va)
            )
        if rest != cell.owed:
            _put(path, n, replace(cell, owed=rest))
    return facts


def pay_all(path: Path) -> None:
    """A load of cr3: cells that are owned whole owe nothing."""
    for n, item in enumerate(path.items):
        cell = cell_of(item)
        if cell is not None and cell.owed and isinstance(item.share, FOne):
            _put(path, n, replace(cell, owed=()))
