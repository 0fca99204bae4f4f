# SPDX-License-Identifier: Apache-2.0
"""The interpreter against `exec` of the theories: the same states on both sides, and their digest.

States are made from a seed here and, by `vectors.v` beside this file, in Rocq.  So a theory names a
form, a seed, how many states and one number, and `vm_compute` says which forms give another one.
"""

from __future__ import annotations

import itertools
import random
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.agreement.encodings import STACK_OPS, Encoding, encoding
from bench.agreement.layout import STUBS, WINDOW, WORDS
from bench.agreement.states import BOUNDARIES, INDEX, address
from rocqgen.cpu import (
    Access,
    Config,
    Fault,
    Flags,
    Leaf,
    Memory,
    Ok,
    Outcome,
    PageFault,
    State,
    Stuck,
    TlbEntry,
    Unmodelled,
    step,
)
from rocqgen.emit.instruction import address as gallina_address
from rocqgen.emit.instruction import instruction, integer, operand
from rocqgen.source.forms import CODES
from rocqgen.source.machine import GENERAL, Instr, Mem, Op, Operand, Reg

if TYPE_CHECKING:
    from rocqgen.rocq.library import Library
    from rocqgen.rocq.toolchain import Toolchain


def padded(values: Sequence[int]) -> tuple[int, ...]:
    """The values, some of them again, so that there are a power of two."""
    length = 1 << (len(values) - 1).bit_length()
    return tuple(values[k % len(values)] for k in range(length))


PRELUDE: Final = Path(__file__).with_name("vectors.v")
POOL: Final = padded(sorted(BOUNDARIES))
TARGETS: Final = tuple(
    WINDOW + k for k in (0, 1, 8, 13, 24, 31, 40, 56, 60, 63, 64, 79, 80, -1, -4, -8)
)
"""In the window, in what is mapped behind it without memory, and outside."""

_MASK: Final = (1 << 64) - 1
_REGS: Final = GENERAL
_CR0, _CR3, _CR4 = 0x80050033, 0x5000, 0x300020
_CONTROL: Final[dict[Op, Sequence[int]]] = {
    Op.MOV_TO_CR0: [_CR0 ^ 1 << bit for bit in range(64)],
    Op.MOV_TO_CR3: [0x5000, 0x7018, (1 << 52) - 1, 1 << 52, 1 << 63],
    Op.MOV_TO_CR4: [_CR4 ^ 1 << bit for bit in range(64)],
}
_PAGES: Final = ((0x200, 0x5000, 12), (0x201, 0x6000, 12), (1, 0x200000, 21), (0x400, 0x7000, 12))
_CACHED: Final = tuple(
    TlbEntry(page, Leaf(frame, shift, True, True, True)) for page, frame, shift in _PAGES
)
_KINDS: Final = {Unmodelled.UNDEFINED_FLAG: 5, Unmodelled.MODE_CHANGE: 6}
_PRIVILEGED: Final = {Op.INVLPG, *(op for op in Op if "_cr" in op.value)}


@dataclass(frozen=True, slots=True)
class Form:
    """One encoding as both sides run it."""

    one: Encoding
    user: bool
    memory: bool
    pins: tuple[tuple[Reg, tuple[int, ...]], ...]
    placed: Reg | None
    equal: Operand | None

    def gallina(self) -> str:
        """A `form`."""
        instr = self.one.instr
        pins = "; ".join(f"({reg.name}, {_numbers(values)})" for reg, values in self.pins)
        placed = "None"
        if self.placed is not None:
            placed = f"(Some ({self.placed.name}, {gallina_address(_memory(instr))}))"
        equal = "None" if self.equal is None else f"(Some {operand(self.equal)})"
        return (
            f"(Form ({instruction(instr)}) {instr.length} {_bool(self.user)} {_bool(self.memory)} "
            f"[{pins}] "
            f"{placed} targets {equal})"
        )


@dataclass(frozen=True, slots=True)
class Case:
    """So many states of a form, from a seed, with the digest of what the interpreter gives."""

    name: str
    form: Form
    states: int
    seed: int
    digest: int


def make_form(code: int, rng: random.Random) -> Form:
    """A random encoding of a form, and which of its registers states choose."""
    one = encoding(code, STUBS, rng)
    op, memory = one.instr.op, one.memory
    pins = {reg: padded(values) for reg, values in one.pins.items()}
    first = one.instr.operands[0] if one.instr.operands else None
    if op in _CONTROL and isinstance(first, Reg):
        pins[first] = padded(_CONTROL[op])
    placed = memory.base if memory is not None and memory.base is not memory.index else None
    if placed in pins:
        placed = None
    equal = None
    if op is Op.CMPXCHG and (memory is None or Reg.RAX not in {memory.base, memory.index}):
        equal = first
    user = op in _PRIVILEGED and rng.random() < 0.2
    accesses = memory is not None or op in {*STACK_OPS, Op.LEAVE, Op.REP_STOSQ}
    return Form(one, user, accesses, tuple(pins.items()), placed, equal)


def make_case(name: str, form: Form, count: int, seed: int) -> Case:
    """Run the interpreter on the states."""
    digest = 0
    for state in itertools.islice(states(form, seed), count):
        for number in report(form, state):
            digest = (5 * digest + number) & _MASK
    return Case(name, form, count, seed, digest)


def make_cases(count: int, encodings: int, seed: int = 1) -> list[Case]:
    """Cases for every form of the decoder's table."""
    rng = random.Random(seed)  # noqa: S311 - states, no secrets
    return [
        make_case(form.one.name, form, _variants(code) * count, rng.getrandbits(64) | 1)
        for code in CODES
        for form in (make_form(code, rng) for _ in range(_variants(code) * encodings))
    ]


