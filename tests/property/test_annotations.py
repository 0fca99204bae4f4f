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
from rocqgen.source.annotations import (
    Piece,
    parse_assume,
    parse_invariant,
    parse_marks,
    parse_spec,
)
from rocqgen.source.builder import WORD
from rocqgen.source.location import Location
from rocqgen.source.machine import Reg
from rocqgen.source.print import (
    ASCII,
    UNICODE,
    Spelling,
    print_contract,
    print_ghost,
    print_hints,
    print_invariant,
    print_spec,
)
from rocqgen.source.reserved import why_refused
from rocqgen.source.resolve import Labels
from rocqgen.source.scope import Place, check_assume, check_ghost, check_hint, check_spec
from rocqgen.source.spec import (
    Action,
    AnswerPage,
    AnyWords,
    Assertion,
    At,
    Bin,
    BinOp,
    Block,
    Claim,
    ClaimPage,
    Code,
    Content,
    Contract,
    Drop,
    Elements,
    Entry,
    Everywhere,
    Exit,
    Expr,
    Fill,
    FoldWalk,
    Forget,
    Frac,
    FracLit,
    FracVar,
    Ghost,
    Hint,
    Invariant,
    JoinBlocks,
    Label,
    Level,
    Lit,
    MapCode,
    Name,
    NewEntry,
    OpenEntry,
    Page,
    Pages,
    PayElsewhere,
    PhysPt,
    Platform,
    Pure,
    RegPt,
    Rel,
    Select,
    Sort,
    Spec,
    SplitBlock,
    ToBlock,
    ToWord,
    UnclaimPage,
    UnfoldWalk,
    Var,
    VirtPt,
    Walk,
    Window,
)

# Parsing hundreds of specifications takes a while on a busy machine; nothing here is timed.
few = settings(max_examples=80, deadline=None)
many = settings(max_examples=300, deadline=None)

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


UPTO = {most: st.integers(0, most) for most in (1, 2, 3, 4, 7, 13)}
NUMBERS = st.one_of(st.integers(0, WORD - 1), st.integers(-9, 9))
BOOLEANS = st.booleans()
OPERATIONS = st.sampled_from(BinOp)
RELATIONS = st.sampled_from(Rel)
LEVELS = st.sampled_from(Level)
REGS = st.lists(st.sampled_from(Reg), max_size=3, unique=True)
PLACED = st.sampled_from(["word", "claim", "page", "block"])
PHYSICAL = st.sampled_from(["word", "entry", "block"])


