# SPDX-License-Identifier: Apache-2.0
"""Decodes machine code into the instructions that the logic supports; refuses the rest by name.

The decoder is iced-x86; what is supported is the table of `forms.py`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

from iced_x86 import (
    Code,
    Decoder,
    Formatter,
    FormatterSyntax,
    Instruction,
    OpKind,
    Register,
)

from rocqgen.errors import UserError
from rocqgen.source.forms import CODES, Form
from rocqgen.source.location import Location, refused
from rocqgen.source.machine import GENERAL, Imm, Instr, Mem, Op, Operand, Reg, Width
from rocqgen.source.object import ObjectCode, Relocation

SUPPORTED = (
    "mov, movzx, movsx, lea, add, adc, sub, sbb, and, or, xor, cmp, test, inc, dec, neg, not, "
    "imul, shl, shr, sar, rol, ror, bt, bts, btr, btc, xchg, cmpxchg, xadd, setcc and cmovcc on "
    "8 to 64 bits; push, pop, call, ret, jmp, jcc, leave, rep stosq, nop; invlpg, and mov to and "
    "from %cr0, %cr3 and %cr4 (docs/annotations.md, 'Supported instructions')"
)
"""What to tell someone whose instruction is refused."""


def _register_names(reg: Reg) -> tuple[str, str, str, str]:
    """iced-x86's names of the register in 64, 32, 16 and 8 bits."""
    name, letters = reg.name, reg.name[1:]
    if letters.isdigit():
        return name, f"{name}D", f"{name}W", f"{name}L"
    return name, f"E{letters}", letters, f"{letters.removesuffix('X')}L"


_REGISTERS: dict[int, Reg] = {
    getattr(Register, name): reg for reg in GENERAL for name in _register_names(reg)
}
_WIDE: dict[int, Reg] = {getattr(Register, reg.name): reg for reg in GENERAL}
_HIGH_BYTES: dict[int, str] = {
    Register.AH: "ah",
    Register.CH: "ch",
    Register.DH: "dh",
    Register.BH: "bh",
}
_CONTROL: dict[tuple[Op, int], Op] = {
    (Op.MOV_TO_CR3, Register.CR0): Op.MOV_TO_CR0,
    (Op.MOV_TO_CR3, Register.CR3): Op.MOV_TO_CR3,
    (Op.MOV_TO_CR3, Register.CR4): Op.MOV_TO_CR4,
    (Op.MOV_FROM_CR3, Register.CR0): Op.MOV_FROM_CR0,
    (Op.MOV_FROM_CR3, Register.CR3): Op.MOV_FROM_CR3,
    (Op.MOV_FROM_CR3, Register.CR4): Op.MOV_FROM_CR4,
}
_IMMEDIATES = {
    OpKind.IMMEDIATE8,
    OpKind.IMMEDIATE16,
    OpKind.IMMEDIATE32,
    OpKind.IMMEDIATE64,
    OpKind.IMMEDIATE8TO16,
    OpKind.IMMEDIATE8TO32,
    OpKind.IMMEDIATE8TO64,
    OpKind.IMMEDIATE32TO64,
}
_SHIFTS = {Op.SHL, Op.SHR, Op.SAR, Op.ROL, Op.ROR}
_BITS = {Op.BT, Op.BTS, Op.BTR, Op.BTC}
# Operand-size, lock, repeat and segment prefixes, and the address size.
_PREFIXES = {
    0x66: "operand-size",
    0x67: "address-size",
    0xF0: "lock",
    0xF2: "repne/bnd",
    0xF3: "rep",
    0x26: "%es segment",
    0x2E: "%cs segment",
    0x36: "%ss segment",
    0x3E: "%ds segment",
    0x64: "%fs segment",
    0x65: "%gs segment",
}
_LINKER_HINT = {
    "R_X86_64_32S": "its absolute address is known only after linking",
    "R_X86_64_32": "its absolute address is known only after linking",
    "R_X86_64_64": "its absolute address is known only after linking",
}


