# SPDX-License-Identifier: Apache-2.0
"""Runs a fragment symbolically as the engine will: a mirror of `srun` (`theories/auto/run.v`).

A run begins at the entry or at an invariant, and ends at exits and at invariants.  Branches are
followed: first where the condition holds, then where it does not.  A call of what has a contract
goes on at the contract's exits.

Two things are added.  Where the engine would be stuck for want of a hint, `guide` may give
one, and the run goes on as the engine's will with it.  And each part of the state remembers the
instruction that wrote it last, for blame.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rocqgen.emit.contract import UnmetError, give_back, instance, instantiate, take
from rocqgen.emit.flags import refuted as is_refuted
from rocqgen.emit.normal import EAdd, EVar, Term, subst
from rocqgen.emit.paths import Fork, Path, Run, StuckError
from rocqgen.emit.step import MAX_STEPS, Machine
from rocqgen.emit.symbolic import HThen
from rocqgen.emit.tell import Moment
from rocqgen.source.machine import Op
from rocqgen.source.print import print_item

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rocqgen.emit.contract import Called
    from rocqgen.emit.guide import Guide
    from rocqgen.emit.symbolic import Fact, HCall, SState
    from rocqgen.source.machine import Instr
    from rocqgen.source.spec import Assertion

MAX_PATHS = 256
"""Paths of one run; what forks more often is not followed to its end."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where a run begins: the address, the state there, and the first number for its names.

    `given` are facts that hold all the time.  A run from an invariant, `inside`, assumes its facts
    and executes an instruction before it may end; `unknown` are the invariant's names.
    """

    base: Term
    pc: Term
    state: SState
    given: tuple[Fact, ...]
    first_name: int
    inside: bool = False
    unknown: Sequence[int] = ()


def run(
    start: Start,
    code: Sequence[Instr],
    ends: Sequence[Term],
    contracts: Mapping[Term, Called],
    guide: Guide,
    *,
    limit: int,
) -> Run:
    """Run until `ends`, until the engine is stuck, or for `limit` steps on a path."""
    state = start.state
    path = Path(state.root, dict(state.regs), list(state.items), state.code, tuple(code))
    if start.inside:
        path.assumed = state.facts[::-1]
    done = Run(start.first_name)
    done.defs += ((number, None) for number in start.unknown)
    machine = Machine(start.base, path, done, guide)
    explorer = _Explorer(start, code, ends, contracts, machine, limit)
    try:
        explorer.follow(path, start.pc, 0)
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
        start: Start,
        code: Sequence[Instr],
        ends: Sequence[Term],
        contracts: Mapping[Term, Called],
        machine: Machine,
        limit: int,
    ) -> None:
        self.start = start
        self.by_offset = {instr.offset: instr for instr in code}
        self.ends: dict[Term, tuple[int, ...]] = {}
        for n, one in enumerate(ends):
            self.ends[one] = (*self.ends.get(one, ()), n)
        self.contracts = contracts
        self.machine = machine
        self.run = machine.run
        self.limit = limit

    def follow(self, path: Path, pc: Term, offset: int) -> None:
        """Follow `path` from `pc` on; `offset` is that of the instruction executed last."""
        while not self._ended(path, pc):
            if path.steps == self.limit:
                raise _LostError(
                    offset, f"control has not left the fragment after {self.limit} steps"
                )
            path.steps += 1
            self.run.steps += 1
            self.run.depth = max(self.run.depth, path.steps)
            called = self._called(path, pc)
            if called is not None:
                self._call(path, called, offset)
                return
            here = _offset_from(self.start.base, pc)
            instr = self.by_offset.get(here) if here is not None else None
            if instr is None:
                raise _LostError(offset, "control is neither in the fragment nor at an exit")
            offset = instr.offset
            self.machine.path = path
            self.run.hints.begin(Moment.BEFORE, offset)
            with _stuck_at(offset):
                went = self.machine.step(instr)
            path.last = instr
            if isinstance(went, Fork):
                self._fork(path, went, instr)
                return
            self._behind(path, instr)
            pc = went
        path.ends = self.ends[pc]
        with _stuck_at(offset):
            self.machine.leave(path)
        if len(self.run.paths) == MAX_PATHS:
            raise _LostError(offset, f"the fragment has more than {MAX_PATHS} paths")
        self.run.paths.append(path)

    def _ended(self, path: Path, pc: Term) -> bool:
        return pc in self.ends and not (self.start.inside and path.steps == 0)

    def _behind(self, path: Path, instr: Instr) -> None:
        """The steps of the proof behind an instruction, at the beginning of a way."""
        self.run.hints.begin(Moment.BEHIND, instr.offset)
        with _stuck_at(instr.offset):
            self.machine.then(path, instr)

    def _fork(self, path: Path, fork: Fork, instr: Instr) -> None:
        facts = list(self.machine.new_facts)
        for fact, way in zip(fork.arms, fork.ways, strict=True):
            if is_refuted((*path.assumed, *self.start.given), fact):
                continue
            arm = path.copy()
            self.machine.start(arm, instr)
            with _stuck_at(instr.offset):
                pc = way()
            self.machine.owe([*facts, *self.machine.new_facts])
            arm.assumed = (fact, *path.assumed)
            self._behind(arm, instr)
            self.follow(arm, pc, instr.offset)

    # -- calls -------------------------------------------------------------------------------------

    def _called(self, path: Path, pc: Term) -> Called | None:
        """The contract that is called when control comes to `pc`; a jump back is no call."""
        called = self.contracts.get(pc)
        if called is None or path.last is None:
            return None
        return called if path.last.op is Op.CALL or not called.own else None

    def _provide(self, path: Path, want: SState, offset: int) -> bool:
        """Steps of the proof in front of a call, so that the callee has what it needs.

        Whether there were any.
        """
        if path.last is None:
            return False
        self.machine.start(path, path.last)
        with _stuck_at(offset):
            for number in range(MAX_STEPS):
                ghost = self.machine.guide.provide(path, want, ())
                if ghost is None:
                    path.folding = False
                    return number > 0
                self.machine.ghost(ghost, HThen(ghost))
        return True

    def _call(self, path: Path, called: Called, offset: int) -> None:
        """Give the callee what it needs, and follow the ways on behind it."""
        call = instantiate(path, called)
        if self._provide(path, _needs(called, call), offset):
            # What has been put together may tell more values.
            call = instantiate(path, called)
            self._provide(path, _needs(called, call), offset)
        want = _needs(called, call)
        self.run.hints.append((offset, call))
        try:
            owed = take(path, want, called)
        except UnmetError as unmet:
            raise _LostError(offset, f"{_part(called, unmet.part)}, {unmet.why}") from None
        for fact, part in owed:
            if path.last is not None:
                self.run.blamed[len(self.run.facts)] = path.last, _part(called, part)
            self.run.facts.append((path.assumed, offset, fact))
        for end in called.contract.exits:
            words = dict(call.words)
            first = self.run.next_name
            words |= {number: EVar(first + k) for k, number in enumerate(end.bound)}
            state = instance(end.holds.state, words, call.shares)
            known = (*path.assumed, *self.start.given)
            if any(is_refuted(known, fact) for fact in state.facts):
                continue
            arm = path.copy()
            self.run.next_name += len(end.bound)
            for k, one in enumerate(end.exists):
                self.run.defs.append((first + k, None))
                self.run.titles[first + k] = one.ident
            give_back(arm, state, want.code)
            self.run.hints.begin(Moment.BEHIND, offset)
            self.follow(arm, subst(end.address, call.words), offset)


@contextmanager
def _stuck_at(offset: int) -> Iterator[None]:
    """Where the engine cannot go on, it is stuck at `offset`."""
    try:
        yield
    except StuckError as error:
        raise _LostError(offset, str(error)) from None


def _needs(called: Called, call: HCall) -> SState:
    """The callee's precondition at a call."""
    return instance(called.contract.pre.state, call.words, call.shares)


def _part(called: Called, part: Assertion | None) -> str:
    """What a callee needs, for a message."""
    if part is None:
        return f"the space that {called.name} requires"
    return f"{called.name} requires {print_item(part)} (line {part.location.line})"


def _offset_from(base: Term, pc: Term) -> int | None:
    if pc == base:
        return 0
    return pc.z if isinstance(pc, EAdd) and pc.e == base else None
