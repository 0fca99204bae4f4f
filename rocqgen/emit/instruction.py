# SPDX-License-Identifier: Apache-2.0
"""Prints instructions as `theories/machine/instr.v` has them: every form that can be decoded.

What is printed need not have a rule yet: `rocqgen.emit.support` says what has.
"""

from __future__ import annotations

from rocqgen.source.machine import Imm, Instr, Mem, Op, Operand, Reg

_WORDS = {
    Op.MOV: "Mov",
    Op.MOVZX: "Movzx",
    Op.MOVSX: "Movsx",
    Op.LEA: "Lea",
    Op.ADD: "Alu AluAdd",
    Op.SUB: "Alu AluSub",
    Op.AND: "Alu AluAnd",
    Op.OR: "Alu AluOr",
    Op.XOR: "Alu AluXor",
    Op.SHL: "Alu AluShl",
    Op.SHR: "Alu AluShr",
    Op.SAR: "Alu AluSar",
    Op.ROL: "Alu AluRol",
    Op.ROR: "Alu AluRor",
    Op.ADC: "Adc",
    Op.SBB: "Sbb",
    Op.CMP: "Cmp",
    Op.TEST: "Test",
    Op.INC: "Unary UnInc",
    Op.DEC: "Unary UnDec",
    Op.NEG: "Unary UnNeg",
    Op.NOT: "Unary UnNot",
    Op.IMUL: "Imul",
    Op.BT: "Bit BitTest",
    Op.BTS: "Bit BitSet",
    Op.BTR: "Bit BitReset",
    Op.BTC: "Bit BitComplement",
    Op.XCHG: "Xchg",
    Op.CMPXCHG: "Cmpxchg",
    Op.XADD: "Xadd",
    Op.SETCC: "Setcc",
    Op.CMOVCC: "Cmovcc",
    Op.JCC: "Jcc",
    Op.PUSH: "Push",
    Op.POP: "Pop",
    Op.CALL: "Call",
    Op.RET: "Ret",
    Op.JMP: "Jmp",
    Op.LEAVE: "Leave",
    Op.REP_STOSQ: "RepStosq",
    Op.INVLPG: "Invlpg",
    Op.MOV_TO_CR0: "MovToCr0",
    Op.MOV_FROM_CR0: "MovFromCr0",
    Op.MOV_TO_CR3: "MovToCr3",
    Op.MOV_FROM_CR3: "MovFromCr3",
    Op.MOV_TO_CR4: "MovToCr4",
    Op.MOV_FROM_CR4: "MovFromCr4",
    Op.NOP: "Nop",
}
_UNSIZED = frozenset(
    {
        *(Op.SETCC, Op.JCC, Op.PUSH, Op.POP, Op.CALL, Op.RET, Op.JMP, Op.LEAVE, Op.REP_STOSQ),
        *(Op.INVLPG, Op.MOV_TO_CR0, Op.MOV_FROM_CR0, Op.MOV_TO_CR3, Op.MOV_FROM_CR3),
        *(Op.MOV_TO_CR4, Op.MOV_FROM_CR4, Op.NOP),
    }
)
"""What has one width alone, which is not printed."""


def integer(z: int) -> str:
    """An integer literal; hexadecimal where it is large, in parentheses where it is negative."""
    text = f"{abs(z):#x}" if abs(z) > 0xFFFF else str(abs(z))
    return f"(-{text})" if z < 0 else text


def register(reg: Operand) -> str:
    """A register's constructor."""
    if not isinstance(reg, Reg):
        raise TypeError(f"not a register: {reg}")
    return reg.name


def address(mem: Operand) -> str:
    """An address, in parentheses."""
    if not isinstance(mem, Mem):
        raise TypeError(f"not a memory operand: {mem}")
    if mem.base is not None and mem.index is None and not mem.rip:
        return f"(base_disp {register(mem.base)} {integer(mem.disp)})"
    rip = "true" if mem.rip else "false"
    base = "None" if mem.base is None else f"(Some {register(mem.base)})"
    index = "None" if mem.index is None else f"(Some ({register(mem.index)}, {mem.scale}))"
    return f"(Addr {rip} {base} {index} {integer(mem.disp)})"


def operand(one: Operand) -> str:
    """An operand in parentheses."""
    match one:
        case Reg():
            return f"(OReg {register(one)})"
        case Imm(value):
            return f"(OImm {integer(value)})"
        case Mem():
            return f"(OMem {address(one)})"


def instruction(instr: Instr) -> str:
    """An instruction, without parentheses."""
    parts = [_WORDS[instr.op]]
    if instr.cond is not None:
        parts.append(f"Cond{instr.cond.name}")
    if instr.op not in _UNSIZED:
        parts.append(instr.width.name)
    if instr.op in {Op.MOVZX, Op.MOVSX}:
        parts.append(instr.source_width.name)
    if instr.op is not Op.NOP:
        parts += _operands(instr)
    return " ".join(parts)


def _operands(instr: Instr) -> list[str]:
    first, *rest = instr.operands or (None,)
    if first is None:
        return []
    match instr.op:
        case Op.CALL | Op.JMP:
            target = (
                f"TRel {_distance(first)}" if isinstance(first, Imm) else f"TInd {operand(first)}"
            )
            return [f"({target})"]
        case Op.JCC:
            return [_distance(first)]
        case Op.INVLPG:
            return [address(first)]
        case Op.LEA:
            return [register(first), *map(address, rest)]
        case Op.MOVZX | Op.MOVSX | Op.IMUL | Op.CMOVCC:
            return [register(first), *map(operand, rest)]
        case Op.XCHG | Op.CMPXCHG | Op.XADD:
            return [operand(first), *map(register, rest)]
        case _ if instr.op in _UNSIZED and instr.op not in {Op.PUSH, Op.POP, Op.SETCC}:
            return [register(first)]
        case _:
            return [operand(one) for one in instr.operands]


def _distance(one: Operand) -> str:
    if not isinstance(one, Imm):
        raise TypeError(f"not a distance: {one}")
    return integer(one.value)
