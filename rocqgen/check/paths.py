# SPDX-License-Identifier: Apache-2.0
"""The entries of tables that a walk reads, as far as the entries that are owned determine them.

An owned entry that answers for a page lies in the table that a walk of that page comes to, unless
the entries above it lead elsewhere: so the tables above are laid out to lead there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from rocqgen.check.choice import FRAME_BITS, Mode, Page, Rights, base_of
from rocqgen.check.regions import ALL, Slot

PRESENT: Final = 1 << 0
WRITE: Final = 1 << 1
USER: Final = 1 << 2
ACCESSED: Final = 1 << 5
DIRTY: Final = 1 << 6
LARGE: Final = 1 << 7
NO_EXECUTE: Final = 1 << 63
"""Bits of entries: SDM vol. 3, tables 5-15 to 5-20."""

TABLE: Final = PRESENT | WRITE | USER | ACCESSED
"""An entry that leads to a table and takes no rights away."""

PAGE_SHIFT: Final = 12


def shifts(mode: Mode) -> tuple[int, ...]:
    """The levels from the root on, by the bits of an address behind their index."""
    return (48, 39, 30, 21, 12) if mode.la57 else (39, 30, 21, 12)


class Stage(NamedTuple):
    """An entry that a walk reads: its level, its address, and its value where it is known."""

    shift: int
    at: int
    word: int | None


LEAVES: Final = (21, 30)
"""The levels above the last at which a leaf can be."""


def is_large(word: int, shift: int) -> bool:
    """Whether an entry of a level is that of a large page."""
    return shift in LEAVES and word & (PRESENT | LARGE) == PRESENT | LARGE


def leads(word: int, shift: int) -> int | None:
    """The address of the table that an entry leads to; None where it leads to none."""
    if not word & PRESENT or shift == PAGE_SHIFT or (word & LARGE and shift <= 30):
        return None
    return word & FRAME_BITS


class Paths:
    """Walks by known entries, and by where owned entries say that tables lie."""

    def __init__(self, mode: Mode, slots: Iterable[Slot] = ()) -> None:
        self.levels = shifts(mode)
        self.known: dict[int, int] = {}
        self.pins: dict[tuple[int, int, int], int] = {}
        for slot in slots:
            self.add(slot)

    def add(self, slot: Slot) -> None:
        """An entry that is owned."""
        self.known[slot.at] = slot.word
        for one in (*slot.answers, *slot.claims):
            if one is ALL or one.shift not in self.levels:
                continue
            if slot.at >> 3 & 511 == one.number & 511:
                self.pin(base_of(one.root), one.shift, one.number >> 9, slot.at & ~0xFFF)

    def pin(self, base: int, shift: int, above: int, table: int) -> None:
        """The table of a level for pages whose number there begins with `above` lies here."""
        if shift != self.levels[0]:
            self.pins.setdefault((base, shift, above), table)

    def follow(
        self, base: int, page: int, others: Mapping[int, int] | None = None
    ) -> Iterator[Stage]:
        """What a walk of a page reads, as far as it is known; `others` are further entries."""
        table: int | None = base
        for shift in self.levels:
            if table is None:
                return
            at = table + 8 * (page >> (shift - 12) & 511)
            word = self.known.get(at)
            if word is None and others is not None:
                word = others.get(at)
            yield Stage(shift, at, word)
            if word is None:
                table = self.pins.get((base, shift - 9, page >> (shift - 12)))
            else:
                table = leads(word, shift)

    def leaf(self, key: Page) -> tuple[int, Rights] | None:
        """The frame and the rights of a page whose leaf is an owned entry; None for others.

        Entries that are not owned take no rights away.
        """
        write = user = execute = True
        for shift, _, word in self.follow(*key):
            if word is None:
                continue
            write &= bool(word & WRITE)
            user &= bool(word & USER)
            execute &= not word & NO_EXECUTE
            if not word & PRESENT:
                return None
            if shift == PAGE_SHIFT:
                return (word & FRAME_BITS) >> 12, Rights(write, user, execute)
            if is_large(word, shift):
                low = key[1] & ((1 << (shift - 12)) - 1)
                return ((word & FRAME_BITS) >> 12) + low, Rights(write, user, execute)
        return None