def decode(
    code: ObjectCode, start: int, end: int, where: Callable[[int], tuple[Location, str]]
) -> tuple[Instr, ...]:
    """Decode the bytes from `start` to `end` of `.text`, as offsets from `start`.

    `where` gives the source location and text of the instruction at an offset of `.text`.
    An instruction that is not supported, crosses `end` or waits for the linker is a `UserError`.
    """
    decoder = Decoder(64, code.text[start:end], ip=start)
    instrs = []
    for raw in decoder:
        offset = raw.ip
        location, text = where(offset)
        if raw.code == Code.INVALID:
            left = code.text[offset : min(offset + 8, end)].hex(" ")
            row = code.row_at(offset)
            behind = "" if row is None or row.offset == offset else ", behind this line's code,"
            crosses = _crosses(code, offset, end)
            raise refused(
                "the last instruction runs past the end of the fragment"
                if crosses
                else f"the bytes {left}{behind} are not an instruction",
                location,
                expected="whole instructions from the entry to the end of the fragment; "
                "keep data out of .text",
            )
        _refuse_relocations(code, offset, raw.len, location, text)
        encoding = code.text[offset : offset + raw.len]
        form, operands = _instruction(raw, encoding, location)
        instrs.append(
            Instr(
                form.op,
                operands,
                offset - start,
                raw.len,
                encoding,
                location,
                text,
                form.width,
                form.source_width,
                form.cond,
            )
        )
    return tuple(instrs)


def _crosses(code: ObjectCode, offset: int, end: int) -> bool:
    """Whether the bytes at `offset` are an instruction that does not end before `end`."""
    raw = Decoder(64, code.text[offset:], ip=offset).decode()
    return raw.code != Code.INVALID and offset + raw.len > end


def _refuse_relocations(
    code: ObjectCode, offset: int, length: int, location: Location, text: str
) -> None:
    touching = [entry for entry in code.relocations if offset <= entry.offset < offset + length]
    for entry in touching:
        raise refused(
            f"`{text}` refers to `{entry.symbol}`, {_why(entry, code)}",
            location,
            expected="code whose bytes are complete: references to labels of this file's .text, "
            "relative to %rip",
            hint=f"pass the address of `{entry.symbol}` in a register, as a parameter of the spec",
        )


def _why(entry: Relocation, code: ObjectCode) -> str:
    reason = _LINKER_HINT.get(entry.kind)
    if reason is None and entry.symbol in code.symbols:
        reason = "which the linker may send elsewhere"
    return f"{reason or 'which is not in .text of this file'} ({entry.kind})"


def _instruction(
    raw: Instruction, encoding: bytes, location: Location
) -> tuple[Form, tuple[Operand, ...]]:
    form = CODES.get(raw.code)
    if form is None:
        raise _unsupported(raw, location)
    if form.op is Op.NOP:
        return form, ()
    _refuse_prefixes(raw, form, encoding, location)
    if form.op in {Op.MOV_TO_CR3, Op.MOV_FROM_CR3}:
        return _control(raw, form, location)
    return form, _operands(raw, form, location)


def _control(raw: Instruction, form: Form, location: Location) -> tuple[Form, tuple[Operand, ...]]:
    """A `mov` to or from a control register."""
    control, general = (0, 1) if form.op is Op.MOV_TO_CR3 else (1, 0)
    op = _CONTROL.get((form.op, raw.op_register(control)))
    if op is None:
        raise _unsupported(raw, location)
    return Form(op), (_REGISTERS[raw.op_register(general)],)


def _operands(raw: Instruction, form: Form, location: Location) -> tuple[Operand, ...]:
    if form.op is Op.REP_STOSQ:
        if not raw.has_rep_prefix:
            raise _unsupported(raw, location)
        return ()
    if form.op is Op.MOVSX and raw.op_count == 0:
        return Reg.RAX, Reg.RAX
    if raw.op_count == 1 and raw.op_kind(0) == OpKind.NEAR_BRANCH64:
        return (Imm(signed(raw.near_branch_target - raw.next_ip)),)
    operands = tuple(_operand(raw, k, form, location) for k in range(raw.op_count))
    if form.op is Op.IMUL and len(operands) == 2:
        return operands[0], *operands
    if form.op in _BITS and isinstance(operands[0], Mem) and isinstance(operands[1], Reg):
        raise refused(
            f"`{_att(raw)}` may reach a bit far from its memory operand, which is not supported",
            location,
            expected="a bit's number that is a constant, or a register as the other operand",
        )
    if form.op is Op.CMPXCHG and form.width is Width.W32 and isinstance(operands[0], Reg):
        raise refused(
            f"`{_att(raw)}` is not supported: of its destination's upper half the manual and the "
            "processors say different things",
            location,
            expected="a destination in memory",
        )
    return operands


