# SPDX-License-Identifier: Apache-2.0
"""Entries of page tables that are owned: where they lie, and of which pages something is said.

They are the cells of `theories/logic/tables.v`, with its regions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from rocqgen.check.words import value
from rocqgen.source.spec import Entry, Everywhere, Page, Pages


class Region(NamedTuple):
    """The page of ``2 ** shift`` bytes with this number in the space of a root; see `ALL`."""

    root: int
    shift: int
    number: int

    def covers(self, root: int, va: int) -> bool:
        """Whether an address of a space lies in it."""
        return self is ALL or (self.root == root and va >> self.shift == self.number)


ALL: Final = Region(-1, 64, 0)
"""Every page of every space."""

Regions = tuple[Region, ...]


def covered(regions: Regions, root: int, va: int) -> bool:
    """Whether one of the regions has the address."""
    return any(one.covers(root, va) for one in regions)


@dataclass(frozen=True, slots=True)
class Slot:
    """An entry that is owned: its physical address and value, and the pages it is about."""

    item: Entry
    at: int
    word: int
    answers: Regions
    claims: Regions
    owes: Regions

    def answers_for(self, root: int, va: int, shift: int) -> bool:
        """Whether what the TLB holds of an address is known where a walk reads it at a level."""
        return any(
            one is ALL or (one.covers(root, va) and one.shift == shift) for one in self.answers
        )

    def owes_entry(self, root: int, shift: int, number: int) -> bool:
        """Whether a cached page of this size may be stale."""
        return any(one is ALL or one == (root, shift, number) for one in self.owes)


def slot_of(item: Entry, words: Mapping[str, int]) -> Slot:
    """The entry in a state; KeyError where a name has no value."""
    return Slot(
        item,
        value(item.addr, words),
        value(item.value, words),
        regions_of(item.answers, words),
        regions_of(item.claims, words),
        regions_of(item.owes, words),
    )


def regions_of(pages: Pages, words: Mapping[str, int]) -> Regions:
    """The pages that are listed."""
    return tuple(_region(one, words) for one in pages)


def _region(page: Everywhere | Page, words: Mapping[str, int]) -> Region:
    if isinstance(page, Everywhere):
        return ALL
    shift = int(page.level)
    return Region(value(page.root, words), shift, value(page.va, words) >> shift)
