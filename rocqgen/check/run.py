# SPDX-License-Identifier: Apache-2.0
"""Runs a fragment from a chosen state until control is at an exit whose postcondition holds, or
until something is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from rocqgen.check.calls import Calls
from rocqgen.check.ending import Ending, False_, lookup
from rocqgen.check.ends import Arrived, Endless, Halted, Run, Step, Undecided, Wrong
from rocqgen.check.machine import Machine
from rocqgen.check.play import Player
from rocqgen.check.post import false_parts
from rocqgen.check.stale import Watch, flushed, owed
from rocqgen.check.tables import Tables
from rocqgen.check.translate import Translator, Walker
from rocqgen.check.why import explain, while_fetching
from rocqgen.check.words import ENTRY, MASK, value
from rocqgen.cpu import Accessed, Config, Ok, step
from rocqgen.source.machine import Op, Reg
from rocqgen.source.spec import Label

MAX_STEPS: Final = 10_000
"""Instructions of one run; what runs longer is not judged."""


LOOKS_CLOSE: Final = 8
"""Passes of a label at which its invariant is evaluated; then it is when their number doubles."""

LOOKS_ENDLESS: Final = 200
"""Instructions from which on states are compared."""


def run(machine: Machine, max_steps: int = MAX_STEPS) -> Run:
    """Run from the state on entry, which is not changed."""
    return _Runner(machine, max_steps).run()


class _Runner:
    def __init__(self, machine: Machine, max_steps: int) -> None:
        self.machine, self.max_steps = machine, max_steps
        self.subject, choice = machine.subject, machine.choice
        self.words = choice.words
        self.state = machine.state.copy()
        # Contracts change what is owned, and what is mapped; behind an invariant the rest is lost.
        self.resident = replace(machine.resident)
        if self.subject.contracts or self.subject.fragment.spec.invariants:
            own = machine.resident
            self.resident = replace(own, regs=dict(own.regs), slots=dict(own.slots))
        self.tables = Tables(dict(machine.tables.entries), set(machine.tables.frames))
        self.walker = Walker(self.state, choice.mode, self.tables.frames)
        pages = frozenset(page for _, page in choice.frames)
        self.translator = Translator(self.walker, choice, pages)
        mode = choice.mode
        self.config = Config(root_ok=mode.root_ok, fixed=mode.control)
        spec = self.subject.fragment.spec
        self.exits = [value(one.address, self.words) for one in spec.exits]
        # In a call of itself the parameters of an invariant have other values.
        recursive = any(not one.distance for one in self.subject.fragment.callees)
        cuts = () if recursive else spec.invariants
        self.goals = [*self.exits, *((self.words[ENTRY] + one.offset) & MASK for one in cuts)]
        self.contracts = {
            self.words[one.contract.name]: number
            for number, one in enumerate(self.subject.contracts)
        }
        self.player = Player(machine, self.state, self.resident, self.walker, self.tables)
        self.steps: list[Step] = []
        self.passed: dict[int, int] = {}
        self.seen: set[tuple[object, ...]] = set()
        self.watch: Watch | None = None
        if self.subject.edits:
            self.watch = Watch(machine, self.walker, self.state, self.resident)
            if choice.strategy != "walk":
                self.state.tlb += owed(machine, self.walker)
        player = Player(machine, self.state, self.resident, self.walker, self.tables)
        self.calls = Calls(self.subject, self.words, self._ending, player, self.watch)

    def run(self) -> Run:
        wrong: Run | None = None
        for number in range(self.max_steps):
            if number >= LOOKS_ENDLESS and self._came_back():
                return Run(self.steps, Endless(), self.state)
            rip = self.state.rip
            broken = self._invariant(rip)
            if broken is not None:
                return Run(self.steps, broken, self.state)
            if rip in self.exits:
                end = self._judge(rip)
                if isinstance(end, Arrived | Undecided):
                    return Run(self.steps, end, self.state)
                if wrong is None or not self._meant(wrong):
                    wrong = Run(list(self.steps), end, self.state.copy())
            elif wrong is not None and not self._meant(wrong):
                wrong = None
            called = self.calls.at(rip)
            halted = self._step() if called is None else self._call(called)
            if halted is not None:
                # Control was where it should be: what is wrong is the state there.
                return wrong or Run(self.steps, halted, self.state)
        return Run(
            self.steps,
            Undecided(f"no exit within {self.max_steps} instructions"),
            self.state,
        )

    def _call(self, number: int) -> Wrong | Undecided | None:
        done = self.calls.call(number, self.steps[-1])
        if isinstance(done, Step):
            self.steps.append(done)
            return None
        return done

    def _came_back(self) -> bool:
        """Whether the state was there before, since memory was written last."""
        if self.steps[-1].stores:
            self.seen.clear()
        here = self._configuration()
        if here in self.seen:
            return True
        self.seen.add(here)
        return False

    def _meant(self, wrong: Run) -> bool:
        """Whether the exit is a place in the code, and no address that came there by chance."""
        exits = self.subject.fragment.spec.exits
        return isinstance(wrong.end, Wrong) and isinstance(exits[wrong.end.exit].address, Label)

    def _invariant(self, rip: int) -> Wrong | None:
        """The invariant of this address, if it is false; what it does not mention is lost."""
        for number in range(len(self.exits), len(self.goals)):
            if self.goals[number] != rip:
                continue
            passed = self.passed[number] = self.passed.get(number, 0) + 1
            if passed > LOOKS_CLOSE and passed & (passed - 1):
                continue
            ending = self._ending(number)
            parts = false_parts(ending)
            if parts:
                return Wrong(number, parts)
            if ending.taken is not None:
                self.resident.owned = ending.taken
                self._keep({one.reg for one in ending.goal.parts.regs})
        return None

    def _keep(self, regs: set[Reg]) -> None:
        """Forget the registers that are not described any more."""
        for reg in self.resident.regs.keys() - regs:
            del self.resident.regs[reg]
            self.state.regs.pop(reg, None)

    def _configuration(self) -> tuple[object, ...]:
        """The state apart from memory."""
        state = self.state
        cached = tuple(entry.page for entry in state.tlb)
        return (state.rip, state.cr3, state.flags, cached, *state.regs.values())

    def _judge(self, rip: int) -> Arrived | Wrong | Undecided:
        """Whether the postcondition of an exit at this address holds."""
        wrong: Wrong | None = None
        undecided = False
        for exit_, address in enumerate(self.exits):
            if address != rip:
                continue
            ending = self._ending(exit_)
            parts = false_parts(ending)
            if parts is None:
                undecided = True
            elif not parts:
                return Arrived(exit_, ending.solved)
            elif wrong is None or _distance(parts) < _distance(wrong.parts):
                wrong = Wrong(exit_, parts)
        if undecided or wrong is None:
            return Undecided("no values for what the postcondition leaves open were found")
        return wrong

    def _ending(self, goal: int) -> Ending:
        choice = self.machine.choice
        return Ending(
            self.subject,
            self.subject.goals[goal],
            self.words,
            choice.fractions,
            choice.mode,
            self.resident,
            self.state,
            lookup(self.walker),
            self.watch,
        )

    def _step(self) -> Halted | None:
        """One instruction; what is wrong with it, if anything is."""
        state, before = self.state, dict(self.state.regs)
        rip, root = state.rip, state.cr3
        accesses: list[Accessed] = []
        instr = self.subject.at.get((rip - self.words[ENTRY]) & MASK)
        flush = None if instr is None else flushed(instr, state)
        self.translator.begin()
        outcome = step(self.resident.image, state, self.translator, self.config, accesses)
        if not isinstance(outcome, Ok):
            fetching = while_fetching(outcome, self.translator)
            return Halted(
                rip, instr, outcome, explain(outcome, self.translator, state, instr), fetching
            )
        if instr is None:
            raise AssertionError("code lies where the fragment does")
        changed = tuple(
            (reg, before.get(reg, 0), word)
            for reg, word in state.regs.items()
            if before.get(reg) != word
        )
        loads = instr.op is Op.MOV_TO_CR3
        trespass = self._trespass(accesses, changed) or self._translations(accesses, flush, loads)
        if trespass:
            return Halted(rip, instr, None, trespass)
        new_root = state.cr3 if loads else None
        self.steps.append(Step(instr, rip, root, tuple(accesses), changed, new_root))
        return None

    def _translations(self, accesses: list[Accessed], flush: int | None, loads: bool) -> str:
        """Follow what becomes of translations; what is wrong with it, empty if nothing."""
        watch = self.watch
        written = {pa >> 12 for one in accesses if one.write for pa in one.pas}
        edited = self.walker.reads(written)
        if edited:
            self.walker.forget()
        if watch is None:
            return ""
        for one in accesses:
            watch.touch(one.va)
        if edited:
            watch.look()
            broken = watch.broken()
            if broken:
                return broken
        if flush is not None or loads:
            watch.flush(flush)
        return ""

    def _trespass(self, accesses: list[Accessed], changed: tuple[tuple[Reg, int, int], ...]) -> str:
        """What the instruction did without the right to do it; empty if nothing."""
        owned = self.resident.owned
        for one in accesses:
            for pa in one.pas:
                part = owned.of(pa)
                if not part:
                    return f"accesses memory at {pa:#x} that the precondition does not give"
                if one.write and part < owned.unit:
                    return f"writes memory at {pa:#x}, of which the precondition gives a share only"
        for reg, _, _ in changed:
            if reg not in self.resident.regs:
                return f"writes {reg.value}, which the precondition does not describe"
        return ""


def _distance(parts: tuple[False_, ...]) -> tuple[int, int]:
    """How far a postcondition is from what is there: facts tell which of several was meant."""
    facts = {one.location for one in parts if one.reg is None and not one.pas and not one.root}
    return len(facts), len({one.location for one in parts})
