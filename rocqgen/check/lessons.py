# SPDX-License-Identifier: Apache-2.0
"""What a candidate that is no state teaches: the condition that it broke, for z3.

Each follows from the precondition.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

import z3

from rocqgen.check.resident import Conflict
from rocqgen.check.terms import Terms, plain
from rocqgen.check.words import ENTRY, WORD_SIZE, share
from rocqgen.source.spec import Code, Frac, FracLit, FracVar


class Lesson(NamedTuple):
    """A condition, and the parts that it is about."""

    items: tuple[Any, ...]
    condition: Any


def lessons(terms: Terms, conflict: Conflict) -> list[Lesson]:
    """What a conflict teaches."""
    there = conflict.bytes
    if conflict.reason == "data in place of code":
        data = [item for item, _ in there if not isinstance(item, Code)]
        return [Lesson((item,), _off_code(terms, item)) for item in data]
    if conflict.reason == "two values in one byte":
        one, two = there[0], there[-1]
        return [Lesson((one[0], two[0]), _agree(terms, one, two))]
    if _fit([plain(item).frac for item, _ in there]):
        return []
    return [Lesson(tuple(item for item, _ in there), _disjoint(terms, there))]


def _disjoint(terms: Terms, there: tuple[tuple[Any, int], ...]) -> Any:
    """The items may share a byte only where their shares fit."""
    items = [item for item, _ in there]
    together = [z3.And(*(terms.byte(items[0], 0) == terms.byte(one, 0) for one in items[1:]))]
    (first, k), *others = there
    together.append(z3.And(*(terms.byte(first, k) == terms.byte(one, n) for one, n in others)))
    if len(items) == 2:
        one, two = items
        for number in range(1, WORD_SIZE):
            together.append(terms.byte(one, 0) == terms.byte(two, number))
            together.append(terms.byte(two, 0) == terms.byte(one, number))
    return z3.Not(z3.Or(*together))


def _agree(terms: Terms, one: tuple[Any, int], two: tuple[Any, int]) -> Any:
    """Bytes at one place have one value."""
    shift = two[1] - one[1]
    conditions = []
    for k in range(WORD_SIZE):
        if 0 <= k + shift < WORD_SIZE:
            same = terms.byte(one[0], k) == terms.byte(two[0], k + shift)
            values = terms.byte_of(one[0], k) == terms.byte_of(two[0], k + shift)
            conditions.append(z3.Implies(same, values))
    return z3.And(*conditions)


def _off_code(terms: Terms, item: Any) -> Any:
    """An item's bytes are not code."""
    entry, size = terms.words[ENTRY], terms.subject.size
    conditions = []
    first = z3.Extract(63, 12, entry)
    last = z3.Extract(63, 12, entry + (size - 1))
    for root, _ in terms.subject.pre.code:
        for number in range(1 + (size + 4094) // 4096):
            page = first + number
            frame = terms.frame(root, page)
            low = z3.If(page == first, z3.Extract(11, 0, entry), z3.BitVecVal(0, 12))
            high = z3.If(
                page == last, z3.Extract(11, 0, entry + (size - 1)), z3.BitVecVal(4095, 12)
            )
            for k in range(WORD_SIZE):
                place = terms.byte(item, k)
                offset = z3.Extract(11, 0, place)
                conditions.append(
                    z3.Or(
                        z3.Extract(51, 12, place) != frame,
                        z3.UGT(page - first, last - first),
                        z3.ULT(offset, low),
                        z3.UGT(offset, high),
                    )
                )
    return z3.And(*conditions)


def _fit(shares: list[Frac]) -> bool:
    """Whether shares can be of one thing, if those with names are small enough."""
    literal = sum((share(one, {}) for one in shares if isinstance(one, FracLit)), start=Fraction(0))
    named = any(isinstance(one, FracVar) for one in shares)
    return literal < 1 if named else literal <= 1
