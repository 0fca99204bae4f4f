# SPDX-License-Identifier: Apache-2.0
"""Runs a fragment from a chosen state until control is at an exit whose postcondition holds, or
until something is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from rocqgen.check.choice import Choice, Rights, base_of
from rocqgen.check.parts import Subject
from rocqgen.check.post import Ending, False_, Lookup
from rocqgen.check.resident import Resident
from rocqgen.check.tables import Tables, lay_out
from rocqgen.check.translate import Miss, Translator, Walker
from rocqgen.check.words import ENTRY, MASK, value
from rocqgen.cpu import (
    Access,
    Accessed,
    Config,
    Fault,
    Flags,
    Memory,
    Ok,
    PageFault,
    State,
    Stuck,
    Unmodelled,
    step,
)
from rocqgen.source.machine import Instr, Mem, Reg
from rocqgen.source.spec import Label

MAX_STEPS: Final = 10_000
"""Instructions of one run; what runs longer is not judged."""


LOOKS_ENDLESS: Final = 200
"""Instructions from which on states are compared."""


@dataclass(frozen=True, slots=True)
class Step:
    """An instruction that was executed: where, its accesses, the registers that it changed.

    `root` is cr3 before it, `new_root` behind it where it loads cr3.
    """

    instr: Instr
    rip: int
    root: int
    accesses: tuple[Accessed, ...]
    changed: tuple[tuple[Reg, int, int], ...]
    new_root: int | None = None

    @property
    def stores(self) -> bool:
        """Whether it wrote memory."""
        return any(one.write for one in self.accesses)


@dataclass(frozen=True, slots=True)
class Arrived:
    """Control is at the exit, and its postcondition holds with the existentials among `words`."""

    exit: int
    words: dict[str, int]


@dataclass(frozen=True, slots=True)
class Wrong:
    """Control is at the exit, and these parts of its postcondition are false."""

    exit: int
    parts: tuple[False_, ...]


@dataclass(frozen=True, slots=True)
class Halted:
    """The instruction at `rip` faults, or leaves the model; `why` says so in a sentence.

    `outcome` is None where it does what the precondition gives no right to; `fetching` is true
    where it was not even fetched.
    """

    rip: int
    instr: Instr | None
    outcome: Fault | Stuck | None
    why: str
    fetching: bool = False


@dataclass(frozen=True, slots=True)
class Undecided:
    """Nothing is known of this run."""

    why: str


@dataclass(frozen=True, slots=True)
class Endless:
    """The state has come back: no exit is ever reached, and nothing ever goes wrong."""


End = Arrived | Endless | Wrong | Halted | Undecided


@dataclass(slots=True)
class Run:
    """The instructions that were executed, how it ended, and the last state."""

    steps: list[Step]
    end: End
    state: State


@dataclass(slots=True)
class Machine:
    """The state on entry and what does not change: made from a choice that resides."""

    subject: Subject
    choice: Choice
    resident: Resident
    tables: Tables = field(init=False)
    state: State = field(init=False)
    roots: list[int] = field(init=False)

    def __post_init__(self) -> None:
        choice, words = self.choice, self.choice.words
        named = (*self.subject.roots, self.subject.entry_root)
        self.roots = list(dict.fromkeys(words[name] for name in named))
        taken = {pa >> 12 for pa in self.resident.data} | {pa >> 12 for pa in self.resident.code}
        bases = list(dict.fromkeys(base_of(root) for root in self.roots))
        self.tables = lay_out(choice, bases, taken)
        memory = Memory(self.resident.data)
        for at, entry in self.tables.entries.items():
            memory.write(at, entry.to_bytes(8, "little"))
        mode = choice.mode
        self.state = State(
            dict(self.resident.regs),
            words[ENTRY],
            Flags(*choice.flags),
            memory,
            cr0=0x8004_0033 | mode.wp << 16,
            cr3=words[self.subject.entry_root],
            cr4=0x20 | mode.la57 << 12 | mode.smep << 20 | mode.smap << 21,
        )

    @property
    def apart(self) -> bool:
        """Whether the tables that are walked lie outside what is owned."""
        data, code = self.resident.data, self.resident.code
        return not any(
            pa in data or pa in code for at in self.tables.entries for pa in range(at, at + 8)
        )


def run(machine: Machine, max_steps: int = MAX_STEPS) -> Run:
    """Run from the state on entry, which is not changed."""
    return _Runner(machine, max_steps).run()


class _Runner:
    def __init__(self, machine: Machine, max_steps: int) -> None:
        self.machine, self.max_steps = machine, max_steps
        self.subject, choice = machine.subject, machine.choice
        self.words = choice.words
        self.state = machine.state.copy()
        self.tables = frozenset(machine.tables.frames)
        self.walker = Walker(self.state, choice.mode, self.tables)
        pages = frozenset(page for _, page in choice.frames)
        self.translator = Translator(self.walker, choice, pages)
        mode = choice.mode
        self.config = Config(root_ok=mode.root_ok)
        spec = self.subject.fragment.spec
        self.exits = [value(one.address, self.words) for one in spec.exits]
        self.steps: list[Step] = []
        self._frozen = {
            pa
            for pa, part in machine.resident.owned.bytes.items()
            if part < machine.resident.owned.unit
        }

    def run(self) -> Run:
        wrong: Run | None = None
        seen: set[tuple[object, ...]] = set()
        for number in range(self.max_steps):
            if number >= LOOKS_ENDLESS:
                if self.steps[-1].stores:
                    seen.clear()
                if self._configuration() in seen:
                    return Run(self.steps, Endless(), self.state)
                seen.add(self._configuration())
            rip = self.state.rip
            if rip in self.exits:
                end = self._judge(rip)
                if isinstance(end, Arrived | Undecided):
                    return Run(self.steps, end, self.state)
                if wrong is None or not self._meant(wrong):
                    wrong = Run(list(self.steps), end, self.state.copy())
            elif wrong is not None and not self._meant(wrong):
                wrong = None
            halted = self._step()
            if halted is not None:
                # Control was where it should be: what is wrong is the state there.
                return wrong or Run(self.steps, halted, self.state)
        return Run(
            self.steps,
            Undecided(f"no exit within {self.max_steps} instructions"),
            self.state,
        )

    def _meant(self, wrong: Run) -> bool:
        """Whether the exit is a place in the code, and no address that came there by chance."""
        exits = self.subject.fragment.spec.exits
        return isinstance(wrong.end, Wrong) and isinstance(exits[wrong.end.exit].address, Label)

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
            parts = ending.false_parts()
            if parts is None:
                undecided = True
            elif not parts:
                return Arrived(exit_, ending.solved)
            else:
                wrong = wrong or Wrong(exit_, parts)
        if undecided or wrong is None:
            return Undecided("no values for what the postcondition leaves open were found")
        return wrong

    def _ending(self, exit_: int) -> Ending:
        choice = self.machine.choice
        return Ending(
            self.subject,
            exit_,
            self.words,
            choice.fractions,
            choice.mode,
            self.machine.resident,
            self.state,
            self._lookup(),
        )

    def _lookup(self) -> Lookup:
        known: dict[tuple[int, int], tuple[int, Rights] | str] = {}
        canonical = self.machine.choice.mode.canonical

        def look(root: int, page: int) -> tuple[int, Rights] | str:
            key = (base_of(root), page)
            if key not in known:
                va = page << 12
                if not canonical(va):
                    known[key] = "it is not canonical"
                    return known[key]
                leaf = self.walker.walk(root, va)
                known[key] = (
                    str(leaf)
                    if isinstance(leaf, Miss)
                    else (leaf.translate(va), Rights(leaf.write, leaf.user, leaf.execute))
                )
            return known[key]

        return look

    def _step(self) -> Halted | None:
        """One instruction; what is wrong with it, if anything is."""
        state, before = self.state, dict(self.state.regs)
        rip, root = state.rip, state.cr3
        accesses: list[Accessed] = []
        self.translator.begin()
        outcome = step(self.machine.resident.image, state, self.translator, self.config, accesses)
        instr = self.subject.at.get((rip - self.words[ENTRY]) & MASK)
        if not isinstance(outcome, Ok):
            return Halted(rip, instr, outcome, self._why(outcome), self._fetching(outcome))
        if instr is None:
            raise AssertionError("code lies where the fragment does")
        if any(
            one.write and not self.tables.isdisjoint(pa >> 12 for pa in one.pas) for one in accesses
        ):
            self.walker.forget()
        changed = tuple(
            (reg, before.get(reg, 0), word)
            for reg, word in state.regs.items()
            if before.get(reg) != word
        )
        trespass = self._trespass(accesses, changed)
        if trespass:
            return Halted(rip, instr, None, trespass)
        new_root = state.cr3 if instr.op.value == "mov_to_cr3" else None
        self.steps.append(Step(instr, rip, root, tuple(accesses), changed, new_root))
        return None

    def _trespass(self, accesses: list[Accessed], changed: tuple[tuple[Reg, int, int], ...]) -> str:
        """What the instruction did without the right to do it; empty if nothing."""
        owned = self.machine.resident.owned.bytes
        for one in accesses:
            for pa in one.pas:
                if pa not in owned:
                    return f"accesses memory at {pa:#x} that the precondition does not give"
                if one.write and pa in self._frozen:
                    return f"writes memory at {pa:#x}, of which the precondition gives a share only"
        for reg, _, _ in changed:
            if reg not in self.machine.resident.regs:
                return f"writes {reg.value}, which the precondition does not describe"
        return ""

    def _fetching(self, outcome: Fault | Stuck) -> bool:
        """Whether it was the fetch that ended the instruction."""
        if isinstance(outcome, Stuck) and outcome.why is not Unmodelled.UNBACKED_TABLE:
            return outcome.why in {Unmodelled.NO_CODE, Unmodelled.SPLIT_CODE}
        return self.translator.failed is Access.FETCH

    def _missing(self) -> str:
        """The registers that the next instruction names and that have no value."""
        instr = self.subject.at.get((self.state.rip - self.words[ENTRY]) & MASK)
        named: list[Reg | None] = []
        for operand in instr.operands if instr is not None else ():
            if isinstance(operand, Mem):
                named += [operand.base, operand.index]
            elif isinstance(operand, Reg):
                named.append(operand)
        missing = [reg.value for reg in named if reg is not None and reg not in self.state.regs]
        return " and ".join(dict.fromkeys(missing)) or "rsp"

    def _why(self, outcome: Fault | Stuck) -> str:
        if isinstance(outcome, PageFault):
            kind = {Access.FETCH: "fetch from", Access.READ: "read of", Access.WRITE: "write to"}
            access = kind[self.translator.failed or Access.READ]
            code = f"{outcome.code:#x} {self.translator.bits}".rstrip()
            return f"{access} {outcome.va:#x}: #PF({code}), {self.translator.why}"
        if not isinstance(outcome, Stuck):
            return f"#GP: {self.translator.why or 'cr3 cannot hold this word'}"
        match outcome.why:
            case Unmodelled.UNBACKED_MEMORY:
                return (
                    f"access to physical address {outcome.at or 0:#x}, which the precondition does"
                    " not give"
                )
            case Unmodelled.NO_REGISTER:
                return f"it reads {self._missing()}, which the precondition does not describe"
            case Unmodelled.NO_CODE:
                return f"control is at {self.state.rip:#x}, which is neither the code nor an exit"
            case Unmodelled.UNBACKED_TABLE:
                return self.translator.why
            case other:
                return str(other.value)
