# SPDX-License-Identifier: Apache-2.0
"""Tells whether a postcondition holds in the state at an exit, and which part of it does not.

Values are read through a walk in the space that the assertion names; and what the postcondition
owns must be covered by what the precondition owned, byte by byte and page by page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial

from rocqgen.check.choice import Rights
from rocqgen.check.ending import Ending, False_
from rocqgen.check.existentials import solve
from rocqgen.check.ownership import Ownership
from rocqgen.check.parts import Cell, Fetched, Mapped, Parts
from rocqgen.check.reading import read_walks
from rocqgen.check.regions import slot_of
from rocqgen.check.spans import TooLongError, spread, unknown
from rocqgen.check.table_claims import TableClaims
from rocqgen.check.words import ENTRY, MASK, PAGE, WORD_SIZE, holds, share, value
from rocqgen.cpu import Access
from rocqgen.source.print import print_expr, print_item
from rocqgen.source.spec import Claim, Code, Entry, Expr, Frac, PhysPt, Pure, RegPt, VirtPt


class _Unsatisfied(Exception):  # noqa: N818 - it is a signal within the module
    def __init__(self, expected: str, found: str, pas: tuple[int, ...] = ()) -> None:
        super().__init__(expected)
        self.expected, self.found, self.pas = expected, found, pas


def false_parts(ending: Ending) -> tuple[False_, ...] | None:
    """The parts that are false, none where the postcondition holds.

    They come in the order space, registers, memory, facts.  None where the values of the
    existentials were not found, so that nothing is known.
    """
    parts = ending.goal.parts
    names = tuple(name.ident for name in ending.goal.exists)
    given = ending.words
    if parts.walks:
        read = read_walks(parts, names, given, ending.state)
        if read is None:
            return None
        parts, loose = read
        given = given | loose
        names = tuple(name for name in names if name not in loose)
    words = solve(parts, names, given, ending.state, ending.read) if names else given
    if words is None:
        return None
    ending.solved = words
    try:
        evaluation = _Evaluation(ending, parts, words)
    except TooLongError:
        return None
    false = tuple(evaluation.run())
    ending.left, ending.taken = evaluation.left, evaluation.taken
    return false


class _Evaluation:
    """One pass over the parts, which takes their shares from what is owned."""

    def __init__(self, ending: Ending, parts: Parts, words: dict[str, int]) -> None:
        self.ending, self.parts, self.words = ending, parts, words
        self.left = ending.resident.owned.copy()
        self.unit, self.bytes, self.pages = self.left.unit, self.left.bytes, self.left.pages
        self.cells, self.phys = spread(parts, words)
        self.walks = {one.location: one for one in parts.walks}
        self.parts_of: dict[int, int] = {}
        self.admitted: set[tuple[int, int, tuple[Access, ...]]] = set()
        slots = {one.at: one for one in (slot_of(item, words) for item in parts.entries)}
        self.tables = TableClaims(ending.watch, slots, self.left, ending.mode)

    def run(self) -> Iterator[False_]:
        yield from self._space()
        for one in self.parts.regs:
            yield from self._register(one)
        checks: tuple[tuple[Callable[[], None], VirtPt | Claim | PhysPt | Code | Entry], ...] = (
            *((partial(self._entry, one), one) for one in self.parts.entries),
            *((partial(self._cell, one), one.item) for one in self.cells),
            *((partial(self._claim, one), one.item) for one in self.parts.claims),
            *((partial(self._phys, one), one) for one in self.phys),
            *((partial(self._code, one), one.item) for one in self.parts.code),
        )
        for check, item in checks:
            try:
                check()
            except _Unsatisfied as no:
                part = print_item(self.walks.get(item.location, item))
                yield False_(part, item.location, no.expected, no.found, pas=no.pas)
        yield from self._flushes()
        for fact in self.parts.facts:
            yield from self._fact(fact)

    @property
    def taken(self) -> Ownership:
        """What the assertion owns."""
        before = self.ending.resident.owned.copy()
        for page, more in self.tables.fresh.items():
            before.pages[page] = before.pages.get(page, 0) + more
        for at in self.left.entries.keys() - before.entries.keys():
            before.entries[at] = self.unit
        return before.without(self.left)

    def _space(self) -> Iterator[False_]:
        exit_ = self.ending.goal
        root, found = value(exit_.space, self.words), self.ending.state.cr3
        if root != found:
            part = f"space {print_expr(exit_.space)}"
            yield False_(part, exit_.location, f"cr3 = {root:#x}", f"{found:#x}", root=True)

    def _register(self, one: RegPt) -> Iterator[False_]:
        expected = value(one.value, self.words)
        found = self.ending.state.regs.get(one.reg)
        part = print_item(one)
        if one.reg not in self.ending.resident.regs:
            says = "the precondition does not describe it"
            yield False_(part, one.location, f"{one.reg.value} owned", says, reg=one.reg)
        elif found != expected:
            shown = "no value" if found is None else f"{found:#x}"
            yield False_(part, one.location, f"{one.reg.value} = {expected:#x}", shown, reg=one.reg)

    def _fact(self, fact: Pure) -> Iterator[False_]:
        if not holds(fact, self.words):
            left, right = value(fact.left, self.words), value(fact.right, self.words)
            part = print_item(fact)
            yield False_(
                part, fact.location, f"{left:#x} {fact.rel.value} {right:#x}", "which is false"
            )

    # -- memory

    def _cell(self, cell: Cell) -> None:
        item, root = cell.item, self.words[cell.root]
        va = value(item.addr, self.words)
        pas = self._mapped(root, va, WORD_SIZE, item.frac, _accesses(item.writable))
        self._owned(pas, item.frac, self._content(item.value))

    def _content(self, expr: Expr) -> int | None:
        """The word that is expected; None where any will do."""
        return None if unknown(expr) else value(expr, self.words)

    def _entry(self, item: Entry) -> None:
        """An entry has its value, and nobody is lied to who claims something through it."""
        slot = slot_of(item, self.words)
        pas = tuple(range(slot.at, slot.at + WORD_SIZE))
        if slot.at & 7:
            raise _Unsatisfied("an address of an entry", f"{slot.at:#x}")
        part, known = self._part(item.frac), self.left.entries
        if slot.at in known:
            if known[slot.at] < part:
                raise _Unsatisfied(
                    f"{Fraction(part, self.unit)} of the entry at {slot.at:#x}",
                    f"{Fraction(known[slot.at], self.unit)} of it is owned",
                    pas,
                )
            known[slot.at] -= part
        else:
            # A word of memory that is owned whole may become an entry.
            self._take(pas, self.unit)
            known[slot.at] = self.unit - part
        found = self.ending.state.memory.read(slot.at, WORD_SIZE)
        if found != slot.word:
            raise _Unsatisfied(f"{slot.word:#x}", f"{found or 0:#x}", pas)
        for root, page in self.tables.claimed_by_others(slot):
            raise _Unsatisfied(
                f"claims that others may have on {page << 12:#x} in the space rooted at {root:#x}",
                "they are not among those that it claims",
                pas,
            )

    def _flushes(self) -> Iterator[False_]:
        """What the TLB may hold, and the entries do not owe a flush for."""
        for doubt in self.tables.doubts():
            item = doubt.slot.item
            expected = f"nothing stale in the TLB for {doubt.va:#x}, as no flush is owed"
            pas = tuple(range(doubt.slot.at, doubt.slot.at + WORD_SIZE))
            yield False_(print_item(item), item.location, expected, doubt.found, pas=pas)

    def _claim(self, claim: Mapped) -> None:
        item, root = claim.item, self.words[claim.root]
        va, pa = value(item.va, self.words), value(item.pa, self.words)
        if item.page and va & 0xFFF:
            raise _Unsatisfied("the address of a page", f"{va:#x}")
        part = self._part(item.frac) * (512 if item.page else 1)
        pas = self._translated(root, va, WORD_SIZE, part, _accesses(item.writable))
        if pas != tuple(range(pa, pa + WORD_SIZE)):
            slots = self.tables.stages(root, va)
            raise _Unsatisfied(f"{va:#x} translated to {pa:#x}", f"{pas[0]:#x}", slots)

    def _phys(self, item: PhysPt) -> None:
        pa = value(item.addr, self.words)
        self._owned(tuple(range(pa, pa + WORD_SIZE)), item.frac, self._content(item.value))

    def _code(self, code: Fetched) -> None:
        root, entry = self.words[code.root], self.words[ENTRY]
        for instr in self.ending.subject.instrs:
            pas = self._mapped(
                root, (entry + instr.offset) & MASK, instr.length, code.item.frac, (Access.FETCH,)
            )
            here = self.ending.resident.image.get(pas[0])
            if here is None or here[0] is not instr or pas[-1] - pas[0] != instr.length - 1:
                raise _Unsatisfied(f"`{instr.text}` at {pas[0]:#x}", "other memory there")

    def _mapped(
        self, root: int, va: int, size: int, frac: Frac, accesses: tuple[Access, ...]
    ) -> tuple[int, ...]:
        """Translate, check the rights, and take the share of each byte's claim."""
        return self._translated(root, va, size, self._part(frac), accesses)

    def _translated(
        self, root: int, va: int, size: int, part: int, accesses: tuple[Access, ...]
    ) -> tuple[int, ...]:
        """The same for a share in parts of a whole."""
        places = self.ending.places(root, va, size)
        if isinstance(places, str):
            slots = self.tables.stages(root, va)
            raise _Unsatisfied(f"{va:#x} mapped in the space rooted at {root:#x}", places, slots)
        first = min(size, PAGE - (va & 0xFFF))
        for at, count in ((0, first), (first, size - first)):
            if count:
                here = (va + at) & MASK
                self._admitted(root, here, places[at][1], accesses)
                self._take_page((root, here >> 12), here, count * part)
        return tuple(pa for pa, _ in places)

    def _admitted(self, root: int, va: int, rights: Rights, accesses: tuple[Access, ...]) -> None:
        """A page admits accesses, and a claim on it is true."""
        key = (root, va >> 12, accesses)
        if key in self.admitted:
            return
        lie = self.tables.claim((root, va >> 12))
        if lie is not None:
            raise _Unsatisfied(lie.expected, lie.found, lie.pas)
        for access in accesses:
            if not self.ending.mode.admits(rights, access):
                raise _Unsatisfied(
                    f"{va:#x} mapped for {access.value}",
                    "the page does not admit it",
                    self.tables.stages(root, va),
                )
        self.admitted.add(key)

    def _take_page(self, key: tuple[int, int], va: int, part: int) -> None:
        left = self.pages.get(key, 0) - part
        if left < 0:
            raise _Unsatisfied(
                f"a share of the mapping of {va:#x} in the space rooted at {key[0]:#x}",
                "the precondition does not own as much"
                if key in self.pages
                else "the precondition does not own it",
            )
        self.pages[key] = left

    def _owned(self, pas: tuple[int, ...], frac: Frac, expected: int | None) -> None:
        """Compare a word in memory, and take the shares of its bytes."""
        self._take(pas, self._part(frac))
        memory = self.ending.state.memory
        word = sum((memory.get(pa) or 0) << (8 * k) for k, pa in enumerate(pas))
        if expected is not None and word != expected:
            raise _Unsatisfied(f"{expected:#x}", f"{word:#x}", pas)

    def _take(self, pas: tuple[int, ...], part: int) -> None:
        for pa in pas:
            left = self.bytes.get(pa, 0) - part
            if left < 0:
                raise _Unsatisfied(
                    f"{Fraction(part, self.unit)} of the memory at {pa:#x}",
                    f"{Fraction(self.bytes.get(pa, 0), self.unit)} of it is owned",
                    pas,
                )
            self.bytes[pa] = left

    def _part(self, frac: Frac) -> int:
        part = self.parts_of.get(id(frac))
        if part is None:
            part = self.parts_of[id(frac)] = int(share(frac, self.ending.fractions) * self.unit)
        return part


def _accesses(writable: bool) -> tuple[Access, ...]:
    return (Access.READ, Access.WRITE) if writable else (Access.READ,)
