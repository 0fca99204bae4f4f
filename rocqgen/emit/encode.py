# SPDX-License-Identifier: Apache-2.0
"""From annotations to the engine's data: names become numbers, expressions normal forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rocqgen.emit.normal import Alu, ECst, EVar, Term, mk_add, mk_op
from rocqgen.emit.symbolic import (
    Fact,
    FDiv,
    FOne,
    FVar,
    IClaim,
    IPhys,
    Item,
    IVirt,
    Share,
    SState,
)
from rocqgen.source.spec import (
    Assertion,
    At,
    Bin,
    BinOp,
    Claim,
    Code,
    Expr,
    Frac,
    FracLit,
    Label,
    Lit,
    Name,
    PhysPt,
    Pure,
    RegPt,
    Select,
    Sort,
    Var,
    VirtPt,
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
    """The numbers of names: words and roots in one sequence, fractions in another."""

    words: dict[str, int]
    fractions: dict[str, int]

    @staticmethod
    def of(params: Iterable[Name]) -> Numbering:
        """Parameters in their order; words begin behind the entry's address."""
        numbering = Numbering({}, {})
        for name in params:
            if name.sort is Sort.FRACTION:
                numbering.fractions[name.ident] = 1 + len(numbering.fractions)
            else:
                numbering.words[name.ident] = 1 + BASE.x + len(numbering.words)
        return numbering

    @property
    def next(self) -> int:
        """The first number that no word has."""
        return 1 + BASE.x + len(self.words)

    def extended(self, names: Iterable[Name], first: int) -> Numbering:
        """The same with existentials, numbered from `first`."""
        more = {name.ident: first + k for k, name in enumerate(names)}
        return Numbering(self.words | more, self.fractions)

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
                raise TypeError("elements of arrays are no terms yet")

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


def encode(assertion: tuple[Assertion, ...], space: Expr, names: Numbering) -> Encoded:
    """The state that `assertion` describes where `space` is the current space."""
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
                facts.append((one, Fact(one.rel, names.term(one.left), names.term(one.right))))
            case _:
                items.append((one, _item(one, at, names)))
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


def _flat(
    assertion: tuple[Assertion, ...], root: Term, names: Numbering
) -> Iterator[tuple[Term, Assertion]]:
    for one in assertion:
        if isinstance(one, At):
            yield from _flat(one.items, names.term(one.root), names)
        else:
            yield root, one


def _item(one: Assertion, root: Term, names: Numbering) -> Item:
    match one:
        case VirtPt():
            addr, value = names.term(one.addr), names.term(one.value)
            return IVirt(one.writable, root, addr, names.share(one.frac), value)
        case PhysPt():
            return IPhys(names.term(one.addr), names.share(one.frac), names.term(one.value))
        case Claim():
            addr, value = names.term(one.va), names.term(one.pa)
            return IClaim(one.writable, root, addr, names.share(one.frac), value)
        case _:
            raise TypeError(f"not an item: {one}")