@dataclasses.dataclass
class Writer:
    """Draws the parts of one specification; no two of its addresses overlap."""

    draw: st.DrawFn
    words: list[str]
    roots: list[str]
    fraction: str
    array: str = ""
    labels: tuple[Expr, ...] = (Label("done", 24, HERE),)
    code: bool = True
    counter: Iterator[int] = dataclasses.field(default_factory=lambda: itertools.count(1))

    def upto(self, most: int) -> range:
        return range(self.draw(UPTO[most]))

    def expr(self, bound: list[str], depth: int = 2) -> Expr:
        """Written by hand: strategies that depend on names are slow to build."""
        kind = self.draw(UPTO[7]) if depth else self.draw(UPTO[4])
        if kind <= 1:
            names = [*self.words, *self.roots, *bound]
            return Var(names[self.draw(UPTO[7]) % len(names)], HERE)
        if kind <= 3 or (kind == 4 and not self.labels):
            return Lit(self.draw(NUMBERS) % WORD, HERE)
        if kind == 4:
            return self.labels[0]
        inner = self.expr(bound, depth - 1)
        if kind == 7 and self.array:
            return Select(self.array, inner, HERE)
        return Bin(self.draw(OPERATIONS), inner, self.expr(bound, depth - 1), HERE)

    def root(self) -> Expr:
        return Var(self.roots[self.draw(UPTO[1])], HERE)

    def frac(self) -> Frac:
        if self.draw(BOOLEANS):
            return FracVar(self.fraction, HERE)
        lower = 1 << 30
        upper = self.draw(NUMBERS) % (lower >> 10) + 1
        common = gcd(upper, lower)
        return FracLit(upper // common, lower // common, HERE)

    def address(self, bound: list[str]) -> Expr:
        where = Lit(next(self.counter) * 4096, HERE)
        return Bin(BinOp.ADD, Var(bound[0], HERE), where, HERE) if bound else where

    def in_a_space(self, bound: list[str]) -> VirtPt | Claim | Block:
        writable = self.draw(BOOLEANS)
        address, value, frac = self.address(bound), self.expr(bound), self.frac()
        match self.draw(PLACED):
            case "word":
                return VirtPt(address, value, frac, writable, HERE)
            case "block":
                return Block(True, address, value, self.content(bound), frac, writable, HERE)
            case kind:
                return Claim(address, value, frac, writable, HERE, kind == "page")

    def content(self, bound: list[str]) -> Content:
        kinds: list[Content] = [AnyWords(HERE), Fill(self.expr(bound), HERE)]
        if self.array:
            kinds.append(Elements(self.array, self.expr(bound), HERE))
        return kinds[self.draw(UPTO[7]) % len(kinds)]

    def physical(self, bound: list[str]) -> PhysPt | Entry | Block:
        address, value, frac = self.address(bound), self.expr(bound), self.frac()
        match self.draw(PHYSICAL):
            case "word":
                return PhysPt(address, value, frac, HERE)
            case "block":
                return Block(False, address, value, self.content(bound), frac, True, HERE)
            case _:
                lists = [self.pages(bound) for _ in range(3)]
                return Entry(address, value, frac, lists[0], lists[1], lists[2], HERE)

    def page(self, bound: list[str]) -> Page:
        return Page(self.expr(bound), self.root(), self.draw(LEVELS), HERE)

    def pages(self, bound: list[str]) -> Pages:
        everywhere = self.draw(BOOLEANS)
        return tuple(Everywhere(HERE) if everywhere else self.page(bound) for _ in self.upto(2))

    def assertion(self, bound: list[str]) -> tuple[Assertion, ...]:
        regs = self.draw(REGS)
        items: list[Assertion] = [RegPt(reg, self.expr(bound), HERE) for reg in regs]
        items += [self.in_a_space(bound) for _ in self.upto(3)]
        items += [self.physical(bound) for _ in self.upto(2)]
        items += [
            Pure(self.draw(RELATIONS), self.expr(bound), self.expr(bound), HERE)
            for _ in self.upto(2)
        ]
        items += [Code(self.frac(), HERE) for _ in self.upto(1) if self.code]
        items += [self.walk(bound, 1 + k) for k in self.upto(4)]
        items += [
            At(Var(self.roots[1], HERE), tuple(self.in_a_space(bound) for _ in self.upto(4)), HERE)
            for _ in self.upto(1)
        ]
        return tuple(self.draw(st.permutations(items)))

    def walk(self, bound: list[str], depth: int) -> Walk:
        entries = tuple(self.expr(bound) for _ in range(self.draw(UPTO[3]) % depth + 1))
        # One alone is mapped: two tables must not be mapped at one address.
        mapped = depth == 1 and self.draw(BOOLEANS)
        window = Window(self.expr(bound), self.root()) if mapped else None
        va, root, table = self.expr(bound), self.root(), self.expr(bound)
        return Walk(va, root, depth, table, entries, HERE, window)

    def exit(self, bound: list[str]) -> Exit:
        exists = tuple(Name(ident, Sort.WORD, HERE) for ident in bound)
        return Exit(self.expr([]), self.root(), exists, self.assertion(bound), HERE)

    def exits(self, bound: str) -> tuple[Exit, ...]:
        return (*(self.exit([]) for _ in self.upto(1)), self.exit([bound]))

    def invariant(self, bound: str, offset: int) -> Invariant:
        exists = (Name(bound, Sort.WORD, HERE),)
        holds = tuple(item for item in self.assertion([bound]) if not isinstance(item, Code))
        own = (Code(self.frac(), HERE), *holds)
        return Invariant(offset, self.root(), exists, own, HERE, "done")

    def hint(self) -> Hint:
        index = self.expr([]) if self.draw(BOOLEANS) else None
        via = self.expr([]) if self.draw(BOOLEANS) else None
        address = self.expr([])
        return Hint(8, address, HERE, index, via)

    def ghost(self) -> Ghost:
        addr, pages, page = self.expr([]), self.pages([]), self.page([])
        path = tuple(self.expr([]) for _ in self.upto(3))
        actions: list[Action] = [
            ClaimPage(addr, page.root, path, HERE),
            MapCode(page.root, path, HERE),
            UnclaimPage(addr, page.root, HERE),
            OpenEntry(addr, pages, HERE),
            AnswerPage(addr, page, HERE),
            NewEntry(addr, HERE),
            Drop(addr, HERE),
            SplitBlock(addr, page.va, HERE),
            JoinBlocks(addr, HERE),
            ToWord(addr, HERE),
            ToBlock(addr, HERE),
            Forget(addr, HERE),
            PayElsewhere(addr, HERE),
            UnfoldWalk(addr, HERE),
            FoldWalk(addr, HERE),
        ]
        return Ghost(8, self.draw(BOOLEANS), actions[self.draw(UPTO[13])], HERE)


def speaks_of_tables(items: tuple[Assertion, ...]) -> bool:
    return any(isinstance(item, Entry | Walk) for item in items)


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    """A specification that passes the checks."""
    names = draw(st.lists(idents, min_size=5, max_size=9, unique=True))
    roots, fraction, array, words, bound = names[:2], names[2], names[3], names[4:-1], names[-1]
    writer = Writer(draw, words, roots, fraction, array)
    params = [Name(ident, Sort.ROOT, HERE) for ident in roots]
    params += [Name(ident, Sort.WORD, HERE) for ident in words]
    params += [Name(fraction, Sort.FRACTION, HERE), Name(array, Sort.ARRAY, HERE)]
    exits, pre = writer.exits(bound), writer.assertion([])
    loops = tuple(writer.invariant(bound, 8 * k) for k in writer.upto(2))
    assertions = [pre, *(one.post for one in exits), *(one.holds for one in loops)]
    width = draw(st.integers(32, 52))
    platform = Platform(draw(st.booleans()), width, HERE)
    needed = any(map(speaks_of_tables, assertions)) or draw(st.booleans())
    return Spec(
        *(tuple(params), Var(roots[0], HERE), pre, exits, (), HERE, loops),
        platform if needed else None,
    )


@st.composite
def contracts(draw: st.DrawFn) -> Contract:
    """The contract of a function pointer that passes the checks."""
    names = draw(st.lists(idents, min_size=5, max_size=9, unique=True))
    name, roots, fraction, words, bound = names[0], names[1:3], names[3], names[4:-1], names[-1]
    writer = Writer(draw, [name, *words], roots, fraction, labels=(), code=False)
    params = [Name(ident, Sort.ROOT, HERE) for ident in roots]
    params += [Name(ident, Sort.WORD, HERE) for ident in words]
    params += [Name(fraction, Sort.FRACTION, HERE)]
    return Contract(
        *(name, tuple(params), Var(roots[0], HERE), writer.assertion([]), writer.exits(bound)),
        HERE,
    )


def parsed(spec: Spec, spelling: Spelling) -> Spec:
    loops = [
        Place(one.offset, one.label, parse_invariant("f.s", pieces(print_invariant(one, spelling))))
        for one in spec.invariants
    ]
    return check_spec(parse_spec("f.s", pieces(print_spec(spec, spelling))), LABELS, loops)


@pytest.mark.parametrize("spelling", [ASCII, UNICODE], ids=["ascii", "unicode"])
@few
@given(spec=specs())
def test_parsing_what_is_printed_gives_the_spec_back(spelling: Spelling, spec: Spec) -> None:
    assert strip(parsed(spec, spelling)) == spec


@few
@given(contract=contracts(), spelling=st.sampled_from([ASCII, UNICODE]))
def test_contracts_round_trip(contract: Contract, spelling: Spelling) -> None:
    text = print_contract(contract, spelling)
    assert strip(check_assume(parse_assume("f.s", pieces(text)))) == contract


MARKS = Spec(
    (
        *(Name(ident, Sort.WORD, HERE) for ident in ("p", "all", "none", "page", "first", "via")),
        *(Name(ident, Sort.ROOT, HERE) for ident in ("r", "level")),
        Name("A", Sort.ARRAY, HERE),
    ),
    *(Var("r", HERE), (), (), (), HERE),
)


def writer(draw: st.DrawFn) -> Writer:
    words, roots = ["p", "all", "none", "page", "first", "via"], ["r", "level"]
    return Writer(draw, words, roots, "q", "A")


@st.composite
def hints(draw: st.DrawFn) -> Hint:
    return writer(draw).hint()


@st.composite
def ghosts(draw: st.DrawFn) -> Ghost:
    return writer(draw).ghost()


@many
@given(st.lists(hints(), min_size=1, max_size=3).map(tuple))
def test_hints_round_trip(written: tuple[Hint, ...]) -> None:
    (mark,) = parse_marks("f.s", Piece(3, 4, print_hints(written)))
    assert isinstance(mark, raw.RawHint)
    assert strip(check_hint(mark, 8, MARKS, LABELS)) == written


@many
@given(st.lists(ghosts(), min_size=1, max_size=3))
def test_steps_of_the_proof_round_trip(written: list[Ghost]) -> None:
    marks = parse_marks("f.s", Piece(3, 4, " ".join(map(print_ghost, written))))
    assert [isinstance(mark, raw.RawGhost) for mark in marks] == [True] * len(written)
    found = [check_ghost(mark, 8, MARKS, LABELS) for mark in marks]
    assert strip(tuple(found)) == tuple(written)


@few
@given(spec=specs())
def test_ascii_is_ascii(spec: Spec) -> None:
    assert print_spec(spec, ASCII).isascii()


WORDS = st.sampled_from(
    "spec forall space requires exit exists ensures code emp at expect failed a b r q : word root "
    "fraction rdi cr3 %rax |->r |->v |->vr |->p |-> ↦ᵣ ↦ᵥ ↦ᵥʳ ↦ₚ ~> ~>r ⇝ ⇝ʳ * ∗ = != ≠ < <= ≤ > "
    ">= + - & | ^ << >> ( ) [ ] { } {1/2} {q} , . ; 0 8 0x10 1/2 99999999999999999999 _ # "
    "invariant assume platform la57 maxphyaddr holds page walk in level 4k 4 from answers claims "
    "owes all none via first then claim unclaim open pay forget block for drop split join through "
    "A[i] a[n] |->e array done reads mapped by unfold fold map".split()
)


def only_user_errors(text: str) -> None:
    for run in (
        lambda: check_spec(parse_spec("f.s", pieces(text)), LABELS),
        lambda: check_assume(parse_assume("f.s", pieces(text))),
        lambda: parse_invariant("f.s", pieces(text)),
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
