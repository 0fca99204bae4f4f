# SPDX-License-Identifier: Apache-2.0
"""What a precondition speaks of, as bit vectors for z3.

Words have 64 bits.  The frame of each page that is named has 40; pages of one number under one root
table have one frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, Final

import z3

from rocqgen.check.parts import Cell
from rocqgen.check.subject import Subject
from rocqgen.check.words import ENTRY, PAGE, WORD_SIZE
from rocqgen.source.print import print_expr
from rocqgen.source.spec import (
    Bin,
    BinOp,
    Expr,
    Label,
    Lit,
    PhysPt,
    Pure,
    Rel,
    Select,
    Sort,
    Var,
)


def relation(rel: Rel, left: Any, right: Any) -> Any:
    """A relation of two words as z3 has it; the order is unsigned."""
    match rel:
        case Rel.EQ:
            return left == right
        case Rel.NE:
            return left != right
        case Rel.LT:
            return z3.ULT(left, right)
        case Rel.LE:
            return z3.ULE(left, right)


class Terms:
    """The terms of one precondition; `always` gets what holds of them whatever is asked."""

    def __init__(self, subject: Subject, always: Callable[[Any], None]) -> None:
        self.subject, self.always = subject, always
        self.words: dict[str, Any] = {ENTRY: z3.BitVec("entry", 64)}
        for name in subject.fragment.spec.params:
            if name.sort is not Sort.FRACTION:
                self.words[name.ident] = z3.BitVec(f"w_{name.ident}", 64)
        self.la57 = z3.Bool("la57")
        self.frames: dict[tuple[str, str], tuple[Any, Any]] = {}

    # -- words

    def word(self, expr: Expr) -> Any:
        """An expression as a bit vector."""
        match expr:
            case Var():
                return self.words[expr.ident]
            case Lit():
                return z3.BitVecVal(expr.value, 64)
            case Label():
                return self.words[ENTRY] + expr.offset
            case Bin():
                left, right = self.word(expr.left), self.word(expr.right)
                return _OPERATIONS[expr.op](left, right)
            case Select():
                return self._element(expr)

    def _element(self, expr: Select) -> Any:
        """A word of an array: any, and the same one for the same text."""
        return z3.BitVec(f"element_{expr.array}[{print_expr(expr.index)}]", 64)

    def fact(self, fact: Pure) -> Any:
        """A fact."""
        return relation(fact.rel, self.word(fact.left), self.word(fact.right))

    # -- places

    def base(self, root: str) -> Any:
        """The number of the frame of a root's table."""
        return z3.Extract(51, 12, self.words[root])

    def place(self, root: str, va: Any, k: int) -> Any:
        """The physical address of the byte `k` of the word at `va`, in 52 bits."""
        here = va + k
        first = self.frame(root, z3.Extract(63, 12, va))
        last = self.frame(root, z3.Extract(63, 12, va + (WORD_SIZE - 1)))
        inside = z3.Extract(63, 12, here) == z3.Extract(63, 12, va)
        frame = first if k == 0 else last if k == WORD_SIZE - 1 else z3.If(inside, first, last)
        return z3.Concat(frame, z3.Extract(11, 0, here))

    def frame(self, root: str, page: Any) -> Any:
        """The frame of a page; the same one for the same page under the same table."""
        page = z3.simplify(page)
        key = (root, page.sexpr())
        if key not in self.frames:
            frame = z3.BitVec(f"frame_{len(self.frames)}", 40)
            for (other, _), (known, number) in self.frames.items():
                same = [number == page]
                if other != root:
                    same.append(self.base(other) == self.base(root))
                self.always(z3.Implies(z3.And(*same), known == frame))
            self.frames[key] = (frame, page)
        return self.frames[key][0]

    def byte(self, item: Cell | PhysPt, k: int) -> Any:
        """The physical address of a byte, in 52 bits."""
        if isinstance(item, PhysPt):
            return z3.Extract(51, 0, self.word(item.addr) + k)
        return self.place(item.root, self.word(item.item.addr), k)

    def byte_of(self, item: Cell | PhysPt, k: int) -> Any:
        """The value of a byte."""
        return z3.Extract(8 * k + 7, 8 * k, self.word(plain(item).value))

    # -- what is mapped

    def mapped(self, root: str, addr: Expr) -> Iterator[Any]:
        """What lets a space map a word."""
        va = self.word(addr)
        yield from self.canonical(root, va, WORD_SIZE)
        self.place(root, va, 0)

    def code(self, root: str) -> Iterator[Any]:
        """The code is at addresses, and each instruction on adjacent frames."""
        entry, size = self.words[ENTRY], self.subject.size
        yield from self.canonical(root, entry, size)
        first = z3.Extract(63, 12, entry)
        offset = z3.ZeroExt(52, z3.Extract(11, 0, entry))
        pages = [self.frame(root, first + number) for number in range(1 + (size + 4094) // 4096)]
        for instr in self.subject.fragment.instrs:
            if instr.length == 1:
                continue
            last = instr.offset + instr.length - 1
            for number, (frame, after) in enumerate(pairwise(pages), 1):
                seam = PAGE * number
                split = z3.And(z3.ULT(offset + instr.offset, seam), z3.UGE(offset + last, seam))
                yield z3.Implies(split, after == frame + 1)

    def canonical(self, root: str, va: Any, size: int) -> Iterator[Any]:
        """A root that cr3 can hold, and addresses that are some."""
        yield z3.ULT(self.words[root], 1 << 52)
        for here in (va, va + (size - 1)):
            short, long = z3.Extract(63, 47, here), z3.Extract(63, 56, here)
            yield z3.Or(
                short == 0,
                short == (1 << 17) - 1,
                z3.And(self.la57, z3.Or(long == 0, long == (1 << 8) - 1)),
            )


_OPERATIONS: Final = {
    BinOp.ADD: lambda a, b: a + b,
    BinOp.SUB: lambda a, b: a - b,
    BinOp.AND: lambda a, b: a & b,
    BinOp.OR: lambda a, b: a | b,
    BinOp.XOR: lambda a, b: a ^ b,
    BinOp.SHL: lambda a, b: a << (b & 63),
    BinOp.SHR: lambda a, b: z3.LShR(a, b & 63),
}


def plain(item: Any) -> Any:
    """A part without its space."""
    return item.item if isinstance(item, Cell) else item
