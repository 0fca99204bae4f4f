# SPDX-License-Identifier: Apache-2.0
"""Steps of the proof with walks: what Python says that they do, the engine does, on random ones.

And walks where the examples have none: in calls, loops, contracts, with five levels.
"""

from __future__ import annotations

import random
import subprocess
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

import pytest

from rocqgen.emit import emit_theory
from rocqgen.emit.cells import FRAME, Cell, Paging, slot
from rocqgen.emit.gallina import Printer
from rocqgen.emit.ghost import apply
from rocqgen.emit.ghosts import GAscend, GDescend, GDrop, GFold, GNothing, GUnfold
from rocqgen.emit.hints import ghost_data
from rocqgen.emit.normal import Alu, ECst, EOp, EVar, Term, mk_and, mk_op
from rocqgen.emit.paths import Path, StuckError
from rocqgen.emit.symbolic import FDiv, FOne, IClaim, IPhys, KWalk, Region, SState
from rocqgen.emit.walks import Walk, Window
from rocqgen.source.fragment import load_fragments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path as File

    from rocqgen.emit.ghosts import Ghost
    from rocqgen.emit.symbolic import Fact, Item
    from rocqgen.rocq.library import Library
    from rocqgen.rocq.toolchain import Toolchain

pytestmark = pytest.mark.rocq

COUNT = 160
T = TypeVar("T")
ROOT, OTHER, VA, ENTRY, FAR = EVar(2), EVar(3), EVar(4), EVar(5), EVar(6)
BELOW = (EVar(10), EVar(11), EVar(12))
PRINTER = Printer({}, {})
DISTANCES = (ECst(0xFFFF800000000000), EVar(7))
PAGING = Paging(la57=False, maxphyaddr=52)


@dataclass
class Case:
    """A walk taken apart, more or less, and a walk as it is."""

    rng: random.Random
    shifts: tuple[int, ...] = field(init=False)
    window: Window | None = field(init=False)
    items: list[Item] = field(default_factory=list)

    def __post_init__(self) -> None:
        pick = self.pick
        self.shifts = pick((39, 30, 21, 12), (30, 21, 12), (21, 12), (12,))
        self.window = pick(None, Window(pick(ROOT, ROOT, OTHER), pick(*DISTANCES)))
        walk = self.walk()
        rest = walk.rest
        near = walk.region
        region = pick(near, near, near, near, Region(near.shift, OTHER, VA), None)
        reach = pick((region,), (region,), (region,), (), (region, region))
        claimed = pick((None,), (None,), (None,), (), (None, near), (near,))
        owed = pick((), (), (), (), (near,))
        addr = pick(walk.slot, walk.slot, EVar(30))
        share = pick(FOne(), FOne(), FDiv(1, 2))
        self.items = [
            IPhys(EVar(40), FOne(), EVar(41)),
            Cell(addr, ENTRY, reach, claimed, owed).item(share),
        ]
        if rest is not None:
            changed = pick(
                rest,
                rest,
                replace(rest, start=FAR),
                replace(rest, va=FAR),
                replace(rest, window=None),
                replace(rest, below=False),
            )
            self.items.append(changed.item(pick(share, share, FOne())))
        distance = DISTANCES[0] if self.window is None else self.window.distance
        page = mk_op(Alu.ADD, mk_and(ROOT, ECst(FRAME)), distance)
        pages = pick(FDiv(512, 1), FDiv(512, 1), FDiv(256, 1))
        frame = pick(mk_and(ROOT, ECst(FRAME)), EVar(20))
        space = OTHER if self.window is None else self.window.space
        self.items.append(
            IClaim(pick(True, True, False), space, pick(page, EVar(21)), pages, frame)
        )
        self.items.append(walk.item(pick(FOne(), FDiv(1, 3))))
        below = replace(walk, below=True, start=ENTRY)
        self.items.append(pick(below, walk).item(FOne()))
        if self.rng.random() < 0.5:
            self.rng.shuffle(self.items)

    def pick(self, *options: T) -> T:
        return self.rng.choice(options)

    def walk(self) -> Walk:
        entries = (ENTRY, *BELOW[: len(self.shifts) - 1])
        start = self.pick(ROOT, ROOT, mk_and(ENTRY, ECst(FRAME)), EOp(Alu.OR, EVar(8), ECst(3)))
        return Walk(False, self.shifts, ROOT, VA, start, entries, self.window)

    def find(self, *kinds: type) -> list[int]:
        return [n for n, item in enumerate(self.items) if isinstance(item, kinds)]

    def ghost(self) -> Ghost:
        pick, count = self.pick, len(self.items)
        n = self.rng.randrange(count)
        walks = [k for k in range(count) if isinstance(getattr(self.items[k], "kind", None), KWalk)]
        cells = [
            k
            for k in range(count)
            if k not in walks and not isinstance(self.items[k], IClaim | IPhys)
        ]
        claims = self.find(IClaim)
        below = pick(None, walks[0]) if len(self.shifts) > 1 else pick(None, None, walks[0])
        distance: Term = DISTANCES[0] if self.window is None else self.window.distance
        claim = None if self.window is None else (claims[0], distance)
        table = pick(ROOT, ROOT, EVar(31))
        fold = GFold(cells[0], below if self.rng.random() < 0.3 else self.own(walks), claim, table)
        nothing = replace(self.walk(), below=pick(True, True, False), start=pick(ENTRY, ECst(0)))
        made = nothing.item(FOne())
        return pick(
            fold,
            fold,
            fold,
            fold,
            replace(fold, claim=None),
            GUnfold(pick(*walks, n)),
            GUnfold(pick(*walks)),
            GDescend(pick(*walks, n)),
            GAscend(pick(*walks, n), pick(ENTRY, mk_and(ENTRY, ECst(FRAME)), ROOT)),
            GNothing(KWalk(True, self.shifts, self.window is not None), made.terms),
            GDrop(n),
        )

    def own(self, walks: list[int]) -> int | None:
        """The walk below the cell."""
        for n in walks:
            kind = getattr(self.items[n], "kind", None)
            if isinstance(kind, KWalk) and kind.shifts == self.shifts[1:]:
                return n
        return None

    def path(self) -> Path:
        return Path(ROOT, {}, list(self.items), ())