def _refuse_prefixes(raw: Instruction, form: Form, encoding: bytes, location: Location) -> None:
    """Refuse each prefix but those that the form has, and `lock` where the SDM allows it."""
    allowed = {
        0x66: form.width is Width.W16,
        0xF3: form.op is Op.REP_STOSQ,
        0xF0: raw.has_lock_prefix,
    }
    # A REX prefix counts just in front of the opcode; others may stand in front of it alone.
    front = itertools.takewhile(lambda byte: byte in _PREFIXES or byte >> 4 == 4, encoding)
    prefixes = list(front)
    for byte, following in itertools.zip_longest(prefixes, prefixes[1:]):
        if byte >> 4 == 4 and following is not None:
            raise refused(
                f"the REX prefix of `{_att(raw)}` is not the last one",
                location,
                expected="prefixes in the order in which an assembler writes them",
            )
        if byte >> 4 == 4 or allowed.pop(byte, False):
            continue
        raise refused(
            f"the {_PREFIXES[byte]} prefix of `{_att(raw)}` is not supported",
            location,
            expected="the instruction without it",
        )


def _operand(raw: Instruction, index: int, form: Form, location: Location) -> Operand:
    kind = raw.op_kind(index)
    if kind == OpKind.REGISTER:
        return _register(raw, raw.op_register(index), location)
    if kind == OpKind.MEMORY:
        return _memory(raw, location)
    if kind not in _IMMEDIATES:
        raise _unsupported(raw, location)
    value = raw.immediate(index)
    if form.op in _SHIFTS:
        # The processor uses the low bits of the count (SDM vol. 2, SAL/SAR/SHL/SHR and RCL/...).
        return Imm(value & (63 if form.width is Width.W64 else 31))
    if form.op in _BITS:
        return Imm(value & (form.width - 1))
    return Imm(signed(value, form.width))


def _register(raw: Instruction, register: int, location: Location) -> Reg:
    found = _REGISTERS.get(register)
    if found is None and register in _HIGH_BYTES:
        raise refused(
            f"the register %{_HIGH_BYTES[register]} of `{_att(raw)}` is not supported",
            location,
            expected="of the 8-bit registers those that are the lowest byte of a 64-bit one",
            hint=f"shift the value into another register, or use %{_HIGH_BYTES[register][0]}l",
        )
    if found is None:
        raise _unsupported(raw, location)
    return found


def _memory(raw: Instruction, location: Location) -> Mem:
    if raw.is_ip_rel_memory_operand:
        return Mem(None, None, 1, signed(raw.ip_rel_memory_address - raw.next_ip), rip=True)
    base, index = int(raw.memory_base), int(raw.memory_index)
    if not {base, index} <= {int(Register.NONE), *_WIDE}:
        raise _unsupported(raw, location)
    return Mem(
        _WIDE.get(base),
        _WIDE.get(index),
        raw.memory_index_scale if index in _WIDE else 1,
        signed(raw.memory_displacement),
    )


def signed(value: int, width: int = 64) -> int:
    """`value` modulo 2**width, as a signed number."""
    value &= (1 << width) - 1
    return value - (1 << width) if value >> (width - 1) else value


def disassemble(data: bytes, offset: int) -> str:
    """The first instruction of `data` in AT&T syntax; branch targets count like `offset`."""
    return _att(Decoder(64, data, ip=offset).decode())


def _att(raw: Instruction) -> str:
    """The instruction in AT&T syntax, as an assembler prints it."""
    return " ".join(Formatter(FormatterSyntax.GAS).format(raw).split())


def _unsupported(raw: Instruction, location: Location) -> UserError:
    branch = raw.op_count > 0 and raw.op_kind(0) == OpKind.NEAR_BRANCH64
    shown = Formatter(FormatterSyntax.GAS).format_mnemonic(raw) if branch else _att(raw)
    return refused(f"the instruction `{shown}` is not supported", location, expected=SUPPORTED)
