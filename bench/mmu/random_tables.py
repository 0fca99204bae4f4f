# SPDX-License-Identifier: Apache-2.0
"""Random tables for any model, with every kind of entry in them, and addresses to walk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rocqgen.mmu.entries import LEAF, RIGHTS_MASK, STATE, TABLE, lookups

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rocqgen.mmu.entries import Lookup
    from rocqgen.models import Rules

FRAME: Final = 4096
_GENEROUS: Final = 0.75
_ALL: Final = -2
"""Stands for tables that grant all rights."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How tables are made: so many of each level below the root, and how often things are odd.

    Tables lie from ``first`` on, one in each frame; frames of pages lie from ``frames`` on, and
    below what the model's physical addresses allow. ``odd`` is how often an entry has a bit set
    that is reserved, or is absent, or of another kind; ``outside`` how often its table is missing.
    """

    first: int
    frames: int
    tables: int = 6
    odd: float = 0.06
    outside: float = 0.0


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables: an array of words for each frame, and the value of the root register."""

    start: int
    words: NDArray[np.uint64]
    width: int
    root: int

    def image(self) -> bytes:
        """All frames, as bytes from ``start`` on."""
        return self.words.astype(f"<u{self.width}").tobytes()


def random_tables(rules: Rules, recipe: Recipe, random: np.random.Generator) -> Tables:
    """Tables as the recipe says."""
    counts = [1] + [recipe.tables] * (len(rules.levels) - 1)
    firsts = recipe.first + FRAME * np.cumsum([0, *counts])
    slots = FRAME // rules.entry_bytes
    parts = []
    for lookup, count, below in zip(lookups(rules), counts, firsts[1:], strict=True):
        targets = below + FRAME * np.arange(recipe.tables)
        size = (count, slots)
        words = _entries(rules, lookup, targets.astype(np.uint64), recipe, random, size)
        words[:, lookup.level.index_mask + 1 :] = 0
        parts.append(words)
    return Tables(
        recipe.first, np.concatenate(parts), rules.entry_bytes, rules.root_value(recipe.first)
    )


def _entries(
    rules: Rules,
    lookup: Lookup,
    targets: NDArray[np.uint64],
    recipe: Recipe,
    random: np.random.Generator,
    size: tuple[int, int],
) -> NDArray[np.uint64]:
    level = lookup.level
    kinds = _kinds(lookup)
    chances = np.array([0.85, 0.15] if level.holds_tables and level.holds_leaves else [1.0])
    states = [TABLE] * level.holds_tables + [LEAF] * level.holds_leaves
    chosen = random.choice(
        np.array([*states, -1]), size, p=[*chances * (1 - recipe.odd), recipe.odd]
    )
    words = np.zeros(size, dtype=np.uint64)
    for state in (*states, -1):
        here = chosen == state
        words[here] = random.choice(kinds[state], int(here.sum()))
    # With rights that are drawn anew at each level, hardly any path would grant anything.
    generous = (chosen == TABLE) & (random.random(size) < _GENEROUS)
    words[generous] = random.choice(kinds[_ALL], int(generous.sum()))
    # What nothing depends on may be anything.
    address = rules.address.bits.mask
    bits = (1 << 8 * rules.entry_bytes) - 1
    wrong = (lookup.table_mask if level.holds_tables else 0) | (
        lookup.leaf_mask if level.holds_leaves else 0
    )
    looked_at = sum(mask << shift for shift, mask, _ in lookup.runs)
    free = bits & ~(address | wrong | looked_at)
    words |= random.integers(0, 1 << 64, size, dtype=np.uint64) & np.uint64(free)
    # Addresses: of tables, or of frames that are aligned as the page is.
    missing = random.random(size) < recipe.outside
    tables = np.where(missing, np.uint64(recipe.frames), random.choice(targets, size))
    last = (1 << rules.max_physical) >> level.shift
    first = -(-recipe.frames >> level.shift)
    frames = random.integers(first, max(last, first + 1), size, dtype=np.uint64)
    target = np.where(chosen == TABLE, tables, frames << np.uint64(level.shift))
    field = rules.address
    words |= ((target >> np.uint64(field.low)) << np.uint64(field.bits.low)) & np.uint64(
        address & ~looked_at
    )
    # And now and then a bit that must not be set.
    spoilt = random.random(size) < recipe.odd / 2
    for state, mask in ((TABLE, lookup.table_mask), (LEAF, lookup.leaf_mask)):
        here = spoilt & (chosen == state)
        bits_of = np.array([1 << bit for bit in range(64) if mask >> bit & 1] or [0], np.uint64)
        words[here] |= random.choice(bits_of, int(here.sum()))
    return words


def _kinds(lookup: Lookup) -> dict[int, NDArray[np.uint64]]:
    """The looked-up bits of all entries that are tables, leaves, or neither (-1)."""
    if lookup.table is None:
        raise ValueError("this model's entries depend on too many bits")
    words = np.array([lookup.word(index) for index in range(len(lookup.table))], dtype=np.uint64)
    states = lookup.table >> STATE
    rights = lookup.table & RIGHTS_MASK
    return {
        TABLE: words[states == TABLE],
        LEAF: words[states == LEAF],
        -1: words[(states != TABLE) & (states != LEAF)],
        _ALL: words[(states == TABLE) & (rights == rights[states == TABLE].max(initial=0))],
    }


def random_addresses(rules: Rules, count: int, random: np.random.Generator) -> NDArray[np.uint64]:
    """Virtual addresses, one in forty of which is none."""
    widths = rules.model.address
    va = random.integers(0, 1 << widths.virtual, count, dtype=np.uint64, endpoint=False)
    upper = ((1 << widths.pointer) - 1) >> widths.virtual << widths.virtual
    if widths.canonical == "ones":
        va |= np.uint64(upper)
    elif widths.canonical == "sign-extended":
        va[va >> np.uint64(widths.virtual - 1) == 1] |= np.uint64(upper)
    if widths.pointer < 64:
        return va
    odd = random.random(count) < 1 / 40
    va[odd] ^= np.uint64(1) << random.integers(widths.virtual - 1, 64, int(odd.sum()), np.uint64)
    return va
