# SPDX-License-Identifier: Apache-2.0
"""Conditions: what is printed is read back, and all their forms say the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rocqgen.models.bits import Bits, SpecError
from rocqgen.models.cases import matches, to_cases
from rocqgen.models.conditions import (
    And,
    Constant,
    Field,
    Named,
    Not,
    Or,
    Term,
    holds,
    map_term,
    names_of,
    parse_condition,
)
from rocqgen.models.resolve import _truth_table
from rocqgen.models.scopes import bind
from rocqgen.models.vocabulary import ALL_RIGHTS, RIGHTS

NAMES = {"P": Bits(0, 0), "AP": Bits(7, 6), "user-x": Bits(3, 1)}
CONTROLS = ("wp", "nxe")


@st.composite
def fields(draw: st.DrawFn) -> Term:
    low = draw(st.integers(0, 11))
    bits = Bits(draw(st.integers(low, min(11, low + 3))), low)
    return Field(bits, draw(st.none() | st.integers(0, (1 << bits.width) - 1)))


def terms(leaves: st.SearchStrategy[Term]) -> st.SearchStrategy[Term]:
    several = st.lists
    return st.recursive(
        leaves,
        lambda inner: (
            st.builds(Not, inner)
            | st.builds(And, several(inner, min_size=2, max_size=3).map(tuple))
            | st.builds(Or, several(inner, min_size=2, max_size=3).map(tuple))
        ),
        max_leaves=8,
    )


ON_ENTRIES = terms(
    st.builds(Constant, st.booleans())
    | fields()
    | st.builds(Named, st.sampled_from([*NAMES, *CONTROLS]))
    | st.builds(Named, st.just("AP"), st.integers(0, 3))
)
ON_RIGHTS = terms(st.builds(Named, st.sampled_from([*map(str, RIGHTS), *CONTROLS])))


def text(term: Term) -> str:
    match term:
        case Constant(value):
            return "always" if value else "never"
        case Named(name, None):
            return name
        case Named(name, equals):
            return f"{name} == {equals}"
        case Field(bits, None):
            return f"[{bits}]"
        case Field(bits, equals):
            return f"[{bits}] == {equals:#x}"
        case Not(of):
            return f"!({text(of)})"
        case And(parts):
            return " & ".join(f"({text(part)})" for part in parts)
        case Or(parts):
            return "|".join(f"({text(part)})" for part in parts)


@given(ON_ENTRIES)
def test_what_is_printed_is_read_back(term: Term) -> None:
    assert parse_condition(text(term)).term == term


@given(ON_ENTRIES, st.lists(st.integers(0, (1 << 12) - 1), max_size=20), st.booleans())
def test_alternatives_say_what_the_condition_says(
    term: Term, words: list[int], value: bool
) -> None:
    bound = bind(term, NAMES, dict.fromkeys(CONTROLS, value))
    assert list(names_of(bound)) == []
    cases = to_cases(bound)
    for word in words:
        truth = {"P": word & 1 != 0} | dict.fromkeys(CONTROLS, value)
        for name, bits in NAMES.items():
            truth[name] = bits.get(word) != 0

        def direct(name: Named, word: int = word) -> Term:
            if name.equals is not None:
                return Constant(NAMES[name.name].get(word) == name.equals)
            return name

        assert matches(cases, word) == holds(map_term(term, direct), word, truth)


@given(ON_RIGHTS, st.booleans())
def test_truth_tables_say_what_the_condition_says(term: Term, value: bool) -> None:
    truth = dict.fromkeys(CONTROLS, value)
    table = _truth_table(parse_condition(text(term)), truth)
    for rights in range(ALL_RIGHTS + 1):
        named = {right.value: bool(rights & right.flag) for right in RIGHTS}
        assert table >> rights & 1 == holds(term, 0, truth | named)


@given(st.text(alphabet="PWR[]:()!&|=0x19 -a~\n\t", max_size=30) | st.text(max_size=10))
def test_any_text_is_read_or_refused(source: str) -> None:
    try:
        condition = parse_condition(source)
    except SpecError as error:
        assert error.message  # noqa: PT017 - most texts are refused, and either end is good
        return
    assert condition.text == source
