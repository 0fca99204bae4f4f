# SPDX-License-Identifier: Apache-2.0
"""Memory of a path: where an access goes, what it reads and leaves; mirrors `auto/access.v`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rocqgen.emit.blocks import Block, block_of
from rocqgen.emit.cells import (
    LARGE,
    PAGE_SHIFT,
    PRESENT,
    Cell,
    cell_of,
    high_mask,
    owe,
)
from rocqgen.emit.normal import WORD_BITS, Alu, ECst, Term, mk_add, mk_and, mk_insert, mk_op
from rocqgen.emit.paths import StuckError
from rocqgen.emit.symbolic import Fact, FDiv, FOne, IClaim, IPhys, IRes, IVirt, KCell
from rocqgen.source.spec import Rel

if TYPE_CHECKING:
    from rocqgen.emit.cells import Paging
    from rocqgen.emit.paths import Path
    from rocqgen.emit.symbolic import HAt, Item, Share
    from rocqgen.source.machine import Instr, Width

_OFFSET = ECst((1 << PAGE_SHIFT) - 1)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the data of an access is: an item; and what is owed for it."""

    item: int
    writable: bool
    facts: tuple[Fact, ...] = ()


def is_page_share(share: Share) -> bool:
    """Whether a claim with this share is that of a page: more than a word has."""
    return isinstance(share, FDiv) and share.n > share.d


def physical_address(item: Item) -> Term | None:
    """Where an item of physical memory is."""
    match item:
        case IPhys():
            return item.addr
        case IRes(KCell()):
            return item.terms[0]
        case _:
            return None


def find_place(path: Path, addr: Term, hint: HAt | None) -> Place:
    """The item that an access goes to (`find_place`)."""
    if hint is None:
        found = path.index().virtual.get((path.root, addr))
        if found is None:
            raise StuckError("nothing is known of this address in the current space")
        return _framed(path, found, ())
    item = path.items[hint.item]
    if not isinstance(item, IVirt | IClaim):
        raise StuckError("the hint names physical memory")
    if hint.data is None:
        named = Fact(Rel.EQ, addr, item.addr), Fact(Rel.EQ, path.root, item.root)
        return _framed(path, hint.item, named)
    where = physical_address(path.items[hint.data])
    if not isinstance(item, IClaim) or where is None:
        raise StuckError("the hint names no claim, or no physical memory")
    facts = claim_facts(path, addr, item, where)
    return Place(hint.data, item.writable, facts)


def claim_facts(path: Path, addr: Term, claim: IClaim, where: Term) -> tuple[Fact, ...]:
    """What makes the word at `addr` that at `where`, by a claim on it or on its page."""
    if is_page_share(claim.share):
        inside = mk_and(addr, _OFFSET)
        return (
            *owe(Rel.EQ, mk_and(addr, high_mask(PAGE_SHIFT)), claim.addr),
            *owe(Rel.EQ, mk_and(addr, ECst(7)), ECst(0)),
            *owe(Rel.EQ, mk_and(claim.value, _OFFSET), ECst(0)),
            *owe(Rel.EQ, mk_op(Alu.ADD, claim.value, inside), where),
            *owe(Rel.EQ, path.root, claim.root),
        )
    return (
        *owe(Rel.EQ, addr, claim.addr),
        *owe(Rel.EQ, claim.value, where),
        *owe(Rel.EQ, path.root, claim.root),
    )


@dataclass(frozen=True, slots=True)
class Element:
    """A word of a block: the block's item, whether the mapping is writable, what is owed."""

    item: int
    block: Block
    index: Term
    writable: bool
    facts: tuple[Fact, ...]

    @property
    def word(self) -> Term | None:
        """What the word is, if that is known."""
        return self.block.word(self.index)


def find_element(path: Path, addr: Term, hint: HAt | None) -> Element | None:
    """The word of a block that an access goes to (`block_place`)."""
    if hint is None or hint.index is None:
        return None
    item = path.items[hint.item]
    n = hint.item if hint.data is None else hint.data
    block = block_of(path.items[n])
    if block is None:
        return None
    inside = owe(Rel.LT, hint.index, block.count)
    where = block.at(hint.index)
    if hint.data is None and block.root is not None:
        facts = (*owe(Rel.EQ, addr, where), *inside, *owe(Rel.EQ, path.root, block.root))
        return Element(n, block, hint.index, bool(block.writable), facts)
    if hint.data is not None and block.root is None and isinstance(item, IClaim):
        facts = (*claim_facts(path, addr, item, where), *inside)
        return Element(n, block, hint.index, item.writable, facts)
    return None


def _framed(path: Path, n: int, facts: tuple[Fact, ...]) -> Place:
    item = path.items[n]
    if isinstance(item, IVirt):
        return Place(n, item.writable, facts)
    if not isinstance(item, IClaim):
        raise TypeError(f"not translated: {item}")
    frame = path.index().physical.get(item.value)
    if frame is None:
        raise StuckError("the address is claimed, but the physical word behind it is not owned")
    return Place(frame, item.writable, facts)


