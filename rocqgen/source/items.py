# SPDX-License-Identifier: Apache-2.0
"""Resolves the parts of assertions."""

from __future__ import annotations

from rocqgen.source import raw
from rocqgen.source.location import Location, refused
from rocqgen.source.reserved import REGISTERS
from rocqgen.source.resolve import Scope, array, close, frac, root, word
from rocqgen.source.spec import (
    AnyWords,
    Assertion,
    At,
    Block,
    Claim,
    Code,
    Content,
    Elements,
    Entry,
    Everywhere,
    Fill,
    Level,
    Lit,
    Page,
    Pages,
    PhysPt,
    Pure,
    RegPt,
    Sort,
    VirtPt,
    Walk,
    Window,
)


def assertion(items: tuple[raw.RawAtom, ...], scope: Scope) -> tuple[Assertion, ...]:
    """The parts of an assertion, without `emp`; a register twice is a `UserError`."""
    checked = tuple(_atom(item, scope) for item in items if not isinstance(item, raw.RawEmp))
    seen: dict[str, Location] = {}
    for item in checked:
        if isinstance(item, RegPt):
            if item.reg.value in seen:
                first = seen[item.reg.value]
                raise refused(
                    f"`{item.reg.value}` is described twice, first in line {first.line}, "
                    f"column {first.column}",
                    item.location,
                    "each register at most once in an assertion",
                    f"{item.reg.value} |->r x once, and x = ... for a second fact",
                )
            seen[item.reg.value] = item.location
    return checked


def _atom(item: raw.RawAtom, scope: Scope) -> Assertion:
    match item:
        case raw.RawRegister():
            return _register(item, scope)
        case raw.RawCode():
            return Code(frac(item.share, scope), item.location)
        case raw.RawPure():
            left = word(item.left, scope)
            return Pure(item.rel, left, word(item.right, scope), item.location)
        case raw.RawAt():
            return _at(item, scope)
        case raw.RawEmp():
            raise AssertionError("emp is the empty list of items")
        case _:
            return _memory(item, scope)


def _memory(
    item: raw.RawVirtual
    | raw.RawPhysical
    | raw.RawElements
    | raw.RawClaim
    | raw.RawEntry
    | raw.RawWalk,
    scope: Scope,
) -> Assertion:
    match item:
        case raw.RawVirtual() | raw.RawPhysical():
            return _points(item, scope)
        case raw.RawElements():
            return _block(item.points, _elements(item, scope), scope)
        case raw.RawClaim():
            va = word(item.va, scope)
            share = frac(item.share, scope)
            pa = word(item.pa, scope)
            return Claim(va, pa, share, item.writable, item.location, item.page)
        case raw.RawEntry():
            return _entry(item, scope)
        case raw.RawWalk():
            return _walk(item, scope)


def _register(item: raw.RawRegister, scope: Scope) -> RegPt:
    left = item.left
    if not isinstance(left, raw.RawName) or left.ident not in REGISTERS:
        written = f"`{left.ident}`" if isinstance(left, raw.RawName) else "an expression"
        hint = None
        if isinstance(left, raw.RawName):
            near = close(left.ident.lower(), REGISTERS)
            hint = "space r, for the root in cr3" if left.ident == "cr3" else near
        raise refused(
            f"{written} in front of `|->r` is not a 64-bit general-purpose register",
            left.location,
            ", ".join(REGISTERS),
            hint,
        )
    return RegPt(REGISTERS[left.ident], word(item.value, scope), item.location)


# -- memory ----------------------------------------------------------------------------------------


def _points(item: raw.RawVirtual | raw.RawPhysical, scope: Scope) -> VirtPt | PhysPt | Block:
    """A points-to; a block where something other than an array stands in front of `[`."""
    if isinstance(item.addr, raw.RawIndex) and scope.sort_of(item.addr.base) is not Sort.ARRAY:
        return _block(item, _content(item.value, scope), scope)
    if scope.sort_of(item.value) is Sort.ARRAY:
        raise refused(
            "an array is the content of a block, not of one word",
            item.value.location,
            "the number of words behind the address",
            "a[n] |->v A, or a |->v A[i]",
        )
    addr = word(item.addr, scope)
    share = frac(item.share, scope)
    value = word(item.value, scope)
    if isinstance(item, raw.RawVirtual):
        return VirtPt(addr, value, share, item.writable, item.location)
    return PhysPt(addr, value, share, item.location)


def _block(item: raw.RawVirtual | raw.RawPhysical, content: Content, scope: Scope) -> Block:
    if not isinstance(item.addr, raw.RawIndex):
        raise refused(
            "`from` belongs to the content of a block",
            item.location,
            "the number of words behind the address",
            "a[n] |->v A from i",
        )
    addr, count = word(item.addr.base, scope), word(item.addr.index, scope)
    share = frac(item.share, scope)
    virtual = isinstance(item, raw.RawVirtual)
    writable = item.writable if isinstance(item, raw.RawVirtual) else True
    return Block(virtual, addr, count, content, share, writable, item.location)


