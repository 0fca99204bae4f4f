# SPDX-License-Identifier: Apache-2.0
"""Decodes machine code into the instructions that the logic supports; refuses the rest by name.

The decoder is iced-x86; the table below is keyed by its `Code`, which names one encoding of one
operation with its operand sizes, so that nothing is supported by accident.
"""

from __future__ import annotations

from collections.abc import Callable

from iced_x86 import (
    Code,
    Decoder,
    Formatter,
    FormatterSyntax,
    Instruction,
    OpKind,
    Register,
    Register_,
)

from rocqgen.errors import UserError
from rocqgen.source.location import Location
from rocqgen.source.machine import Imm, Instr, Mem, Op, Operand, Reg
from rocqgen.source.object import ObjectCode, Relocation

SUPPORTED = (
    "mov, add, sub, and, or, xor, shl, shr, lea, push, pop, call, ret, jmp, nop on 64-bit "
    "operands, and mov to and from %cr3 (docs/annotations.md, 'Supported instructions')"
)
"""What to tell someone whose instruction is refused."""

_ALU = {"ADD": Op.ADD, "SUB": Op.SUB, "AND": Op.AND, "OR": Op.OR, "XOR": Op.XOR}
_ALU_FORMS = ("RM64_R64", "R64_RM64", "RM64_IMM32", "RM64_IMM8", "RAX_IMM32")
_SHIFT_FORMS = ("RM64_1", "RM64_IMM8", "RM64_CL")


def _codes() -> dict[int, Op]:
    table: dict[int, Op] = {
        Code.MOV_RM64_R64: Op.MOV,
        Code.MOV_R64_RM64: Op.MOV,
        Code.MOV_RM64_IMM32: Op.MOV,
        Code.MOV_R64_IMM64: Op.MOV,
        Code.MOV_CR_R64: Op.MOV_TO_CR3,
        Code.MOV_R64_CR: Op.MOV_FROM_CR3,
        Code.LEA_R64_M: Op.LEA,
        Code.PUSH_R64: Op.PUSH,
        Code.PUSH_RM64: Op.PUSH,
        Code.PUSHQ_IMM8: Op.PUSH,
        Code.PUSHQ_IMM32: Op.PUSH,
        Code.POP_R64: Op.POP,
        Code.POP_RM64: Op.POP,
        Code.CALL_REL32_64: Op.CALL,
        Code.CALL_RM64: Op.CALL,
        Code.RETNQ: Op.RET,
        Code.JMP_REL8_64: Op.JMP,
        Code.JMP_REL32_64: Op.JMP,
        Code.JMP_RM64: Op.JMP,
        Code.NOPD: Op.NOP,
        Code.NOPW: Op.NOP,
        Code.NOPQ: Op.NOP,
        Code.NOP_RM16: Op.NOP,
        Code.NOP_RM32: Op.NOP,
        Code.NOP_RM64: Op.NOP,
        Code.ENDBR64: Op.NOP,
    }
    for name, op in _ALU.items():
        table |= {getattr(Code, f"{name}_{form}"): op for form in _ALU_FORMS}
    for name, op in (("SHL", Op.SHL), ("SHR", Op.SHR)):
        table |= {getattr(Code, f"{name}_{form}"): op for form in _SHIFT_FORMS}
    return table


CODES: dict[int, Op] = _codes()
"""The supported encodings, by iced-x86's `Code`."""

CODE_NAMES = {
    value: name
    for name in dir(Code)
    if name.isupper() and isinstance(value := getattr(Code, name), int)
}
_REGISTERS: dict[int, Reg] = {getattr(Register, reg.name): reg for reg in Reg}
# The 64-bit register that a hint names instead; %cl is the count of a shift in either size.
_WIDE: dict[int, Register_] = {
    getattr(Register, f"{reg.name}D" if reg.name[1:].isdigit() else f"E{reg.name[1:]}"): getattr(
        Register, reg.name
    )
    for reg in Reg
} | {Register.CL: Register.CL}
_SIGNED = {
    OpKind.IMMEDIATE8TO64,
    OpKind.IMMEDIATE32TO64,
    OpKind.IMMEDIATE64,
}
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
            raise _refuse(
                location,
                "the last instruction runs past the end of the fragment"
                if crosses
                else f"the bytes {left}{behind} are not an instruction",
                expected="whole instructions from the entry to the end of the fragment; "
                "keep data out of .text",
            )
        _refuse_relocations(code, offset, raw.len, location, text)
        encoding = code.text[offset : offset + raw.len]
        op, operands = _instruction(raw, encoding, location)
        instrs.append(Instr(op, operands, offset - start, raw.len, encoding, location, text))
    return tuple(instrs)


def _crosses(code: ObjectCode, offset: int, end: int) -> bool:
    """Whether the bytes at `offset` are an instruction that does not end before `end`."""
    raw = Decoder(64, code.text[offset:], ip=offset).decode()
    return raw.code != Code.INVALID and offset + raw.len > end


