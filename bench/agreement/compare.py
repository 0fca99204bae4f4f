# SPDX-License-Identifier: Apache-2.0
"""Runs the interpreter and the emulator on the same states, and says where they differ."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from bench.agreement.emulator import Emulator
from bench.agreement.encodings import Encoding, encoding
from bench.agreement.hardware import Hardware
from bench.agreement.layout import DATA, DATA_END, FLAG_BITS, STUB_BYTES, STUBS, WINDOW, WORDS
from bench.agreement.records import After
from bench.agreement.sdm import undefined
from bench.agreement.states import INDEX, Vector, vector
from rocqgen.cpu import (
    OK,
    Access,
    Fault,
    Flags,
    Ok,
    Outcome,
    PageFault,
    State,
    Stuck,
    Unmodelled,
    execute,
)
from rocqgen.source.forms import CODES
from rocqgen.source.machine import GENERAL, Imm, Op, Reg, Width

JUMPS: Final = {Op.JMP, Op.JCC, Op.CALL, Op.RET}
CONTROL: Final = {
    **dict.fromkeys((Op.MOV_TO_CR0, Op.MOV_FROM_CR0), 0),
    **dict.fromkeys((Op.MOV_TO_CR3, Op.MOV_FROM_CR3), 3),
    **dict.fromkeys((Op.MOV_TO_CR4, Op.MOV_FROM_CR4), 4),
}
SHIFTS: Final = {Op.SHL, Op.SHR, Op.SAR, Op.ROL, Op.ROR}
_REGS: Final = GENERAL
_CONTROLS: Final = {0: Reg.CR0, 4: Reg.CR4}
_MASK: Final = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One state on which the two differ."""

    encoding: Encoding
    vector: Vector
    what: str

    def __str__(self) -> str:
        code, before = self.encoding.instr.encoding.hex(" "), self.vector
        regs = " ".join(
            f"{reg.value}={value:#x}" for reg, value in zip(_REGS, before.regs, strict=True)
        )
        words = " ".join(f"{word:#x}" for word in before.words)
        return f"{self.encoding.name} ({code}): {self.what}\n  {regs}\n  {before.flags}\n  {words}"


@dataclass(slots=True)
class Tally:
    """What was compared for one form."""

    name: str
    op: Op
    states: int = 0
    faults: int = 0
    native: int = 0
    excused: int = 0
    mismatches: list[Mismatch] = field(default_factory=list)


