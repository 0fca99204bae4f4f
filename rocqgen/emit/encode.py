# SPDX-License-Identifier: Apache-2.0
"""From annotations to the engine's data: names become numbers, expressions normal forms."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rocqgen.emit import blocks, walks
from rocqgen.emit.cells import PAGE_SHIFT, PAGE_WORDS, SHIFTS, Cell
from rocqgen.emit.normal import WORD, WORD_BITS, Alu, ECst, ESel, EVar, Term, mk_add, mk_op
from rocqgen.emit.shares import rational, share_of
from rocqgen.emit.symbolic import (
    Fact,
    FDiv,
    FOne,
    FVar,
    IClaim,
    IPhys,
    Item,
    IVirt,
    Region,
    Regions,
    Share,
    SState,
)
from rocqgen.emit.wording import Wording
from rocqgen.source.location import refused
from rocqgen.source.spec import (
    AnyWords,
    Assertion,
    At,
    Bin,
    BinOp,
    Block,
    Claim,
    Code,
    Content,
    Elements,
    Entry,
    Expr,
    Fill,
    Frac,
    FracLit,
    Label,
    Lit,
    Name,
    Page,
    Pages,
    PhysPt,
    Platform,
    Pure,
    RegPt,
    Rel,
    Select,
    Sort,
    Var,
    VirtPt,
    Walk,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rocqgen.source.machine import Reg

BASE = EVar(1)
"""The variable that stands for the entry's address."""

_OPS = {
    BinOp.ADD: Alu.ADD,
    BinOp.SUB: Alu.SUB,
    BinOp.AND: Alu.AND,
    BinOp.OR: Alu.OR,
    BinOp.XOR: Alu.XOR,
    BinOp.SHL: Alu.SHL,
    BinOp.SHR: Alu.SHR,
}


