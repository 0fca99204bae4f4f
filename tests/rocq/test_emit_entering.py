# SPDX-License-Identifier: Apache-2.0
"""Code that a space comes to map: what Python says that the step does, the engine does.

On random states, in one file: some steps can be done, some cannot, and both must agree.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import TYPE_CHECKING, TypeVar

import pytest

from rocqgen.emit.cells import Cell, Paging, slot
from rocqgen.emit.entering import CODE
from rocqgen.emit.gallina import Printer
from rocqgen.emit.ghost import apply
from rocqgen.emit.ghosts import GCode
from rocqgen.emit.hints import ghost_data
from rocqgen.emit.normal import EAdd, ECst, EVar, Term
from rocqgen.emit.paths import Path, StuckError
from rocqgen.emit.symbolic import FDiv, FOne, FVar, IPhys, Region, SState
from rocqgen.source.location import Location
from rocqgen.source.machine import Instr, Op

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rocqgen.emit.symbolic import Fact, Item, Share

pytestmark = pytest.mark.rocq

COUNT = 120
T = TypeVar("T")
HERE, NEW = EVar(2), EVar(3)
PRINTER = Printer({}, {1: "(FVar 1)"})
OURS = [EVar(10 + k) for k in range(5)]
"""Entries on the way in the current space."""
THEIRS = [EVar(20 + k) for k in range(5)]


@dataclass
class Case:
    """A state and a step; the cells of the current space's walk come first, then those of the new
    one's up to where they meet, and those below it."""

    rng: random.Random
    paging: Paging = field(init=False)
    items: list[Item] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.paging = Paging(la57=self.rng.random() < 0.2, maxphyaddr=self.pick(52, 40, 46))
        shifts = self.paging.shifts
        self.meet = self.pick(1, 1, 2, len(shifts))
        ours, theirs = list(OURS), list(THEIRS)
        theirs[self.meet - 1] = self.pick(ours[self.meet - 1], ours[self.meet - 1], EVar(30))
        self.whole = self.pick(0, 0, 1)
        first, second = self.walk(HERE, ours, None), self.walk(NEW, theirs, self.whole)
        self.items += [*first[: self.meet], *second, IPhys(EVar(40), FOne(), ECst(0))]

    def pick(self, *options: T) -> T:
        return self.rng.choice(options)

    def walk(self, table: Term, entries: list[EVar], whole: int | None) -> list[Item]:
        cells: list[Item] = []
        for k, (shift, entry) in enumerate(zip(self.paging.shifts, entries, strict=False)):
            addr = slot(table, CODE, shift) if self.rng.random() < 0.8 else EVar(50 + k)
            share: Share = FOne() if k == whole else self.pick(FVar(1), FDiv(1, 2))
            cells.append(self.cell(addr, entry, shift, noting=k == whole).item(share))
            table = entry
        return cells

    def cell(self, addr: Term, entry: Term, shift: int, *, noting: bool) -> Cell:
        near = Region(shift, NEW, self.pick(CODE, CODE, EAdd(CODE, 8), EVar(41)))
        far = Region(self.pick(12, 39), self.pick(NEW, HERE), self.pick(CODE, EVar(42)))
        claimed = (
            self.pick((), (), (), (far,), (None,)) if noting else self.pick((None,), (near, far))
        )
        owed = (near,) if self.rng.random() < 0.03 else ()
        return Cell(addr, entry, self.pick((None,), (near,), (far, near)), claimed, owed)

    def ghost(self) -> GCode:
        depth = len(self.paging.shifts) - self.pick(0, 0, 0, 0, 0, 1, 1, 2, 3)
        path = tuple(range(self.meet, self.meet + depth))
        twin = tuple(range(self.pick(self.meet, min(self.meet, depth))))
        if self.rng.random() < 0.15:
            some = [self.rng.randrange(len(self.items)) for _ in range(depth + 1)]
            path, twin = self.pick((path, tuple(some[:2])), (tuple(some[:depth]), twin), (path, ()))
        return GCode(path, self.pick(self.whole, self.whole, self.whole, 1), twin, NEW)

    def text(self) -> tuple[Instr, ...]:
        where = Location(File("f.s"), 1)
        lengths = self.pick((3,), (1, 7, 15), (1, 4090), (1, 4096), (1,), (2, 2))
        starts = [sum(lengths[:k]) for k in range(len(lengths))]
        return tuple(
            Instr(Op.NOP, (), start, length, b"", where, "nop")
            for start, length in zip(starts, lengths, strict=True)
        )


def state(root: Term, items: list[Item], code: tuple[tuple[Term, Share], ...]) -> str:
    fields = PRINTER.state_data(SState(root, (), tuple(items), code, ()))
    inner = [f"[{'; '.join(fields[key])}]" for key in ("items", "code")]  # type: ignore[arg-type]
    return f"(SState {fields['root']} [] {inner[0]} {inner[1]} [])"


def facts(some: list[Fact]) -> str:
    return f"[{'; '.join(map(PRINTER.fact_data, some))}]"


def goal(case: Case) -> tuple[str, bool]:
    """A statement about the step, and whether it can be done."""
    ghost, text = case.ghost(), case.text()
    code = ((case.pick(*[HERE] * 9, NEW), FVar(1)),)
    path = Path(HERE, {}, list(case.items), code, text)
    lines = "; ".join(f"({one.offset}, (Nop, {one.length}))" for one in text)
    mode = f"(Some (Platform {str(case.paging.la57).lower()} {case.paging.maxphyaddr}))"
    call = (
        f"sturn (Π := {mode}) {PRINTER.data(CODE)} [{lines}] ({ghost_data(ghost, PRINTER)}) "
        f"{state(HERE, case.items, code)} (Names 60 [])"
    )
    try:
        owed, learned = apply(ghost, path, case.paging, None)
    except StuckError:
        return f"match {call} with Done _ => False | Fail _ => True end", False
    assert learned == ()
    after = state(HERE, path.items, path.code)
    return f"{call} = Done ({after}, {facts(owed)}, [], Names 60 [])", True


def goals() -> list[tuple[str, bool]]:
    return [goal(Case(random.Random(seed))) for seed in range(COUNT)]


def test_random_steps_are_many_sided() -> None:
    done = [can for _, can in goals()]
    assert COUNT / 4 < sum(done) < COUNT * 3 / 4


def test_the_engine_does_the_same(
    computed: Callable[[str, Iterable[tuple[str, str]]], None],
) -> None:
    computed("turn", [(str(n), statement) for n, (statement, _) in enumerate(goals())])
