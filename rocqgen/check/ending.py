# SPDX-License-Identifier: Apache-2.0
"""A state where something must hold, and what there is to compare it with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from rocqgen.check.choice import Page, Rights, base_of
from rocqgen.check.words import MASK, PAGE, WORD_SIZE
from rocqgen.cpu import Leaf

if TYPE_CHECKING:
    from rocqgen.check.choice import Mode
    from rocqgen.check.ownership import Ownership
    from rocqgen.check.resident import Resident
    from rocqgen.check.stale import Watch
    from rocqgen.check.subject import Goal, Subject
    from rocqgen.check.translate import Walker
    from rocqgen.cpu import State
    from rocqgen.source.location import Location
    from rocqgen.source.machine import Reg

Lookup = Callable[[int, int], tuple[int, Rights] | str]
"""From a root and a page's number to the frame's address and rights, or why there is none."""


@dataclass(frozen=True, slots=True)
class False_:  # noqa: N801 - `False` is taken
    """A part of the postcondition that is false: as it is written, where, and the values.

    `reg` or `pas` tell what it is about, for finding who wrote it; `root` is the space itself.
    """

    part: str
    location: Location
    expected: str
    found: str
    reg: Reg | None = None
    pas: tuple[int, ...] = ()
    root: bool = False


@dataclass(slots=True)
class Ending:
    """A state at an exit, and what there is to compare it with.

    `solved` are the words with values for the existentials, once these were found, `left` is
    what is owned beside the assertion, and `taken` what it owns itself.
    """

    subject: Subject
    goal: Goal
    words: dict[str, int]
    fractions: dict[str, Fraction]
    mode: Mode
    resident: Resident
    state: State
    lookup: Lookup
    watch: Watch | None = None
    solved: dict[str, int] = field(default_factory=dict)
    left: Ownership | None = None
    taken: Ownership | None = None

    def read(self, root: int, va: int) -> tuple[int, int] | None:
        """The word at a virtual address and the physical address of its first byte."""
        pas = self.places(root, va, WORD_SIZE)
        if isinstance(pas, str):
            return None
        word = 0
        for k, (pa, _) in enumerate(pas):
            byte = self.state.memory.get(pa)
            if byte is None:
                return None
            word |= byte << (8 * k)
        return word, pas[0][0]

    def places(self, root: int, va: int, size: int) -> list[tuple[int, Rights]] | str:
        """Where the bytes lie in a space, with the rights of their pages; or why nowhere."""
        if size <= PAGE - (va & 0xFFF):
            answer = self.lookup(root, va >> 12)
            if isinstance(answer, str):
                return f"{va:#x} is not mapped: {answer}"
            first = answer[0] + (va & 0xFFF)
            return [(pa, answer[1]) for pa in range(first, first + size)]
        places = []
        page, found = -1, (0, Rights(False, False, False))
        for k in range(size):
            here = (va + k) & MASK
            if here >> 12 != page:
                page = here >> 12
                answer = self.lookup(root, page)
                if isinstance(answer, str):
                    return f"{here:#x} is not mapped: {answer}"
                found = answer
            places.append((found[0] + (here & 0xFFF), found[1]))
        return places


def lookup(walker: Walker) -> Lookup:
    """Where a walk of the tables as they are now leads."""
    known: dict[Page, tuple[int, Rights] | str] = {}

    def look(root: int, page: int) -> tuple[int, Rights] | str:
        key = (base_of(root), page)
        if key not in known:
            known[key] = _find(walker, root, page << 12)
        return known[key]

    return look


def _find(walker: Walker, root: int, va: int) -> tuple[int, Rights] | str:
    if not walker.mode.canonical(va):
        return "it is not canonical"
    leaf = walker.walk(root, va)
    if isinstance(leaf, Leaf):
        return leaf.translate(va), Rights(leaf.write, leaf.user, leaf.execute)
    return str(leaf)