def load(path: Path, addr: Term, hint: HAt | None, *, write: bool) -> tuple[Term, list[Fact]]:
    """The word at an address, and what is owed; `write` where it will be written."""
    element = find_element(path, addr, hint)
    if element is not None:
        word = element.word
        if word is None:
            raise StuckError("nothing is known of what this block holds")
        if write and not element.writable:
            raise StuckError("a store through a mapping that is read-only")
        return word, list(element.facts)
    place = find_place(path, addr, hint)
    if write and not place.writable:
        raise StuckError("a store through a mapping that is read-only")
    return word_of(path.items[place.item]), list(place.facts)


def word_of(item: Item) -> Term:
    """The word that lies there."""
    return item.terms[1] if isinstance(item, IRes) else item.value


def store(
    path: Path,
    addr: Term,
    value: Term,
    hint: HAt | None,
    paging: Paging | None,
    writer: Instr,
) -> list[Fact]:
    """Write a word; gives what is owed."""
    element = find_element(path, addr, hint)
    if element is not None:
        return _store_element(path, element, value, writer)
    place = find_place(path, addr, hint)
    if not place.writable:
        raise StuckError("a store through a mapping that is read-only")
    item, facts = path.items[place.item], list(place.facts)
    if not isinstance(item.share, FOne):
        raise StuckError("a store into what is owned in part")
    cell = cell_of(item)
    if cell is not None:
        if paging is None:
            raise StuckError("an entry is written, but the annotation has no `platform`")
        absent = hint is not None and hint.index is not None
        new, more = store_entry(cell, value, absent=absent)
        item, facts = new.item(item.share), facts + more
    elif isinstance(item, IVirt | IPhys):
        item = replace(item, value=value)
    path.put(place.item, item, writer)
    return facts


def _store_element(
    path: Path, element: Element, value: Term | None, writer: Instr | None
) -> list[Fact]:
    """A store fills a block of one word, and leaves what is said of a larger one (`sstore_block`).

    It leaves the block, too, where it is not known what the word becomes.
    """
    if not element.writable:
        raise StuckError("a store through a mapping that is read-only")
    item, block = path.items[element.item], element.block
    if not isinstance(item.share, FOne):
        raise StuckError("a store into what is owned in part")
    if block.count == ECst(1) and value is not None:
        filled = replace(block, fill=value).item(item.share)
        path.put(element.item, filled, writer)
        return list(element.facts)
    path.put(element.item, item, writer)
    word = element.word
    same = [] if value is None or word is None else owe(Rel.EQ, value, word)
    return [*element.facts, *same]


def offsets(size: Width) -> range:
    """Where in a word an access of so many bits may begin."""
    return range(9 - size // 8)


def back(addr: Term, k: int) -> Term:
    """The address of the word in which `addr` is byte `k`."""
    return addr if k == 0 else mk_add(addr, -k)


def block_offset(path: Path, addr: Term, hint: HAt, size: Width) -> int | None:
    """The offset in a word of the block that a hint names; none where it names none."""
    block = block_of(path.items[hint.item if hint.data is None else hint.data])
    if block is None or hint.index is None:
        return None
    where = block.at(hint.index)
    return next((k for k in offsets(size) if back(addr, k) == where), 0)


def check_store(path: Path, addr: Term, part: tuple[Width, int], hint: HAt | None) -> None:
    """Raise where `part`, bits and an offset in a word, cannot be written at `addr`."""
    size, k = part
    place = find_element(path, back(addr, k), hint) or find_place(path, back(addr, k), hint)
    item = path.items[place.item]
    if not place.writable:
        raise StuckError("a store through a mapping that is read-only")
    if not isinstance(item.share, FOne):
        raise StuckError("a store into what is owned in part")
    part_of = isinstance(item, IVirt | IPhys) or isinstance(place, Element)
    if size % WORD_BITS and not part_of:
        raise StuckError("a store into a part of an entry of a page table")


def store_part(
    path: Path,
    addr: Term,
    part: tuple[Width, int],
    value: Term,
    hint: HAt | None,
    writer: Instr,
) -> list[Fact]:
    """Write a part of a word; gives what is owed (`sstore_part`)."""
    check_store(path, addr, part, hint)
    size, k = part
    element = find_element(path, back(addr, k), hint)
    if element is not None:
        word = element.word
        whole = None if word is None else mk_insert(size, k, word, value)
        return _store_element(path, element, whole, writer)
    place = find_place(path, back(addr, k), hint)
    item = path.items[place.item]
    if isinstance(item, IVirt | IPhys):
        item = replace(item, value=mk_insert(size, k, item.value, value))
    path.put(place.item, item, writer)
    return list(place.facts)


def store_entry(cell: Cell, value: Term, *, absent: bool) -> tuple[Cell, list[Fact]]:
    """An entry is written: it was absent, or that of a leaf through which nothing is claimed."""
    entry = cell.entry
    if absent or cell.claimed or (isinstance(entry, ECst) and entry.z % 2 == 0):
        facts = owe(Rel.EQ, mk_and(entry, ECst(PRESENT)), ECst(0))
        owed = cell.owed
    else:
        small = all(one is not None and one.shift == PAGE_SHIFT for one in cell.reach)
        leaf = mk_and(entry, ECst(PRESENT | LARGE))
        facts = [] if small else owe(Rel.NE, leaf, ECst(PRESENT))
        owed = cell.reach + cell.owed
    return replace(cell, entry=value, claimed=(), owed=owed), facts
