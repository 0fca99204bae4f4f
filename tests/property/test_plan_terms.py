# SPDX-License-Identifier: Apache-2.0
"""Normal forms keep values, and what is found by them is so."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rocqgen.emit.aliases import Rewriting
from rocqgen.emit.entail import solve
from rocqgen.emit.normal import (
    HALF,
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
    mk_cst,
    mk_op,
    mk_scaled,
    size_within,
    subst,
    swrap,
    uwrap,
    variables,
)
from rocqgen.emit.symbolic import Fact
from rocqgen.source.spec import Rel

calm = settings(deadline=None)

edges = st.sampled_from([0, 1, 7, 8, 63, 64, HALF - 1, HALF, WORD - 8, WORD - 1])
words = edges | st.integers(0, WORD - 1)
numbers = edges | st.integers(-2 * WORD, 2 * WORD)
values = st.fixed_dictionaries(dict.fromkeys(range(1, 5), words))
variable = st.integers(1, 4).map(EVar)
terms = st.recursive(
    variable | numbers.map(mk_cst),
    lambda inner: (
        st.builds(mk_add, inner, numbers) | st.builds(mk_op, st.sampled_from(Alu), inner, inner)
    ),
    max_leaves=12,
)


def size(term: Term) -> int:
    match term:
        case EAdd(inner, _):
            return 1 + size(inner)
        case EOp(_, a, b):
            return 1 + size(a) + size(b)
        case _:
            return 1


def in_normal_form(term: Term) -> bool:
    match term:
        case EVar():
            return True
        case ECst(z):
            return 0 <= z < WORD
        case EAdd(inner, z):
            inside = not isinstance(inner, (EAdd, ECst)) and in_normal_form(inner)
            return inside and z != 0 and -HALF <= z < HALF
        case EOp(_, a, b):
            return in_normal_form(a) and in_normal_form(b)


@given(numbers)
def test_wrapping(z: int) -> None:
    assert uwrap(z) == z % WORD
    assert swrap(z) % WORD == z % WORD
    assert -HALF <= swrap(z) < HALF


@calm
@given(terms, numbers, values)
def test_addition_keeps_the_value(e: Term, z: int, rho: dict[int, int]) -> None:
    assert evaluate(mk_add(e, z), rho) == (evaluate(e, rho) + z) % WORD


@calm
@given(st.sampled_from(Alu), terms, terms, values)
def test_operations_keep_the_value(op: Alu, a: Term, b: Term, rho: dict[int, int]) -> None:
    assert evaluate(mk_op(op, a, b), rho) == alu_value(op, evaluate(a, rho), evaluate(b, rho))


@calm
@given(terms, st.sampled_from([1, 2, 4, 8]), values)
def test_scaling_keeps_the_value(e: Term, scale: int, rho: dict[int, int]) -> None:
    assert evaluate(mk_scaled(e, scale), rho) == evaluate(e, rho) * scale % WORD


@calm
@given(terms)
def test_terms_are_in_normal_form(e: Term) -> None:
    assert in_normal_form(e)
    assert subst(e, {}) == e


@calm
@given(terms, st.dictionaries(st.integers(1, 4), terms), values)
def test_substitution_is_evaluation(e: Term, by: dict[int, Term], rho: dict[int, int]) -> None:
    inner = rho | {x: evaluate(term, rho) for x, term in by.items()}
    assert evaluate(subst(e, by), rho) == evaluate(e, inner)


@given(terms, st.integers(0, 30))
def test_sizes(e: Term, limit: int) -> None:
    assert size_within(limit, e) == (size(e) <= limit)


@calm
@given(terms, terms, values)
def test_equal_linear_forms_are_equal_words(a: Term, b: Term, rho: dict[int, int]) -> None:
    linear = Rewriting().linear
    for left, right in ((a, b), (EOp(Alu.ADD, a, b), EOp(Alu.ADD, b, a)), (mk_add(a, 0), a)):
        if linear(left) == linear(right):
            assert evaluate(left, rho) == evaluate(right, rho)
    assert linear(EOp(Alu.ADD, a, b)) == linear(EOp(Alu.ADD, b, a))


@calm
@given(terms, numbers)
def test_an_equation_makes_its_sides_equal(a: Term, z: int) -> None:
    linear = Rewriting([Fact(Rel.EQ, EVar(5), a)]).linear
    assert linear(mk_add(EVar(5), z)) == linear(mk_add(a, z))


@calm
@given(terms, values, words)
def test_what_is_solved_is_a_solution(pattern: Term, rho: dict[int, int], unknown: int) -> None:
    """The unknown is variable 1; the value is the pattern's at some value of it."""
    assume(1 in variables(pattern))
    known = {x: ECst(z) for x, z in rho.items() if x != 1}
    value = mk_cst(evaluate(pattern, rho | {1: unknown}))
    found: dict[int, Term] = {}
    solve(subst(pattern, known), value, found, {1})
    if 1 in found and variables(pattern) == {1} and _once(pattern):
        assert evaluate(subst(pattern, found), rho) == evaluate(value, rho)


def _once(term: Term) -> bool:
    """Whether variable 1 is there once, under operations that can be undone."""
    match term:
        case EVar() | ECst():
            return True
        case EAdd(inner, _):
            return _once(inner)
        case EOp(op, a, b):
            sides = [side for side in (a, b) if 1 in variables(side)]
            undone = op in {Alu.ADD, Alu.SUB, Alu.XOR}
            return undone and len(sides) == 1 and _once(sides[0])
