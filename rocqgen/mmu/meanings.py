# SPDX-License-Identifier: Apache-2.0
"""What the fast walk remembers: the words of tables, and what the rules say of entries.

What an entry means depends on few of its bits, not on the frame's address.  Each level keeps, for
each value of these bits that it met, what the rules say of it; they are applied once per value.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rocqgen.mmu.memory import FRAME
from rocqgen.mmu.walk import judge
from rocqgen.models.cases import matches
from rocqgen.models.vocabulary import REASONS

if TYPE_CHECKING:
    from rocqgen.mmu.memory import PhysicalMemory
    from rocqgen.models.cases import Cases
    from rocqgen.models.resolve import LevelRules, Rules

LEAF = 1 << 5
CLEAN = 1 << 6
END = 1 << 7
ABOVE = 8
"""A meaning is a number.  Rights in bits 0 to 4; LEAF; CLEAN, a leaf not dirty where software
sets the dirty bit; END, the walk ends; above, the key of a leaf or the number of the reason."""

_MOST = 1 << 16
_NO_VIEW = memoryview(b"").cast("Q")


class Tables(dict[int, memoryview]):
    """The tables of one memory by address, as words; one without a view has no words."""

    def __init__(self, entry_bytes: int) -> None:
        super().__init__()
        self.entry_bytes = entry_bytes
        self.memory: PhysicalMemory | None = None

    def attach(self, memory: PhysicalMemory | None) -> None:
        """Look into this memory from now on."""
        self.clear()
        self.memory = memory

    def __missing__(self, address: int) -> memoryview:
        frame = None
        if self.memory is not None and sys.byteorder == "little":
            frame = self.memory.frame(address)
        if frame is None or address % self.entry_bytes:
            # Not remembered: the memory may have the frame later.
            return _NO_VIEW
        if len(self) >= _MOST:
            self.clear()
        words = frame[address % FRAME :].cast("B").cast("Q" if self.entry_bytes == 8 else "I")
        self[address] = words
        return words


class Meanings(dict[int, int]):
    """What the rules say of a level's entries, by the bits in `mask`."""

    def __init__(self, rules: Rules, level: LevelRules) -> None:
        super().__init__()
        self.rules = rules
        self.level = level
        self.mask = rules.above_mask | mask_of(rules.present) | mask_of(level.leaf_if)
        for bits in (rules.keys, rules.dirty):
            self.mask |= 0 if bits is None else bits.mask
        for kind in (level.table, level.leaf):
            self.mask |= kind.reserved_mask | mask_of(kind.reserved_cases)
            self.mask |= 0 if kind.accessed is None else kind.accessed.mask
            for cases in kind.rights:
                self.mask |= mask_of(cases)

    def __missing__(self, entry: int) -> int:
        if len(self) >= _MOST:
            self.clear()
        meaning = self[entry] = self.read(entry)
        return meaning

    def read(self, entry: int) -> int:
        """The meaning of an entry, by the rules."""
        rules, level = self.rules, self.level
        leaf = matches(level.leaf_if, entry)
        kind = level.leaf if leaf else level.table
        reason, _ = judge(rules, level, kind, entry, leaf=leaf)
        if reason is not None:
            return END | REASONS.index(reason) << ABOVE
        meaning = kind.granted(entry)
        if leaf:
            meaning |= LEAF
            if rules.dirty is not None and not rules.dirty_by_hardware:
                meaning |= 0 if rules.dirty.of(entry) else CLEAN
            if rules.keys is not None:
                meaning |= rules.keys.get(entry) << ABOVE
        return meaning


def mask_of(cases: Cases) -> int:
    """The bits on which the alternatives depend."""
    mask = 0
    for case in cases:
        mask |= case.mask
    return mask
