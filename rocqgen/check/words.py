# SPDX-License-Identifier: Apache-2.0
"""Values of expressions and of shares, where every name has one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Final

from rocqgen.source.spec import Bin, BinOp, Expr, Frac, FracVar, Label, Lit, Pure, Rel, Select, Var

MASK: Final = (1 << 64) - 1
PAGE: Final = 1 << 12
WORD_SIZE: Final = 8

FEW: Final = 100
"""Arrays whose words are simple."""

SPREAD: Final = 0x9E37_79B9_7F4A_7C15
"""What indices are multiplied by in the other arrays."""

ROUNDS: Final = ((30, 0xBF58_476D_1CE4_E5B9), (27, 0x94D0_49BB_1331_11EB))
"""Shifts and factors by which their words are mixed."""

LAST: Final = 31
"""The shift at the end."""

ENTRY: Final = ""
"""The key of the entry's address among the words: no name of an annotation is empty."""


def value(expr: Expr, words: Mapping[str, int]) -> int:
    """The word that `expr` stands for; KeyError where a name has no value.

    `words` has the parameters, and the address of the fragment's entry at `ENTRY`.  Of an array
    it has a word that stands for all of it, see `element`.
    """
    if isinstance(expr, Var):
        return words[expr.ident]
    if isinstance(expr, Lit):
        return expr.value
    if isinstance(expr, Label):
        return (words[ENTRY] + expr.offset) & MASK
    if isinstance(expr, Select):
        return element(words[expr.array], value(expr.index, words))
    return apply(expr.op, value(expr.left, words), value(expr.right, words))


def element(array: int, index: int) -> int:
    """A word of the array that is number `array` of many: words of arrays look drawn.

    Those of the first hundred arrays are small and follow each other.
    """
    if array < FEW:
        return (array + index) & MASK
    mixed = (array ^ (index * SPREAD)) & MASK
    for shift, factor in ROUNDS:
        mixed = ((mixed ^ mixed >> shift) * factor) & MASK
    return mixed ^ mixed >> LAST


def apply(op: BinOp, left: int, right: int) -> int:
    """One operation, modulo 2**64; the count of a shift modulo 64."""
    match op:
        case BinOp.ADD:
            return (left + right) & MASK
        case BinOp.SUB:
            return (left - right) & MASK
        case BinOp.AND:
            return left & right
        case BinOp.OR:
            return left | right
        case BinOp.XOR:
            return left ^ right
        case BinOp.SHL:
            return (left << (right & 63)) & MASK
        case BinOp.SHR:
            return left >> (right & 63)


def holds(fact: Pure, words: Mapping[str, int]) -> bool:
    """Whether a fact is true; the order is unsigned."""
    left, right = value(fact.left, words), value(fact.right, words)
    match fact.rel:
        case Rel.EQ:
            return left == right
        case Rel.NE:
            return left != right
        case Rel.LT:
            return left < right
        case Rel.LE:
            return left <= right


def names(expr: Expr) -> Iterator[str]:
    """The names in an expression, `ENTRY` for a label; a name as often as it occurs."""
    match expr:
        case Var():
            yield expr.ident
        case Label():
            yield ENTRY
        case Bin():
            yield from names(expr.left)
            yield from names(expr.right)
        case Select():
            yield expr.array
            yield from names(expr.index)
        case Lit():
            pass


def share(frac: Frac, fractions: Mapping[str, Fraction]) -> Fraction:
    """The value of a share."""
    if isinstance(frac, FracVar):
        return fractions[frac.ident]
    return Fraction(frac.numerator, frac.denominator)


def page_of(va: int) -> int:
    """The number of the 4 KiB page of an address."""
    return va >> 12


def pages_of(va: int, size: int) -> tuple[int, ...]:
    """The pages that `size` bytes from `va` on (modulo 2**64, at most a page) lie in."""
    first, last = va >> 12, ((va + size - 1) & MASK) >> 12
    return (first,) if first == last else (first, last)
