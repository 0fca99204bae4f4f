# SPDX-License-Identifier: Apache-2.0
"""Bulk walks by NumPy: all addresses go down one level after the other.

Most addresses of most runs go the same way, so each level first asks whether all of them do; those
that do not are taken out of the arrays when their walk ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rocqgen.mmu.bulk import UNBACKED, Walks, empty
from rocqgen.mmu.decide import KEY, decisions, fault_codes
from rocqgen.mmu.entries import (
    CLEAN,
    FRESH,
    LEAF,
    RIGHTS_MASK,
    STATE,
    TABLE,
    lookups,
    reason_number,
)
from rocqgen.models.vocabulary import Reason

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rocqgen.mmu.entries import Lookup
    from rocqgen.mmu.flat import Flat
    from rocqgen.mmu.memory import PhysicalMemory
    from rocqgen.models.resolve import Rules
    from rocqgen.models.vocabulary import Access, Privilege

_CHUNK: Final = 1 << 14
"""So many addresses at a time: their arrays stay in the processor's cache."""


def walk(
    rules: Rules,
    memory: PhysicalMemory | Flat,
    root: int,
    addresses: NDArray[np.uint64],
    access: Access,
    privilege: Privilege,
    keys: int,
) -> Walks:
    """As `walk_many`, for a root register that is valid."""
    walks = empty(len(addresses))
    decided = decisions(rules, access, privilege, keys)
    codes = fault_codes(rules, access, privilege)
    start = rules.model.root.address.get(root)
    for begin in range(0, len(addresses), _CHUNK):
        part = slice(begin, begin + _CHUNK)
        chunk = Walks(
            walks.pa[part],
            walks.reason[part],
            walks.code[part],
            walks.level[part],
            walks.rights[part],
            walks.shift[part],
        )
        _Chunk(rules, memory, chunk, decided).run(start, addresses[part])
        if chunk.reason.any():
            known = np.where(chunk.reason == UNBACKED, 0, chunk.reason)
            np.copyto(chunk.code, codes[known, chunk.level])
    return walks


@dataclass(slots=True)
class _Chunk:
    """Some of the walks: where their results go, and how an access is decided at its leaf."""

    rules: Rules
    memory: PhysicalMemory | Flat
    out: Walks
    decided: NDArray[np.uint8]

    def run(self, start: int, addresses: NDArray[np.uint64]) -> None:
        valid = canonical(self.rules, addresses)
        if valid.all():
            rows = None
        else:
            self.out.reason[~valid] = reason_number(Reason.NONCANONICAL)
            rows = np.flatnonzero(valid)
            addresses = addresses[rows]
        front = _Front(
            rows,
            addresses,
            np.full(addresses.shape, start, dtype=np.uint64),
            np.full(addresses.shape, RIGHTS_MASK, dtype=np.uint16),
        )
        for lookup in lookups(self.rules):
            if not len(front.va):
                return
            front = self._step(lookup, front)

    def _step(self, lookup: Lookup, front: _Front) -> _Front:
        """Read the entries of one level; gives those that lead further."""
        level = lookup.level
        width = self.rules.entry_bytes
        index = (front.va >> np.uint64(level.shift)) & np.uint64(level.index_mask)
        index *= np.uint64(width)
        index += front.table
        words, known = self.memory.gather(index, width)
        if not known.all():
            self._end(level.number, front, ~known, UNBACKED)
            front, words = front.where(known), words[known]
        numbers = lookup.numbers(words)
        front.rights &= numbers
        state = numbers >> np.uint16(STATE)
        ends = state > TABLE
        if ends.any():
            self._end(level.number, front, ends, (state[ends] - np.uint16(1)).astype(np.uint8))
        if not self.rules.accessed_by_hardware:
            fresh = ~ends & ((numbers & FRESH) != 0)
            if fresh.any():
                self._end(level.number, front, fresh, reason_number(Reason.ACCESSED))
                ends |= fresh
        leaves = (state == LEAF) & ~ends
        if leaves.all():
            self._leaf(lookup, front, words, numbers)
            return front.where(ends)
        if leaves.any():
            self._leaf(lookup, front.where(leaves), words[leaves], numbers[leaves])
        tables = (state == TABLE) & ~ends
        if not tables.all():
            front, words = front.where(tables), words[tables]
        front.table = lookup.addresses(words)
        return front

    def _end(
        self,
        level: int,
        front: _Front,
        which: NDArray[np.bool_],
        reason: int | NDArray[np.uint8],
    ) -> None:
        rows = front.rows_of(which)
        self.out.reason[rows] = reason
        self.out.level[rows] = level

    def _leaf(
        self,
        lookup: Lookup,
        front: _Front,
        words: NDArray[np.uint64],
        numbers: NDArray[np.uint16],
    ) -> None:
        level = lookup.level
        rights = (front.rights & np.uint16(RIGHTS_MASK)).astype(np.uint8)
        frame = lookup.addresses(words) & np.uint64(lookup.frame_mask)
        pa = frame | (front.va & np.uint64(level.leaf_size - 1))
        choice = (rights | (numbers & CLEAN)).astype(np.intp)
        if self.rules.keys is not None:
            bits = self.rules.keys
            key = (words >> np.uint64(bits.low)) & np.uint64((1 << bits.width) - 1)
            choice |= (key << np.uint64(KEY)).view(np.intp)
        reason = self.decided.take(choice)
        if reason.any():
            pa[reason != 0] = 0
        rows = slice(None) if front.rows is None else front.rows
        self.out.pa[rows] = pa
        self.out.reason[rows] = reason
        self.out.level[rows] = level.number
        self.out.rights[rows] = rights
        self.out.shift[rows] = level.shift


@dataclass(slots=True)
class _Front:
    """The walks that go on: their rows (None is all), addresses, next tables and rights so far."""

    rows: NDArray[np.intp] | None
    va: NDArray[np.uint64]
    table: NDArray[np.uint64]
    rights: NDArray[np.uint16]

    def rows_of(self, which: NDArray[np.bool_]) -> NDArray[np.intp]:
        return np.flatnonzero(which) if self.rows is None else self.rows[which]

    def where(self, which: NDArray[np.bool_]) -> _Front:
        return _Front(self.rows_of(which), self.va[which], self.table[which], self.rights[which])


def canonical(rules: Rules, addresses: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which are valid virtual addresses."""
    widths = rules.model.address
    ones = (1 << (widths.pointer - widths.virtual)) - 1
    if widths.virtual == 64:
        return np.ones(addresses.shape, dtype=np.bool_)
    valid: NDArray[np.bool_]
    if widths.canonical == "sign-extended":
        # Together with the sign itself, they are all ones or all zeros.
        upper = addresses >> np.uint64(widths.virtual - 1)
        valid = (upper == 0) | (upper == np.uint64(ones << 1 | 1))
    else:
        upper = addresses >> np.uint64(widths.virtual)
        valid = upper == np.uint64(ones if widths.canonical == "ones" else 0)
    return valid
