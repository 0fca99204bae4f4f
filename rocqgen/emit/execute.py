# SPDX-License-Identifier: Apache-2.0
"""Runs a fragment symbolically as the engine will: a mirror of `srun` (`theories/auto/run.v`).

Branches are followed: first where the condition holds, then where it does not.

Two things are added.  Where the engine would be stuck for want of a hint, `guide` may give
one, and the run goes on as the engine's will with it.  And each part of the state remembers the
instruction that wrote it last, for blame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocqgen.emit.flags import refuted as is_refuted
from rocqgen.emit.normal import EAdd, Term
from rocqgen.emit.paths import Fork, Path, Run, StuckError
from rocqgen.emit.step import Machine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocqgen.emit.guide import Guide
    from rocqgen.emit.symbolic import Fact, SState
    from rocqgen.source.machine import Instr

MAX_PATHS = 256
"""Paths of one run; what forks more often is not followed to its end."""


def run(
    base: Term,
    code: Sequence[Instr],
    exits: Sequence[Term],
    pre: SState,
    first_name: int,
    guide: Guide,
    *,
    limit: int,
) -> Run:
    """Run from the entry to exits, until the engine is stuck, or for `limit` steps on a path."""
    path = Path(pre.root, dict(pre.regs), list(pre.items), pre.code)
    done = Run(first_name)
    explorer = _Explorer(base, code, exits, pre.facts, Machine(base, path, done, guide), limit)
    try:
        explorer.follow(path, base, 0)
    except _LostError as lost:
        done.stuck = lost.offset, lost.why
    return done


class _LostError(Exception):
    """The engine is stuck at an offset."""

    def __init__(self, offset: int, why: str) -> None:
        super().__init__(why)
        self.offset = offset
        self.why = why


class _Explorer:
    """Follows all paths."""

    def __init__(
        self,
        base: Term,
        code: Sequence[Instr],
        exits: Sequence[Term],
        given: Sequence[Fact],
        machine: Machine,
        limit: int,
    ) -> None:
        self.base = base
        self.by_offset = {instr.offset: instr for instr in code}
        self.at: dict[Term, int] = {}
        for n, one in enumerate(exits):
            self.at.setdefault(one, n)
        self.given = tuple(given)
        self.machine = machine
        self.run = machine.run
        self.limit = limit

    def follow(self, path: Path, pc: Term, offset: int) -> None:
        """Follow `path` from `pc` on; `offset` is that of the instruction executed last."""
        while pc not in self.at:
            if path.steps == self.limit:
                raise _LostError(
                    offset, f"control has not left the fragment after {self.limit} steps"
                )
            here = _offset_from(self.base, pc)
            instr = self.by_offset.get(here) if here is not None else None
            if instr is None:
                raise _LostError(offset, "control is neither in the fragment nor at an exit")
            offset = instr.offset
            path.steps += 1
            self.run.steps += 1
            self.run.depth = max(self.run.depth, path.steps)
            self.machine.path = path
            try:
                went = self.machine.step(instr)
                path.last = instr
                if isinstance(went, Fork):
                    self._fork(path, went, instr)
                    return
            except StuckError as error:
                raise _LostError(offset, str(error)) from None
            self._after(path, instr)
            pc = went
        path.ends = (self.at[pc],)
        self._leave(path, offset)
        if len(self.run.paths) == MAX_PATHS:
            raise _LostError(offset, f"the fragment has more than {MAX_PATHS} paths")
        self.run.paths.append(path)

    def _fork(self, path: Path, fork: Fork, instr: Instr) -> None:
        facts = list(self.machine.new_facts)
        for fact, way in zip(fork.arms, fork.ways, strict=True):
            if is_refuted((*path.assumed, *self.given), fact):
                continue
            arm = path.copy()
            self.machine.start(arm, instr)
            pc = way()
            self.machine.owe([*facts, *self.machine.new_facts])
            arm.assumed = (fact, *path.assumed)
            self._after(arm, instr)
            self.follow(arm, pc, instr.offset)

    def _after(self, path: Path, instr: Instr) -> None:
        """The steps of the proof behind an instruction, at the beginning of a way."""
        try:
            self.machine.then(path, instr)
        except StuckError as error:
            raise _LostError(instr.offset, str(error)) from None

    def _leave(self, path: Path, offset: int) -> None:
        """Those where a path ends."""
        try:
            self.machine.leave(path)
        except StuckError as error:
            raise _LostError(offset, str(error)) from None


def _offset_from(base: Term, pc: Term) -> int | None:
    if pc == base:
        return 0
    return pc.z if isinstance(pc, EAdd) and pc.e == base else None