def state(items: list[Item]) -> str:
    fields = PRINTER.state_data(SState(ROOT, (), tuple(items), (), ()))
    return f"(SState {fields['root']} [] [{'; '.join(fields['items'])}] [] [])"  # type: ignore[arg-type]


def facts(some: list[Fact] | tuple[Fact, ...]) -> str:
    return f"[{'; '.join(map(PRINTER.fact_data, some))}]"


def goal(case: Case) -> tuple[str, bool, str]:
    """A statement about a step of the proof, whether it can be done, and which it is."""
    ghost, path = case.ghost(), case.path()
    platform = "(Some (Platform false 52))"
    call = f"sghost (Π := {platform}) ({ghost_data(ghost, PRINTER)}) {state(case.items)}"
    name = type(ghost).__name__
    try:
        owed, learned = apply(ghost, path, PAGING, None)
    except StuckError:
        return f"match {call} (Names 50 []) with Done _ => False | Fail _ => True end", False, name
    result = f"{state(path.items)}, {facts(owed)}, {facts(learned)}, Names 50 []"
    return f"{call} (Names 50 []) = Done ({result})", True, name


def goals() -> list[tuple[str, bool, str]]:
    return [goal(Case(random.Random(seed))) for seed in range(COUNT)]


def test_random_steps_are_many_sided() -> None:
    found = {(name, can) for _, can, name in goals()}
    both = {(name, can) for name in ("GFold", "GUnfold", "GDescend") for can in (True, False)}
    assert both | {("GAscend", True), ("GNothing", True), ("GDrop", True)} <= found
    assert slot(ROOT, VA, 12) != slot(ROOT, VA, 21)


def test_the_engine_does_the_same(
    computed: Callable[[str, Iterable[tuple[str, str]]], None],
) -> None:
    computed(
        "ghost", [(f"{n} {name}", statement) for n, (statement, _, name) in enumerate(goals())]
    )


