# SPDX-License-Identifier: Apache-2.0
"""Finds choices where drawing does not, and tells why there is none, with z3.

Words are bit vectors, and so is the frame of each page that is named; pages of one number under one
root table have one frame.  That no two things overlap is added where a candidate breaks it: so a
satisfiable precondition costs a few conditions instead of one for each pair of bytes.

Nothing in the language bounds a named share from below: what is shared by name fits beside what is
less than the whole.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final

import z3

from rocqgen.check.choice import Choice, Mode, Page, base_of
from rocqgen.check.parts import Cell, Subject
from rocqgen.check.resident import WORD_SIZE, Conflict
from rocqgen.check.words import ENTRY, MASK, PAGE, share
from rocqgen.source.location import Location
from rocqgen.source.print import print_expr, print_item
from rocqgen.source.spec import (
    Bin,
    BinOp,
    Code,
    Expr,
    Frac,
    FracLit,
    FracVar,
    Label,
    Lit,
    PhysPt,
    Pure,
    Rel,
    Select,
    Sort,
    Var,
)

TIMEOUT: Final = 10_000
"""Milliseconds for one question, by the clock; a stop for what the next limit does not catch."""

EFFORT: Final = 4_000_000
"""The solver's own measure of work for one question, so that a busy machine changes no answer."""

ROUNDS: Final = 400
"""Conditions that are added, or wishes dropped, for one choice."""


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


@dataclass(frozen=True, slots=True)
class Reason:
    """A part of the precondition in a contradiction: where it stands, and as it is written."""

    location: Location
    text: str


@dataclass(frozen=True, slots=True)
class Contradiction:
    """No state satisfies the precondition: these parts contradict each other."""

    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Repaired:
    """Words and frames that satisfy what the solver knows."""

    words: dict[str, int]
    frames: dict[Page, int]
    mode: Mode


