# SPDX-License-Identifier: Apache-2.0
"""What the entries of a level are, for arrays of them: a number for each, by looking it up.

The rules of a level look at few bits of an entry. Those bits, gathered, index a table that holds
the answer for every combination; what reserves whole ranges of bits is a mask beside it. The table
is made by evaluating the rules once on all combinations; where they look at more bits than `_MOST`,
there is no table, and the rules are evaluated on the entries themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from rocqgen.models.vocabulary import REASONS, RIGHTS, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from rocqgen.models.cases import Cases
    from rocqgen.models.resolve import EntryRules, LevelRules, Rules

# The number of an entry. Bits 0 to 4: the rights it grants, as in `RIGHTS`. Then:
RIGHTS_MASK: Final = 0x1F
CLEAN: Final = 1 << 5
"""A leaf whose dirty bit is clear."""
FRESH: Final = 1 << 6
"""The accessed bit is clear. What that means is for the walk to say: it is no concern of rights."""
STATE: Final = 8
"""From this bit on: `LEAF`, `TABLE`, or the number of the reason for which the walk ends."""
LEAF: Final = 0
TABLE: Final = 1
_MOST: Final = 16
_USUAL: Final = 14


def reason_number(reason: Reason) -> int:
    """The number of a reason in arrays; 0 is that there is none."""
    return 1 + REASONS.index(reason)


def stop(reason: Reason) -> int:
    """The number of an entry at which a walk ends for this reason."""
    return (1 + reason_number(reason)) << STATE


@dataclass(frozen=True, slots=True)
class Lookup:
    """The entries of one level, looked up.

    ``runs`` are the bits that matter, in pieces ``(shift, mask, place)``: an entry's index has
    ``entry >> shift & mask`` from bit ``place`` on. ``table`` is None where there are too many.
    The masks hold the bits of which any ends the walk, for the kind that the entry then is.
    """

    level: LevelRules
    runs: tuple[tuple[int, int, int], ...]
    table: NDArray[np.uint16] | None
    table_mask: int
    leaf_mask: int
    next_mask: int
    next_shift: int
    """From the bits of an entry to the address: positive to the left."""
    frame_mask: int
    """Of the address: what a leaf of this level keeps of it."""
    rules: Rules

    def numbers(self, words: NDArray[np.uint64]) -> NDArray[np.uint16]:
        """The number of each entry, of the same shape."""
        if self.table is None:
            return self._evaluate(words)
        found = self.table.take(self.index(words))
        # What is set in no word at all need not be looked for in each of them.
        somewhere = int(np.bitwise_or.reduce(words, axis=None))
        for state, mask in ((TABLE, self.table_mask), (LEAF, self.leaf_mask)):
            if somewhere & mask:
                wrong = (found >> np.uint16(STATE)) == state
                if wrong.any():
                    wrong &= (words & np.uint64(mask)) != 0
                if wrong.any():
                    found[wrong] = self._evaluate(words[wrong])
        return found

    def index(self, words: NDArray[np.uint64]) -> NDArray[np.intp]:
        """The index of each entry in ``table``."""
        index = np.zeros(words.shape, dtype=np.uint64) if not self.runs else None
        for shift, mask, place in self.runs:
            if shift >= place:
                part = words >> np.uint64(shift - place) if shift > place else words
            else:
                part = words << np.uint64(place - shift)
            if place or mask << shift < 1 << 63:  # else the shift leaves nothing else
                part = part & np.uint64(mask << place)
            index = part if index is None else index | part
        assert index is not None  # noqa: S101 - there are runs, or zeros
        return index.view(np.intp)

    def word(self, index: int) -> int:
        """The bits of an entry that an index of ``table`` stands for."""
        return sum((index >> place & mask) << shift for shift, mask, place in self.runs)

    def addresses(self, words: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """The address of the next table, or that of the frame before `frame_mask`."""
        return shifted(words & np.uint64(self.next_mask), self.next_shift)

    def _evaluate(self, words: NDArray[np.uint64]) -> NDArray[np.uint16]:
        return evaluate(self.rules, self.level, words)


def shifted(words: NDArray[np.uint64], shift: int) -> NDArray[np.uint64]:
    """To the left, or to the right where ``shift`` is negative."""
    if shift == 0:
        return words
    return words << np.uint64(shift) if shift > 0 else words >> np.uint64(-shift)


@lru_cache(maxsize=64)
def _lookups(key: _ByIdentity) -> tuple[Lookup, ...]:
    return tuple(_lookup(key.rules, level) for level in key.rules.levels)


def lookups(rules: Rules) -> tuple[Lookup, ...]:
    """The lookup of each level, from the root down; made once for the same ``rules``."""
    return _lookups(_ByIdentity(rules))


class _ByIdentity:
    """Rules as a key of a cache: they hold mappings, which have no hash."""

    __slots__ = ("rules",)

    def __init__(self, rules: Rules) -> None:
        self.rules = rules

    def __hash__(self) -> int:
        return id(self.rules)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByIdentity) and self.rules is other.rules


def _lookup(rules: Rules, level: LevelRules) -> Lookup:
    field = rules.address
    looked_at = 0
    for cases in _conditions(rules, level):
        for case in cases:
            looked_at |= case.mask
    runs = tuple(_runs(looked_at))
    table = None
    size = sum(mask.bit_count() for _, mask, _ in runs)
    if size <= _MOST:
        index = np.arange(1 << size, dtype=np.uint64)
        words = np.zeros_like(index)
        for shift, mask, place in runs:
            words |= ((index >> np.uint64(place)) & np.uint64(mask)) << np.uint64(shift)
        table = evaluate(rules, level, words)
    return Lookup(
        level=level,
        runs=runs,
        table=table,
        table_mask=(level.table.reserved_mask | rules.above_mask) & ~looked_at,
        leaf_mask=(level.leaf.reserved_mask | rules.above_mask) & ~looked_at,
        next_mask=field.bits.mask,
        next_shift=field.low - field.bits.low,
        frame_mask=(1 << 64) - (1 << level.shift),
        rules=rules,
    )


def _conditions(rules: Rules, level: LevelRules) -> Iterable[Cases]:
    """Every condition that is not a mask."""
    yield rules.present
    yield level.leaf_if
    if rules.dirty is not None:
        yield (rules.dirty,)
    for entry in (level.table, level.leaf):
        yield entry.reserved_cases
        yield from entry.rights
        if entry.accessed is not None:
            yield (entry.accessed,)


def _runs(bits: int) -> Iterable[tuple[int, int, int]]:
    """The runs of ones in ``bits``: where each begins, its mask, and its place in the index.

    Small gaps are closed while the index stays small: a run less is a step less for each entry.
    """
    gap = 0
    while gap < 4 and _closed(bits, gap + 1).bit_count() <= _USUAL:
        gap += 1
    bits = _closed(bits, gap)
    place = shift = 0
    while bits >> shift:
        if not bits >> shift & 1:
            shift += 1
            continue
        width = 0
        while bits >> (shift + width) & 1:
            width += 1
        yield shift, (1 << width) - 1, place
        shift += width
        place += width


def _closed(bits: int, gap: int) -> int:
    """With gaps of at most so many zeros between ones filled."""
    below = bits
    above = bits
    for _ in range(gap):
        below |= below << 1
        above |= above >> 1
    return bits | below & above


def evaluate(rules: Rules, level: LevelRules, words: NDArray[np.uint64]) -> NDArray[np.uint16]:
    """The numbers of entries by the rules themselves, in the order in which a walk applies them."""
    is_leaf = any_of(level.leaf_if, words)
    found = np.where(
        is_leaf,
        _kind(rules, level, level.leaf, words, LEAF),
        _kind(rules, level, level.table, words, TABLE),
    )
    if rules.dirty is not None:
        clean = (words & np.uint64(rules.dirty.mask)) != rules.dirty.value
        found[is_leaf & clean] |= CLEAN
    misplaced = is_leaf if not level.holds_leaves else np.zeros_like(is_leaf)
    if not level.holds_tables:
        misplaced = misplaced | ~is_leaf
    found[misplaced] = _wrong(level, rules.misplaced)
    found[~any_of(rules.present, words)] = stop(Reason.ABSENT)
    return found


def _kind(
    rules: Rules, level: LevelRules, entry: EntryRules, words: NDArray[np.uint64], state: int
) -> NDArray[np.uint16]:
    """The numbers of entries that are of this kind."""
    found = np.full(words.shape, state << STATE, dtype=np.uint16)
    for right, cases in zip(RIGHTS, entry.rights, strict=True):
        found[any_of(cases, words)] |= right.flag
    if entry.accessed is not None:
        fresh = (words & np.uint64(entry.accessed.mask)) != entry.accessed.value
        found[fresh] |= FRESH
    if rules.above_reason is not None:
        too_high = (words & np.uint64(rules.above_mask)) != 0
        found[too_high] = _wrong(level, rules.above_reason)
    reserved = (words & np.uint64(entry.reserved_mask)) != 0
    reserved |= any_of(entry.reserved_cases, words)
    found[reserved] = _wrong(level, Reason.RESERVED)
    return found


def _wrong(level: LevelRules, reason: Reason) -> int:
    """The number of a present entry that is wrong; with a register, the root's load failed."""
    if reason is Reason.RESERVED and level.loaded_with_root:
        reason = Reason.ROOT
    return stop(reason)


def any_of(cases: Cases, words: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Of which words one of the alternatives is true."""
    found = np.zeros(words.shape, dtype=np.bool_)
    for case in cases:
        found |= (words & np.uint64(case.mask)) == np.uint64(case.value)
    return found
