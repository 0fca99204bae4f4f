# SPDX-License-Identifier: Apache-2.0
"""How much is owned, counted in parts of a whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

_K = TypeVar("_K")


@dataclass(slots=True)
class Ownership:
    """How much of each byte of memory and of each page's claim is owned.

    A byte is whole at `unit`, and so is an entry of a table, keyed by its address; a page, keyed
    by the root as a word, at 4096 times that.
    """

    unit: int
    bytes: dict[int, int] = field(default_factory=dict)
    pages: dict[tuple[int, int], int] = field(default_factory=dict)
    entries: dict[int, int] = field(default_factory=dict)

    def of(self, pa: int) -> int:
        """How much of a byte is owned, as data or in an entry."""
        return self.bytes.get(pa, 0) or self.entries.get(pa & ~7, 0)

    def without(self, left: Ownership) -> Ownership:
        """What was taken of this where `left` is what is left."""
        return Ownership(
            self.unit,
            _less(self.bytes, left.bytes),
            _less(self.pages, left.pages),
            _less(self.entries, left.entries),
        )

    def copy(self) -> Ownership:
        """The same, to take shares from."""
        return Ownership(self.unit, dict(self.bytes), dict(self.pages), dict(self.entries))


def _less(these: dict[_K, int], those: dict[_K, int]) -> dict[_K, int]:
    pairs = ((key, part - those.get(key, 0)) for key, part in these.items())
    return {key: part for key, part in pairs if part > 0}
