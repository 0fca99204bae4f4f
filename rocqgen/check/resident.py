# SPDX-License-Identifier: Apache-2.0
"""What a precondition owns in a chosen state, or why the choice does not satisfy it.

It counts shares as `theories/adequacy/shares.v` does: a byte of memory is owned at most once, and
each byte of a claim, virtual points-to or code has a 4096th of its page's claim.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import lcm

from rocqgen.check.choice import Choice, Page, base_of
from rocqgen.check.needs import needs
from rocqgen.check.ownership import Ownership
from rocqgen.check.parts import Cell
from rocqgen.check.regions import Slot, slot_of
from rocqgen.check.spans import TooLongError, spread
from rocqgen.check.subject import Subject
from rocqgen.check.words import ENTRY, MASK, PAGE, WORD_SIZE, holds, share, value
from rocqgen.source.location import Location
from rocqgen.source.machine import Instr, Reg
from rocqgen.source.spec import Code, Frac, FracLit, PhysPt


@dataclass(frozen=True, slots=True)
class Conflict:
    """Why a choice is no state of the precondition.

    `bytes` are the bytes that lie at one physical address and cannot: the item, and the byte of
    it, where `code` counts from the entry.
    """

    reason: str
    bytes: tuple[tuple[Cell | PhysPt | Code, int], ...] = ()
    location: Location | None = None


@dataclass(slots=True)
class Resident:
    """What the precondition describes: registers, bytes of data, code, entries of tables by their
    addresses, and how much is owned."""

    regs: dict[Reg, int]
    data: dict[int, int]
    image: dict[int, tuple[Instr, int]]
    code: dict[int, int]
    owned: Ownership
    slots: dict[int, Slot] = field(default_factory=dict)


class _Taker:
    """Takes the shares of one choice; the first thing that does not fit is raised."""

    def __init__(self, subject: Subject, choice: Choice) -> None:
        self.subject, self.choice = subject, choice
        self.words, self.unit = choice.words, _unit(subject, choice)
        self.owned = Ownership(self.unit)
        self.data: dict[int, int] = {}
        self.image: dict[int, tuple[Instr, int]] = {}
        self.code: dict[int, int] = {}
        self.slots: dict[int, Slot] = {}
        self.cells, self.phys = spread(subject.pre, self.words)

    def share(self, frac: Frac) -> int:
        """A share in parts of a whole."""
        if isinstance(frac, FracLit):
            return self.unit * frac.numerator // frac.denominator
        return int(share(frac, self.choice.fractions) * self.unit)

    def translate(self, root: int, va: int, size: int, part: int) -> list[int]:
        """Where `size` bytes lie; takes the share of each byte's claim."""
        base, pas = base_of(root), []
        frames, pages = self.choice.frames, self.owned.pages
        for k in range(size):
            here = (va + k) & MASK
            page = here >> 12
            pages[root, page] = pages.get((root, page), 0) + part
            pas.append((frames[base, page] << 12) + (here & 0xFFF))
        return pas

    def store(self, pas: list[int], word: int, part: int) -> bool:
        """Put the bytes of a word there and take their shares."""
        data, shares, unit = self.data, self.owned.bytes, self.unit
        for pa in pas:
            byte = word & 0xFF
            word >>= 8
            total = shares.get(pa, 0) + part
            if total > unit or data.get(pa, byte) != byte:
                return False
            shares[pa] = total
            data[pa] = byte
        return True


class _ConflictError(Exception):
    def __init__(self, conflict: Conflict) -> None:
        super().__init__(conflict.reason)
        self.conflict = conflict


def _unit(subject: Subject, choice: Choice) -> int:
    """What a whole counts as, such that every share before and after is a whole number."""
    literals = [one for parts in subject.all_parts for one in parts.shares]
    return lcm(
        *(one.denominator for one in choice.fractions.values()),
        *(one.denominator for one in literals if isinstance(one, FracLit)),
    )


def reside(subject: Subject, choice: Choice) -> Resident | Conflict:
    """What the precondition owns in the chosen state, or the first thing that cannot be."""
    try:
        return _reside(subject, choice)
    except _ConflictError as error:
        return error.conflict
    except TooLongError as error:
        return Conflict(f"a block of {error}")


def _reside(subject: Subject, choice: Choice) -> Resident:
    pre, words = subject.pre, choice.words
    for fact in pre.facts:
        if not holds(fact, words):
            raise _ConflictError(Conflict("a fact is false", location=fact.location))
    _check_pages(subject, choice)
    taker = _Taker(subject, choice)
    for root, code in pre.code:
        _place_code(subject, taker, words[root], code)
    _place_data(subject, taker)
    _place_entries(subject, taker)
    if not taker.data.keys().isdisjoint(taker.code):
        raise _ConflictError(_overlap(taker))
    if any(total > PAGE * taker.unit for total in taker.owned.pages.values()):
        raise _ConflictError(Conflict("a page's claim is owned more than whole"))
    regs = {one.reg: value(one.value, words) for one in pre.regs}
    return Resident(regs, taker.data, taker.image, taker.code, taker.owned, taker.slots)


