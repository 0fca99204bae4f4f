# SPDX-License-Identifier: Apache-2.0
"""Draws choices that are likely to satisfy a precondition, and unlikely to be alike.

What code gets wrong shows where objects straddle pages or touch, frames have two addresses, spaces
have one root, addresses are extreme, and values differ: so these are drawn often.  `wild` from 0
to 1 is how often.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from random import Random
from typing import Final

from rocqgen.check.choice import Choice, Mode, Page, Rights, base_of, models
from rocqgen.check.mend import mend
from rocqgen.check.parts import Subject
from rocqgen.check.resident import Need, needs
from rocqgen.check.roles import Roles, roles_of
from rocqgen.check.words import ENTRY, MASK, PAGE, holds, pages_of, value
from rocqgen.cpu import Access
from rocqgen.source.machine import Imm, Op

MENDS: Final = 4
"""How often words are changed to make facts true."""

_FRACTIONS: Final = (
    Fraction(1, 2),
    Fraction(1, 4),
    Fraction(1, 3),
    Fraction(2, 3),
    Fraction(1, 1024),
    Fraction(1),
)
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
class Sampler:
    """Draws choices for one fragment; the same ones from the same seed.

    `maxphyaddr` bounds physical addresses, in bits; the numbers of frames that are drawn have
    `frame_bits`.
    """

    subject: Subject
    random: Random
    maxphyaddr: int = 40
    frame_bits: int = 24

    def __post_init__(self) -> None:
        self._roles = roles_of(self.subject)
        self._constants = _constants(self.subject)

    _roles: Roles = field(init=False)
    _constants: tuple[int, ...] = ()
    _edges: dict[str, list[int]] = field(default_factory=dict)
    _seams: dict[str, list[int]] = field(default_factory=dict)

    def draw(self, wild: float, strategy: str = "walk") -> Choice:
        """A choice.  It may violate what the precondition says: `reside` decides."""
        mode = self.mode(wild)
        words = self.words(wild, mode)
        fractions = self.fractions(wild)
        return self.complete(words, fractions, mode, wild, strategy)

    def complete(
        self,
        words: dict[str, int],
        fractions: dict[str, Fraction],
        mode: Mode,
        wild: float,
        strategy: str,
        frames: dict[Page, int] | None = None,
    ) -> Choice:
        """Decide the frames (but those in `frames`), the rights and the rest."""
        random = self.random
        needed = list(needs(self.subject, words))
        wanted = {(base_of(need.root), need.page) for need in needed}
        given = {key: frame for key, frame in (frames or {}).items() if key in wanted}
        placed = self.frames(needed, words, wild, given)
        return Choice(
            words,
            fractions,
            placed,
            self.rights(needed, mode, wild),
            mode,
            (_flip(random), _flip(random), _flip(random), _flip(random), _flip(random)),
            random.getrandbits(32),
            strategy,
            random.getrandbits(32),
        )

    # -- the processor -----------------------------------------------------------------------------

    def mode(self, wild: float) -> Mode:
        """Control bits; all protections on more often than not."""
        random = self.random
        off = 0.2 * wild
        return Mode(
            wp=random.random() >= off,
            smep=random.random() >= off,
            smap=random.random() >= off,
            nxe=random.random() >= off,
            la57=random.random() < off / 2 and True in models(),
            maxphyaddr=self.maxphyaddr,
        )

    def fractions(self, wild: float) -> dict[str, Fraction]:
        """Shares: a half, if nothing wilder."""
        random = self.random
        return {
            name: random.choice(_FRACTIONS) if random.random() < wild else Fraction(1, 2)
            for name in self._roles.fractions
        }

    # -- words -------------------------------------------------------------------------------------

    def words(self, wild: float, mode: Mode) -> dict[str, int]:
        """Words for the parameters, and for the entry."""
        roles, random = self._roles, self.random
        words = {ENTRY: self._entry(wild, mode)}
        for root in roles.roots:
            words[root] = self._root(words, wild)
        for name, offsets in roles.pointers.items():
            if name not in words:
                words[name] = self._pointer(words, name, offsets, wild, mode)
        for name in sorted(roles.indices):
            words.setdefault(name, random.choice((0, 1, 2, 3, 7, 8, 16, 511)))
        for name, offsets in roles.physical.items():
            words.setdefault(name, self._physical(offsets, wild))
        for name in roles.values:
            words.setdefault(name, self._other(words, name, wild, mode))
        self.settle(words)
        facts, defined = roles.facts, {name for name, _ in roles.defined}
        for _ in range(MENDS):
            if all(holds(fact, words) for fact in facts):
                break
            mend(facts, words, defined, random)
            self.settle(words)
        return words

    def settle(self, words: dict[str, int]) -> None:
        """Set what equations and claims determine."""
        for _ in range(2):
            for name, expr in self._roles.defined:
                words[name] = value(expr, words)
            self._link(words)

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
        before = [words[name] for name in self._roles.roots if name in words]
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
        others = [words[name] for name in self._roles.pointers if name in words]
        if others and kind < 0.25 * wild:
            # Beside something else, or on its page.
            other = random.choice(others)
            if random.random() < 0.5:
                near = (other & ~0xFFF) + random.randrange(0, PAGE, 8)
            else:
                known = self._roles.pointers
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

    def _other(self, words: dict[str, int], name: str, wild: float, mode: Mode) -> int:
        """A word that is no address of what is owned."""
        if name in self._roles.exits:
            return self._target(mode)
        if name in self._roles.entries and self.random.random() < 0.9:
            return self._table_entry()
        return self._value(words, name, wild)

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
            own, others = list(self._constants), list(_BOUNDARY)
            self.random.shuffle(own)
            self.random.shuffle(others)
            turn += others + own
        return turn.pop()

    def _link(self, words: dict[str, int]) -> None:
        """Give physical addresses the offset in their page that claims ask for."""
        fixed = {name for name, _ in self._roles.defined}
        for link in self._roles.links:
            if link.pa in fixed:
                continue
            fixed.add(link.pa)
            va, pa = words[link.va] + link.va_offset, words[link.pa] + link.pa_offset
            frame = max(pa >> 12, 16)
            words[link.pa] = ((frame << 12) + (va & 0xFFF) - link.pa_offset) & MASK

    # -- pages -------------------------------------------------------------------------------------

    def frames(
        self, needed: list[Need], words: dict[str, int], wild: float, given: dict[Page, int]
    ) -> dict[Page, int]:
        """A frame for each page: as claims say, else a new one, at times one used already."""
        frames = dict(given)
        used = {base_of(words[root]) >> 12 for root in self.subject.roots} | set(frames.values())
        for item in self.subject.pre.phys:
            used.update(pages_of(value(item.addr, words), 8))
        self._claimed(words, frames)
        used.update(frames.values())
        code: dict[int, int] = {}
        for need in needed:
            key = (base_of(need.root), need.page)
            if key not in frames:
                frames[key] = self._frame(need, key, frames, used, code, wild)
                used.add(frames[key])
        return frames

    def _claimed(self, words: dict[str, int], frames: dict[Page, int]) -> None:
        """The frames that claims say."""
        for root, claim in self.subject.pre.claims:
            va, pa = value(claim.va, words), value(claim.pa, words)
            for page in pages_of(va, 8):
                start = va if page == va >> 12 else (page << 12)
                frame = (pa + ((start - va) & MASK)) >> 12
                frames.setdefault((base_of(words[root]), page), frame)

    def _frame(
        self,
        need: Need,
        key: Page,
        frames: dict[Page, int],
        used: set[int],
        code: dict[int, int],
        wild: float,
    ) -> int:
        """A frame for one page.  `code` has those of code by page, for it is in memory once."""
        random = self.random
        fetched = Access.FETCH in need.accesses
        if fetched:
            below = frames.get((key[0], key[1] - 1))
            if key[1] in code:
                return code[key[1]]
            if below is not None:
                return code.setdefault(key[1], below + 1)
        elif frames and random.random() < 0.2 * wild:
            return random.choice(list(frames.values()))
        top = 1 << min(self.maxphyaddr - 12, self.frame_bits)
        frame = random.randrange(1, top)
        while frame in used or frame + 1 in used:
            top = min(top + 16, 1 << (self.maxphyaddr - 12))
            frame = random.randrange(1, top)
        return code.setdefault(key[1], frame) if fetched else frame

    def rights(self, needed: list[Need], mode: Mode, wild: float) -> dict[Page, Rights]:
        """Rights for each page: what it needs, and seldom more."""
        random = self.random
        accesses: dict[Page, set[Access]] = {}
        for need in needed:
            accesses.setdefault((base_of(need.root), need.page), set()).update(need.accesses)
        rights = {}
        for key, wanted in accesses.items():
            user = random.random() < 0.3 * wild
            data, fetch = Access.READ in wanted, Access.FETCH in wanted
            user &= not (data and mode.smap) and not (fetch and mode.smep)
            write = Access.WRITE in wanted and (mode.wp or random.random() < 0.5)
            execute = fetch or not mode.nxe or random.random() < 0.1 * wild
            write |= random.random() < 0.05 * wild
            rights[key] = Rights(write, user, execute)
        return rights


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


def _flip(random: Random) -> bool:
    return bool(random.getrandbits(1))
