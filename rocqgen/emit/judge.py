# SPDX-License-Identifier: Apache-2.0
"""What comes of a run, and which instruction each part of its verdict is blamed on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rocqgen.emit.entail import similar_item, subst_state
from rocqgen.emit.symbolic import Missing, Owe, Segment, Stuck
from rocqgen.emit.tags import Tag, TFact, TInstr, TItem, TReg, TRoot
from rocqgen.source.print import print_expr, print_item
from rocqgen.source.spec import Invariant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocqgen.emit.arrive import Arrived
    from rocqgen.emit.goal import Specified
    from rocqgen.emit.paths import Run
    from rocqgen.source.machine import Instr
    from rocqgen.source.spec import Assertion, Fragment


@dataclass(frozen=True, slots=True)
class Blame:
    """The instruction that a part of the proof stands or falls with, and what it is `about`."""

    instr: Instr
    about: str = ""


class Judge:
    """Judges the runs of a fragment, one segment after another.

    After each, `blames` has one entry for each fact of the segment, and `block` is to blame for
    the verdict itself.
    """

    def __init__(self, fragment: Fragment, spec: Specified) -> None:
        self.spec = spec
        self.first = fragment.instrs[0]
        self.by_offset = {instr.offset: instr for instr in fragment.instrs}
        self.blames: list[Blame] = []
        self.block = Blame(self.first)

    def judge(self, done: Run, arrived: Sequence[Arrived]) -> Segment | Stuck | Missing:
        """What a run leaves to prove, or where it fails."""
        self.blames = []
        if done.stuck is not None:
            offset, why = done.stuck
            self.block = Blame(self.by_offset.get(offset, self.first), why)
            return Stuck(offset, why)
        owed = [Owe(path, TInstr(offset), fact) for path, offset, fact in done.facts]
        self.blames = [
            Blame(*done.blamed.get(n, (self.by_offset[offset], "")))
            for n, (_, offset, _) in enumerate(done.facts)
        ]
        for end in arrived:
            if isinstance(end.matched, Missing):
                self.block = self._missing(end.matched, end)
                return end.matched
            owed += (Owe(end.path.assumed, tag, fact) for tag, fact in end.matched)
            self.blames += (self._blame(tag, end) for tag, _ in end.matched)
        if arrived:
            self.block = Blame(self._last(arrived[-1]))
        return Segment(tuple(done.defs), tuple(owed))

    def _last(self, end: Arrived) -> Instr:
        return end.path.last or self.first

    def _missing(self, missing: Missing, end: Arrived) -> Blame:
        where = "invariant" if isinstance(end.end.written, Invariant) else "exit"
        about = f"{self._about(missing.tag, end)}: not there at the {where}"
        culprit: Instr | None = None
        if end.path.lacking:
            why, culprit = end.path.lacking[0]
            about += f" ({why})"
        state = end.end.holds.state
        match missing.tag:
            case TItem(k) if k < len(state.items):
                n = similar_item(end.path, subst_state(state, end.values).items[k])
                writer = None if n is None else end.path.item_writer.get(n)
                return Blame(writer or culprit or self._last(end), about)
            case _:
                return Blame(self._last(end), about)

    def _blame(self, tag: Tag, end: Arrived) -> Blame:
        path, writer = end.path, None
        match tag:
            case TRoot():
                writer = path.root_writer
            case TReg(reg):
                writer = path.reg_writer.get(reg)
            case TItem(k):
                writer = path.item_writer.get(end.taken[k])
            case _:
                pass
        return Blame(writer or self._last(end), self._about(tag, end))

    def _about(self, tag: Tag, end: Arrived) -> str:
        """The part of the assertion at the end that a tag means, and its line."""
        holds, written = end.end.holds, end.end.written
        of = "invariant: " if isinstance(written, Invariant) else ""
        one: Assertion
        match tag:
            case TReg(reg):
                one = next(item for item in holds.regs if item.reg is reg)
            case TItem(k):
                one = (*holds.items, *holds.code)[k]
            case TFact(k):
                one = holds.facts[k]
            case _:
                return f"{of}space {print_expr(written.space)} (line {written.location.line})"
        return f"{of}{print_item(one)} (line {one.location.line})"