def _place_data(subject: Subject, taker: _Taker) -> None:
    """Translate and store what the precondition has in memory."""
    pre, words = subject.pre, taker.words
    for root, item in taker.cells:
        part = taker.share(item.frac)
        pas = taker.translate(words[root], value(item.addr, words), WORD_SIZE, part)
        if not taker.store(pas, value(item.value, words), part):
            raise _ConflictError(_overlap(taker))
    for root, claim in pre.claims:
        pa, va = value(claim.pa, words), value(claim.va, words)
        part = taker.share(claim.frac)
        if claim.page and va & 0xFFF:
            raise _ConflictError(Conflict("a page that is not aligned", location=claim.location))
        # The first word of a page has one 512th of its claim.
        pas = taker.translate(words[root], va, WORD_SIZE, 512 * part if claim.page else part)
        if pas != list(range(pa, pa + WORD_SIZE)):
            raise _ConflictError(Conflict("a claim's frame", location=claim.location))
    for one in taker.phys:
        pa = value(one.addr, words)
        pas = list(range(pa, pa + WORD_SIZE))
        if not taker.store(pas, value(one.value, words), taker.share(one.frac)):
            raise _ConflictError(_overlap(taker))


def _place_entries(subject: Subject, taker: _Taker) -> None:
    """Take the entries of tables that the precondition has: one for each address."""
    entries, top = taker.owned.entries, 1 << taker.choice.mode.maxphyaddr
    for item in subject.pre.entries:
        slot, where = slot_of(item, taker.words), item.location
        if slot.at & 7 or slot.at >= top:
            raise _ConflictError(Conflict("an address that no entry has", location=where))
        other = taker.slots.setdefault(slot.at, slot)
        if (other.word, other.answers, other.claims, other.owes) != (
            slot.word,
            slot.answers,
            slot.claims,
            slot.owes,
        ):
            raise _ConflictError(Conflict("two values in one entry", location=where))
        total = entries[slot.at] = entries.get(slot.at, 0) + taker.share(item.frac)
        if total > taker.unit:
            raise _ConflictError(Conflict("an entry owned more than whole", location=where))
        if any(pa in taker.data or pa in taker.code for pa in range(slot.at, slot.at + WORD_SIZE)):
            raise _ConflictError(Conflict("an entry in place of data", location=where))


def _check_pages(subject: Subject, choice: Choice) -> None:
    mode = choice.mode
    for need in needs(subject, choice.words):
        where = need.item.location
        if not mode.root_ok(need.root):
            raise _ConflictError(Conflict("a root that cr3 cannot hold", location=where))
        if not mode.canonical(need.page << 12):
            raise _ConflictError(Conflict("an address that is not canonical", location=where))
        key: Page = (base_of(need.root), need.page)
        if key not in choice.frames or choice.frames[key] >> (mode.maxphyaddr - 12):
            raise _ConflictError(Conflict("a page without a frame", location=where))
        rights = choice.rights[key]
        if not all(mode.admits(rights, access) for access in need.accesses):
            raise _ConflictError(Conflict("rights of a page", location=where))


def _place_code(subject: Subject, taker: _Taker, root: int, code: Code) -> None:
    """Put the instructions where this space maps them, each on adjacent frames."""
    entry, part = taker.words[ENTRY], taker.share(code.frac)
    for instr in subject.instrs:
        pas = taker.translate(root, (entry + instr.offset) & MASK, instr.length, part)
        if pas != list(range(pas[0], pas[0] + instr.length)):
            raise _ConflictError(Conflict("code on frames apart", location=code.location))
        if taker.image.setdefault(pas[0], (instr, instr.length)) != (instr, instr.length):
            raise _ConflictError(Conflict("code in place of other code", location=code.location))
        for pa, byte in zip(pas, instr.encoding, strict=True):
            if taker.code.setdefault(pa, byte) != byte:
                conflict = Conflict("code in place of other code", location=code.location)
                raise _ConflictError(conflict)


def _overlap(taker: _Taker) -> Conflict:
    """All that lies at the first physical address that holds too much."""
    words, choice = taker.words, taker.choice
    there: dict[int, list[tuple[Cell | PhysPt | Code, int]]] = {}
    shares: dict[int, int] = {}
    values: dict[int, int] = {}
    stored: list[tuple[Cell | PhysPt, list[int], int, int]] = []
    for cell in taker.cells:
        base, va = base_of(words[cell.root]), value(cell.item.addr, words)
        pas = [
            (choice.frames[base, here >> 12] << 12) + (here & 0xFFF)
            for here in ((va + k) & MASK for k in range(WORD_SIZE))
        ]
        stored.append((cell, pas, value(cell.item.value, words), taker.share(cell.item.frac)))
    for one in taker.phys:
        pa = value(one.addr, words)
        pas = list(range(pa, pa + WORD_SIZE))
        stored.append((one, pas, value(one.value, words), taker.share(one.frac)))
    for item, pas, word, part in stored:
        for k, pa in enumerate(pas):
            byte = word >> (8 * k) & 0xFF
            there.setdefault(pa, []).append((item, k))
            shares[pa] = shares.get(pa, 0) + part
            if pa in taker.code:
                return Conflict("data in place of code", tuple(there[pa]))
            if shares[pa] > taker.unit:
                return Conflict("owned more than whole", tuple(there[pa]))
            if values.setdefault(pa, byte) != byte:
                return Conflict("two values in one byte", (there[pa][0], there[pa][-1]))
    raise AssertionError("there is no overlap")
