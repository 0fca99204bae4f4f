# SPDX-License-Identifier: Apache-2.0
"""Which parts of the annotation language a fragment uses: whoever works on fragments says which of
them it knows, and refuses the others with their place."""

from __future__ import annotations

import enum
from collections.abc import Iterator

from rocqgen.source.location import Location
from rocqgen.source.spec import (
    Assertion,
    At,
    Bin,
    Block,
    Claim,
    Code,
    Elements,
    Entry,
    Expr,
    Fill,
    Fragment,
    Page,
    PhysPt,
    Pure,
    RegPt,
    Select,
    Sort,
    VirtPt,
    Walk,
)


class Feature(enum.Enum):
    """A part of the language, as it is called in messages."""

    INVARIANT = "invariants"
    ASSUME = "contracts of function pointers (`assume`)"
    CALLS = "calls of annotated functions"
    PLATFORM = "`platform`"
    ENTRY = "entries of page tables (`|->e`)"
    PAGE = "claims of pages (`page va ~> pa`)"
    BLOCK = "blocks (`a[n] |->v ...`)"
    ARRAY = "arrays"
    WALK = "walks"
    VIA = "`at ... via ...`"
    INDEX = "`at` with the index of a word in a block"
    GHOST = "steps of the proof alone (`first`, `then`)"


def features(fragment: Fragment) -> Iterator[tuple[Feature, Location]]:
    """What a fragment uses beyond points-tos, claims and facts, each with a place where it does."""
    spec = fragment.spec
    yield from ((Feature.INVARIANT, one.location) for one in spec.invariants)
    yield from ((Feature.ASSUME, one.location) for one in fragment.assumes)
    yield from ((Feature.CALLS, one.fragment.location) for one in fragment.callees)
    if spec.platform is not None:
        yield Feature.PLATFORM, spec.platform.location
    for name in spec.params:
        if name.sort is Sort.ARRAY:
            yield Feature.ARRAY, name.location
    for items in _assertions(fragment):
        yield from _items(items)
    for hint in spec.hints:
        if hint.via is not None:
            yield Feature.VIA, hint.location
        if hint.index is not None:
            yield Feature.INDEX, hint.location
    yield from ((Feature.GHOST, one.location) for one in spec.ghosts)


def _assertions(fragment: Fragment) -> Iterator[tuple[Assertion, ...]]:
    spec = fragment.spec
    yield spec.pre
    yield from (one.post for one in spec.exits)
    yield from (one.holds for one in spec.invariants)
    for contract in fragment.assumes:
        yield contract.pre
        yield from (one.post for one in contract.exits)


def _items(items: tuple[Assertion, ...]) -> Iterator[tuple[Feature, Location]]:
    for item in items:
        match item:
            case Entry():
                yield Feature.ENTRY, item.location
            case Claim(page=True):
                yield Feature.PAGE, item.location
            case Block():
                yield Feature.BLOCK, item.location
            case Walk():
                yield Feature.WALK, item.location
            case At():
                yield from _items(item.items)
            case _:
                pass
        for expr in _exprs(item):
            yield from _selects(expr)


def _exprs(item: Assertion) -> Iterator[Expr]:
    """The words in an assertion, those of its own items aside."""
    match item:
        case RegPt():
            yield item.value
        case VirtPt() | PhysPt():
            yield from (item.addr, item.value)
        case Claim():
            yield from (item.va, item.pa)
        case Pure():
            yield from (item.left, item.right)
        case Walk():
            yield from (item.va, item.table, *item.entries)
            if item.mapped is not None:
                yield item.mapped.distance
        case Entry() | Block():
            yield from _more_exprs(item)
        case Code() | At():
            pass


def _more_exprs(item: Entry | Block) -> Iterator[Expr]:
    yield item.addr
    if isinstance(item, Entry):
        yield item.value
        pages = (*item.answers, *item.claims, *item.owes)
        yield from (page.va for page in pages if isinstance(page, Page))
        return
    yield item.count
    if isinstance(item.content, Fill):
        yield item.content.value
    elif isinstance(item.content, Elements):
        yield item.content.start


def _selects(expr: Expr) -> Iterator[tuple[Feature, Location]]:
    match expr:
        case Select():
            yield Feature.ARRAY, expr.location
        case Bin():
            yield from _selects(expr.left)
            yield from _selects(expr.right)
        case _:
            pass