SOURCE = """
    .text
# What a caller takes out of a walk is put back for what it calls.
#@ spec
#@   forall r : root, va e4 e3 e2 e1 sp1 back : word, q : fraction
#@   space r
#@   requires
#@       rdi |->r r + (va >> 36 & 0xff8) + 0xffff800000000000 * rax |->r _ * rsp |->r sp1
#@     * sp1 |->v back * code{q} * r & 0xfff = 0
#@     * walk va in r level 4 from r reads e4, e3, e2, e1 mapped by 0xffff800000000000 in r
#@   exit back
#@   ensures
#@       rdi |->r r + (va >> 36 & 0xff8) + 0xffff800000000000 * rax |->r e4 * rsp |->r sp1 + 8
#@     * sp1 |->v back * code{q}
#@     * walk va in r level 4 from r reads e4, e3, e2, e1 mapped by 0xffff800000000000 in r
top:
    movq (%rdi), %rax
    ret
    .size top, . - top

#@ spec
#@   forall r : root, va e4 e3 e2 e1 sp0 ra : word, q : fraction
#@   space r
#@   requires
#@       rdi |->r r + (va >> 36 & 0xff8) + 0xffff800000000000 * rax |->r _ * rsi |->r _
#@     * rsp |->r sp0 * sp0 |->v ra * sp0 - 8 |->v _ * code{q} * r & 0xfff = 0
#@     * walk va in r level 4 from r reads e4, e3, e2, e1 mapped by 0xffff800000000000 in r
#@   exit ra
#@   ensures
#@       rdi |->r _ * rax |->r 0 * rsi |->r _ * rsp |->r sp0 + 8
#@     * sp0 |->v ra * sp0 - 8 |->v _ * code{q}
#@     * walk va in r level 4 from r reads e4, e3, e2, e1 mapped by 0xffff800000000000 in r
twice:
    movq (%rdi), %rsi
    call top
    xorq %rsi, %rax
    ret
    .size twice, . - twice

# A loop, by a claim of a single word.
#@ spec
#@   forall r : root, va t e2 e1 p n : word, q : fraction
#@   space r
#@   requires
#@       rdi |->r p * rax |->r _ * rcx |->r n * n != 0 * code{q}
#@     * p ~> (t & 0x000ffffffffff000) + (va >> 18 & 0xff8)
#@     * walk va in r level 2 from t reads e2, e1
#@   exit done
#@   ensures
#@       rdi |->r p * rax |->r e2 * rcx |->r 0 * code{q}
#@     * p ~> (t & 0x000ffffffffff000) + (va >> 18 & 0xff8)
#@     * walk va in r level 2 from t reads e2, _
again:
    nop
#@ invariant exists i : word
#@   holds
#@       rdi |->r p * rax |->r _ * rcx |->r i * i != 0 * code{q}
#@     * p ~> (t & 0x000ffffffffff000) + (va >> 18 & 0xff8)
#@     * walk va in r level 2 from t reads e2, e1
.Lloop:
    movq (%rdi), %rax
    decq %rcx
    jnz .Lloop
done:
    nop
    .size again, . - again

# Five levels, and entries that have no name.
#@ spec
#@   forall r : root, va e5 e4 e3 e2 e1 : word, q : fraction
#@   space r
#@   platform la57 maxphyaddr 46
#@   requires
#@       rdi |->r r + (va >> 45 & 0xff8) + 0xffff800000000000 * rax |->r _ * code{q} * r & 0xfff = 0
#@     * walk va in r level 5 from r reads e5, e4, e3, e2, e1 mapped by 0xffff800000000000 in r
#@   exit here
#@   ensures
#@       rdi |->r _ * rax |->r e5 * code{q}
#@     * walk va in r level 5 from r mapped by 0xffff800000000000 in r
five:
    movq (%rdi), %rax
here:
    nop
    .size five, . - five

#@ assume fill
#@   forall k : root, va sp1 back : word
#@   space k
#@   requires rsp |->r sp1 * sp1 |->v back * rsi |->r va * walk va in k level 4 from k
#@   exit back exists e4 e3 e2 e1 : word
#@   ensures rsp |->r sp1 + 8 * sp1 |->v back * rsi |->r va * e4 & 0x81 = 1 * e3 & 0x81 = 1
#@     * walk va in k level 4 from k reads e4, e3, e2, e1

# What an assumed function gives.
#@ spec
#@   forall r : root, fill va sp0 : word, q : fraction
#@   space r
#@   requires rsi |->r va * rdi |->r fill * rsp |->r sp0 * sp0 - 8 |->v _ * code{q}
#@     * walk va in r level 4 from r
#@   exit there exists e4 e3 e2 e1 : word
#@   ensures rsi |->r va * rsp |->r sp0 * code{q} * e3 & 1 != 0
#@     * walk va in r level 4 from r reads e4, e3, e2, e1
use:
    call *%rdi
there:
    nop
    .size use, . - use
"""


def test_walks_in_calls_and_loops(toolchain: Toolchain, library: Library, tmp_path: File) -> None:
    source = tmp_path / "walks.s"
    source.write_text(SOURCE, encoding="utf-8")
    theories = [emit_theory(fragment) for fragment in load_fragments(source)]
    file = tmp_path / "all.v"
    parts = [f"Module T{n}.\n{one.text}\nEnd T{n}.\n" for n, one in enumerate(theories)]
    all_of_them = ", ".join(f"@T{n}.{one.theorem}" for n, one in enumerate(theories))
    asked = f"Definition everything := ({all_of_them}).\nPrint Assumptions everything.\n"
    file.write_text("\n".join([*parts, asked]), encoding="utf-8")
    command = [str(toolchain.coqc), "-q", "-noglob", "-w", "none", *library.coqc_options, str(file)]
    done = subprocess.run(
        command, env=toolchain.environ(), capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("Closed under the global context") == 1
