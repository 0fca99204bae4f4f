# SPDX-License-Identifier: Apache-2.0
"""Gives the entries of tables that a precondition has their places and values, such that walks of
the pages that it speaks of go through them.

From the root on: an entry that a walk reads gets a value with which the walk goes on to the next
entry, and at the end to the frame that a claim says.  Where an entry lies anywhere, it lies where
a walk of a page that it answers for comes to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final, NamedTuple

from rocqgen.check.aim import aim
from rocqgen.check.choice import FRAME_BITS, Mode, base_of
from rocqgen.check.paths import (
    ACCESSED,
    DIRTY,
    LARGE,
    NO_EXECUTE,
    PAGE_SHIFT,
    PRESENT,
    WRITE,
    Paths,
    is_large,
    leads,
)
from rocqgen.check.regions import ALL, Slot, slot_of
from rocqgen.check.roles import Roles, closure
from rocqgen.check.subject import Subject
from rocqgen.check.words import ENTRY, names, value
from rocqgen.source.spec import Entry, Expr

Settle = Callable[[dict[str, int]], None]

_TABLES: Final = (PRESENT | WRITE | ACCESSED, PRESENT | WRITE, PRESENT | WRITE | 4, PRESENT)
"""Bits with which an entry leads to a table."""


_KEPT: Final = NO_EXECUTE | WRITE | ACCESSED | DIRTY | 1 << 12 | 0xF18
"""Bits of a large page's entry that stay: its rights, how it is cached, what is ignored."""


class Wanted(NamedTuple):
    """A page that must be mapped in a space, and what is said of it."""

    root: int
    page: int
    frame: Expr | None
    write: bool
    fetch: bool


