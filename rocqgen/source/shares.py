# SPDX-License-Identifier: Apache-2.0
"""Refuses assertions that hold in no state because they own more than there is.

A precondition of that kind would make any theorem true; a postcondition, none.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from rocqgen.source.annotations import refused
from rocqgen.source.location import Location
from rocqgen.source.spec import (
    Assertion,
    At,
    Claim,
    Code,
    Expr,
    Frac,
    FracVar,
    PhysPt,
    Var,
    VirtPt,
)
from rocqgen.source.terms import WORD, normal

_CELL = 8  # bytes behind one points-to

_Key = tuple[str, str | None, object]
_Item = tuple[_Key, int, Frac, Location]


def check_shares(items: tuple[Assertion, ...], space: Expr) -> None:
    """Check that no byte, mapping or code is owned more than once in whole.

    Only what the text itself tells is refused: addresses that differ by a constant, fractions that
    are literals, or any fraction beside a whole.
    """
    owned = list(_owned(items, space))
    for key, start, _, _ in owned:
        covering = [item for item in owned if item[0] == key and (start - item[1]) % WORD < _CELL]
        shares = [item[2] for item in covering]
        literal = sum(
            (Fraction(s.numerator, s.denominator) for s in shares if not isinstance(s, FracVar)),
            start=Fraction(0),
        )
        named = any(isinstance(share, FracVar) for share in shares)
        if literal > 1 or (literal == 1 and named):
            places = sorted(item[3] for item in covering)
            raise refused(
                "no state satisfies this assertion: together with line "
                f"{places[0].line}, column {places[0].column}, it owns more than the whole "
                f"{_WHAT[key[0]]}",
                places[-1],
                "fractions of one thing that add up to at most 1, and addresses 8 bytes apart",
            )


_WHAT = {"translation": "mapping of an address", "physical": "memory cell", "code": "code"}


def _owned(items: tuple[Assertion, ...], space: Expr) -> Iterator[_Item]:
    """What the items own: a key for things that can be the same, a position, the share."""
    root = space.ident if isinstance(space, Var) else None
    for item in items:
        match item:
            case VirtPt():
                terms, offset = normal(item.addr)
                yield ("translation", root, terms), offset, item.frac, item.location
            case Claim():
                terms, offset = normal(item.va)
                yield ("translation", root, terms), offset, item.frac, item.location
            case PhysPt():
                terms, offset = normal(item.addr)
                yield ("physical", None, terms), offset, item.frac, item.location
            case Code():
                yield ("code", root, ()), 0, item.frac, item.location
            case At():
                yield from _owned(item.items, item.root)
            case _:
                pass