def _content(value: raw.RawExpr, scope: Scope) -> Content:
    if isinstance(value, raw.RawName) and value.ident == "_":
        return AnyWords(value.location)
    if scope.sort_of(value) is Sort.ARRAY:
        return Elements(array(value, scope), Lit(0, value.location), value.location)
    return Fill(word(value, scope), value.location)


def _elements(item: raw.RawElements, scope: Scope) -> Elements:
    value = item.points.value
    return Elements(array(value, scope), word(item.start, scope), value.location)


# -- page tables -----------------------------------------------------------------------------------

LEVELS = {
    "4k": Level.K4,
    "2m": Level.M2,
    "1g": Level.G1,
    "512g": Level.G512,
    "256t": Level.T256,
}
"""The sizes as they are written."""


def _entry(item: raw.RawEntry, scope: Scope) -> Entry:
    everything = (Everywhere(item.location),)
    addr = word(item.addr, scope)
    share = frac(item.share, scope)
    value = word(item.value, scope)
    answers = everything if item.answers is None else pages(item.answers, scope)
    claims = everything if item.claims is None else pages(item.claims, scope)
    owes = () if item.owes is None else pages(item.owes, scope)
    return Entry(addr, value, share, answers, claims, owes, item.location)


def pages(items: tuple[raw.RawPage, ...], scope: Scope) -> Pages:
    """A list of pages; `none` is the empty one."""
    if len(items) == 1 and _is_word(items[0], "none"):
        return ()
    return tuple(
        Everywhere(item.location) if _is_word(item, "all") else page(item, scope) for item in items
    )


def _is_word(item: raw.RawPage, ident: str) -> bool:
    return item.root is None and isinstance(item.va, raw.RawName) and item.va.ident == ident


def page(item: raw.RawPage, scope: Scope) -> Page:
    """One page."""
    if _is_word(item, "none"):
        raise refused(
            "`none` stands for no page at all", item.location, "`none` alone, or pages without it"
        )
    if item.root is None:
        raise refused(
            "this page has no space",
            item.location,
            "`all`, `none` alone, or pages `ADDRESS in ROOT`, with commas between them",
            "ADDRESS in r level 4k",
        )
    level = LEVELS.get((item.level or "4k").lower())
    if level is None:
        raise refused(
            f"there are no pages of the size `{item.level}`",
            item.level_location,
            "`4k`, `2m`, `1g`, `512g` or `256t`",
            "level 4k",
        )
    return Page(word(item.va, scope), root(item.root, scope), level, item.location)


_DEPTHS = range(1, 6)


def _walk(item: raw.RawWalk, scope: Scope) -> Walk:
    if item.depth not in _DEPTHS:
        raise refused(
            f"there is no table of level {item.depth}",
            item.depth_location,
            "a level from 1 (the page table) to 4 (the PML4), or 5 with `platform la57`",
            "level 4",
        )
    given = item.entries
    if given is not None and len(given) > item.depth:
        names = ", ".join(f"e{level}" for level in range(item.depth, 0, -1))
        raise refused(
            f"a walk from level {item.depth} on reads {_entries(item.depth)}, and not {len(given)}",
            given[item.depth].location,
            "an entry for each level down to 1, or for the first of them",
            f"reads {names}",
        )
    nameless = (raw.RawName("_", item.location),) * item.depth
    va, top, table = word(item.va, scope), root(item.root, scope), word(item.table, scope)
    entries = tuple(word(one, scope) for one in given or nameless)
    window = None
    if item.mapped is not None:
        distance, space = item.mapped
        window = Window(word(distance, scope), root(space, scope))
    return Walk(va, top, item.depth, table, entries, item.location, window)


def _entries(count: int) -> str:
    return "one entry" if count == 1 else f"{count} entries"


# -- spaces ----------------------------------------------------------------------------------------

_EVERYWHERE = {
    raw.RawRegister: "registers belong to no space",
    raw.RawPhysical: "physical memory belongs to no space",
    raw.RawPure: "a fact about words belongs to no space",
    raw.RawAt: "`[r] { ... }` says its space itself",
    raw.RawEntry: "entries of page tables lie in physical memory, which belongs to no space",
    raw.RawWalk: "`walk` says its space itself",
}


def _at(item: raw.RawAt, scope: Scope) -> At:
    space = root(item.root, scope)
    for inner in item.items:
        kind = type(inner.points) if isinstance(inner, raw.RawElements) else type(inner)
        if reason := _EVERYWHERE.get(kind):
            raise refused(
                f"{reason}, and cannot be inside `[r] {{ ... }}`",
                inner.points.location if isinstance(inner, raw.RawElements) else inner.location,
                "virtual points-tos, claims and `code`",
                "ASSERTION * [r] { ... }",
            )
    return At(space, assertion(item.items, scope), item.location)
