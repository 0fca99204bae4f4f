# SPDX-License-Identifier: Apache-2.0
"""Faults in the right examples: in assembly by the line, in compiled code by the byte.

Each changes one place: another register, offset, constant, condition or operation, operands or
neighbours exchanged, an instruction left out, a flush left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from iced_x86 import Code, Decoder, Encoder, Instruction, OpKind, Register, RegisterExt

from bench.mutants import mutants
from bench.whole import EXAMPLES
from rocqgen.errors import UserError
from rocqgen.source import load_fragments
from rocqgen.source.decode import disassemble
from rocqgen.source.machine import Op
from rocqgen.source.spec import Fragment
from rocqgen.source.specfile import read_spec_file

_NOP: Final = 0x90
_FLUSHES: Final = {Op.INVLPG, Op.MOV_TO_CR3}
_NAMES: Final = {value: name for name, value in vars(Code).items() if isinstance(value, int)}
_OPERATIONS: Final = {
    "ADD_": ("SUB_", "XOR_"),
    "SUB_": ("ADD_", "XOR_"),
    "AND_": ("OR_", "XOR_"),
    "OR_": ("AND_", "XOR_"),
    "XOR_": ("OR_", "ADD_"),
    "SHL_": ("SHR_",),
    "SHR_": ("SHL_", "SAR_"),
    "INC_": ("DEC_",),
    "DEC_": ("INC_",),
}
_GENERAL: Final = {8: Register.RAX, 4: Register.EAX}
"""The first general register by size in bytes; the others follow in the order of their numbers."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: its kind, the place of the instruction, and what stands there now.

    `files` are the files of the example with the fault in them, of which `main` is to be read.
    """

    kind: str
    place: str
    text: str
    main: str
    files: tuple[tuple[str, bytes], ...]

    @property
    def key(self) -> str:
        """The place and what was done there, for a reason that a person gives."""
        return f"{self.place}: {self.text}"

    def load(self, folder: Path) -> tuple[Fragment, ...]:
        """Write the files into a folder and read them; UserError where that is refused."""
        for name, content in self.files:
            (folder / name).write_bytes(content)
        return load_fragments(folder / self.main)


def right_examples() -> list[Path]:
    """The examples that are to be proved."""
    files = [*EXAMPLES.glob("*/*.s"), *EXAMPLES.glob("*/*.spec")]
    return sorted(file for file in files if ".wrong" not in file.name)


def code_of(fragments: Sequence[Fragment]) -> bytes:
    """The bytes of all fragments."""
    return b"".join(instr.encoding for one in fragments for instr in one.instrs)


def faults(file: Path) -> Iterator[Fault]:
    """The faults of an example that change its code, each code once."""
    fragments = load_fragments(file)
    return _compiled(file, fragments) if file.suffix == ".spec" else _assembly(file, fragments)


def choose(found: Sequence[Fault], count: int, seed: str) -> list[Fault]:
    """As many of them as that, of all kinds in turn."""
    random = Random(seed)  # noqa: S311 - the same mutants in each run
    kinds: dict[str, list[Fault]] = defaultdict(list)
    for one in found:
        kinds[one.kind].append(one)
    for some in kinds.values():
        random.shuffle(some)
    chosen: list[Fault] = []
    while len(chosen) < min(count, len(found)):
        for _, some in sorted(kinds.items()):
            if some and len(chosen) < count:
                chosen.append(some.pop())
    return chosen


# -- assembly --------------------------------------------------------------------------------------


def _assembly(file: Path, fragments: Sequence[Fragment]) -> Iterator[Fault]:
    source = file.read_text(encoding="utf-8")
    instrs = [instr for one in fragments for instr in one.instrs]
    flushes = {one.location.line for one in instrs if one.op in _FLUSHES}
    for one in mutants(source, sorted({instr.location.line for instr in instrs})):
        kind = one.kind
        if kind == "left out" and one.line in flushes:
            kind = "flush left out"
        files = ((file.name, one.source.encode()),)
        yield Fault(kind, f"{file.name}:{one.line}", one.text, file.name, files)


# -- compiled code ---------------------------------------------------------------------------------


def _compiled(file: Path, fragments: Sequence[Fragment]) -> Iterator[Fault]:
    path = Path(read_spec_file(file).object_path)
    data = path.read_bytes()
    for fragment in fragments:
        start = data.find(code_of([fragment]))
        used = sorted({one for instr in fragment.instrs for one in _registers(instr.encoding)})
        for instr in fragment.instrs:
            at = start + instr.offset
            for kind, changed in patches(instr.encoding, used):
                left_out = kind == "left out"
                patched = data[:at] + changed + data[at + instr.length :]
                text = "(left out)" if left_out else disassemble(changed, instr.offset)
                yield Fault(
                    "flush left out" if left_out and instr.op in _FLUSHES else kind,
                    f"{file.name}+{instr.offset:#x}",
                    text,
                    file.name,
                    ((file.name, file.read_bytes()), (path.name, patched)),
                )


def patches(encoding: bytes, registers: Sequence[int]) -> Iterator[tuple[str, bytes]]:
    """The changes of one instruction that leave its length; `registers` are numbers."""
    yield "left out", bytes([_NOP] * len(encoding))
    raw = Decoder(64, encoding, ip=0).decode()
    for kind, changed in _changes(raw, registers):
        encoder = Encoder(64)
        try:
            length = encoder.encode(changed, 0)
        except ValueError:
            continue
        code = encoder.take_buffer()
        if length <= len(encoding) and code != encoding:
            yield kind, code + bytes([_NOP] * (len(encoding) - length))


def _changes(raw: Instruction, registers: Sequence[int]) -> Iterator[tuple[str, Instruction]]:
    if raw.condition_code:
        changed = raw.copy()
        changed.negate_condition_code()
        yield "condition", changed
    name = _NAMES[raw.code]
    for prefix, others in _OPERATIONS.items():
        for other in others if name.startswith(prefix) else ():
            code = getattr(Code, other + name[len(prefix) :], None)
            if code is not None:
                changed = raw.copy()
                changed.code = code
                yield "operation", changed
    yield from _numbers(raw)
    yield from _other_registers(raw, registers)


def _numbers(raw: Instruction) -> Iterator[tuple[str, Instruction]]:
    """Other offsets and constants."""
    kinds = [raw.op_kind(k) for k in range(raw.op_count)]
    if OpKind.MEMORY in kinds and raw.memory_displ_size:
        for difference in (8, -8):
            changed = raw.copy()
            changed.memory_displacement = (raw.memory_displacement + difference) & (2**64 - 1)
            yield "offset", changed
    for k, kind in enumerate(kinds):
        if OpKind.IMMEDIATE8 <= kind <= OpKind.IMMEDIATE32TO64:
            value = raw.immediate(k)
            for other in (value + 1, value - 1, value ^ 1 << 12):
                changed = raw.copy()
                try:
                    changed.set_immediate_u64(k, other)
                except (ValueError, OverflowError):
                    continue
                yield "constant", changed


def _other_registers(raw: Instruction, registers: Sequence[int]) -> Iterator[tuple[str, Any]]:
    for k in range(raw.op_count):
        if raw.op_kind(k) == OpKind.REGISTER:
            for other in _others(raw.op_register(k), registers):
                changed = raw.copy()
                changed.set_op_register(k, other)
                yield "register", changed
    for part in ("memory_base", "memory_index"):
        for other in _others(getattr(raw, part), registers):
            changed = raw.copy()
            setattr(changed, part, other)
            yield "register", changed


def _others(register: Any, registers: Sequence[int]) -> Iterator[Any]:
    """Registers of the same size."""
    number = _number(register)
    if number is not None:
        first = _GENERAL[RegisterExt.size(register)]
        yield from (first + one for one in registers if one != number)


def _number(register: Any) -> int | None:
    """The number of a general register of 32 or 64 bits."""
    if not (RegisterExt.is_gpr32(register) or RegisterExt.is_gpr64(register)):
        return None
    return int(RegisterExt.number(register))


def _registers(encoding: bytes) -> Iterator[int]:
    raw = Decoder(64, encoding, ip=0).decode()
    named = [raw.op_register(k) for k in range(raw.op_count) if raw.op_kind(k) == OpKind.REGISTER]
    for register in (*named, raw.memory_base, raw.memory_index):
        number = _number(register)
        if number is not None:
            yield number


def readable(fault: Fault, folder: Path) -> tuple[Fragment, ...] | None:
    """The fragments with the fault; None where they are refused."""
    try:
        return fault.load(folder)
    except UserError:
        return None