class Solver:
    """The conditions of one precondition; they grow with what candidates violate."""

    def __init__(self, subject: Subject, seed: int = 0, deadline: float = float("inf")) -> None:
        self.subject, self.deadline = subject, deadline
        # Bits alone: z3 is much faster here than where functions and rationals are mixed in.
        self.solver = z3.SolverFor("QF_BV")
        self.solver.set("random_seed", seed % (1 << 31))
        self.solver.set("timeout", TIMEOUT)
        self.solver.set("rlimit", EFFORT)
        spec = subject.fragment.spec
        self.words: dict[str, Any] = {ENTRY: z3.BitVec("entry", 64)}
        for name in spec.params:
            if name.sort is not Sort.FRACTION:
                self.words[name.ident] = z3.BitVec(f"w_{name.ident}", 64)
        self.la57 = z3.Bool("la57")
        self.reasons: dict[str, Reason] = {}
        self.conditions: dict[str, tuple[Any, ...]] = {}
        self.always: list[Any] = []
        self.frames: dict[tuple[str, str], tuple[Any, Any]] = {}
        self._state()

    # -- questions ---------------------------------------------------------------------------------

    def contradiction(self) -> Contradiction | bool | None:
        """Why no state satisfies the precondition; False where one may, None where time was up."""
        answer = self.solver.check()
        if answer != z3.unsat:
            return None if answer == z3.unknown else False
        names = self._least({str(one).split("#")[0] for one in self.solver.unsat_core()})
        reasons = dict.fromkeys(self.reasons[name] for name in names)
        return Contradiction(tuple(sorted(reasons, key=lambda one: one.location)))

    def _least(self, names: set[str]) -> list[str]:
        """Of parts that contradict each other, some without which they would not."""
        kept = sorted(names & self.reasons.keys(), key=lambda name: self.reasons[name].location)
        for name in tuple(kept):
            solver = z3.Solver()
            solver.set("timeout", TIMEOUT)
            solver.set("rlimit", EFFORT)
            solver.add(*self.always)
            for one in kept:
                if one != name:
                    solver.add(*self.conditions[one])
            if solver.check() == z3.unsat:
                kept.remove(name)
        return kept

    def repair(self, choice: Choice, keep: Collection[str] = ()) -> Repaired | Contradiction | None:
        """The choice with as much of it kept as can be, the words of `keep` before all others.

        None where time was up.
        """
        wishes = list(self._wishes(choice))
        for _ in range(ROUNDS):
            if time.monotonic() > self.deadline:
                return None
            answer = self.solver.check(*(wish for wish, _ in wishes))
            if answer == z3.sat:
                return self._read(self.solver.model(), choice)
            if answer == z3.unknown:
                return None
            core = {one.get_id() for one in self.solver.unsat_core()}
            blamed = [wish for wish in wishes if wish[0].get_id() in core]
            if not blamed:
                found = self.contradiction()
                return found if isinstance(found, Contradiction) else None
            # Most addresses are canonical in five levels, too: four are not given up for a word.
            dropped = [wish for wish in blamed if wish[1] not in {*keep, "la57"}] or blamed
            gone = {wish[0].get_id() for wish in dropped}
            wishes = [wish for wish in wishes if wish[0].get_id() not in gone]
        return None

    def learn(self, conflict: Conflict) -> bool:
        """Add the condition that a candidate broke; whether there is one."""
        if not conflict.bytes:
            return False
        items = [item for item, _ in conflict.bytes]
        if conflict.reason == "data in place of code":
            for item in items:
                if not isinstance(item, Code):
                    self._off_code(item)
        elif conflict.reason == "two values in one byte":
            self._agree(conflict.bytes[0], conflict.bytes[-1])
        else:
            self._disjoint(conflict.bytes)
        return True

    # -- the precondition --------------------------------------------------------------------------

    def _state(self) -> None:
        pre = self.subject.pre
        for fact in pre.facts:
            self._add(fact.location, print_item(fact), self._fact(fact))
        for cell in pre.cells:
            item = cell.item
            self._add(item.location, print_item(item), *self._mapped(cell.root, item.addr))
        for root, claim in pre.claims:
            va, pa = self.word(claim.va), self.word(claim.pa)
            self._add(
                claim.location,
                print_item(claim),
                *self._mapped(root, claim.va),
                z3.ULE(pa, (1 << 52) - WORD_SIZE),
                self._place(root, va, 0) == z3.Extract(51, 0, pa),
                self._place(root, va, WORD_SIZE - 1) == z3.Extract(51, 0, pa + (WORD_SIZE - 1)),
            )
        for phys in pre.phys:
            self._add(
                phys.location,
                print_item(phys),
                z3.ULE(self.word(phys.addr), (1 << 52) - WORD_SIZE),
            )
        for root, code in pre.code:
            self._add(code.location, print_item(code), *self._code(root))

    def _code(self, root: str) -> Iterator[Any]:
        """The code is at addresses, and each instruction on adjacent frames."""
        entry, size = self.words[ENTRY], self.subject.size
        yield from self._canonical(root, entry, size)
        first = z3.Extract(63, 12, entry)
        offset = z3.ZeroExt(52, z3.Extract(11, 0, entry))
        pages = [self._frame(root, first + number) for number in range(1 + (size + 4094) // 4096)]
        for instr in self.subject.fragment.instrs:
            if instr.length == 1:
                continue
            last = instr.offset + instr.length - 1
            for number, (frame, after) in enumerate(pairwise(pages), 1):
                seam = PAGE * number
                split = z3.And(z3.ULT(offset + instr.offset, seam), z3.UGE(offset + last, seam))
                yield z3.Implies(split, after == frame + 1)

    def _mapped(self, root: str, addr: Expr) -> Iterator[Any]:
        va = self.word(addr)
        yield from self._canonical(root, va, WORD_SIZE)
        self._place(root, va, 0)

    def _canonical(self, root: str, va: Any, size: int) -> Iterator[Any]:
        yield z3.ULT(self.words[root], 1 << 52)
        for here in (va, va + (size - 1)):
            short, long = z3.Extract(63, 47, here), z3.Extract(63, 56, here)
            yield z3.Or(
                short == 0,
                short == (1 << 17) - 1,
                z3.And(self.la57, z3.Or(long == 0, long == (1 << 8) - 1)),
            )

    def _add(self, location: Location, text: str, *conditions: Any) -> None:
        name = f"r{len(self.reasons)}"
        self.reasons[name] = Reason(location, text)
        self.conditions[name] = conditions
        for number, condition in enumerate(conditions):
            self.solver.assert_and_track(condition, f"{name}#{number}")

    # -- conditions that candidates teach ----------------------------------------------------------

    def _lesson(self, items: list[Any], condition: Any) -> None:
        """A condition on several parts; in a contradiction all of them are named."""
        name = f"l{len(self.reasons)}"
        text = " and ".join(dict.fromkeys(print_item(_plain(one)) for one in items))
        location = max(_plain(one).location for one in items)
        self.reasons[name] = Reason(location, f"{text}, which own separate things")
        self.conditions[name] = (condition,)
        self.solver.assert_and_track(condition, f"{name}#0")

    def _disjoint(self, there: tuple[tuple[Any, int], ...]) -> None:
        """The items may share a byte only where their shares fit."""
        items = [item for item, _ in there]
        if self._fit([_plain(one).frac for one in items]):
            return
        together = [z3.And(*(self._byte(items[0], 0) == self._byte(one, 0) for one in items[1:]))]
        (first, k), *others = there
        together.append(z3.And(*(self._byte(first, k) == self._byte(one, n) for one, n in others)))
        if len(items) == 2:
            one, two = items
            for number in range(1, WORD_SIZE):
                together.append(self._byte(one, 0) == self._byte(two, number))
                together.append(self._byte(two, 0) == self._byte(one, number))
        self._lesson(items, z3.Not(z3.Or(*together)))

    def _agree(self, one: tuple[Any, int], two: tuple[Any, int]) -> None:
        """Bytes at one place have one value."""
        shift = two[1] - one[1]
        conditions = []
        for k in range(WORD_SIZE):
            if 0 <= k + shift < WORD_SIZE:
                same = self._byte(one[0], k) == self._byte(two[0], k + shift)
                values = self._value(one[0], k) == self._value(two[0], k + shift)
                conditions.append(z3.Implies(same, values))
        self._lesson([one[0], two[0]], z3.And(*conditions))

    def _off_code(self, item: Any) -> None:
        """An item's bytes are not code."""
        entry, size = self.words[ENTRY], self.subject.size
        conditions = []
        first = z3.Extract(63, 12, entry)
        last = z3.Extract(63, 12, entry + (size - 1))
        for root, _ in self.subject.pre.code:
            for number in range(1 + (size + 4094) // 4096):
                page = first + number
                frame = self._frame(root, page)
                low = z3.If(page == first, z3.Extract(11, 0, entry), z3.BitVecVal(0, 12))
                high = z3.If(
                    page == last, z3.Extract(11, 0, entry + (size - 1)), z3.BitVecVal(4095, 12)
                )
                for k in range(WORD_SIZE):
                    place = self._byte(item, k)
                    offset = z3.Extract(11, 0, place)
                    conditions.append(
                        z3.Or(
                            z3.Extract(51, 12, place) != frame,
                            z3.UGT(page - first, last - first),
                            z3.ULT(offset, low),
                            z3.UGT(offset, high),
                        )
                    )
        self._lesson([item], z3.And(*conditions))

    def _byte(self, item: Cell | PhysPt, k: int) -> Any:
        """The physical address of a byte, in 52 bits."""
        if isinstance(item, PhysPt):
            return z3.Extract(51, 0, self.word(item.addr) + k)
        return self._place(item.root, self.word(item.item.addr), k)

    def _value(self, item: Cell | PhysPt, k: int) -> Any:
        return z3.Extract(8 * k + 7, 8 * k, self.word(_plain(item).value))

    # -- terms -------------------------------------------------------------------------------------

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

    def _fact(self, fact: Pure) -> Any:
        return relation(fact.rel, self.word(fact.left), self.word(fact.right))

    def _fit(self, shares: list[Frac]) -> bool:
        """Whether shares can be of one thing, if those with names are small enough."""
        literal = sum(
            (share(one, {}) for one in shares if isinstance(one, FracLit)), start=Fraction(0)
        )
        named = any(isinstance(one, FracVar) for one in shares)
        return literal < 1 if named else literal <= 1

    def _base(self, root: str) -> Any:
        return z3.Extract(51, 12, self.words[root])

    def _place(self, root: str, va: Any, k: int) -> Any:
        """The physical address of the byte `k` of the word at `va`, in 52 bits."""
        here = va + k
        first = self._frame(root, z3.Extract(63, 12, va))
        last = self._frame(root, z3.Extract(63, 12, va + (WORD_SIZE - 1)))
        inside = z3.Extract(63, 12, here) == z3.Extract(63, 12, va)
        frame = first if k == 0 else last if k == WORD_SIZE - 1 else z3.If(inside, first, last)
        return z3.Concat(frame, z3.Extract(11, 0, here))

    def _frame(self, root: str, page: Any) -> Any:
        """The frame of a page; the same one for the same page under the same table."""
        page = z3.simplify(page)
        key = (root, page.sexpr())
        if key not in self.frames:
            frame = z3.BitVec(f"frame_{len(self.frames)}", 40)
            for (other, _), (known, number) in self.frames.items():
                same = [number == page]
                if other != root:
                    same.append(self._base(other) == self._base(root))
                self._always(z3.Implies(z3.And(*same), known == frame))
            self.frames[key] = (frame, page)
        return self.frames[key][0]

    def _always(self, condition: Any) -> None:
        self.always.append(condition)
        self.solver.add(condition)

    # -- candidates --------------------------------------------------------------------------------

    def _wishes(self, choice: Choice) -> Iterator[tuple[Any, str]]:
        yield self.la57 == choice.mode.la57, "la57"
        for name, word in choice.words.items():
            term = self.words[name]
            if word <= MASK:
                yield z3.Extract(11, 0, term) == (word & 0xFFF), name
                yield z3.Extract(63, 12, term) == (word >> 12), name
        for (root, _), (frame, page) in self.frames.items():
            # Different pages on different frames, nearly always.
            base = z3.Extract(19, 0, self._base(root))
            low = z3.Extract(19, 0, page) ^ z3.RotateLeft(base, 7)
            yield frame == z3.ZeroExt(20, low ^ 0x5A5A5), "frame"

    def _read(self, model: Any, choice: Choice) -> Repaired:
        words = {
            name: model.eval(term, model_completion=True).as_long()
            for name, term in self.words.items()
        }
        frames: dict[Page, int] = {}
        for (root, _), (frame, page) in self.frames.items():
            number = model.eval(page, model_completion=True).as_long()
            frames[base_of(words[root]), number] = model.eval(
                frame, model_completion=True
            ).as_long()
        la57 = z3.is_true(model.eval(self.la57, model_completion=True))
        largest = max((*frames.values(), *(words[name] >> 12 for name in self.subject.roots), 0))
        mode = choice.mode
        width = max(mode.maxphyaddr, min(52, 12 + largest.bit_length()))
        return Repaired(
            words,
            frames,
            Mode(mode.wp, mode.smep, mode.smap, mode.nxe, la57, width),
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


def _plain(item: Any) -> Any:
    return item.item if isinstance(item, Cell) else item
