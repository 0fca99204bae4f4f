# SPDX-License-Identifier: Apache-2.0
"""Refuses assertions that hold in no state because they own more than there is.

A precondition of that kind would make any theorem true; a postcondition, none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import NamedTuple

from rocqgen.errors import UserError
from rocqgen.source.location import Location, refused
from rocqgen.source.spec import (
    Assertion,
    At,
    Bin,
    BinOp,
    Block,
    Claim,
    Code,
    Entry,
    Expr,
    Frac,
    FracLit,
    FracVar,
    Lit,
    PhysPt,
    Var,
    VirtPt,
    Walk,
    Window,
)
from rocqgen.source.terms import WORD, normal

_CELL = 8  # bytes behind one points-to
_PAGE = 4096
_WORDS = 512  # of a page
_FRAME = (1 << 52) - (1 << 12)  # the bits of an entry that say where a table is

_Key = tuple[str, str | None, object]


class _Item(NamedTuple):
    """`size` bytes from `start` on of the thing that `key` names, and the share of them."""

    key: _Key
    start: int
    size: int
    frac: Frac
    location: Location


def check_shares(items: tuple[Assertion, ...], space: Expr) -> None:
    """Check that no byte, mapping or code is owned more than once in whole.

    Only what the text itself tells is refused: addresses that differ by a constant, fractions that
    are literals, or any fraction beside a whole.
    """
    owned = list(_owned(items, space))
    for key, start, _, _, _ in owned:
        covering = [
            item for item in owned if item.key == key and (start - item.start) % WORD < item.size
        ]
        if _exceed(((item.frac, 1) for item in covering), 1):
            raise _refuse(
                covering,
                _WHAT[key[0]],
                "fractions of one thing that add up to at most 1, and addresses 8 bytes apart",
            )
    _check_pages(items, space)


def _exceed(shares: Iterable[tuple[Frac, int]], whole: int) -> bool:
    """Whether shares, each with a factor, are more than the whole whatever the named ones are."""
    literal, named = Fraction(0), False
    for frac, factor in shares:
        if isinstance(frac, FracVar):
            named = True
        else:
            literal += factor * Fraction(frac.numerator, frac.denominator)
    return literal > whole or (literal == whole and named)


def _refuse(items: list[_Item], what: str, expected: str) -> UserError:
    places = sorted(item.location for item in items)
    return refused(
        "no state satisfies this assertion: together with line "
        f"{places[0].line}, column {places[0].column}, it owns more than the whole {what}",
        places[-1],
        expected,
    )


_WHAT = {
    "translation": "mapping of an address",
    "physical": "memory cell",
    "code": "code",
}


def _owned(items: tuple[Assertion, ...], space: Expr) -> Iterator[_Item]:
    """What the items own: a key for things that can be the same, a position, the share."""
    root = _root(space)
    for item in items:
        match item:
            case VirtPt():
                terms, offset = normal(item.addr)
                yield _Item(("translation", root, terms), offset, _CELL, item.frac, item.location)
            case Claim(page=False):
                terms, offset = normal(item.va)
                yield _Item(("translation", root, terms), offset, _CELL, item.frac, item.location)
            case PhysPt() | Entry():
                terms, offset = normal(item.addr)
                yield _Item(("physical", None, terms), offset, _CELL, item.frac, item.location)
            case Block(count=Lit(value=count)):
                terms, offset = normal(item.addr)
                kind: _Key = ("translation", root, terms)
                if not item.virtual:
                    kind = ("physical", None, terms)
                size = min(_CELL * count, WORD)
                yield _Item(kind, offset, size, item.frac, item.location)
            case Code():
                yield _Item(("code", root, ()), 0, 1, item.frac, item.location)
            case At():
                yield from _owned(item.items, item.root)
            case Walk():
                terms, offset = normal(_slot(item))
                whole = FracLit(1, 1, item.location)
                yield _Item(("physical", None, terms), offset, _CELL, whole, item.location)
            case _:
                pass


def _root(space: Expr) -> str | None:
    return space.ident if isinstance(space, Var) else None


def _check_pages(items: tuple[Assertion, ...], space: Expr) -> None:
    """Check the claims of whole pages: 512 words, of which each claim inside takes a part."""
    claims = list(_claims(items, space))
    for item in claims:
        if item.size != _PAGE:
            continue
        inside = [
            one for one in claims if one.key == item.key and (one.start - item.start) % WORD < _PAGE
        ]
        if _exceed(((one.frac, one.size // _CELL) for one in inside), _WORDS):
            raise _refuse(
                inside,
                "claim of the page",
                "one claim of a page, which covers its 512 words, or shares that add up to it",
            )


def _claims(items: tuple[Assertion, ...], space: Expr) -> Iterator[_Item]:
    """What the items own of translations."""
    root = _root(space)
    for item in items:
        match item:
            case Claim():
                terms, offset = normal(item.va)
                size = _PAGE if item.page else _CELL
                key: _Key = ("translation", root, terms)
                yield _Item(key, offset, size, item.frac, item.location)
            case VirtPt():
                terms, offset = normal(item.addr)
                key = ("translation", root, terms)
                yield _Item(key, offset, _CELL, item.frac, item.location)
            case At():
                yield from _claims(item.items, item.root)
            case Walk(mapped=Window() as window):
                at = item.location
                terms, offset = normal(Bin(BinOp.ADD, _table(item), window.distance, at))
                key = ("translation", _root(window.space), terms)
                yield _Item(key, offset, _PAGE, FracLit(1, 1, at), at)
            case _:
                pass


def _table(walk: Walk) -> Expr:
    """The physical address of the table in which a walk begins."""
    return Bin(BinOp.AND, walk.table, Lit(_FRAME, walk.location), walk.location)


def _slot(walk: Walk) -> Expr:
    """The physical address of the entry that a walk reads first."""
    at = walk.location
    shift = Lit(12 + 9 * (walk.depth - 1), at)
    number = Bin(BinOp.AND, Bin(BinOp.SHR, walk.va, shift, at), Lit(511, at), at)
    return Bin(BinOp.ADD, _table(walk), Bin(BinOp.SHL, number, Lit(3, at), at), at)
