# SPDX-License-Identifier: Apache-2.0
"""Builds page tables for any model: roots, mappings, and tables hung under one another.

Which bits an entry needs for the rights that are asked for is looked up in what the model says of
entries, never known by heart here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocqgen.errors import UserError
from rocqgen.mmu.entries import CLEAN, FRESH, LEAF, RIGHTS_MASK, STATE, TABLE, lookups, stop
from rocqgen.models.resolve import Rules, resolve
from rocqgen.models.vocabulary import ALL_RIGHTS, Reason, rights_names

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from rocqgen.mmu.entries import Lookup
    from rocqgen.mmu.memory import SparseMemory
    from rocqgen.models.schema import PagingModel


class MappingConflictError(UserError):
    """Something else is mapped where a mapping should go; nothing was changed there.

    ``address`` is that of the entry in the way, in the level of that number, and ``entry`` its
    value.
    """

    def __init__(self, message: str, *, level: int, address: int, entry: int) -> None:
        super().__init__(message, expected="an entry that is not present, or the same mapping")
        self.level = level
        self.address = address
        self.entry = entry


class TableBuilder:
    """Writes tables into ``memory``, in frames that ``allocate`` gives.

    ``allocate`` gives the physical address of a frame that is free, aligned to the size of a table.
    With a model instead of rules, the model's defaults hold. UserError for what the model cannot
    express, `MappingConflictError` where something is in the way.
    """

    def __init__(
        self, model: PagingModel | Rules, memory: SparseMemory, allocate: Callable[[], int]
    ) -> None:
        self.rules = model if isinstance(model, Rules) else resolve(model)
        self.memory = memory
        self._allocate = allocate
        self._lookups = lookups(self.rules)
        self._words: dict[tuple[int, int, int, int], int] = {}

    def new_root(self) -> int:
        """An empty space; the value of the root register that leads to it."""
        return self.rules.root_value(self._new_table(0))

    def map(
        self,
        root: int,
        va: int,
        frame: int,
        *,
        size: int | None = None,
        rights: int = ALL_RIGHTS,
        key: int = 0,
        accessed: bool = True,
        dirty: bool = True,
    ) -> tuple[int, ...]:
        """Map ``size`` bytes at ``va`` to those at ``frame`` by one leaf; make tables on the way.

        Without a size, the smallest page is meant. ``rights`` are exactly those that the leaf
        grants, besides those that every leaf grants; new tables grant everything. Gives the
        addresses of the entries, from the root down.
        """
        level = self._level_of(size)
        lookup = self._lookups[level]
        self._check_place(va, lookup.level.leaf_size, "virtual address")
        self._check_place(frame, lookup.level.leaf_size, "frame")
        word = self._leaf_word(lookup, rights, accessed=accessed, dirty=dirty)
        word |= self._address(frame) | self._key(key)
        path = self._descend(root, va, level, rights)
        self._put(lookup, path[-1], word, va)
        return path

    def link(
        self, root: int, va: int, level: int, table: int, *, rights: int = ALL_RIGHTS
    ) -> tuple[int, ...]:
        """Hang ``table``, a table of the level below ``level``, under the entry for ``va``.

        The tables above are made as needed. ``rights`` are those that the entry grants. Gives the
        addresses of the entries, from the root down.
        """
        if not 0 <= level < len(self._lookups) - 1:
            raise UserError(
                f"no table of {self.rules.model.name} leads from level {level} to another",
                expected=f"a level from 0 to {len(self._lookups) - 2}",
            )
        self._check_place(va, 1, "virtual address")
        lookup = self._lookups[level]
        word = self._table_word(lookup, rights) | self._address(table)
        path = self._descend(root, va, level, 0)
        self._put(lookup, path[-1], word, va)
        return path

    def table(self, root: int, va: int, level: int) -> int | None:
        """The address of the table of that level on the way to ``va``; None if there is none."""
        table = self.rules.model.root.address.get(root)
        for lookup in self._lookups[:level]:
            word = self._read(self._entry_address(lookup, table, va))
            if word is None or self._state(lookup, word) != TABLE:
                return None
            table = self.rules.address.get(word)
        return table

    # -- the way down

    def _descend(self, root: int, va: int, level: int, rights: int) -> tuple[int, ...]:
        """The addresses of the entries for ``va`` down to ``level``; makes tables on the way."""
        table = self.rules.model.root.address.get(root)
        path = []
        for lookup in self._lookups[:level]:
            address = self._entry_address(lookup, table, va)
            path.append(address)
            word = self._read(address)
            if word is None:
                raise UserError(f"the table at {table:#x} is not in the memory")
            state = self._state(lookup, word)
            if state == stop(Reason.ABSENT) >> STATE:
                table = self._new_table(lookup.level.number + 1)
                word = self._table_word(lookup, ALL_RIGHTS) | self._address(table)
                self.memory.write_word(address, word, self.rules.entry_bytes)
                continue
            if state != TABLE:
                raise self._conflict(lookup, address, word, va)
            missing = rights & ~lookup.level.table.granted(word)
            if missing:
                raise MappingConflictError(
                    f"{va:#x}: the {lookup.level.name} entry {word:#x} at {address:#x} does not "
                    f"grant {', '.join(rights_names(missing))}",
                    level=lookup.level.number,
                    address=address,
                    entry=word,
                )
            table = self.rules.address.get(word)
        path.append(self._entry_address(self._lookups[level], table, va))
        return tuple(path)

    def _put(self, lookup: Lookup, address: int, word: int, va: int) -> None:
        """Write an entry unless another one is in the way."""
        there = self._read(address)
        if there is None:
            raise UserError(f"the table entry at {address:#x} is not in the memory")
        if there != word and self._state(lookup, there) != stop(Reason.ABSENT) >> STATE:
            raise self._conflict(lookup, address, there, va)
        self.memory.write_word(address, word, self.rules.entry_bytes)

    def _conflict(self, lookup: Lookup, address: int, word: int, va: int) -> MappingConflictError:
        level = lookup.level
        state = self._state(lookup, word)
        target = self.rules.address.get(word)
        if state == TABLE:
            what = f"leads to the table at {target:#x}"
        elif state == LEAF:
            granted = ", ".join(rights_names(level.leaf.granted(word))) or "nothing"
            what = f"maps {level.leaf_size:#x} bytes at {target & lookup.frame_mask:#x}: {granted}"
        else:
            what = "is present, and faults"
        return MappingConflictError(
            f"{va:#x}: the {level.name} entry {word:#x} at {address:#x} {what}",
            level=level.number,
            address=address,
            entry=word,
        )

    # -- words

    def _new_table(self, level: int) -> int:
        lookup = self._lookups[level]
        size = (lookup.level.index_mask + 1) * self.rules.entry_bytes
        table = self._allocate()
        self._check_place(table, size, "table")
        absent = self._pick(lookup, lambda number: number >> STATE == stop(Reason.ABSENT) >> STATE)
        word = (0 if absent is None else absent).to_bytes(self.rules.entry_bytes, "little")
        self.memory.write(table, word * (size // self.rules.entry_bytes))
        return table

    def _table_word(self, lookup: Lookup, rights: int) -> int:
        return self._word(lookup, TABLE, rights, 0)

    def _leaf_word(self, lookup: Lookup, rights: int, *, accessed: bool, dirty: bool) -> int:
        flags = (0 if accessed else FRESH) | (0 if dirty else CLEAN)
        return self._word(lookup, LEAF, rights, flags)

    def _word(self, lookup: Lookup, state: int, rights: int, flags: int) -> int:
        """An entry of this state and rights without its address; with the flags if it can."""
        asked = (lookup.level.number, state, rights, flags)
        word = self._words.get(asked)
        if word is None:
            word = self._words[asked] = self._find_word(lookup, state, rights, flags)
        return word

    def _find_word(self, lookup: Lookup, state: int, rights: int, flags: int) -> int:
        possible = {
            n & RIGHTS_MASK for n in np.unique(self._table(lookup)).tolist() if n >> STATE == state
        }
        always = ALL_RIGHTS
        for one in possible:
            always &= one
        ever = 0
        for one in possible:
            ever |= one
        wanted = (rights | always) & ever if rights == ALL_RIGHTS else rights | always
        for mask in (FRESH | CLEAN, FRESH, CLEAN, 0):
            word = self._pick(
                lookup,
                lambda n, mask=mask: (  # type: ignore[misc]
                    n >> STATE == state and n & RIGHTS_MASK == wanted and not (n ^ flags) & mask
                ),
            )
            if word is not None:
                return word
        choices = sorted(possible, key=lambda one: (one.bit_count(), one))
        raise UserError(
            f"no {'table' if state == TABLE else 'leaf'} of {lookup.level.name} grants "
            f"exactly {', '.join(rights_names(wanted)) or 'nothing'}",
            expected="; ".join(", ".join(rights_names(one)) or "nothing" for one in choices),
        )

    def _table(self, lookup: Lookup) -> NDArray[np.uint16]:
        if lookup.table is None:
            raise UserError(
                f"entries of {lookup.level.name} depend on too many bits to build tables"
            )
        return lookup.table

    def _pick(self, lookup: Lookup, good: Callable[[int], bool]) -> int | None:
        """The word with the fewest bits set whose number is good."""
        table = self._table(lookup)
        numbers = [number for number in np.unique(table).tolist() if good(number)]
        found = np.flatnonzero(np.isin(table, numbers)).tolist()
        words = (lookup.word(index) for index in found)
        return min(words, key=lambda word: (word.bit_count(), word), default=None)

    def _address(self, address: int) -> int:
        word = self.rules.address.put(address)
        if self.rules.address.get(word) != address or address >> self.rules.max_physical:
            raise UserError(
                f"an entry of {self.rules.model.name} cannot hold the address {address:#x}",
                expected=f"a frame below {1 << self.rules.max_physical:#x}",
            )
        return word

    def _key(self, key: int) -> int:
        bits = self.rules.keys
        if bits is None and key == 0:
            return 0
        if bits is None or not 0 <= key < 1 << bits.width:
            raise UserError(f"{self.rules.model.name} has no protection key {key}")
        return bits.put(key)

    # -- small things

    def _level_of(self, size: int | None) -> int:
        levels = [one.level for one in self._lookups if one.level.holds_leaves]
        for level in levels:
            if size in {None, level.leaf_size} and (size is not None or level is levels[-1]):
                return level.number
        raise UserError(
            f"{self.rules.model.name} has no pages of {size:#x} bytes",
            expected=", ".join(f"{level.leaf_size:#x}" for level in levels),
        )

    def _check_place(self, address: int, size: int, what: str) -> None:
        if what == "virtual address":
            if not self.rules.canonical(address):
                raise UserError(f"{address:#x} is no virtual address of {self.rules.model.name}")
        elif address < 0 or (address + size - 1) >> self.rules.max_physical:
            raise UserError(
                f"the {what} {address:#x} is outside of physical memory",
                expected=f"an address below {1 << self.rules.max_physical:#x}",
            )
        if address % size:
            raise UserError(
                f"the {what} {address:#x} is not a multiple of {size:#x}",
                hint=f"{address // size * size:#x}",
            )

    def _entry_address(self, lookup: Lookup, table: int, va: int) -> int:
        level = lookup.level
        return table + (va >> level.shift & level.index_mask) * self.rules.entry_bytes

    def _read(self, address: int) -> int | None:
        data = self.memory.read(address, self.rules.entry_bytes)
        return None if data is None else int.from_bytes(data, "little")

    def _state(self, lookup: Lookup, word: int) -> int:
        numbers = lookup.numbers(np.array([word], dtype=np.uint64))
        return int(numbers[0]) >> STATE
