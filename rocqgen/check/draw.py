# SPDX-License-Identifier: Apache-2.0
"""Draws words for the names of a precondition, by what they are used for.

Objects straddle pages or touch, spaces have one root, numbers are those at which code turns.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Final

from rocqgen.check.choice import Mode
from rocqgen.check.mend import mend
from rocqgen.check.place import Placer
from rocqgen.check.roles import Roles, roles_of
from rocqgen.check.spans import LONGEST
from rocqgen.check.subject import Subject
from rocqgen.check.words import ENTRY, FEW, MASK, PAGE, holds, value
from rocqgen.source.machine import Imm, Op

MENDS: Final = 4
"""How often words are changed to make facts true."""

_TURNS: Final = frozenset({Op.CMP, Op.TEST, Op.SUB, Op.AND, Op.XOR, Op.BT})
"""Operations whose flags or results tell a number from others."""

_BOUNDARY: Final = (
    0,
    1,
    MASK,
    1 << 63,
    (1 << 63) - 1,
    1 << 32,
    (1 << 32) - 1,
    (1 << 31) - 1,
    1 << 31,
    0xFFFF_FFFF_8000_0000,
)


@dataclass(slots=True)
class Words:
    """Draws words; the same ones from the same seed."""

    subject: Subject
    random: Random
    maxphyaddr: int
    frame_bits: int
    roles: Roles = field(init=False)
    constants: tuple[int, ...] = field(init=False)
    placer: Placer | None = None
    _edges: dict[str, list[int]] = field(default_factory=dict)
    _seams: dict[str, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.roles = roles_of(self.subject)
        self.constants = _constants(self.subject)
        if self.subject.pre.entries:
            frames = 1 << min(self.maxphyaddr - 12, self.frame_bits)
            self.placer = Placer(self.subject, self.roles, self.random, frames)

    def draw(self, wild: float, mode: Mode) -> dict[str, int]:
        """Words for the parameters, and for the entry."""
        roles = self.roles
        words = {ENTRY: self._entry(wild, mode)}
        for root in roles.roots:
            words[root] = self._root(words, wild)
        for name, offsets in roles.pointers.items():
            # What is a physical address, too, is mapped at a distance.
            if name not in words and name not in roles.physical:
                words[name] = self._pointer(words, name, offsets, wild, mode)
        self._others(words, wild, mode)
        facts, defined = roles.facts, {name for name, _ in roles.defined}
        for number in range(MENDS + 1):
            self.settle(words)
            self.place(words, mode, wild, mended=number > 0)
            if number == MENDS or all(holds(fact, words) for fact in facts):
                break
            mend(facts, words, defined, self.random)
        return words

    def _others(self, words: dict[str, int], wild: float, mode: Mode) -> None:
        """Words for the names that are no addresses in a space."""
        roles, random = self.roles, self.random
        for name in sorted(roles.counts):
            long = random.random() < 0.05 * wild
            words.setdefault(name, 512 if long else random.choice((0, 1, 2, 3, 4, 5, 8, 17)))
        for name in sorted(roles.indices):
            words.setdefault(name, random.choice((0, 1, 2, 3, 7, 8, 16, 511)))
        for name, offsets in roles.physical.items():
            words.setdefault(name, self._physical(offsets, wild))
        for name in roles.values:
            words.setdefault(name, self._other(words, name, wild, mode))
        for name in roles.arrays:
            few = random.random() < 0.2
            words.setdefault(name, random.randrange(FEW) if few else random.getrandbits(64))

    def _other(self, words: dict[str, int], name: str, wild: float, mode: Mode) -> int:
        """A word that is no address of something."""
        if name in self.roles.exits:
            return self._target(mode)
        if name in self.roles.entries and self.random.random() < 0.9:
            return self._table_entry()
        return self._value(words, name, wild)

    def place(
        self, words: dict[str, int], mode: Mode, wild: float, *, mended: bool = False
    ) -> None:
        """Make walks go through the entries that are owned, as claims need it.

        `mended` where words were changed by what the facts say.
        """
        if self.placer is not None:
            self.placer.mended = mended
            self.placer.place(words, mode, wild, self.settle)

    def settle(self, words: dict[str, int]) -> None:
        """Set what equations and claims determine."""
        for _ in range(2):
            for name, expr in self.roles.defined:
                words[name] = value(expr, words)
            self._link(words)
        for name in self.roles.roots:
            words[name] &= (1 << self.maxphyaddr) - 1
        for name in self.roles.counts:
            if words[name] > LONGEST:
                words[name] &= 15

    def _entry(self, wild: float, mode: Mode) -> int:
        """Where the code is: at times across a page, at times not aligned."""
        size, random = self.subject.size, self.random
        page = self._page(mode)
        if random.random() < 0.4 * wild and size > 1:
            offset = PAGE - random.randrange(1, min(size, PAGE))
        else:
            offset = random.randrange(0, max(PAGE - size, 16), 16)
        return (page << 12) + offset

    def _page(self, mode: Mode) -> int:
        """The number of a canonical page, not the last one of its half."""
        random = self.random
        width = 57 if mode.la57 else 48
        half = 1 << (width - 13)
        kind = random.random()
        if kind < 0.35:
            page = random.randrange(16, 1 << 20)
        elif kind < 0.75:
            page = half - 2 - random.randrange(1 << min(width - 14, 20))
            page += ((MASK >> 12) + 1) - half if random.random() < 0.8 else 0
        elif kind < 0.85:
            page = ((MASK >> 12) + 1) - half + random.randrange(1 << 16)
        else:
            page = random.randrange(1, half - 1)
        return page & (MASK >> 12)

    def _root(self, words: dict[str, int], wild: float) -> int:
        random = self.random
        before = [words[name] for name in self.roles.roots if name in words]
        if before and random.random() < 0.2 * wild:
            root = random.choice(before)
            return root ^ 0x18 if random.random() < 0.2 else root
        root = random.randrange(1, 1 << min(self.maxphyaddr - 12, self.frame_bits)) << 12
        # PWT and PCD: they say how the tables are cached, and not where they are.
        return root | random.choice((0x08, 0x10, 0x18)) if random.random() < 0.2 * wild else root

    def _seam(self, name: str, offsets: set[int]) -> int:
        """How far behind a pointer a page ends: in turn in front of each of its words, and then
        somewhere in each."""
        turn = self._seams.setdefault(name, [])
        if not turn:
            fronts = sorted(offsets)
            insides = [one + self.random.randrange(1, 8) for one in fronts]
            self.random.shuffle(fronts)
            self.random.shuffle(insides)
            turn += insides + fronts
        return turn.pop()

    def _pointer(
        self, words: dict[str, int], name: str, offsets: set[int], wild: float, mode: Mode
    ) -> int:
        """A base such that what lies at `offsets` behind it is at an interesting place."""
        random = self.random
        low, high = min(offsets), max(offsets) + 8
        kind = random.random()
        others = [words[name] for name in self.roles.pointers if name in words]
        if others and kind < 0.25 * wild:
            # Beside something else, or on its page.
            other = random.choice(others)
            if random.random() < 0.5:
                near = (other & ~0xFFF) + random.randrange(0, PAGE, 8)
            else:
                known = self.roles.pointers
                ends = [words[name] + max(known[name]) + 8 for name in known if name in words] + [
                    words[ENTRY] + self.subject.size
                ]
                near = random.choice(ends) - low
            return near & MASK
        page = self._page(mode) << 12
        if kind < 0.65 * wild:
            # A page ends at or inside one of the words.
            return (page + PAGE - self._seam(name, offsets)) & MASK
        if high - low < PAGE:
            step = 1 if random.random() < 0.1 * wild else 8
            return (page + random.randrange(0, PAGE - (high - low) + 1, step) - low) & MASK
        return (page - low) & MASK

    def _physical(self, offsets: set[int], wild: float) -> int:
        random = self.random
        frame = random.randrange(16, 1 << min(self.maxphyaddr - 12, self.frame_bits))
        low, high = min(offsets), max(offsets) + 8
        if high - low >= PAGE or random.random() < 0.2 * wild:
            return (frame << 12) + random.randrange(0, PAGE, 8) - low
        return (frame << 12) + random.randrange(0, PAGE - (high - low) + 1, 8) - low

    def _target(self, mode: Mode) -> int:
        """An address to leave to: somewhere, hardly ever in the fragment itself."""
        return (self._page(mode) << 12) + self.random.randrange(PAGE)

    def _table_entry(self) -> int:
        """A page's physical address between bits that may be anything."""
        random = self.random
        frame = random.randrange(16, 1 << min(self.maxphyaddr - 12, self.frame_bits))
        return random.getrandbits(12) << 52 | frame << 12 | random.getrandbits(12)

    def _value(self, words: dict[str, int], name: str, wild: float) -> int:
        random = self.random
        kind = random.random()
        if kind > wild * 0.5:
            return random.getrandbits(64)
        if kind < wild * 0.1:
            return random.randrange(256)
        if kind < wild * 0.25:
            return self._edge(name)
        return (random.choice(list(words.values())) + random.choice((0, 0, 8, -8))) & MASK

    def _edge(self, name: str) -> int:
        """A number at which code may turn: in turn those in the code itself, and then others."""
        turn = self._edges.setdefault(name, [])
        if not turn:
            own, others = list(self.constants), list(_BOUNDARY)
            self.random.shuffle(own)
            self.random.shuffle(others)
            turn += others + own
        return turn.pop()

    def _link(self, words: dict[str, int]) -> None:
        """Give the sides of claims the offset in their page that the other one has."""
        fixed = {name for name, _ in self.roles.defined}
        placed = self.placer.placed if self.placer is not None else ()
        fixed.update(placed)
        for link in self.roles.links:
            va, pa = words[link.va] + link.va_offset, words[link.pa] + link.pa_offset
            if link.page and link.va not in fixed:
                words[link.va] = (words[link.va] - (va & 0xFFF)) & MASK
                va &= ~0xFFF
            if link.pa in fixed:
                if link.va not in fixed and link.va not in self.roles.roots:
                    words[link.va] = (words[link.va] - (va & 0xFFF) + (pa & 0xFFF)) & MASK
                continue
            fixed.add(link.pa)
            frame = max(pa >> 12, 16)
            words[link.pa] = ((frame << 12) + (va & 0xFFF) - link.pa_offset) & MASK
        for name, claim in self.roles.hung:
            if name not in fixed and name not in self.roles.roots:
                apart = value(claim.pa, words) - value(claim.va, words)
                words[name] = (words[name] + (apart & 0xFFF)) & MASK


def _constants(subject: Subject) -> tuple[int, ...]:
    """The numbers in the code, and those beside them: where comparisons turn."""
    found: dict[int, None] = {}
    for instr in subject.fragment.instrs:
        if instr.op in _TURNS:
            for operand in instr.operands:
                if isinstance(operand, Imm):
                    near = (operand.value, operand.value - 1, operand.value + 1)
                    found |= dict.fromkeys(word & MASK for word in near)
    return tuple(found)
