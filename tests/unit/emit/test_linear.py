# SPDX-License-Identifier: Apache-2.0
"""Words compared as sums and fields: what is said to be equal is equal."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rocqgen.emit.fields import FIELD, Key, Linear
from rocqgen.emit.linear import Rewriting
from rocqgen.emit.normal import (
    WORD,
    Alu,
    EAdd,
    ECst,
    EOp,
    EVar,
    Term,
    alu_value,
    evaluate,
    mk_add,
    mk_and,
    mk_op,
)
from rocqgen.emit.symbolic import Fact
from rocqgen.source.spec import Rel

E, P, VA = EVar(1), EVar(2), EVar(3)
FRAME = ECst(0x000FFFFFFFFFF000)


def masked(term: Term, mask: int) -> Term:
    return mk_and(term, ECst(mask))


def shifted(op: Alu, term: Term, count: int) -> Term:
    return mk_op(op, term, ECst(count))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (
            masked(shifted(Alu.SHR, VA, 9), 0xFF8),
            shifted(Alu.SHL, masked(shifted(Alu.SHR, VA, 12), 511), 3),
        ),
        (masked(masked(E, WORD - 3), FRAME.z), masked(E, FRAME.z)),
        (masked(EOp(Alu.OR, E, ECst(3)), FRAME.z), masked(E, FRAME.z)),
        (shifted(Alu.SHL, shifted(Alu.SHR, VA, 12), 12), masked(VA, WORD - 4096)),
        (EOp(Alu.ADD, masked(VA, 4095), masked(VA, WORD - 4096)), VA),
        (EOp(Alu.OR, masked(VA, 255), masked(VA, WORD - 256)), VA),
    ],
)
def test_the_same_word_written_in_two_ways(a: Term, b: Term) -> None:
    assert Rewriting().equal(a, b)


@pytest.mark.parametrize(
    ("fact", "a", "b"),
    [
        ((masked(P, 4095), ECst(0)), masked(EOp(Alu.OR, P, ECst(3)), WORD - 4096), P),
        ((P, masked(E, FRAME.z)), masked(E, FRAME.z), P),
        ((P, masked(E, FRAME.z)), masked(P, 4095), ECst(0)),
        ((masked(P, FRAME.z), P), masked(P, 7), ECst(0)),
        ((masked(E, 0x87), ECst(3)), masked(E, 1), ECst(1)),
        ((masked(E, 0x87), ECst(3)), masked(E, 0x84), ECst(0)),
        ((E, mk_add(P, 8)), mk_add(E, -8), P),
    ],
)
def test_equations_count(fact: tuple[Term, Term], a: Term, b: Term) -> None:
    assert not Rewriting().equal(a, b)
    assert Rewriting([Fact(Rel.EQ, *fact)]).equal(a, b)


def test_bounds_tell_upper_bits() -> None:
    low, high = Fact(Rel.LT, VA, ECst(1 << 47)), Fact(Rel.LE, ECst(WORD - (1 << 39)), VA)
    slot = masked(shifted(Alu.SHR, VA, 36), 0xFF8)
    assert Rewriting([high]).number(slot) == 0xFF8
    assert Rewriting([low]).bits(VA, WORD - (1 << 47)) == 0
    assert Rewriting([Fact(Rel.LE, VA, ECst(6))]).bits(VA, WORD - 8) == 0
    assert Rewriting([Fact(Rel.LT, VA, ECst(9))]).bits(VA, WORD - 8) is None
    direct = Fact(Rel.LE, ECst(0xFFFF800000000000), VA), Fact(Rel.LT, VA, ECst(0xFFFF808000000000))
    for both in (direct, direct[::-1]):
        assert Rewriting(both).number(slot) == 0x800
        assert Rewriting(both[:1]).number(slot) is None
    apart = Rewriting([Fact(Rel.LT, VA, ECst(4)), Fact(Rel.LT, ECst(8), VA)])
    assert apart.bits(VA, WORD - 4) == 0
    index = Rewriting([Fact(Rel.LT, VA, ECst(512))])
    assert index.quotient(index.linear(shifted(Alu.SHL, VA, 3)), 3) == VA


def test_what_a_name_stands_for_and_its_bits() -> None:
    bits = Fact(Rel.EQ, masked(P, 4095), ECst(0))
    for facts in (
        [bits, Fact(Rel.EQ, P, masked(E, FRAME.z))],
        [bits, Fact(Rel.EQ, masked(E, FRAME.z), P)],
    ):
        assert Rewriting(facts).equal(P, masked(E, FRAME.z))
    shifted_down = mk_op(Alu.SHR, P, ECst(12)), masked(mk_op(Alu.SHR, E, ECst(12)), 0xFF)
    assert Rewriting([bits, Fact(Rel.EQ, *shifted_down)]).equal(P, masked(E, 0xFF000))


def test_bits_are_seen_through_a_constant_that_lies_across() -> None:
    frame = Fact(Rel.EQ, EOp(Alu.AND, EVar(1), ECst(0xFFF0000000000FFF)), ECst(0))
    rewriting = Rewriting([frame])
    masked = EOp(Alu.AND, EOp(Alu.OR, EVar(1), ECst(3)), ECst(0xFFFFFFFFFF000))
    index = EOp(Alu.AND, EVar(2), ECst(0xFF8))
    base = -(1 << 47)
    assert rewriting.equal(EAdd(masked, base), EAdd(EVar(1), base))
    inside = EAdd(EOp(Alu.ADD, masked, index), base)
    assert rewriting.offset(inside, EAdd(EVar(1), base)) == 0xFF8


def test_words_that_differ_are_apart() -> None:
    rewriting = Rewriting([Fact(Rel.EQ, masked(P, 4095), ECst(0))])
    assert not rewriting.equal(masked(E, 0xFF0), masked(E, 0xFF8))
    assert rewriting.apart(mk_add(P, 8), P)
    assert rewriting.offset(mk_op(Alu.ADD, P, masked(VA, 0xFF8)), P) == 0xFF8
    assert rewriting.offset(VA, P) is None


VALUES = {
    1: 0x8000000000021063,
    2: 0x21000,
    3: 0x7F1234567ABC,
    4: WORD - 8,
}
TRUE = [
    (masked(EVar(1), 0x87), ECst(VALUES[1] & 0x87)),
    (masked(EVar(2), 4095), ECst(0)),
    (EVar(2), masked(EVar(1), FRAME.z)),
    (masked(EVar(2), FRAME.z), EVar(2)),
    (mk_add(EVar(4), 8), ECst(0)),
    (mk_op(Alu.SUB, EVar(3), EVar(2)), ECst(VALUES[3] - VALUES[2])),
]
"""Equations that hold of these values."""

constants = st.sampled_from([0, 1, 3, 7, 8, 12, 0xFF8, 4095, FRAME.z, WORD - 4096, WORD - 1]).map(
    ECst
)
terms: st.SearchStrategy[Term] = st.recursive(
    st.sampled_from([EVar(1), EVar(2), EVar(3), EVar(4)]) | constants,
    lambda inner: (
        st.builds(
            mk_op, st.sampled_from([Alu.ADD, Alu.SUB, Alu.AND, Alu.OR, Alu.XOR]), inner, inner
        )
        | st.builds(mk_and, inner, constants)
        | st.builds(
            lambda op, one, count: mk_op(op, one, ECst(count)),
            st.sampled_from([Alu.SHL, Alu.SHR]),
            inner,
            st.sampled_from([0, 3, 9, 12, 52, 63]),
        )
    ),
    max_leaves=8,
)


def value(key: Key) -> int:
    """The value of an atom."""
    match key:
        case ():
            return 1
        case ("var", int(x)):
            return VALUES[x]
        case (str(kind), tuple(source), int(low), int(width)) if kind == FIELD:
            return inner(source) >> low & ((1 << width) - 1)
        case (str(op), tuple(left), tuple(right)):
            return alu_value(Alu(op), inner(left), inner(right))
        case _:
            return total(dict(key))  # type: ignore[misc]


def inner(key: Key) -> int:
    """The value of a word that an atom is made of."""
    return value(key) if key else 0


def total(form: Linear) -> int:
    return sum(value(key) * count for key, count in form.items()) % WORD


BOUNDS = [
    Fact(Rel.LT, EVar(3), ECst(1 << 47)),
    Fact(Rel.LE, EVar(2), ECst(0x21000)),
    Fact(Rel.LT, ECst(WORD - 4096), EVar(4)),
    Fact(Rel.LE, ECst(1 << 63), EVar(1)),
]


LOW = mk_and(EVar(3), ECst(7))


@example(mk_op(Alu.OR, LOW, mk_op(Alu.SHL, LOW, ECst(3))), [])
@given(terms, st.lists(st.sampled_from(BOUNDS), unique_by=repr))
def test_a_form_under_bounds_has_the_value_of_its_term(term: Term, facts: list[Fact]) -> None:
    assert total(Rewriting(facts).linear(term)) == evaluate(term, VALUES)


@given(terms, st.lists(st.sampled_from(TRUE), unique_by=repr))
def test_a_form_has_the_value_of_its_term(term: Term, facts: list[tuple[Term, Term]]) -> None:
    assert all(evaluate(a, VALUES) == evaluate(b, VALUES) for a, b in facts)
    rewriting = Rewriting([Fact(Rel.EQ, a, b) for a, b in facts])
    assert total(rewriting.linear(term)) == evaluate(term, VALUES)