def _variants(code: int) -> int:
    """One code stands for three control registers, at either privilege."""
    return 8 if CODES[code].op in _PRIVILEGED else 1


def theory(cases: Iterable[Case]) -> str:
    """A theory that prints the numbers of the cases on which the two sides differ."""
    rows = ";\n".join(
        f"  ({k}, {case.form.gallina()}, {case.states}%nat, {case.seed:#x}, {case.digest:#x})"
        for k, case in enumerate(cases)
    )
    return (
        f"{PRELUDE.read_text(encoding='utf-8')}\n"
        f"Definition pool := {_numbers(POOL)}.\n"
        f"Definition targets := {_numbers(TARGETS)}.\n"
        f"Definition forms :=\n [{rows.strip()}].\n"
        "Eval vm_compute in differing pool forms.\n"
    )


def run(cases: Sequence[Case], toolchain: Toolchain, library: Library) -> list[Case]:
    """The cases on which Rocq and the interpreter differ; a `RuntimeError` where coqc fails."""
    with tempfile.TemporaryDirectory(prefix="rocqgen-") as folder:
        file = Path(folder) / "vectors_of_forms.v"
        file.write_text(theory(cases), encoding="utf-8")
        done = subprocess.run(
            [toolchain.coqc, "-q", "-noglob", "-w", "none", *library.coqc_options, file],
            env=toolchain.environ(),
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return [cases[k] for k in differing(done.stdout)]


def differing(printed: str) -> list[int]:
    """The numbers that the theory printed."""
    found = re.search(r"= \[(.*?)\]\s*: list Z", printed, re.DOTALL)
    if found is None:
        raise ValueError(f"no list of numbers: {printed[-500:]}")
    return [int(number) for number in re.findall(r"\d+", found[1])]


# -- what `vectors.v` does, too --------------------------------------------------------------------


def numbers(x: int) -> Iterator[int]:
    """Xorshift with 64 bits."""
    while True:
        x ^= x << 13 & _MASK
        x ^= x >> 7
        x ^= x << 17 & _MASK
        yield x


def states(form: Form, seed: int) -> Iterator[State]:
    """States without end: registers and memory are a window that moves over random numbers."""
    source = numbers(seed)
    window = [next(source) for _ in range(len(_REGS) + WORDS)]
    while True:
        mixed, choices = next(source), next(source)
        window = window[3:] + [next(source) for _ in range(3)]
        yield start(form, window, mixed, choices)


def start(form: Form, window: Sequence[int], mixed: int, choices: int) -> State:
    """One state."""
    regs = [_value(number) for number in window[: len(_REGS)]]
    words = [_value(number) for number in window[len(_REGS) :]]
    for reg, values in form.pins:
        regs[INDEX[reg]] = values[choices % len(values)]
    if form.placed is not None:
        regs[INDEX[form.placed]] = 0
        at = _address(form.one, regs)
        regs[INDEX[form.placed]] = TARGETS[(choices >> 8) % len(TARGETS)] - at & _MASK
    if form.equal is not None and choices >> 16 & 1:
        if isinstance(form.equal, Reg):
            regs[0] = regs[INDEX[form.equal]]
        else:
            words = [regs[0]] * WORDS
    memory = Memory()
    if form.memory:
        memory.write(WINDOW, b"".join(word.to_bytes(8, "little") for word in words))
    return State(
        dict(zip(_REGS, regs, strict=True)) | {Reg.CR0: _CR0, Reg.CR4: _CR4},
        STUBS,
        Flags(*(_flag(mixed >> 8 * k) for k in range(5))),
        memory,
        _CR3,
        list(_CACHED),
    )


def report(form: Form, state: State) -> list[int]:
    """What becomes of a state, as numbers."""
    instr = form.one.instr
    outcome = step({STUBS: (instr, instr.length)}, state, _translate, Config(form.user))
    if not isinstance(outcome, Ok):
        return _ended(outcome)
    return [
        1,
        state.rip,
        *(state.regs[reg] for reg in _REGS),
        *(state.cr3, state.regs[Reg.CR0], state.regs[Reg.CR4]),
        *(2 if flag is None else int(flag) for flag in state.flags),
        *(state.memory.read(WINDOW + 8 * k, 8) or 0 for k in range(WORDS if form.memory else 0)),
        *(entry.page for entry in state.tlb),
    ]


def _ended(outcome: Outcome) -> list[int]:
    match outcome:
        case PageFault(code, va):
            return [2, code >> 1 & 1, va]
        case Stuck(Unmodelled.UNBACKED_MEMORY, at):
            return [4, at or 0]
        case Stuck(why):
            return [_KINDS.get(why, 7)]
        case _:
            return [3]


def _translate(access: Access, va: int) -> int | Fault | Stuck:
    if access is Access.FETCH or WINDOW <= va < WINDOW + 80:
        return va
    return PageFault(2 if access is Access.WRITE else 0, va)


def _value(x: int) -> int:
    return POOL[(x >> 3) % len(POOL)] if x % 8 < 5 else x


def _flag(x: int) -> bool | None:
    return bool(x >> 3 & 1) if x % 8 else None


def _address(one: Encoding, regs: list[int]) -> int:
    """The address as the theory places it: where nothing has been popped yet."""
    found = address(one, regs) or 0
    memory = one.memory
    popped = one.form.op is Op.POP and memory is not None and memory.base is Reg.RSP
    return found - 8 & _MASK if popped else found


def _memory(instr: Instr) -> Mem:
    return next(one for one in instr.operands if isinstance(one, Mem))


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _numbers(values: Iterable[int]) -> str:
    return f"[{'; '.join(map(integer, values))}]"