@dataclass(slots=True)
class Placer:
    """Places entries; `frames` bounds the numbers of frames that are drawn."""

    subject: Subject
    roles: Roles
    random: Random
    frames: int
    placed: set[str] = field(default_factory=set)
    pages: dict[tuple[int, int], None] = field(default_factory=dict)
    """Pages whose walks read the entries that were placed, by the root's table."""
    mended: bool = False
    """Whether facts have had their say: then only what must be mapped changes an entry."""

    def place(self, words: dict[str, int], mode: Mode, wild: float, settle: Settle) -> None:
        """Change words, but those that an equation determines."""
        self.placed.clear()
        self.pages.clear()
        paths, todo = Paths(mode), list(self.subject.pre.entries)
        while todo:
            found = next((one for one in todo if self._reached(one, words, paths)), None)
            item = found or todo[0]
            if found is None and not self._move(item, words, paths):
                # No walk comes to it: it is what it is.
                paths.add(slot_of(item, words))
                todo.remove(item)
                continue
            self._fill(item, words, mode, wild, paths)
            settle(words)
            paths.add(slot_of(item, words))
            todo.remove(item)
            self._fix(item.addr)
            self._fix(item.value)

    def _fix(self, expr: Expr) -> None:
        """The names in an expression stay as they are."""
        self.placed |= closure(set(names(expr)), dict(self.roles.defined)) - {ENTRY}

    # -- where

    def _wanted(self, words: dict[str, int]) -> list[Wanted]:
        """The pages that must be mapped."""
        pre, wanted = self.subject.pre, []
        for root, item in pre.cells:
            page = value(item.addr, words) >> 12
            wanted.append(Wanted(words[root], page, None, item.writable, False))
        for root, block in pre.spans:
            if block.virtual:
                page = value(block.addr, words) >> 12
                wanted.append(Wanted(words[root], page, None, block.writable, False))
        for root, claim in pre.claims:
            page = value(claim.va, words) >> 12
            wanted.append(Wanted(words[root], page, claim.pa, claim.writable, False))
        for root, _ in pre.code:
            for start, size in self.subject.stretches:
                ends = (words[ENTRY] + start, words[ENTRY] + start + size - 1)
                wanted += [Wanted(words[root], at >> 12, None, False, True) for at in ends]
        return wanted

    def _interests(self, words: dict[str, int]) -> list[tuple[int, int]]:
        """Pages of spaces, by the root's table, that a walk may be about."""
        found = [(base_of(one.root), one.page) for one in self._wanted(words)]
        for item in self.subject.pre.entries:
            slot = slot_of(item, words)
            found += [
                (base_of(one.root), one.number << (one.shift - 12))
                for one in (*slot.answers, *slot.claims, *slot.owes)
                if one is not ALL
            ]
        return list(dict.fromkeys([*found, *self.pages]))

    def _reached(self, item: Entry, words: dict[str, int], paths: Paths) -> bool:
        """Whether a walk of some page reads this entry."""
        at = value(item.addr, words)
        page = self._page_at(at, words, paths)
        if page is not None:
            self.pages[page] = None
        keys = self._interests(words)
        return page is not None or any(
            stage.at == at for key in keys for stage in paths.follow(*key)
        )

    def _page_at(self, at: int, words: dict[str, int], paths: Paths) -> tuple[int, int] | None:
        """A page whose walk reads the entry at an address, in a table that walks have come to."""
        top = paths.levels[0]
        tables = {base_of(words[root]): (base_of(words[root]), 0, top) for root in self.roles.roots}
        for base, page in self.pages:
            for stage in paths.follow(base, page):
                target = None if stage.word is None else leads(stage.word, stage.shift)
                if target is not None:
                    tables[target] = (base, page >> (stage.shift - 12), stage.shift - 9)
        if at & ~0xFFF not in tables:
            return None
        base, above, shift = tables[at & ~0xFFF]
        page = (above << 9 | at >> 3 & 511) << (shift - 12)
        # Addresses are canonical: the bits above the highest index are as its first bit.
        high = 1 << (top - 3)
        return base, (page & high - 1) | (0x000F_FFFF_FFFF_FFFF & -high if page & high >> 1 else 0)

    def _move(self, item: Entry, words: dict[str, int], paths: Paths) -> bool:
        """Put an entry where a walk of a page that it answers for can come to; whether it can."""
        slot = slot_of(item, words)
        regions = [one for one in (*slot.answers, *slot.claims, *slot.owes) if one is not ALL]
        for one in dict.fromkeys(regions):
            target = slot.at & ~0xFFF | (one.number & 511) << 3
            for stage in paths.follow(base_of(one.root), one.number << (one.shift - 12)):
                if stage.shift == one.shift:
                    target = stage.at
            if target not in paths.known and self._aim(item.addr, target, words):
                paths.add(slot_of(item, words))
                del paths.known[target]
                return True
        return False

    # -- what

    def _fill(
        self, item: Entry, words: dict[str, int], mode: Mode, wild: float, paths: Paths
    ) -> None:
        """Give an entry on a walk a value, unless it has one that will do."""
        slot = slot_of(item, words)
        shift, inside = self._level(slot, words, paths)
        passing = [one for one in self._wanted(words) if (base_of(one.root), one.page) in inside]
        if self.mended and passing and is_large(slot.word, shift):
            self._fill_large(item, slot.word, shift, passing, words)
            return
        if self._good(slot.word, shift, passing, words, mode) or (self.mended and not passing):
            return
        for word in self._values(shift, passing, words, mode, wild):
            if self._aim(item.value, word, words):
                return

    def _fill_large(
        self, item: Entry, word: int, shift: int, passing: list[Wanted], words: dict[str, int]
    ) -> None:
        """Let an entry that facts make one of a large page map what must be mapped through it.

        Where claims say other frames, they come to say those in the large page.
        """
        said = next((one.frame for one in passing if one.frame is not None), None)
        low = (1 << shift) - 1
        frame = (word if said is None else value(said, words)) & FRAME_BITS & ~low
        kept = PRESENT | LARGE | word & _KEPT
        if any(one.write for one in passing):
            kept |= WRITE
        if any(one.fetch for one in passing):
            kept &= ~NO_EXECUTE
        if not self._aim(item.value, frame | kept, words):
            return
        for one in passing:
            if one.frame is not None:
                self._aim(one.frame, frame + (one.page << 12 & low), words)

    def _level(
        self, slot: Slot, words: dict[str, int], paths: Paths
    ) -> tuple[int, set[tuple[int, int]]]:
        """The level at which walks read an entry, and the pages whose walks do."""
        shift, inside = PAGE_SHIFT, set()
        for key in self._interests(words):
            for stage in paths.follow(*key):
                if stage.at == slot.at:
                    shift = stage.shift
                    inside.add(key)
        return shift, inside

    def _good(
        self, word: int, shift: int, passing: list[Wanted], words: dict[str, int], mode: Mode
    ) -> bool:
        """Whether an entry admits what must be mapped through it."""
        if word & FRAME_BITS >> mode.maxphyaddr << mode.maxphyaddr:
            return False
        if shift > PAGE_SHIFT:
            target = leads(word, shift)
            return target is not None and 0 < target >> 12 < 1 << (mode.maxphyaddr - 12)
        if not passing:
            return word & PRESENT == 0 or not word >> mode.maxphyaddr << 12 >> 12 & FRAME_BITS
        return (
            bool(word & PRESENT)
            and all(bool(word & WRITE) or not one.write or not mode.wp for one in passing)
            and all(not word & NO_EXECUTE or not one.fetch for one in passing)
            and all(
                one.frame is None or value(one.frame, words) >> 12 == (word & FRAME_BITS) >> 12
                for one in passing
            )
        )

    def _values(
        self,
        shift: int,
        passing: list[Wanted],
        words: dict[str, int],
        mode: Mode,
        wild: float,
    ) -> list[int]:
        """Values for an entry, those that are tried first in front."""
        random = self.random
        frame = self._frame(words)
        if not passing and random.random() < 0.15 * wild:
            # What nothing is said of may be anything.
            return [random.choice((0, frame, frame | PRESENT | LARGE, frame | 1 << 51 | PRESENT))]
        if shift > PAGE_SHIFT:
            return [frame | bits for bits in _TABLES]
        said = [one.frame for one in passing if one.frame is not None]
        if said and self._free(said[0]):
            frame = value(said[0], words) & FRAME_BITS
        write = any(one.write for one in passing) or random.random() < 0.5
        fetch = any(one.fetch for one in passing)
        bits = PRESENT | (WRITE if write else 0)
        more = bits | ACCESSED | (DIRTY if write and random.random() < 0.7 else 0)
        hidden = NO_EXECUTE if mode.nxe and not fetch else 0
        values = [frame | more | hidden, frame | more, frame | bits, frame | bits | hidden]
        if random.random() < 0.3 * wild:
            values.reverse()
        if not passing and random.random() < 0.5:
            values.insert(0, 0)
        return values

    def _frame(self, words: dict[str, int]) -> int:
        """The address of a frame, hardly ever one that is used."""
        used = {base_of(words[root]) for root in self.roles.roots}
        used |= {value(item.addr, words) & ~0xFFF for item in self.subject.pre.entries}
        frame = self.random.randrange(1, self.frames) << 12
        while frame in used and self.random.random() < 0.9:
            frame = self.random.randrange(1, self.frames) << 12
        return frame

    def _free(self, frame: Expr) -> bool:
        """Whether a frame does not come from the entry itself."""
        defined = {name for name, _ in self.roles.defined}
        return not defined & set(names(frame))

    def _aim(self, expr: Expr, target: int, words: dict[str, int]) -> bool:
        """Give an expression a value by a name that is free; whether it has it then."""
        return aim(expr, target, words, self.placed, dict(self.roles.defined))
