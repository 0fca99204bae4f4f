# SPDX-License-Identifier: Apache-2.0
"""Walks in an assertion that is to hold now: memory says how far their entries lead."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rocqgen.check.cases import FRAME, LARGE, PRESENT, claim_of, entry_at, levels, slot
from rocqgen.check.parts import Mapped, Parts, root_name
from rocqgen.check.words import WORD_SIZE, names, value
from rocqgen.source.spec import Claim, Entry, Lit, PhysPt, Walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rocqgen.cpu import State
    from rocqgen.source.spec import Expr, Level

Words = dict[str, int]


def read_walks(
    parts: Parts, wanted: tuple[str, ...], words: Words, state: State
) -> tuple[Parts, Words] | None:
    """The parts with the entries and claims that their walks are; None where it is not known.

    With them come values for names, of those that are `wanted`, that are no more than entries to
    which the walks do not lead: there is nothing that tells them.
    """
    entries: list[Entry] = []
    claims: list[Mapped] = []
    beyond: list[Expr] = []
    for walk in parts.walks:
        if any(name not in words for expr in (walk.table, walk.va) for name in names(expr)):
            return None
        count = 0
        for addr, table, entry, level in _steps(walk, words, state):
            entries.append(entry_at(walk, addr, level, entry))
            for at in claim_of(walk, table):
                root = root_name(at.root)
                claims += (Mapped(root, one) for one in at.items if isinstance(one, Claim))
            count += 1
        beyond += walk.entries[count:]
    found = replace(parts, entries=(*parts.entries, *entries), claims=(*parts.claims, *claims))
    told = {name for expr in _told(found) for name in names(expr)}
    loose = {name for expr in beyond for name in names(expr) if name in wanted} - told
    return found, dict.fromkeys(loose, 0)


def _steps(walk: Walk, words: Words, state: State) -> Iterator[tuple[Lit, Lit, Expr, Level]]:
    """Of each entry that a walk comes to: address, table, what it should be, level."""
    word: int | None = value(walk.table, words)
    for level, entry in zip(levels(walk), walk.entries, strict=True):
        if word is None:
            return
        table = Lit(word & FRAME, walk.location)
        addr = Lit(value(slot(table, walk.va, level), words), walk.location)
        yield addr, table, entry, level
        word = state.memory.read(addr.value, WORD_SIZE)
        if word is None or word & (PRESENT | LARGE) != PRESENT:
            return


def _told(parts: Parts) -> Iterator[Expr]:
    """Expressions that the state may tell something about."""
    yield from (one.value for one in parts.regs)
    for cell in parts.cells:
        yield from (cell.item.addr, cell.item.value)
    for claim in parts.claims:
        yield from (claim.item.va, claim.item.pa)
    physical: tuple[PhysPt | Entry, ...] = (*parts.phys, *parts.entries)
    for word in physical:
        yield from (word.addr, word.value)
    for fact in parts.facts:
        yield from (fact.left, fact.right)
    for span in parts.spans:
        yield span.item.addr
