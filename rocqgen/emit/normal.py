# SPDX-License-Identifier: Apache-2.0
"""Symbolic expressions in the engine's normal form.

A mirror, function by function, of `theories/auto/expr.v`: what is built here is what the engine
builds, so that a state computed here is syntactically the state that it computes.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rocqgen.check.words import element

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

WORD_BITS = 64
WORD = 1 << 64
HALF = 1 << 63
_DRAWN = 1 << 32
"""The arrays from this number on have words that look drawn."""


class Alu(enum.Enum):
    """The operations of `alu`, by the names of their constructors."""

    ADD = "AluAdd"
    SUB = "AluSub"
    AND = "AluAnd"
    OR = "AluOr"
    XOR = "AluXor"
    SHL = "AluShl"
    SHR = "AluShr"
    SAR = "AluSar"
    ROL = "AluRol"
    ROR = "AluRor"
    MUL = "AluMul"


@dataclass(frozen=True, slots=True)
class EVar:
    """A variable, numbered from 1."""

    x: int


@dataclass(frozen=True, slots=True)
class ECst:
    """A constant in [0, 2**64)."""

    z: int


@dataclass(frozen=True, slots=True)
class EAdd:
    """An expression and an offset in [-2**63, 2**63) that is not 0."""

    e: Term
    z: int


@dataclass(frozen=True, slots=True)
class EOp:
    """An operation on two words."""

    op: Alu
    a: Term
    b: Term


@dataclass(frozen=True, slots=True)
class ESel:
    """The word of an array at an index; arrays are numbered from 1 apart from the words."""

    x: int
    i: Term


Term = EVar | ECst | EAdd | EOp | ESel


def uwrap(z: int) -> int:
    """`z` modulo 2**64 in [0, 2**64)."""
    return z % WORD


def swrap(z: int) -> int:
    """`z` modulo 2**64 in [-2**63, 2**63)."""
    return (z + HALF) % WORD - HALF


_FOLD: Mapping[Alu, Callable[[int, int], int]] = {
    Alu.ADD: lambda a, b: a + b,
    Alu.SUB: lambda a, b: a - b,
    Alu.AND: lambda a, b: a & b,
    Alu.OR: lambda a, b: a | b,
    Alu.XOR: lambda a, b: a ^ b,
    Alu.SHL: lambda a, b: a << b % 64,
    Alu.SHR: lambda a, b: a >> b % 64,
    Alu.SAR: lambda a, b: swrap(a) >> b % 64,
    Alu.ROL: lambda a, b: a << b % 64 | a >> (64 - b % 64),
    Alu.ROR: lambda a, b: a << (64 - b % 64) | a >> b % 64,
    Alu.MUL: lambda a, b: a * b,
}


def alu_value(op: Alu, a: int, b: int) -> int:
    """The result of `op` on two words in [0, 2**64)."""
    return _FOLD[op](a, b) % WORD


def mk_cst(z: int) -> Term:
    """The constant `z`."""
    return ECst(uwrap(z))


def mk_offset(e: Term, z: int) -> Term:
    """`e` plus an offset that is already in range."""
    return e if z == 0 else EAdd(e, z)


def mk_add(e: Term, z: int) -> Term:
    """`e` plus `z`."""
    match e:
        case ECst(c):
            return mk_cst(c + z)
        case EAdd(inner, y):
            return mk_offset(inner, swrap(y + z))
        case _:
            return mk_offset(e, swrap(z))


def mk_op(op: Alu, a: Term, b: Term) -> Term:
    """`op` on `a` and `b`."""
    match op, a, b:
        case _, ECst(x), ECst(y):
            return ECst(alu_value(op, x, y))
        case Alu.ADD, _, ECst(y):
            return mk_add(a, y)
        case Alu.ADD, ECst(x), _:
            return mk_add(b, x)
        case Alu.SUB, _, ECst(y):
            return mk_add(a, -y)
        case Alu.ADD, EAdd(e, x), EAdd(f, y):
            return mk_offset(EOp(Alu.ADD, e, f), swrap(x + y))
        case Alu.ADD, EAdd(e, x), _:
            return EAdd(EOp(Alu.ADD, e, b), x)
        case Alu.ADD, _, EAdd(f, y):
            return EAdd(EOp(Alu.ADD, a, f), y)
        case ((Alu.SUB | Alu.XOR), _, _) if a == b:
            return ECst(0)
        case _:
            return EOp(op, a, b)


def mk_and(a: Term, b: Term) -> Term:
    """The conjunction; a mask of a masked value is one mask."""
    match a, b:
        case EOp(Alu.AND, inner, ECst(x)), ECst(y):
            return EOp(Alu.AND, inner, ECst(x & y))
        case _:
            return a if a == b else mk_op(Alu.AND, a, b)


def mk_trunc(bits: int, e: Term) -> Term:
    """The low `bits` of `e`."""
    return e if bits == WORD_BITS else mk_and(e, ECst((1 << bits) - 1))


def mk_sext(bits: int, e: Term) -> Term:
    """The sign extension of a value of `bits` bits."""
    if bits == WORD_BITS:
        return e
    sign = ECst(1 << (bits - 1))
    return mk_op(Alu.SUB, mk_op(Alu.XOR, e, sign), sign)


def mk_written(bits: int, old: Term, value: Term) -> Term:
    """What a write of `bits` bits leaves in a register; one of 32 bits clears the upper half."""
    if bits >= WORD_BITS // 2:
        return mk_trunc(bits, value)
    return mk_op(Alu.OR, mk_and(old, ECst(WORD - (1 << bits))), mk_trunc(bits, value))


_COUNTED = {Alu.SHL, Alu.SHR, Alu.SAR}
_MOST = 31
"""Counts of narrow shifts are taken modulo 32."""


def mk_rotate(bits: int, a: Term, count: Term, *, left: bool) -> Term:
    """A value of `bits` bits, rotated by a count below `bits`."""
    other = mk_op(Alu.SUB, ECst(bits), count)
    up, down = (count, other) if left else (other, count)
    return mk_op(Alu.OR, mk_op(Alu.SHL, a, up), mk_op(Alu.SHR, a, down))


def mk_alu(bits: int, op: Alu, a: Term, b: Term) -> Term:
    """`op` on two values of `bits` bits."""
    if op is Alu.AND:
        return mk_trunc(bits, mk_and(a, b))
    if bits == WORD_BITS:
        return mk_op(op, a, b)
    if op in {Alu.ROL, Alu.ROR}:
        count = mk_and(b, ECst(bits - 1))
        return mk_trunc(bits, mk_rotate(bits, a, count, left=op is Alu.ROL))
    if op in _COUNTED:
        a = mk_sext(bits, a) if op is Alu.SAR else a
        b = mk_and(b, ECst(_MOST))
    return mk_trunc(bits, mk_op(op, a, b))


def mk_extract(bits: int, k: int, e: Term) -> Term:
    """`bits` bits of a word, from its byte `k` on."""
    return mk_trunc(bits, e if k == 0 else mk_op(Alu.SHR, e, ECst(8 * k)))


def mk_insert(bits: int, k: int, old: Term, value: Term) -> Term:
    """A word with `bits` bits replaced, from its byte `k` on."""
    if value == mk_extract(bits, k, old):
        return old
    part = mk_trunc(bits, value)
    hole = WORD - 1 & ~(((1 << bits) - 1) << 8 * k)
    shifted = part if k == 0 else mk_op(Alu.SHL, part, ECst(8 * k))
    return mk_op(Alu.OR, mk_and(old, ECst(hole)), shifted)


def mk_bit(bits: int, number: Term) -> Term:
    """A single bit, its number taken modulo the width."""
    return mk_op(Alu.SHL, ECst(1), mk_and(number, ECst(bits - 1)))


_SHIFTS = {2: 1, 4: 2, 8: 3}


def mk_scaled(e: Term, scale: int) -> Term:
    """`e` times 1, 2, 4 or 8."""
    return e if scale == 1 else mk_op(Alu.SHL, e, ECst(_SHIFTS[scale]))


def size_within(limit: int, e: Term) -> bool:
    """Whether `e` has at most `limit` nodes; takes no longer than that."""
    stack = [e]
    while stack:
        limit -= 1
        if limit < 0:
            return False
        match stack.pop():
            case EAdd(inner, _) | ESel(_, inner):
                stack.append(inner)
            case EOp(_, a, b):
                stack += (a, b)
            case _:
                pass
    return True


def subst(e: Term, values: Mapping[int, Term]) -> Term:
    """`e` with variables replaced, in normal form again."""
    match e:
        case EVar(x):
            return values.get(x, e)
        case ECst():
            return e
        case EAdd(inner, z):
            return mk_add(subst(inner, values), z)
        case EOp(op, a, b):
            return mk_op(op, subst(a, values), subst(b, values))
        case ESel(x, i):
            return ESel(x, subst(i, values))


def variables(e: Term) -> set[int]:
    """The variables of `e`."""
    found: set[int] = set()
    stack = [e]
    while stack:
        match stack.pop():
            case EVar(x):
                found.add(x)
            case EAdd(inner, _) | ESel(_, inner):
                stack.append(inner)
            case EOp(_, a, b):
                stack += (a, b)
            case _:
                pass
    return found


def arrays(e: Term) -> set[int]:
    """The arrays of `e`."""
    match e:
        case EAdd(inner, _):
            return arrays(inner)
        case EOp(_, a, b):
            return arrays(a) | arrays(b)
        case ESel(x, i):
            return {x} | arrays(i)
        case _:
            return set()


def evaluate(e: Term, values: Mapping[int, int]) -> int:
    """The value of `e`, a word in [0, 2**64), where the words of arrays look drawn."""
    match e:
        case EVar(x):
            return values[x]
        case ECst(z):
            return z % WORD
        case EAdd(inner, z):
            return (evaluate(inner, values) + z) % WORD
        case EOp(op, a, b):
            return alu_value(op, evaluate(a, values), evaluate(b, values))
        case ESel(x, i):
            return element(_DRAWN + x, evaluate(i, values))
