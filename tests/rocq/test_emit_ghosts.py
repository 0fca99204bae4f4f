# SPDX-License-Identifier: Apache-2.0
"""Steps of the proof and accesses to entries: what Python says that they do, the engine does.

On random states and steps, in one file: some steps can be done, some cannot, and both must agree.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

import pytest

from rocqgen.emit.access import load, store
from rocqgen.emit.blocks import Block
from rocqgen.emit.cells import FRAME, Cell, Paging, leaf_frame, slot
from rocqgen.emit.gallina import Printer
from rocqgen.emit.ghost import apply
from rocqgen.emit.ghosts import (
    GBlock,
    GClaim,
    GDrop,
    GEmpty,
    GForget,
    GJoin,
    GJoinBlocks,
    GNew,
    GOpen,
    GPayElsewhere,
    GReach,
    GReachElsewhere,
    GSplit,
    GSplitBlock,
    GUnclaim,
    GWord,
)
from rocqgen.emit.hints import ghost_data
from rocqgen.emit.normal import Alu, EAdd, ECst, EOp, EVar, Term, mk_and, mk_op
from rocqgen.emit.paths import Path, StuckError
from rocqgen.emit.symbolic import FDiv, FOne, FVar, HAt, IClaim, IPhys, IVirt, Region, SState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rocqgen.emit.ghosts import Ghost
    from rocqgen.emit.symbolic import Fact, Item, Share

pytestmark = pytest.mark.rocq

COUNT = 180
T = TypeVar("T")
ROOT, OTHER = EVar(2), EVar(3)
VA, VB = EVar(4), EOp(Alu.AND, EVar(5), ECst(0xFFFFFFFFFFFFF000))
PRINTER = Printer({}, {1: "(FVar 1)"})
END = EOp(Alu.ADD, EVar(60), EOp(Alu.SHL, EVar(61), ECst(3)))
HALF = FDiv(1, 2)
ENTRIES = (EVar(10), EVar(11), EVar(12), EVar(13), EVar(14))


@dataclass
class Case:
    """A state, what is done to it, and what Python says that comes of it."""

    rng: random.Random
    paging: Paging = field(init=False)
    items: list[Item] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.paging = Paging(la57=self.rng.random() < 0.2, maxphyaddr=self.rng.choice([52, 40, 46]))
        table: Term = ROOT
        for shift, entry in zip(self.paging.shifts, ENTRIES, strict=False):
            self.items.append(self.cell(table, shift, entry).item(self.share(shift)))
            table = entry
        last = self.paging.shifts.index(12)
        frame = mk_and(ENTRIES[last], ECst(FRAME))
        pages = [FDiv(512, 1), FDiv(512, 1), FDiv(256, 1), FDiv(3, 2), FOne()]
        self.items += [
            IClaim(True, ROOT, VA, self.rng.choice(pages), self.rng.choice([frame, EVar(20)])),
            IClaim(self.rng.random() < 0.8, ROOT, EVar(21), FVar(1), EVar(22)),
            IPhys(self.rng.choice([frame, EVar(20), EVar(22)]), FOne(), EVar(23)),
            IVirt(True, ROOT, EVar(24), FDiv(1, 3), EVar(25)),
            IVirt(True, ROOT, EVar(24), FDiv(1, 6), EVar(26)),
            Block(True, ROOT, EVar(60), EVar(61), self.pick(None, None, EVar(62))).item(FOne()),
            Block(True, ROOT, END, self.pick(ECst(1), EVar(64)), None).item(
                self.pick(FOne(), HALF)
            ),
            Block(None, None, self.pick(EVar(22), frame), ECst(512), self.pick(None, ECst(0))).item(
                FOne()
            ),
            Cell(EVar(22), self.entry(), (), (), ()).item(FOne()),
        ]

    def pick(self, *options: T) -> T:
        return self.rng.choice(options)

    def entry(self) -> Term:
        return self.pick(EVar(27), EVar(27), ECst(0), ECst(0x1003), EOp(Alu.OR, EVar(28), ECst(3)))

    def share(self, shift: int) -> Share:
        return FOne() if shift == 12 else self.pick(FOne(), FVar(1), FDiv(1, 2))

    def region(self, shift: int) -> Region | None:
        far = Region(self.pick(12, 21, 30, 39), self.pick(ROOT, OTHER), self.pick(VA, VB, EVar(6)))
        near = Region(shift, ROOT, self.pick(VA, VA, EAdd(VA, 8), mk_and(VA, ECst(2**64 - 4096))))
        return self.pick(None, near, near, near, near, far)

    def cell(self, table: Term, shift: int, entry: Term) -> Cell:
        chance = self.rng.random
        addr = slot(table, VA, shift) if chance() < 0.8 else EVar(30 + shift)
        reach = tuple(self.region(shift) for _ in range(self.pick(1, 1, 1, 2)))
        claimed = tuple(self.region(shift) for _ in range(self.pick(0, 1, 1, 2)))
        if shift == 12:
            claimed = tuple(one for one in claimed if one is not None and chance() < 0.6)
        owed = (self.region(shift),) if chance() < 0.15 else ()
        return Cell(addr, entry, reach, claimed, owed)

    def ghost(self) -> Ghost:
        depth = len(self.paging.shifts)
        path = tuple(range(depth))
        if self.rng.random() < 0.15:
            path = tuple(self.rng.randrange(len(self.items)) for _ in path)
        leaf, fresh, n = depth - 1, len(self.items) - 1, self.rng.randrange(len(self.items))
        pa = self.pick(EVar(20), mk_and(ENTRIES[leaf], ECst(FRAME)))
        claim = GClaim(path, self.pick(leaf, leaf, leaf, 0), self.pick(True, False), ROOT, VA, pa)
        if self.rng.random() < 0.15:
            return self.large_claim(path)
        words = [depth + 3, depth + 4]
        if self.rng.random() < 0.3:
            return self.block_ghost(depth, n)
        return self.pick(
            claim,
            claim,
            claim,
            claim,
            GUnclaim(self.pick(leaf, leaf, n), self.pick(depth, depth, n)),
            GUnclaim(leaf, depth),
            GOpen(self.pick(leaf, fresh, n), (self.region(12), self.region(21))),
            GReach(
                path[: self.pick(1, 2, 3, depth)], self.pick(fresh, n), self.pick(12, 21, 30), VA
            ),
            GReach(path[:3], fresh, 12, VA),
            GReachElsewhere(
                self.pick(fresh, n), self.pick(12, 21), self.pick(OTHER, ECst(4096)), VB
            ),
            GPayElsewhere(self.pick(leaf, n)),
            GNew(self.pick(depth + 2, n)),
            GDrop(n),
            GSplit(self.pick(depth + 3, depth), FDiv(1, 6), self.pick(FDiv(1, 6), FDiv(1, 2))),
            GSplit(depth + 2, FDiv(1, 3), FDiv(2, 3)),
            GSplit(depth, FDiv(1, 1) if self.rng.random() < 0.1 else FOne(), FDiv(511, 1)),
            GJoin(*(words if self.rng.random() < 0.7 else [n, words[0]])),
        )

    def large_claim(self, path: tuple[int, ...]) -> Ghost:
        """The claim of a page where the walk may end above the last level."""
        path = path[: self.rng.randrange(len(path))]
        shift = self.paging.shifts[len(path) - 1]
        pa = self.pick(EVar(20), leaf_frame(shift, ENTRIES[len(path) - 1], VA))
        place = self.pick(len(path) - 1, 1) if path else 0
        return GClaim(path, place, self.pick(True, False), ROOT, VA, pa)

    def block_ghost(self, depth: int, n: int) -> Ghost:
        one, two, physical = depth + 5, depth + 6, depth + 7
        index = self.pick(ECst(1), EVar(65), EVar(61), ECst(512))
        empty = Block(self.pick(None, True), None, EVar(66), self.pick(ECst(0), EVar(67)), None)
        if empty.writable is not None:
            empty = replace(empty, root=ROOT, fill=self.pick(None, ECst(0)))
        return self.pick(
            GSplitBlock(self.pick(one, physical, n), index),
            GSplitBlock(one, index),
            GJoinBlocks(one, two),
            GJoinBlocks(self.pick(one, n), self.pick(two, n)),
            GWord(self.pick(one, two, physical)),
            GBlock(self.pick(depth + 2, depth + 3, n)),
            GForget(self.pick(one, physical, n)),
            GEmpty(empty.kind, empty.item(FOne()).terms),
            GSplit(physical, HALF, HALF),
        )

    def access(self) -> tuple[Term, HAt | None, bool]:
        """An address, a hint, and whether it is written."""
        depth = len(self.paging.shifts)
        if self.rng.random() < 0.3:
            return self.element(depth)
        addr = self.pick(VA, EAdd(VA, 8), EVar(21), EVar(21), EVar(24), EVar(9))
        n = self.pick(depth, depth + 1, depth + 1, depth + 3)
        index = ECst(0) if self.rng.random() < 0.3 else None
        data = self.pick(depth - 1, depth + 2, len(self.items) - 1)
        hint = self.pick(None, HAt(n), HAt(n, data, index), HAt(n, data, index))
        return addr, hint, self.rng.random() < 0.6

    def element(self, depth: int) -> tuple[Term, HAt | None, bool]:
        """The same for a word of a block."""
        index = self.pick(ECst(0), ECst(2), EVar(65), EVar(61))
        block = Block(True, ROOT, EVar(60), EVar(61), None)
        addr = self.pick(block.at(index), EVar(60), END, VA, EAdd(VA, 16))
        n, data = self.pick((depth + 5, None), (depth + 6, None), (depth, depth + 7))
        return addr, HAt(n, data, index), self.rng.random() < 0.6

    def path(self) -> Path:
        return Path(ROOT, {}, list(self.items), ())

    def state(self, items: list[Item]) -> str:
        fields = PRINTER.state_data(SState(ROOT, (), tuple(items), (), ()))
        return f"(SState {fields['root']} [] [{'; '.join(fields['items'])}] [] [])"  # type: ignore[arg-type]

    @property
    def platform(self) -> str:
        return f"(Some (Platform {str(self.paging.la57).lower()} {self.paging.maxphyaddr}))"


def facts(some: list[Fact] | tuple[Fact, ...]) -> str:
    return f"[{'; '.join(map(PRINTER.fact_data, some))}]"


def ghost_goal(case: Case) -> tuple[str, bool]:
    """A statement about a step of the proof, and whether it can be done."""
    ghost, path = case.ghost(), case.path()
    call = f"sghost (Π := {case.platform}) ({ghost_data(ghost, PRINTER)}) {case.state(case.items)}"
    try:
        owed, learned = apply(ghost, path, case.paging, None)
    except StuckError:
        return f"match {call} (Names 50 []) with Done _ => False | Fail _ => True end", False
    result = f"{case.state(path.items)}, {facts(owed)}, {facts(learned)}, Names 50 []"
    return f"{call} (Names 50 []) = Done ({result})", True


def access_goal(case: Case) -> tuple[str, bool]:
    """A statement about a load or a store, and whether it can be done."""
    (addr, hint, write), path = case.access(), case.path()
    at = "None"
    if hint is not None:
        data = "None" if hint.data is None else f"(Some {hint.data}%nat)"
        index = "None" if hint.index is None else f"(Some {PRINTER.data(hint.index)})"
        at = f"(Some (At {hint.item}%nat {data} {index}))"
    where, state = PRINTER.data(addr), case.state(case.items)
    if write:
        call = f"sstore (Π := {case.platform}) {at} {where} (EVar 40) {state}"
    else:
        call = f"sload {at} false {where} {state}"
    try:
        if write:
            owed = store(path, addr, EVar(40), hint, case.paging, None)
            result = case.state(path.items)
        else:
            value, owed = load(path, addr, hint, write=False)
            result = PRINTER.data(value)
    except StuckError:
        return f"match {call} with Done _ => False | Fail _ => True end", False
    return f"{call} = Done ({result}, {facts(owed)})", True


def goals() -> list[tuple[str, bool]]:
    cases = [Case(random.Random(seed)) for seed in range(COUNT)]
    return [(ghost_goal if n % 3 else access_goal)(case) for n, case in enumerate(cases)]


def test_random_steps_are_many_sided() -> None:
    done = [can for _, can in goals()]
    assert COUNT / 4 < sum(done) < COUNT * 3 / 4
    assert sum(mk_op(Alu.ADD, one, one) != one for one in ENTRIES) == len(ENTRIES)


def test_the_engine_does_the_same(
    computed: Callable[[str, Iterable[tuple[str, str]]], None],
) -> None:
    computed("ghost", [(str(n), statement) for n, (statement, _) in enumerate(goals())])
