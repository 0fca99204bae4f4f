# SPDX-License-Identifier: Apache-2.0
"""What the fast walk remembers: which table an entry leads to, and what the rules say of entries.

What is remembered depends on the values of entries alone, and tables are live views of the memory,
so that nothing goes stale when tables are written to.
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
    from rocqgen.models.schema import AddressField

LEAF = 1 << 5
CLEAN = 1 << 6
END = 1 << 7
ABOVE = 8
"""A meaning is a number.  Rights in bits 0 to 4; LEAF; CLEAN, a leaf not dirty where software
sets the dirty bit; END, the walk ends; above, the key of a leaf or the number of the reason."""

_MOST = 1 << 16
NO_TABLE = memoryview(b"").cast("Q")
"""Stands for a table that cannot be viewed: indexing it fails."""


class Tables:
    """The tables of one memory, by what leads to them."""

    def __init__(self, rules: Rules) -> None:
        self.entry_bytes = rules.entry_bytes
        self.memory: PhysicalMemory | None = None
        self.roots = Roots(rules, self)
        self.links = tuple(Links(rules, level, self) for level in rules.levels[:-1])

    def attach(self, memory: PhysicalMemory | None) -> None:
        """Forget the tables of another memory, and look into this one from now on."""
        self.memory = memory
        self.roots.clear()
        for links in self.links:
            links.clear()

    def at(self, address: int) -> memoryview:
        """The words from `address` to the end of its frame; `NO_TABLE` if they have no view."""
        if self.memory is None or sys.byteorder != "little" or address % self.entry_bytes:
            return NO_TABLE
        frame = self.memory.frame(address)
        if frame is None:
            return NO_TABLE
        return frame[address % FRAME :].cast("B").cast("Q" if self.entry_bytes == 8 else "I")


class Roots(dict[int, memoryview]):
    """The first table by the value of the root register; `NO_TABLE` for odd values."""

    def __init__(self, rules: Rules, tables: Tables) -> None:
        super().__init__()
        self.rules = rules
        self.tables = tables

    def __missing__(self, root: int) -> memoryview:
        table = self.rules.model.root.address.get(root)
        high = self.rules.above_reason is not None and table >> self.rules.max_physical
        if high or self.rules.root_problem(root) is not None:
            return NO_TABLE
        words = self.tables.at(table)
        if words is not NO_TABLE:
            if len(self) >= _MOST:
                self.clear()
            self[root] = words
        return words


class Links(dict[int, tuple[memoryview, int]]):
    """The table that an entry of a level leads to, and its meaning, by the entry."""

    def __init__(self, rules: Rules, level: LevelRules, tables: Tables) -> None:
        super().__init__()
        self.meanings = Meanings(rules, level)
        self.address: AddressField = rules.address
        self.tables = tables

    def __missing__(self, entry: int) -> tuple[memoryview, int]:
        meaning = self.meanings[entry & self.meanings.mask]
        if meaning < LEAF:
            words = self.tables.at(self.address.get(entry))
            if words is NO_TABLE:
                # Not remembered: the memory may have the frame later.
                return words, meaning
        else:
            words = NO_TABLE
        if len(self) >= _MOST:
            self.clear()
        found = self[entry] = (words, meaning)
        return found


class Meanings(dict[int, int]):
    """What the rules say of a level's entries, by the bits in `mask`, on which it depends."""

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
