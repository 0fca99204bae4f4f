# SPDX-License-Identifier: Apache-2.0
"""Walks in a precondition as what they are in a state: entries, and the claims of their tables.

How far the entries of a walk lead is open.  So a precondition with walks is one of several without,
and a fragment is run on states of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice, product
from typing import Final

from rocqgen.check.words import MASK
from rocqgen.source.spec import (
    Assertion,
    At,
    Bin,
    BinOp,
    Claim,
    Entry,
    Everywhere,
    Expr,
    FracLit,
    Fragment,
    Level,
    Lit,
    Page,
    Pure,
    Rel,
    Var,
    Walk,
)

MOST: Final = 24
"""Cases that are looked at."""

FRAME: Final = (1 << 52) - (1 << 12)
PRESENT: Final = 1 << 0
LARGE: Final = 1 << 7
"""Bits of an entry: SDM vol. 3, table 5-20."""

LEVELS: Final = (Level.T256, Level.G512, Level.G1, Level.M2, Level.K4)
"""What one entry of a table of each level is for, from the fifth down."""

Known = dict[str, tuple[int, int]]
"""Bits of names that facts tell: which, and what they are."""


def cases(fragment: Fragment) -> tuple[Fragment, ...]:
    """The fragment with each of the preconditions that are its own together; itself without walks.

    Those in which all entries lead on come first.  What the facts exclude at sight is left out.
    """
    walks = [one for one in fragment.spec.pre if isinstance(one, Walk)]
    if not walks:
        return (fragment,)
    known = _known(fragment.spec.pre)
    ways = [tuple(_ways(walk)) for walk in walks]
    found = []
    for ends in islice(product(*ways), MOST * MOST):
        facts = tuple(fact for end in ends for fact in end.facts)
        if not _excluded(facts, known):
            pre = _replaced(fragment.spec.pre, dict(zip(map(id, walks), ends, strict=True)))
            found.append(replace(fragment, spec=replace(fragment.spec, pre=(*pre, *facts))))
    return tuple(found[:MOST]) or (fragment,)


@dataclass(frozen=True, slots=True)
class _Way:
    """How far a walk leads: so many entries are there, and facts about them."""

    parts: tuple[Assertion, ...]
    facts: tuple[Pure, ...]


def _replaced(pre: tuple[Assertion, ...], ways: dict[int, _Way]) -> Iterator[Assertion]:
    for one in pre:
        if isinstance(one, Walk):
            yield from ways[id(one)].parts
        else:
            yield one


def _ways(walk: Walk) -> Iterator[_Way]:
    at, last = walk.location, Lit(PRESENT | LARGE, walk.location)
    for count in range(len(walk.entries), 0, -1):
        above = tuple(_bits(one, last, PRESENT) for one in walk.entries[: count - 1])
        parts = tuple(unfolded(walk, count))
        if count == len(walk.entries):
            yield _Way(parts, above)
            continue
        end = walk.entries[count - 1]
        yield _Way(parts, (*above, _bits(end, Lit(PRESENT, at), 0)))
        yield _Way(parts, (*above, _bits(end, last, PRESENT | LARGE)))


def _bits(entry: Expr, mask: Lit, bits: int) -> Pure:
    at = mask.location
    return Pure(Rel.EQ, Bin(BinOp.AND, entry, mask, at), Lit(bits, at), at)


def unfolded(walk: Walk, count: int) -> Iterator[Assertion]:
    """The first entries of a walk, and the claims of their tables."""
    sources = (walk.table, *walk.entries)
    for table, level, entry in islice(
        zip(sources, levels(walk), walk.entries, strict=False), count
    ):
        yield entry_at(walk, slot(table, walk.va, level), level, entry)
        yield from claim_of(walk, _and(table, FRAME))


def levels(walk: Walk) -> tuple[Level, ...]:
    """Those of its entries."""
    return LEVELS[-walk.depth :][: len(walk.entries)]


def slot(table: Expr, va: Expr, level: Level) -> Expr:
    """The address of the slot for an address in the table that a word leads to."""
    at = table.location
    number = _and(Bin(BinOp.SHR, va, Lit(int(level), at), at), 511)
    return Bin(BinOp.ADD, _and(table, FRAME), Bin(BinOp.SHL, number, Lit(3, at), at), at)


def entry_at(walk: Walk, addr: Expr, level: Level, entry: Expr) -> Entry:
    """The entry at an address as an entry of a walk."""
    at = walk.location
    page, share = Page(walk.va, walk.root, level, at), FracLit(1, 1, at)
    return Entry(addr, entry, share, (page,), (Everywhere(at),), (), at)


def claim_of(walk: Walk, table: Expr) -> Iterator[At]:
    """The claim of a table of a walk, if they are mapped."""
    if walk.mapped is not None:
        at = walk.location
        va = Bin(BinOp.ADD, table, walk.mapped.distance, at)
        yield At(walk.mapped.space, (Claim(va, table, FracLit(1, 1, at), True, at, True),), at)


def _and(expr: Expr, mask: int) -> Expr:
    return Bin(BinOp.AND, expr, Lit(mask, expr.location), expr.location)


# -- what is seen to be false ----------------------------------------------------------------------


def _told(fact: Pure) -> tuple[Expr, int, int] | None:
    """What a fact tells: a word, some of its bits, and what they are."""
    if not isinstance(fact.right, Lit):
        return None
    right = fact.right.value
    match fact.rel, fact.left:
        case Rel.EQ, Bin(BinOp.AND, word, Lit(mask)):
            return word, mask, right
        case Rel.NE, Bin(BinOp.AND, word, Lit(mask)) if right == 0 and mask & (mask - 1) == 0:
            return word, mask, mask
        case Rel.EQ, word:
            return word, MASK, right
        case _:
            return None


def _known(items: tuple[Assertion, ...]) -> Known:
    known: Known = {}
    for one in items:
        told = _told(one) if isinstance(one, Pure) else None
        if told is not None and isinstance(told[0], Var):
            mask, value = known.get(told[0].ident, (0, 0))
            known[told[0].ident] = mask | told[1], value | told[1] & told[2]
    return known


def _excluded(facts: tuple[Pure, ...], known: Known) -> bool:
    for fact in facts:
        told = _told(fact)
        if told is None:
            continue
        word, mask, bits = told
        if isinstance(word, Var):
            others, value = known.get(word.ident, (0, 0))
            if (value ^ bits) & mask & others:
                return True
        elif isinstance(word, Lit) and word.value & mask != bits:
            return True
    return False
