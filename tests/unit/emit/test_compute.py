# SPDX-License-Identifier: Apache-2.0
"""Results and flags of the executor against those of the interpreter, at every width."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocqgen.cpu.arithmetic import SHIFTS, add, bit_test, count_of, sub
from rocqgen.cpu.state import Flags as Known
from rocqgen.emit.flags import FlagsAny, FlagsBit, FlagsCarry, alu_flags, cond_arms, step_flags
from rocqgen.emit.normal import (
    Alu,
    ECst,
    EVar,
    evaluate,
    mk_alu,
    mk_and,
    mk_bit,
    mk_extract,
    mk_insert,
)
from rocqgen.emit.symbolic import Fact
from rocqgen.source.machine import Cond, Op, Width
from rocqgen.source.spec import Rel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rocqgen.emit.flags import Flags

WIDTHS = [width.value for width in Width]
WORDS = st.one_of(
    st.integers(0, 2**64 - 1), st.sampled_from([0, 1, 0x7F, 0x80, 0xFF, 2**31, 2**63, 2**64 - 1])
)
X, Y = EVar(1), EVar(2)
NAMES = {Op.SHL: Alu.SHL, Op.SHR: Alu.SHR, Op.SAR: Alu.SAR, Op.ROL: Alu.ROL, Op.ROR: Alu.ROR}
FLAG_OF = {Cond.B: "cf", Cond.E: "zf", Cond.S: "sf"}


def holds(fact: Fact, values: Mapping[int, int]) -> bool:
    a, b = evaluate(fact.a, values), evaluate(fact.b, values)
    return {Rel.EQ: a == b, Rel.NE: a != b, Rel.LT: a < b, Rel.LE: a <= b}[fact.rel]


def told(flags: Flags, values: Mapping[int, int]) -> dict[str, bool]:
    """What the executor says of carry, zero and sign; exactly one arm of each condition holds."""
    found = {}
    for cond, name in FLAG_OF.items():
        arms = cond_arms(cond, flags)
        if arms is not None:
            yes, no = (holds(fact, values) for fact in arms)
            assert yes is not no
            found[name] = yes
    return found


def agree(flags: Flags, values: Mapping[int, int], known: Known, names: set[str]) -> None:
    found = told(flags, values)
    assert found == {name: getattr(known, name) for name in found}
    assert names <= found.keys()


@pytest.mark.parametrize("op", NAMES)
@given(st.sampled_from(WIDTHS), WORDS, WORDS)
def test_shifts_and_rotates(op: Op, bits: int, x: int, y: int) -> None:
    x, y = x % (1 << bits), y % (1 << bits)
    count = count_of(y, bits)
    before = Known(cf=bool(x & 1), zf=False)
    value, after = SHIFTS[op](x, count, bits, before)
    values = {1: x, 2: y}
    assert evaluate(mk_alu(bits, NAMES[op], X, Y), values) == value
    result = mk_alu(bits, NAMES[op], X, ECst(y))
    assert evaluate(result, values) == value
    old = FlagsBit(mk_and(X, ECst(1)))
    if count == 0 or op in {Op.ROL, Op.ROR}:
        names = {"cf"}
    else:
        names = {"zf", "sf"} | ({"cf"} if count < bits else set())
    agree(alu_flags(NAMES[op], bits, (X, ECst(y)), result, old), values, after, names)
    assert alu_flags(NAMES[op], bits, (X, Y), result, old) == FlagsAny()


@given(st.sampled_from(WIDTHS), WORDS, WORDS)
def test_sums_and_differences(bits: int, x: int, y: int) -> None:
    x, y = x % (1 << bits), y % (1 << bits)
    values = {1: x, 2: y}
    for op, machine in ((Alu.ADD, add), (Alu.SUB, sub)):
        value, after = machine(x, y, 0, bits)
        result = mk_alu(bits, op, X, Y)
        assert evaluate(result, values) == value
        flags = alu_flags(op, bits, (X, Y), result, FlagsAny())
        agree(flags, values, after, {"cf", "zf", "sf"})
        # `inc` keeps the carry.
        kept = step_flags(bits, flags, mk_alu(bits, Alu.ADD, X, ECst(1)))
        more, zero = add(x, 1, 0, bits)
        assert isinstance(kept, FlagsCarry)
        agree(kept, values, zero._replace(cf=after.cf), {"cf", "zf", "sf"})
        assert evaluate(kept.value, values) == more


@given(st.sampled_from([16, 32, 64]), WORDS, WORDS)
def test_bits(bits: int, x: int, y: int) -> None:
    x, y = x % (1 << bits), y % (1 << bits)
    values = {1: x, 2: y}
    _, after = bit_test(Op.BT, x, y, bits, Known())
    for number in (Y, ECst(y)):
        bit = mk_bit(bits, number)
        assert evaluate(bit, values) == 1 << y % bits
        agree(FlagsBit(mk_and(X, bit)), values, after, {"cf"})


@given(st.sampled_from([8, 16, 32]), st.data(), WORDS, WORDS)
def test_parts_of_words(bits: int, data: st.DataObject, old: int, new: int) -> None:
    k = data.draw(st.integers(0, 8 - bits // 8))
    values = {1: old, 2: new}
    part = (old >> 8 * k) % (1 << bits)
    assert evaluate(mk_extract(bits, k, X), values) == part
    written = old + ((new % (1 << bits)) - part << 8 * k)
    assert evaluate(mk_insert(bits, k, X, Y), values) == written
    # What was there is no change.
    assert mk_insert(bits, k, X, mk_extract(bits, k, X)) == X
