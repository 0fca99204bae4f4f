# SPDX-License-Identifier: Apache-2.0
"""Calls of functions that are not here: each is played by its contract.

What the contract requires must be there and is taken away; then control is at one of its exits,
where registers and memory have values that satisfy it, drawn as those of states are.  Memory that
nobody had before is laid out anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from random import Random
from typing import TYPE_CHECKING, Final

from rocqgen.check.choice import Rights, base_of
from rocqgen.check.draw import Words
from rocqgen.check.ownership import Ownership
from rocqgen.check.parts import Parts
from rocqgen.check.regions import Slot, slot_of
from rocqgen.check.resident import Resident
from rocqgen.check.spans import TooLongError, spread
from rocqgen.check.subject import Agreed, Subject
from rocqgen.check.tables import BlockedError, Builder, Tables
from rocqgen.check.words import MASK, WORD_SIZE, holds, share, value
from rocqgen.cpu import Flags, Leaf, State
from rocqgen.source.spec import Exit, Frac, Lit, Pure, Rel, Spec, Var

if TYPE_CHECKING:
    from rocqgen.check.machine import Machine
    from rocqgen.check.translate import Walker

TRIES: Final = 60
"""Draws of what a contract gives."""

_PLAIN: Final = Rights(write=True, user=False, execute=False)
Page = tuple[int, int]


class _MisfitError(Exception):
    """What was drawn does not go together with what there is."""


@dataclass(slots=True)
class Player:
    """Plays contracts in one run; changes its state, and what is owned in it."""

    machine: Machine
    state: State
    resident: Resident
    walker: Walker
    tables: Tables
    calls: int = 0
    random: Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = Random(self.machine.choice.seed ^ 0x5EED)

    def play(
        self, agreed: Agreed, words: dict[str, int], shares: dict[str, Fraction], left: Ownership
    ) -> bool:
        """Come to an exit of a contract; whether values for it were found.

        `words` and `shares` are those with which it was called, `left` is what the caller keeps.
        """
        given, self.resident.owned = self.resident.owned, left
        for one in agreed.pre.regs:
            self.state.regs.pop(one.reg, None)
            self.resident.regs.pop(one.reg, None)
        order = list(range(len(agreed.posts)))
        self.random.shuffle(order)
        for number in order:
            exit_, post = agreed.contract.exits[number], agreed.posts[number]
            drawn = Words(
                _subject(self.machine.subject, agreed, exit_, words),
                self.random,
                self.machine.choice.mode.maxphyaddr,
                24,
            )
            for _ in range(TRIES):
                there = drawn.draw(self.random.random(), self.machine.choice.mode)
                if not all(holds(fact, there) for fact in post.facts):
                    continue
                try:
                    changes = _Changes(self, post, there, shares, given).collect()
                except (_MisfitError, BlockedError, TooLongError):
                    continue
                self._apply(changes, exit_, there)
                return True
        return False

    def _apply(self, changes: _Changes, exit_: Exit, words: dict[str, int]) -> None:
        state, memory = self.state, self.state.memory
        for at, entry in changes.entries.items():
            memory.write(at, entry.to_bytes(WORD_SIZE, "little"))
        for pa, byte in changes.bytes.items():
            memory.write(pa, bytes([byte]))
        self.tables.entries |= changes.entries
        self.tables.frames |= changes.frames
        self.resident.owned = changes.owned
        self.resident.slots |= changes.slots
        for one in changes.post.regs:
            state.regs[one.reg] = self.resident.regs[one.reg] = value(one.value, words)
        root = value(exit_.space, words)
        if root != state.cr3:
            state.cr3, state.tlb = root, []
        state.flags, state.rip = Flags(), value(exit_.address, words)
        self.walker.forget()


def _subject(subject: Subject, agreed: Agreed, exit_: Exit, words: dict[str, int]) -> Subject:
    """A fragment whose precondition is what holds at an exit, with the words that are known."""
    contract = agreed.contract
    where = exit_.location
    known = tuple(
        Pure(Rel.EQ, Var(name, where), Lit(word, where), where) for name, word in words.items()
    )
    names = (*contract.params, *exit_.exists)
    own = next(one for one in subject.fragment.spec.params if one.ident == contract.name)
    spec = Spec((*names, own), exit_.space, (*known, *exit_.post), (), (), where)
    return Subject(replace(subject.fragment, spec=spec, assumes=(), callees=(), expect=None))


class _Changes:
    """What an exit of a contract changes: memory, tables, what is owned."""

    def __init__(
        self,
        player: Player,
        post: Parts,
        words: dict[str, int],
        shares: dict[str, Fraction],
        given: Ownership,
    ) -> None:
        self.player, self.post, self.words, self.shares, self.given = (
            player,
            post,
            words,
            shares,
            given,
        )
        self.owned = player.resident.owned.copy()
        self.bytes: dict[int, int] = {}
        self.slots: dict[int, Slot] = {}
        self.pages: dict[Page, int] = {}
        self.entries: dict[int, int] = {}
        self.frames: set[int] = set()
        # Frames that are taken: of memory, tables and code.
        known = (*player.state.memory, *player.resident.code)
        self.used = {pa >> 12 for pa in known} | player.tables.frames

    def collect(self) -> _Changes:
        """Go through all that holds; _MisfitError where it does not go together."""
        cells, phys = spread(self.post, self.words)
        for one in phys:
            at = value(one.addr, self.words)
            self._own(list(range(at, at + WORD_SIZE)), value(one.value, self.words), one.frac)
        for root, claim in self.post.claims:
            va, pa = value(claim.va, self.words), value(claim.pa, self.words)
            if (va ^ pa) & 0xFFF or (claim.page and va & 0xFFF):
                raise _MisfitError
            part = self._part(claim.frac) * (512 if claim.page else 1)
            found = self._translate(self.words[root], va, part, pa >> 12)
            if found != list(range(pa, pa + WORD_SIZE)):
                raise _MisfitError
        for root, item in cells:
            va, part = value(item.addr, self.words), self._part(item.frac)
            pas = self._translate(self.words[root], va, part, None)
            self._own(pas, value(item.value, self.words), item.frac)
        for entry in self.post.entries:
            self._entry(slot_of(entry, self.words), self._part(entry.frac))
        self._map()
        return self

    def _part(self, frac: Frac) -> int:
        return int(share(frac, self.shares) * self.owned.unit)

    def _own(self, pas: list[int], word: int, frac: Frac) -> None:
        """Own bytes that were given to the function, or that nobody had."""
        part = self._part(frac)
        for k, pa in enumerate(pas):
            if pa >> self.player.machine.choice.mode.maxphyaddr:
                raise _MisfitError
            before = self.given.bytes.get(pa, 0)
            if not before and pa >> 12 in self.used:
                raise _MisfitError
            total = self.owned.bytes.get(pa, 0) + part
            byte = word >> (8 * k) & 0xFF
            keeps = 0 < before < self.owned.unit and self.player.state.memory.get(pa) != byte
            if total > self.owned.unit or self.bytes.setdefault(pa, byte) != byte or keeps:
                raise _MisfitError
            self.owned.bytes[pa] = total

    def _translate(self, root: int, va: int, part: int, frame: int | None) -> list[int]:
        """Where a word lies; a page that is not mapped is mapped to a frame, or to a new one."""
        pas, mode = [], self.player.machine.choice.mode
        for k in range(WORD_SIZE):
            here = (va + k) & MASK
            page, key = here >> 12, (root, here >> 12)
            if not mode.canonical(here) or not mode.root_ok(root):
                raise _MisfitError
            leaf = self.player.walker.walk(root, here)
            if isinstance(leaf, Leaf):
                pas.append(leaf.translate(here))
            else:
                new = self.pages.setdefault((base_of(root), page), frame or self._new_frame())
                pas.append((new << 12) + (here & 0xFFF))
            total = self.owned.pages.get(key, 0) + part
            if total > 4096 * self.owned.unit:
                raise _MisfitError
            self.owned.pages[key] = total
        return pas

    def _new_frame(self) -> int:
        frame = self.player.random.randrange(1, 1 << 16)
        while frame in self.used or frame in self.pages.values():
            frame = self.player.random.randrange(1, 1 << 20)
        return frame

    def _entry(self, slot: Slot, part: int) -> None:
        """Own an entry that was given, or that nobody had."""
        pas = range(slot.at, slot.at + WORD_SIZE)
        fresh = slot.at >> 12 not in self.used
        known = self.given.entries.get(slot.at, 0) or self.given.bytes.get(slot.at, 0)
        total = self.owned.entries.get(slot.at, 0) + part
        if slot.at & 7 or not (fresh or known) or total > self.owned.unit:
            raise _MisfitError
        self.owned.entries[slot.at], self.slots[slot.at] = total, slot
        self.bytes |= zip(pas, slot.word.to_bytes(WORD_SIZE, "little"), strict=True)

    def _map(self) -> None:
        """Lay out tables for the pages that are new."""
        if not self.pages:
            return
        player, memory = self.player, self.player.state.memory
        slots = (player.resident.slots | self.slots).values()
        now = tuple(
            replace(one, word=memory.read(one.at, WORD_SIZE) or 0)
            if one.at not in self.slots
            else one
            for one in slots
        )
        before = Tables(dict(player.tables.entries), set(player.tables.frames))
        roots = [base_of(root) for root in player.machine.roots]
        taken = self.used | {pa >> 12 for pa in self.bytes} | set(self.pages.values())
        builder = Builder(player.machine.choice, roots, taken, now, before)
        for key, frame in self.pages.items():
            builder.map(key, frame, _PLAIN)
        self.entries = {
            at: word
            for at, word in builder.tables.entries.items()
            if at not in player.tables.entries
        }
        self.frames = builder.tables.frames
        if any(at in self.owned.bytes or at in self.bytes for at in self.entries):
            raise _MisfitError