def _refuse(
    location: Location, message: str, *, expected: str, hint: str | None = None
) -> UserError:
    return UserError(
        message,
        file=location.file,
        line=location.line,
        column=location.column,
        expected=expected,
        hint=hint,
    )


def _refuse_relocations(
    code: ObjectCode, offset: int, length: int, location: Location, text: str
) -> None:
    touching = [entry for entry in code.relocations if offset <= entry.offset < offset + length]
    for entry in touching:
        raise _refuse(
            location,
            f"`{text}` refers to `{entry.symbol}`, {_why(entry, code)}",
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
) -> tuple[Op, tuple[Operand, ...]]:
    op = CODES.get(raw.code)
    if op is None:
        raise _unsupported(raw, location)
    if op is Op.NOP:
        return op, ()
    if encoding[0] in _PREFIXES:
        raise _refuse(
            location,
            f"the {_PREFIXES[encoding[0]]} prefix of `{_att(raw)}` is not supported",
            expected="the plain 64-bit form of the instruction",
        )
    if op in {Op.MOV_TO_CR3, Op.MOV_FROM_CR3}:
        control, general = (0, 1) if op is Op.MOV_TO_CR3 else (1, 0)
        if raw.op_register(control) != Register.CR3:
            raise _unsupported(raw, location)
        return op, (_REGISTERS[raw.op_register(general)],)
    if op in {Op.CALL, Op.JMP} and raw.op_kind(0) == OpKind.NEAR_BRANCH64:
        return op, (Imm(_signed(raw.near_branch_target - raw.next_ip)),)
    operands = tuple(_operand(raw, k, location) for k in range(raw.op_count))
    if op in {Op.SHL, Op.SHR} and isinstance(count := operands[1], Imm):
        # The processor uses the low six bits of the count (SDM vol. 2, SAL/SAR/SHL/SHR).
        operands = (operands[0], Imm(count.value & 63))
    return op, operands


def _operand(raw: Instruction, index: int, location: Location) -> Operand:
    kind = raw.op_kind(index)
    if kind == OpKind.REGISTER:
        register = raw.op_register(index)
        if register == Register.CL:
            return Reg.RCX
        return _REGISTERS[register]
    if kind == OpKind.MEMORY:
        return _memory(raw, location)
    if kind in _SIGNED or kind in {OpKind.IMMEDIATE8, OpKind.IMMEDIATE8_2ND}:
        return Imm(_signed(raw.immediate(index)))
    raise _unsupported(raw, location)


def _memory(raw: Instruction, location: Location) -> Mem:
    if raw.is_ip_rel_memory_operand:
        return Mem(None, None, 1, _signed(raw.ip_rel_memory_address - raw.next_ip), rip=True)
    base, index = int(raw.memory_base), int(raw.memory_index)
    if not {base, index} <= {int(Register.NONE), *_REGISTERS}:
        raise _unsupported(raw, location)
    return Mem(
        _REGISTERS.get(base),
        _REGISTERS.get(index),
        raw.memory_index_scale if index in _REGISTERS else 1,
        _signed(raw.memory_displacement),
    )


def _signed(value: int) -> int:
    """`value` modulo 2**64, as a signed number."""
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value


def disassemble(data: bytes, offset: int) -> str:
    """The first instruction of `data` in AT&T syntax; branch targets count like `offset`."""
    return _att(Decoder(64, data, ip=offset).decode())


def _att(raw: Instruction) -> str:
    """The instruction in AT&T syntax, as an assembler prints it."""
    return " ".join(Formatter(FormatterSyntax.GAS).format(raw).split())


def _unsupported(raw: Instruction, location: Location) -> UserError:
    branch = raw.op_count > 0 and raw.op_kind(0) == OpKind.NEAR_BRANCH64
    shown = Formatter(FormatterSyntax.GAS).format_mnemonic(raw) if branch else _att(raw)
    return _refuse(
        location,
        f"the instruction `{shown}` is not supported",
        expected=SUPPORTED,
        hint=_wider(raw),
    )


def _wider(raw: Instruction) -> str | None:
    """The 64-bit form of a narrow instruction, where it is supported and means nearly the same."""
    name = CODE_NAMES.get(raw.code, "")
    wide = (
        name.replace("EAX_", "RAX_")
        .replace("R32", "R64")
        .replace("RM32", "RM64")
        .replace("_M32", "_M64")
    )
    if wide == "MOV_R64_IMM32":
        wide = "MOV_RM64_IMM32"
    code = getattr(Code, wide, None)
    if wide == name or code not in CODES:
        return None
    copy = raw.copy()
    copy.code = code
    for index in range(copy.op_count):
        if copy.op_kind(index) == OpKind.REGISTER:
            register = _WIDE.get(copy.op_register(index))
            if register is None:
                return None
            copy.set_op_register(index, register)
        elif copy.op_kind(index) == OpKind.IMMEDIATE8TO32:
            copy.set_op_kind(index, OpKind.IMMEDIATE8TO64)
        elif copy.op_kind(index) == OpKind.IMMEDIATE32:
            copy.set_op_kind(index, OpKind.IMMEDIATE32TO64)
    return _att(copy)
