# SPDX-License-Identifier: Apache-2.0
"""What a run knows of the flags, and what branches assume: a mirror of `auto/conditions.v`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rocqgen.emit.normal import WORD_BITS, Alu, ECst, Term, mk_alu, mk_and, mk_op
from rocqgen.emit.symbolic import Fact
from rocqgen.source.machine import Cond
from rocqgen.source.spec import Rel

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class FlagsAny:
    """Nothing is known."""


@dataclass(frozen=True, slots=True)
class FlagsResult:
    """ZF and SF are those of the value; where `logic`, CF and OF are 0."""

    bits: int
    value: Term
    logic: bool = False


@dataclass(frozen=True, slots=True)
class FlagsSub:
    """The flags of the difference."""

    bits: int
    a: Term
    b: Term


@dataclass(frozen=True, slots=True)
class FlagsBit:
    """CF is whether the value is not 0."""

    value: Term


Arms = tuple[Fact, Fact]
"""The facts under which a condition holds, and under which it does not."""


@dataclass(frozen=True, slots=True)
class FlagsCarry:
    """ZF and SF are those of the value; the arms are those of CF."""

    bits: int
    value: Term
    arms: Arms


Flags = FlagsAny | FlagsResult | FlagsSub | FlagsBit | FlagsCarry

_NEGATED = {
    Cond.NO: Cond.O,
    Cond.AE: Cond.B,
    Cond.NE: Cond.E,
    Cond.A: Cond.BE,
    Cond.NS: Cond.S,
    Cond.NP: Cond.P,
    Cond.GE: Cond.L,
    Cond.G: Cond.LE,
}


def alu_flags(op: Alu, bits: int, operands: tuple[Term, Term], value: Term, old: Flags) -> Flags:
    """The flags after an operation with the result `value`, where they were `old`."""
    a, b = operands
    match op:
        case Alu.SUB:
            return FlagsSub(bits, a, b)
        case Alu.ADD:
            return FlagsCarry(bits, value, (Fact(Rel.LT, value, a), Fact(Rel.LE, a, value)))
        case Alu.AND | Alu.OR | Alu.XOR:
            return FlagsResult(bits, value, logic=True)
        case Alu.MUL:
            return FlagsAny()
        case _ if isinstance(b, ECst):
            count = b.z % (WORD_BITS if bits == WORD_BITS else WORD_BITS // 2)
            return old if count == 0 else _shift_flags(op, bits, a, value, count)
        case _:
            return FlagsAny()


def _shift_flags(op: Alu, bits: int, a: Term, value: Term, count: int) -> Flags:
    """The flags after a shift or a rotate by `count` bits, at least one."""
    if op is Alu.ROL:
        return FlagsBit(mk_and(value, ECst(1)))
    if op is Alu.ROR:
        return FlagsBit(mk_and(value, _top(bits)))
    if count >= bits:
        return FlagsResult(bits, value)
    bit = mk_and(a, ECst(1 << (bits - count if op is Alu.SHL else count - 1)))
    return FlagsCarry(bits, value, _is_set(bit))


def step_flags(bits: int, old: Flags, value: Term) -> Flags:
    """The flags after an operation that leaves CF as it was."""
    arms = _arms(Cond.B, old)
    return FlagsResult(bits, value) if arms is None else FlagsCarry(bits, value, arms)


def _is_set(bit: Term) -> Arms:
    return Fact(Rel.NE, bit, ECst(0)), Fact(Rel.EQ, bit, ECst(0))


def cond_arms(cond: Cond, flags: Flags) -> Arms | None:
    """The arms of a condition; `None` where nothing can be said."""
    if cond in _NEGATED:
        arms = _arms(_NEGATED[cond], flags)
        return None if arms is None else (arms[1], arms[0])
    return _arms(cond, flags)


def _arms(cond: Cond, flags: Flags) -> Arms | None:
    match flags:
        case FlagsResult(bits, value, logic):
            return _of_result(cond, bits, value, logic=logic)
        case FlagsSub(bits, a, b):
            return _of_difference(cond, bits, a, b)
        case FlagsBit(value) if cond is Cond.B:
            return _is_set(value)
        case FlagsCarry(bits, value, arms):
            return arms if cond is Cond.B else _of_result(cond, bits, value, logic=False)
        case _:
            return None


def _of_result(cond: Cond, bits: int, value: Term, *, logic: bool) -> Arms | None:
    zero, top = ECst(0), _top(bits)
    if cond is Cond.E or (logic and cond is Cond.BE):
        return Fact(Rel.EQ, value, zero), Fact(Rel.NE, value, zero)
    if cond is Cond.S or (logic and cond is Cond.L):
        return Fact(Rel.LE, top, value), Fact(Rel.LT, value, top)
    if logic and cond is Cond.LE:
        biased = _biased(bits, value)
        return Fact(Rel.LE, biased, top), Fact(Rel.LT, top, biased)
    return None


def _of_difference(cond: Cond, bits: int, a: Term, b: Term) -> Arms | None:
    if cond is Cond.E:
        return Fact(Rel.EQ, a, b), Fact(Rel.NE, a, b)
    if cond is Cond.S:
        return _of_result(cond, bits, mk_alu(bits, Alu.SUB, a, b), logic=False)
    if cond in {Cond.L, Cond.LE}:
        a, b = _biased(bits, a), _biased(bits, b)
    if cond in {Cond.B, Cond.L}:
        return Fact(Rel.LT, a, b), Fact(Rel.LE, b, a)
    if cond in {Cond.BE, Cond.LE}:
        return Fact(Rel.LE, a, b), Fact(Rel.LT, b, a)
    return None


def _top(bits: int) -> Term:
    return ECst(1 << (bits - 1))


def _biased(bits: int, value: Term) -> Term:
    return mk_op(Alu.XOR, value, _top(bits))


# -- what can be seen to be false ------------------------------------------------------------------

_OPPOSITE = {Rel.EQ: Rel.NE, Rel.NE: Rel.EQ, Rel.LT: Rel.LE, Rel.LE: Rel.LT}


def refuted(known: Sequence[Fact], fact: Fact) -> bool:
    """Whether `fact` is seen to be false where `known` hold."""
    return _impossible(fact) or any(_contradicts(fact, one) for one in known)


def _contradicts(fact: Fact, known: Fact) -> bool:
    if known.rel is not _OPPOSITE[fact.rel]:
        return False
    crossed = (fact.a, fact.b) == (known.b, known.a)
    return crossed or (fact.rel in {Rel.EQ, Rel.NE} and (fact.a, fact.b) == (known.a, known.b))


def _impossible(fact: Fact) -> bool:
    match fact.rel, fact.a, fact.b:
        case Rel.EQ, ECst(x), ECst(y):
            return x != y
        case Rel.LE, ECst(x), ECst(y):
            return y < x
        case Rel.LT, ECst(x), ECst(y):
            return y <= x
        case ((Rel.NE | Rel.LT), a, b):
            return a == b
        case _:
            return False
