# SPDX-License-Identifier: Apache-2.0
"""Printing and parsing are inverse, and no text gives anything but a `UserError`."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from math import gcd

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rocqgen.errors import UserError
from rocqgen.source import raw
from rocqgen.source.annotations import WORD, Piece, parse_marks, parse_spec
from rocqgen.source.location import Location
from rocqgen.source.machine import Reg
from rocqgen.source.print import ASCII, UNICODE, Spelling, print_hints, print_spec
from rocqgen.source.reserved import why_refused
from rocqgen.source.scope import Labels, check_hint, check_spec
from rocqgen.source.spec import (
    Assertion,
    At,
    Bin,
    BinOp,
    Claim,
    Code,
    Exit,
    Expr,
    Frac,
    FracLit,
    FracVar,
    Hint,
    Label,
    Lit,
    Name,
    PhysPt,
    Pure,
    RegPt,
    Rel,
    Sort,
    Spec,
    Var,
    VirtPt,
)

# Parsing hundreds of specifications takes a while on a busy machine; nothing here is timed.
few = settings(max_examples=40, deadline=None)
many = settings(max_examples=150, deadline=None)

HERE = Location("f.s", 1)
LABELS = Labels({"entry0": 0, "done": 24}, frozenset({"elsewhere"}))


def pieces(text: str) -> tuple[Piece, ...]:
    return tuple(Piece(3 + k, 4, line) for k, line in enumerate(text.split("\n")))


def strip(node: object) -> object:
    """The node with every location replaced by the same one."""
    if isinstance(node, Location):
        return HERE
    if isinstance(node, tuple):
        return tuple(strip(item) for item in node)
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        fields = {f.name: strip(getattr(node, f.name)) for f in dataclasses.fields(node)}
        return type(node)(**fields)
    return node


idents = st.from_regex(r"\A[a-z][a-zA-Z0-9_']{0,6}\Z").filter(
    lambda ident: why_refused(ident) is None and ident not in LABELS.inside
)


@dataclasses.dataclass
class Writer:
    """Draws the parts of one specification; no two of its addresses overlap."""

    draw: st.DrawFn
    words: list[str]
    roots: list[str]
    fraction: str
    counter: Iterator[int] = dataclasses.field(default_factory=lambda: itertools.count(1))

    def upto(self, most: int) -> range:
        return range(self.draw(st.integers(0, most)))

    def expr(self, bound: list[str]) -> Expr:
        leaves = st.one_of(
            st.sampled_from([*self.words, *self.roots, *bound]).map(lambda name: Var(name, HERE)),
            st.integers(0, WORD - 1).map(lambda value: Lit(value, HERE)),
            st.integers(-9, 9).map(lambda value: Lit(value % WORD, HERE)),
            st.just(Label("done", 24, HERE)),
        )
        return self.draw(
            st.recursive(
                leaves,
                lambda inner: st.builds(Bin, st.sampled_from(BinOp), inner, inner, st.just(HERE)),
                max_leaves=6,
            )
        )

    def frac(self) -> Frac:
        lower = self.draw(st.integers(1, 1 << 20)) << 20
        upper = self.draw(st.integers(1, lower >> 19))
        common = gcd(upper, lower)
        literal = FracLit(upper // common, lower // common, HERE)
        return FracVar(self.fraction, HERE) if self.draw(st.booleans()) else literal

    def address(self, bound: list[str]) -> Expr:
        where = Lit(next(self.counter) * 4096, HERE)
        return Bin(BinOp.ADD, Var(bound[0], HERE), where, HERE) if bound else where

    def in_a_space(self, bound: list[str]) -> VirtPt | Claim:
        kind = VirtPt if self.draw(st.booleans()) else Claim
        writable = self.draw(st.booleans())
        return kind(self.address(bound), self.expr(bound), self.frac(), writable, HERE)

    def assertion(self, bound: list[str]) -> tuple[Assertion, ...]:
        regs = self.draw(st.lists(st.sampled_from(Reg), max_size=3, unique=True))
        items: list[Assertion] = [RegPt(reg, self.expr(bound), HERE) for reg in regs]
        items += [self.in_a_space(bound) for _ in self.upto(3)]
        items += [
            PhysPt(self.address(bound), self.expr(bound), self.frac(), HERE) for _ in self.upto(2)
        ]
        items += [
            Pure(self.draw(st.sampled_from(Rel)), self.expr(bound), self.expr(bound), HERE)
            for _ in self.upto(2)
        ]
        items += [Code(self.frac(), HERE) for _ in self.upto(1)]
        items += [
            At(Var(self.roots[1], HERE), tuple(self.in_a_space(bound) for _ in self.upto(8)), HERE)
            for _ in self.upto(1)
        ]
        return tuple(self.draw(st.permutations(items)))

    def exit(self, bound: list[str]) -> Exit:
        exists = tuple(Name(ident, Sort.WORD, HERE) for ident in bound)
        root = Var(self.draw(st.sampled_from(self.roots)), HERE)
        return Exit(self.expr([]), root, exists, self.assertion(bound), HERE)


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    """A specification that passes the checks."""
    names = draw(st.lists(idents, min_size=4, max_size=9, unique=True))
    roots, fraction, words, bound = names[:2], names[2], names[3:-1], names[-1:]
    writer = Writer(draw, words, roots, fraction)
    params = [Name(ident, Sort.ROOT, HERE) for ident in roots]
    params += [Name(ident, Sort.WORD, HERE) for ident in words]
    params += [Name(fraction, Sort.FRACTION, HERE)]
    exits = tuple(writer.exit(draw(st.sampled_from([[], bound]))) for _ in range(2))
    pre = writer.assertion([])
    return Spec(tuple(params), Var(roots[0], HERE), pre, exits[draw(st.integers(0, 1)) :], (), HERE)


@pytest.mark.parametrize("spelling", [ASCII, UNICODE], ids=["ascii", "unicode"])
@few
@given(spec=specs())
def test_parsing_what_is_printed_gives_the_spec_back(spelling: Spelling, spec: Spec) -> None:
    text = print_spec(spec, spelling)
    assert strip(check_spec(parse_spec("f.s", pieces(text)), LABELS)) == spec


@few
@given(spec=specs())
def test_ascii_is_ascii(spec: Spec) -> None:
    assert print_spec(spec, ASCII).isascii()


@many
@given(st.lists(st.integers(0, (1 << 64) - 1).map(lambda v: Lit(v, HERE)), min_size=1, max_size=3))
def test_hints_round_trip(addresses: list[Lit]) -> None:
    hints = tuple(Hint(8, address, HERE) for address in addresses)
    (mark,) = parse_marks("f.s", Piece(3, 4, print_hints(hints)))
    assert isinstance(mark, raw.RawHint)
    empty = Spec((), Var("r", HERE), (), (), (), HERE)
    assert strip(check_hint(mark, 8, empty, LABELS)) == hints


WORDS = st.sampled_from(
    "spec forall space requires exit exists ensures code emp at expect failed a b r q : word root "
    "fraction rdi cr3 %rax |->r |->v |->vr |->p |-> ↦ᵣ ↦ᵥ ↦ᵥʳ ↦ₚ ~> ~>r ⇝ ⇝ʳ * ∗ = != ≠ < <= ≤ > "
    ">= + - & | ^ << >> ( ) [ ] { } {1/2} {q} , . ; 0 8 0x10 1/2 99999999999999999999 _ # "
    "done".split()
)


def only_user_errors(text: str) -> None:
    for run in (
        lambda: check_spec(parse_spec("f.s", pieces(text)), LABELS),
        lambda: parse_marks("f.s", Piece(3, 4, text.replace("\n", " "))),
    ):
        caught = refusal(run)
        if caught is not None:
            assert caught.line is not None
            assert caught.line >= 3
            assert caught.column is not None
            assert caught.expected
            assert caught.render()


def refusal(run: Callable[[], object]) -> UserError | None:
    try:
        run()
    except UserError as err:
        return err
    return None


@many
@given(st.text(max_size=60))
def test_random_text_gives_a_user_error_or_a_spec(text: str) -> None:
    only_user_errors(text)


@many
@given(st.lists(WORDS, max_size=40))
def test_random_words_of_the_language_give_a_user_error_or_a_spec(words: list[str]) -> None:
    only_user_errors(" ".join(words))


@few
@given(specs(), st.data())
def test_a_damaged_spec_gives_a_user_error_or_a_spec(spec: Spec, data: st.DataObject) -> None:
    words = print_spec(spec).split(" ")
    at = data.draw(st.integers(0, len(words) - 1))
    words[at] = data.draw(st.one_of(WORDS, st.just(""), st.text(max_size=4)))
    only_user_errors(" ".join(words))
