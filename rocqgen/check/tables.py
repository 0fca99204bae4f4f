# SPDX-License-Identifier: Apache-2.0
"""Lays out page tables such that each chosen page has its frame and its rights, and nothing else
is mapped.

Spaces share a subtree where a coin says so and what both map in it agrees.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Final

from rocqgen.check.choice import Choice, Page, Rights

ENTRY_SIZE: Final = 8
_P, _W, _U, _NX = 1 << 0, 1 << 1, 1 << 2, 1 << 63
_A, _D = 1 << 5, 1 << 6


@dataclass(slots=True)
class Tables:
    """Entries by their physical address, and the frames that hold tables."""

    entries: dict[int, int] = field(default_factory=dict)
    frames: set[int] = field(default_factory=set)


def lay_out(choice: Choice, roots: list[int], taken: set[int]) -> Tables:
    """The tables of a choice.  `roots` are addresses of root tables, `taken` frames of others."""
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
            tables.entries[base + ENTRY_SIZE * index] = (table << 12) | _P | _W | _U | _A
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
                entries[at] = (self.table(inside, shift - 9) << 12) | _P | _W | _U | _A
            else:
                ((target, rights),) = inside.values()
                entries[at] = (target << 12) | _P | _A | _bits(rights, self.nxe)
        return frame


def _bits(rights: Rights, nxe: bool) -> int:
    entry = (_W | _D if rights.write else 0) | (_U if rights.user else 0)
    return entry | (_NX if nxe and not rights.execute else 0)