@dataclass(frozen=True, slots=True)
class Numbering:
    """The numbers of names: words and roots in one sequence, fractions and arrays in others."""

    words: dict[str, int]
    fractions: dict[str, int]
    arrays: dict[str, int] = field(default_factory=dict)

    @staticmethod
    def of(params: Iterable[Name]) -> Numbering:
        """Parameters in their order; words begin behind the entry's address."""
        numbering = Numbering({}, {})
        for name in params:
            if name.sort is Sort.FRACTION:
                numbering.fractions[name.ident] = 1 + len(numbering.fractions)
            elif name.sort is Sort.ARRAY:
                numbering.arrays[name.ident] = 1 + len(numbering.arrays)
            else:
                numbering.words[name.ident] = 1 + BASE.x + len(numbering.words)
        return numbering

    @property
    def next(self) -> int:
        """The first number that no word has."""
        return 1 + max((BASE.x, *self.words.values()))

    def extended(self, names: Iterable[Name], first: int) -> Numbering:
        """The same with existentials, numbered from `first`."""
        more = {name.ident: first + k for k, name in enumerate(names)}
        return Numbering(self.words | more, self.fractions, self.arrays)

    def term(self, expr: Expr) -> Term:
        """The normal form of an expression."""
        match expr:
            case Var():
                return EVar(self.words[expr.ident])
            case Lit():
                return ECst(expr.value)
            case Label():
                return mk_add(BASE, expr.offset)
            case Bin():
                return mk_op(_OPS[expr.op], self.term(expr.left), self.term(expr.right))
            case Select():
                return ESel(self.arrays[expr.array], self.term(expr.index))

    def content(self, content: Content) -> blocks.Content | None:
        """What a block is filled with, if that is known."""
        match content:
            case Fill():
                return self.term(content.value)
            case Elements():
                return blocks.Part(self.arrays[content.array], self.term(content.start))
            case AnyWords():
                return None

    def pages(self, pages: Pages) -> Regions:
        """A list of pages: smaller ones first, as steps of the proof put them."""
        found = [
            Region(int(one.level), self.term(one.root), self.term(one.va))
            if isinstance(one, Page)
            else None
            for one in pages
        ]
        return tuple(sorted(found, key=lambda one: WORD_BITS if one is None else one.shift))

    @property
    def wording(self) -> Wording:
        """Names for messages."""
        words = {BASE.x: "entry", **{n: ident for ident, n in self.words.items()}}
        return Wording(words, {n: ident for ident, n in self.arrays.items()})

    def share(self, frac: Frac) -> Share:
        """A fraction."""
        if not isinstance(frac, FracLit):
            return FVar(self.fractions[frac.ident])
        if frac.numerator == frac.denominator:
            return FOne()
        return FDiv(frac.numerator, frac.denominator)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A state, and the assertion that each part of it was written as."""

    state: SState
    regs: tuple[RegPt, ...]
    items: tuple[Assertion, ...]
    code: tuple[Code, ...]
    facts: tuple[Pure, ...]


def encode(
    assertion: tuple[Assertion, ...], space: Expr, names: Numbering, *, needed: bool = False
) -> Encoded:
    """The state that `assertion` describes where `space` is the current space.

    Where it is `needed`, as on entry, addresses of pages are those of pages.
    """
    root = names.term(space)
    regs: list[tuple[RegPt, tuple[Reg, Term]]] = []
    items: list[tuple[Assertion, Item]] = []
    code: list[tuple[Code, tuple[Term, Share]]] = []
    facts: list[tuple[Pure, Fact]] = []
    for at, one in _flat(assertion, root, names):
        match one:
            case RegPt():
                regs.append((one, (one.reg, names.term(one.value))))
            case Code():
                code.append((one, (at, names.share(one.frac))))
            case Pure():
                facts.append((one, _fact(one, names)))
            case _:
                items.append((one, _item(one, at, names)))
                if needed:
                    aligned = _aligned(one)
                    facts += ((fact, _fact(fact, names)) for fact in aligned)
    return Encoded(
        SState(
            root,
            tuple(data for _, data in regs),
            tuple(item for _, item in items),
            tuple(pair for _, pair in code),
            tuple(fact for _, fact in facts),
        ),
        tuple(origin for origin, _ in regs),
        tuple(origin for origin, _ in items),
        tuple(origin for origin, _ in code),
        tuple(origin for origin, _ in facts),
    )


def with_roots(
    encoded: Encoded, params: Iterable[Name], names: Numbering, platform: Platform | None
) -> Encoded:
    """The same state, and that the roots among the parameters are what cr3 may hold.

    That asks for the width of physical addresses.
    """
    if platform is None:
        return encoded
    facts: list[Pure] = []
    for name in params:
        if name.sort is Sort.ROOT:
            at = name.location
            beyond = Lit(WORD - (1 << platform.maxphyaddr), at)
            root = Var(name.ident, at)
            facts.append(Pure(Rel.EQ, Bin(BinOp.AND, root, beyond, at), Lit(0, at), at))
    more = tuple(_fact(one, names) for one in facts)
    state = replace(encoded.state, facts=encoded.state.facts + more)
    return replace(encoded, state=state, facts=(*encoded.facts, *facts))


def _flat(
    assertion: tuple[Assertion, ...], root: Term, names: Numbering
) -> Iterator[tuple[Term, Assertion]]:
    for one in assertion:
        if isinstance(one, At):
            yield from _flat(one.items, names.term(one.root), names)
        else:
            yield root, one


def _fact(one: Pure, names: Numbering) -> Fact:
    return Fact(one.rel, names.term(one.left), names.term(one.right))


def _aligned(one: Assertion) -> list[Pure]:
    """That the addresses in the claim of a page are those of pages."""
    if not isinstance(one, Claim) or not one.page:
        return []
    at = one.location
    inside, zero = Lit((1 << PAGE_SHIFT) - 1, at), Lit(0, at)
    parts = [Bin(BinOp.AND, addr, inside, at) for addr in (one.va, one.pa)]
    return [Pure(Rel.EQ, part, zero, at) for part in parts]


def _item(one: Assertion, root: Term, names: Numbering) -> Item:
    match one:
        case VirtPt():
            addr, value = names.term(one.addr), names.term(one.value)
            return IVirt(one.writable, root, addr, names.share(one.frac), value)
        case PhysPt():
            return IPhys(names.term(one.addr), names.share(one.frac), names.term(one.value))
        case Claim():
            addr, value = names.term(one.va), names.term(one.pa)
            share = _page_share(one, names) if one.page else names.share(one.frac)
            return IClaim(one.writable, root, addr, share, value)
        case Block():
            fill = names.content(one.content)
            addr, count = names.term(one.addr), names.term(one.count)
            if one.virtual:
                block = blocks.Block(one.writable, root, addr, count, fill)
            else:
                block = blocks.Block(None, None, addr, count, fill)
            return block.item(names.share(one.frac))
        case Entry():
            lists = (names.pages(pages) for pages in (one.answers, one.claims, one.owes))
            cell = Cell(names.term(one.addr), names.term(one.value), *lists)
            return cell.item(names.share(one.frac))
        case Walk():
            return _walk(one, names).item(FOne())
        case _:
            raise TypeError(f"not an item: {one}")


def _walk(one: Walk, names: Numbering) -> walks.Walk:
    window = None
    if one.mapped is not None:
        window = walks.Window(names.term(one.mapped.space), names.term(one.mapped.distance))
    root, va, table = names.term(one.root), names.term(one.va), names.term(one.table)
    entries = tuple(map(names.term, one.entries))
    shifts = SHIFTS[-one.depth :][: len(entries)]
    return walks.Walk(False, shifts, root, va, table, entries, window)


def _page_share(one: Claim, names: Numbering) -> Share:
    """The share of a word that a share of all words of a page is."""
    share = rational(names.share(one.frac))
    if share is None:
        where = one.location
        raise refused(
            "the share of a page is a name",
            where,
            expected="a number, as in `page va ~>{1/2} pa`, or nothing for all of it",
        )
    return share_of(share * PAGE_WORDS)
