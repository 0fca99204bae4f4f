# SPDX-License-Identifier: Apache-2.0
"""Lays out page tables such that each chosen page has its frame and its rights, and nothing else
is mapped.

Spaces share a subtree where a coin says so and what both map in it agrees.  Entries that are owned
are part of the tables as they are: walks go through them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final

from rocqgen.check.choice import FRAME_BITS, Choice, Page, Rights
from rocqgen.check.paths import (
    ACCESSED,
    DIRTY,
    NO_EXECUTE,
    PAGE_SHIFT,
    PRESENT,
    TABLE,
    USER,
    WRITE,
    Paths,
    leads,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rocqgen.check.regions import Slot

ENTRY_SIZE: Final = 8


@dataclass(slots=True)
class Tables:
    """Entries by their physical address, and the frames that hold tables."""

    entries: dict[int, int] = field(default_factory=dict)
    frames: set[int] = field(default_factory=set)


class BlockedError(Exception):
    """An owned entry is in the way of a page: it leads nowhere."""


def lay_out(
    choice: Choice, roots: list[int], taken: set[int], slots: Iterable[Slot] = ()
) -> Tables:
    """The tables of a choice.  `roots` are addresses of root tables, `taken` frames of others.

    `slots` are the entries that are owned; BlockedError where they admit no such tables.
    """
    owned = tuple(slots)
    if owned:
        return Builder(choice, roots, taken, owned).build()
    return _lay_out(choice, roots, taken)


def _lay_out(choice: Choice, roots: list[int], taken: set[int]) -> Tables:
    random = Random(choice.tables)
    tables = Tables(frames={base >> 12 for base in roots})
    used = taken | tables.frames | set(choice.frames.values())
    below: dict[int, dict[int, dict[Page, None]]] = {}
    top_shift = 36 if choice.mode.la57 else 27
    for base in roots:
        below[base] = {}
        for key in choice.frames:
            if key[0] == base:
                index = key[1] >> top_shift & 0x1FF
                below[base].setdefault(index, {})[key] = None
    maker = _Maker(choice, tables, used, random)
    shared: list[tuple[int, dict[int, tuple[int, Rights]], int]] = []
    for base, slots in below.items():
        for index, keys in slots.items():
            leaves = {key[1]: (choice.frames[key], choice.rights[key]) for key in keys}
            same = [one for number, known, one in shared if (number, known) == (index, leaves)]
            if same and random.random() < 0.5:
                table = random.choice(same)
            else:
                table = maker.table(leaves, top_shift - 9)
                shared.append((index, leaves, table))
            tables.entries[base + ENTRY_SIZE * index] = (table << 12) | TABLE
    return tables


class _Maker:
    def __init__(self, choice: Choice, tables: Tables, used: set[int], random: Random) -> None:
        self.tables, self.used, self.random = tables, used, random
        self.nxe = choice.mode.nxe
        self.top = 1 << 16

    def frame(self) -> int:
        frame = self.random.randrange(1, self.top)
        while frame in self.used:
            self.top += 16
            frame = self.random.randrange(1, self.top)
        self.used.add(frame)
        self.tables.frames.add(frame)
        return frame

    def table(self, leaves: dict[int, tuple[int, Rights]], shift: int) -> int:
        """A table whose index is the page's number from bit `shift` on; gives its frame."""
        frame = self.frame()
        entries = self.tables.entries
        slots: dict[int, dict[int, tuple[int, Rights]]] = {}
        for page, leaf in leaves.items():
            slots.setdefault(page >> shift & 0x1FF, {})[page] = leaf
        for index, inside in slots.items():
            at = (frame << 12) + ENTRY_SIZE * index
            if shift:
                entries[at] = (self.table(inside, shift - 9) << 12) | TABLE
            else:
                ((target, rights),) = inside.values()
                entries[at] = (target << 12) | _leaf(rights, self.nxe)
        return frame


class Builder:
    """Tables that grow by a page at a time around entries that are owned."""

    def __init__(
        self,
        choice: Choice,
        roots: Iterable[int],
        taken: set[int],
        slots: tuple[Slot, ...],
        tables: Tables | None = None,
    ) -> None:
        self.choice, self.roots = choice, tuple(roots)
        self.paths = Paths(choice.mode, slots)
        self.tables = tables or Tables(frames={base >> 12 for base in self.roots})
        used = taken | self.tables.frames | set(choice.frames.values())
        for slot in slots:
            self.tables.frames.add(slot.at >> 12)
            used |= {slot.at >> 12, (slot.word & FRAME_BITS) >> 12}
        used |= {table >> 12 for table in self.paths.pins.values()}
        self.maker = _Maker(choice, self.tables, used, Random(choice.tables))

    def build(self) -> Tables:
        """The tables of the choice."""
        for (base, shift, above), table in self.paths.pins.items():
            if base in self.roots:
                self.table(base, above << (shift - 3), shift)
                self.tables.frames.add(table >> 12)
        for key, frame in self.choice.frames.items():
            self.map(key, frame, self.choice.rights[key])
        return self.tables

    def map(self, key: Page, frame: int, rights: Rights) -> None:
        """Map a page, unless the entry for it is owned: then that says what it maps."""
        table = self.table(*key, PAGE_SHIFT)
        if table is None:
            return
        at = table + ENTRY_SIZE * (key[1] & 511)
        if at not in self.paths.known:
            self.tables.entries[at] = (frame << 12) | _leaf(rights, self.choice.mode.nxe)

    def table(self, base: int, page: int, down_to: int) -> int | None:
        """The table of a level on the way to a page, with those above it; None above a large page.

        BlockedError where an owned entry leads nowhere.
        """
        table = base
        for shift in self.paths.levels:
            if shift == down_to:
                return table
            at = table + ENTRY_SIZE * (page >> (shift - 12) & 511)
            word = self.paths.known.get(at, self.tables.entries.get(at))
            if word is None:
                pinned = self.paths.pins.get((base, shift - 9, page >> (shift - 12)))
                frame = self.maker.frame() if pinned is None else pinned >> 12
                self.tables.frames.add(frame)
                word = self.tables.entries[at] = (frame << 12) | TABLE
            target = leads(word, shift)
            if target is None and word & PRESENT:
                return None
            if target is None:
                raise BlockedError
            self.tables.frames.add(target >> 12)
            table = target
        return table


def _leaf(rights: Rights, nxe: bool) -> int:
    """The bits of a leaf beside its address."""
    entry = PRESENT | ACCESSED | (WRITE | DIRTY if rights.write else 0)
    entry |= USER if rights.user else 0
    return entry | (NO_EXECUTE if nxe and not rights.execute else 0)