class Agreement:
    """Compares form by form, with one emulator for all of them and the processor if it is given."""

    def __init__(self, seed: int = 1, hardware: Hardware | None = None) -> None:
        self.emulator = Emulator()
        self.hardware = hardware
        self.rng = random.Random(seed)  # noqa: S311 - states, no secrets
        self._next = STUBS

    def form(self, code: int, states: int, encodings: int = 10, faults: int = 20) -> Tally:
        """Compare one form on about `states` states, of `encodings` encodings."""
        found = [self._encoding(code) for _ in range(encodings)]
        tally = Tally(found[0].name, CODES[code].op)
        for one in found:
            self._run(one, -(-states // encodings), tally)
        for one in found:
            self._faults(one, -(-faults // encodings), tally)
        return tally

    def _encoding(self, code: int) -> Encoding:
        made = encoding(code, self._next, self.rng)
        self.emulator.load(made.address, made.instr.encoding)
        self._next += STUB_BYTES
        return made

    def _run(self, one: Encoding, states: int, tally: Tally) -> None:
        op = one.instr.op
        if op in CONTROL:
            self._run_control(one, states, tally)
            return
        if op in JUMPS:
            vectors = [vector(one, self.rng) for _ in range(states)]
            found = [self.emulator.single(one.address, before) for before in vectors]
        else:
            vectors = [vector(one, self.rng) for _ in range(states)]
            found = self.emulator.batch(one.address, vectors)
        tally.states += len(vectors)
        ended = [run(one, before) for before in vectors]
        for before, (state, outcome), after in zip(vectors, ended, found, strict=True):
            excused = excuse(one)
            tally.excused += excused is not None
            what = difference(one, before, state, outcome, after, excused)
            if what is not None:
                tally.mismatches.append(Mismatch(one, before, what))
        if self.hardware is None or op in JUMPS or op is Op.INVLPG:
            return
        real = self.hardware.batch(one.address, one.instr.encoding, vectors)
        tally.native += len(vectors)
        for before, (state, outcome), after in zip(vectors, ended, real, strict=True):
            what = difference(one, before, state, outcome, after)
            if what is not None:
                tally.mismatches.append(Mismatch(one, before, f"by the processor, {what}"))

    def _run_control(self, one: Encoding, states: int, tally: Tally) -> None:
        """Loads keep what the mode of paging depends on, and what the emulator holds fixed."""
        number = CONTROL[one.instr.op]
        general = register_of(one)
        held = self.emulator.control(number)
        free = _FREE_BITS[number]
        for _ in range(states):
            before = vector(one, self.rng)
            regs = list(before.regs)
            old, new = (held ^ self.rng.getrandbits(64) & free for _ in range(2))
            regs[INDEX[general]] = new
            before = Vector(tuple(regs), before.flags, before.words)
            self.emulator.set_control(number, old)
            after = self.emulator.single(one.address, before)
            control = self.emulator.control(number)
            state = before.state(one.address + one.instr.length)
            if number == 3:
                state.cr3 = old
            else:
                state.regs[_CONTROLS[number]] = old
            outcome = execute(one.instr, state, flat)
            what = difference(one, before, state, outcome, after)
            ours = state.cr3 if number == 3 else state.regs[_CONTROLS[number]]
            if what is None and ours != control:
                what = f"%cr{number} is {ours:#x}, not {control:#x}"
            tally.states += 1
            if what is not None:
                tally.mismatches.append(Mismatch(one, before, what))
        self.emulator.set_control(number, held)

    def _faults(self, one: Encoding, states: int, tally: Tally) -> None:
        """Let the memory operand, or the stack, reach out of what is mapped."""
        for _ in range(states):
            before = self._outside(one)
            if before is None:
                return
            after = self.emulator.single(one.address, before)
            state = before.state(one.address + one.instr.length)
            kept = state.copy()
            outcome = execute(one.instr, state, flat)
            tally.states += 1
            tally.faults += isinstance(outcome, PageFault)
            what = _fault_difference(one, before, outcome, after)
            if what is None and isinstance(outcome, PageFault) and state != kept:
                what = "a fault changed the state"
            if what is not None:
                tally.mismatches.append(Mismatch(one, before, what))

    def _outside(self, one: Encoding) -> Vector | None:
        rng = self.rng
        target = rng.choice((DATA - rng.randrange(9), DATA_END - rng.randrange(1, 9)))
        before = vector(one, rng, target)
        pinned = {Op.LEAVE: Reg.RBP, Op.REP_STOSQ: Reg.RDI}.get(one.instr.op, Reg.RSP)
        regs = list(before.regs)
        if one.memory is not None and one.memory.base in {None, *one.pins, one.memory.index}:
            return None
        if one.memory is None:
            if not one.pins or one.instr.op is Op.LEA:
                return None
            regs[INDEX[pinned]] = target
            if one.instr.op is Op.REP_STOSQ:
                regs[INDEX[Reg.RCX]] &= 1  # a second word would be a step of its own
        return Vector(tuple(regs), before.flags, before.words)


def register_of(one: Encoding) -> Reg:
    """The first operand."""
    operand = one.instr.operands[0]
    if not isinstance(operand, Reg):
        raise TypeError(one.name)
    return operand


_FREE_BITS: Final = {
    0: 1 << 1 | 1 << 3 | 1 << 5,  # MP, TS, NE
    3: 0xFFFFF << 12,
    4: 1 << 2 | 1 << 3 | 1 << 6 | 1 << 8,  # TSD, DE, MCE, PCE
}


def flat(access: Access, va: int) -> int | Fault | Stuck:
    """The emulator's memory: data is mapped where it is, and nothing else."""
    if DATA <= va < DATA_END:
        return va if WINDOW <= va < WINDOW + 8 * WORDS else WINDOW
    return PageFault(2 if access is Access.WRITE else 0, va)


@cache
def _checked(flags: Flags) -> tuple[tuple[int, bool], ...]:
    return tuple((k, flag) for k, flag in enumerate(flags) if flag is not None)


def run(one: Encoding, before: Vector) -> tuple[State, Outcome]:
    """The interpreter's state after the whole instruction; `rep stosq` takes a step a word."""
    following = one.address + one.instr.length
    state = before.state(following)
    outcome = execute(one.instr, state, flat)
    while isinstance(outcome, Ok) and one.instr.op is Op.REP_STOSQ and state.rip != following:
        state.rip = following
        outcome = execute(one.instr, state, flat)
    return state, outcome


def excuse(one: Encoding) -> str | None:
    """What unicorn 2.1.4 gets wrong here: the processor agrees with us where it is asked.

    It gives wrong flags for `lock neg`, and clears the upper half of `%rax` where a `cmpxchg` of
    32 bits finds what it compares with.
    """
    if one.instr.op is Op.NEG and one.instr.encoding.startswith(b"\xf0"):
        return "flags"
    if one.instr.op is Op.CMPXCHG and one.instr.width is Width.W32:
        return "rax"
    return None


def difference(
    one: Encoding,
    before: Vector,
    state: State,
    outcome: Outcome,
    after: After,
    excused: str | None = None,
) -> str | None:
    """What differs after a run that does not fault, apart from what is excused, or `None`."""
    if outcome != OK or after.fault is not None:
        return f"the interpreter gives {outcome}, the emulator {after.fault}"
    for reg, theirs in zip(_REGS, after.regs, strict=True):
        ours, mask = state.regs[reg], _MASK >> 32 if excused == reg.value else _MASK
        if (ours ^ theirs) & mask:
            return f"%{reg.value} is {ours:#x}, not {theirs:#x}"
    rip = one.address + one.instr.length if after.rip is None else after.rip
    if state.rip != rip:
        return f"%rip is {state.rip:#x}, not {rip:#x}"
    words = tuple(state.memory.gather(range(at, at + 8)) for at in _WORD_ADDRESSES)
    if words != after.words:
        return f"memory is {words}, not {after.words}"
    if excused != "flags":
        for k, flag in _checked(state.flags):
            if bool(after.rflags >> FLAG_BITS[k] & 1) != flag:
                return f"{Flags._fields[k]} is {flag}"
    names = _undefined(state.flags)
    expected = undefined(one.instr.op, one.instr.width, shift_count(one, before.regs))
    if names != expected:
        return f"undefined are {sorted(names)}, and by the manual {sorted(expected)}"
    return None


@cache
def _undefined(flags: Flags) -> frozenset[str]:
    return frozenset(name for name, flag in zip(Flags._fields, flags, strict=True) if flag is None)


_WORD_ADDRESSES: Final = tuple(WINDOW + 8 * k for k in range(WORDS))


def _fault_difference(one: Encoding, before: Vector, outcome: Outcome, after: After) -> str | None:
    if isinstance(outcome, Stuck) and outcome.why is Unmodelled.UNBACKED_MEMORY:
        return "the window does not lie at the edge"
    if not isinstance(outcome, PageFault):
        return None if after.fault is None else f"the emulator faults at {after.fault:#x}"
    if after.fault is None:
        return f"the emulator does not fault at {outcome.va:#x}"
    if before.regs != after.regs:
        return "the emulator changes registers on a fault"
    if after.rip != one.address:
        return f"the emulator faults at the instruction {after.rip}"
    return None


def shift_count(one: Encoding, regs: Sequence[int]) -> int:
    """The count of a shift or a rotation; 0 for other operations."""
    if one.instr.op not in SHIFTS:
        return 0
    count = one.instr.operands[1]
    return count.value if isinstance(count, Imm) else regs[INDEX[Reg.RCX]] & 0xFF
