# SPDX-License-Identifier: Apache-2.0
"""The encodings that are supported, by iced-x86's `Code`.

A `Code` names one encoding of one operation with its operand sizes: so nothing is supported by
accident, and tests enumerate what there is.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from iced_x86 import Code

from rocqgen.source.machine import Cond, Op, Width


@dataclass(frozen=True, slots=True)
class Form:
    """What an encoding means; its operands come from the decoder, unless they are implicit."""

    op: Op
    width: Width = Width.W64
    source_width: Width = Width.W64
    cond: Cond | None = None


_ALL = tuple(Width)
_WIDE = (Width.W16, Width.W32, Width.W64)
_ACCUMULATOR = {Width.W8: "AL", Width.W16: "AX", Width.W32: "EAX", Width.W64: "RAX"}
_IMMEDIATE = {Width.W8: "IMM8", Width.W16: "IMM16", Width.W32: "IMM32", Width.W64: "IMM32"}

_ALU = (Op.ADD, Op.ADC, Op.SUB, Op.SBB, Op.AND, Op.OR, Op.XOR, Op.CMP)
_SHAPES: tuple[tuple[tuple[Op, ...], tuple[Width, ...], str], ...] = (
    (
        (Op.MOV,),
        _ALL,
        "RM{w}_R{w} R{w}_RM{w} RM{w}_{imm} R{w}_IMM{w} {acc}_MOFFS{w} MOFFS{w}_{acc}",
    ),
    (_ALU, _ALL, "RM{w}_R{w} R{w}_RM{w} RM{w}_{imm} {acc}_{imm}"),
    (_ALU, _WIDE, "RM{w}_IMM8"),
    ((Op.TEST,), _ALL, "RM{w}_R{w} RM{w}_{imm} {acc}_{imm}"),
    ((Op.INC, Op.DEC, Op.NEG, Op.NOT), _ALL, "RM{w}"),
    ((Op.SHL, Op.SHR, Op.SAR, Op.ROL, Op.ROR), _ALL, "RM{w}_1 RM{w}_IMM8 RM{w}_CL"),
    ((Op.BT, Op.BTS, Op.BTR, Op.BTC), _WIDE, "RM{w}_R{w} RM{w}_IMM8"),
    ((Op.IMUL,), _WIDE, "R{w}_RM{w} R{w}_RM{w}_{imm} R{w}_RM{w}_IMM8"),
    ((Op.XCHG, Op.CMPXCHG, Op.XADD), _ALL, "RM{w}_R{w}"),
    ((Op.XCHG,), _WIDE, "R{w}_{acc}"),
    ((Op.LEA,), _WIDE, "R{w}_M"),
)
"""Operations in several widths, with the names of their operands in each."""

_PLAIN = {
    "PUSH_R64": Op.PUSH,
    "PUSH_RM64": Op.PUSH,
    "PUSHQ_IMM8": Op.PUSH,
    "PUSHQ_IMM32": Op.PUSH,
    "POP_R64": Op.POP,
    "POP_RM64": Op.POP,
    "CALL_REL32_64": Op.CALL,
    "CALL_RM64": Op.CALL,
    "RETNQ": Op.RET,
    "JMP_REL8_64": Op.JMP,
    "JMP_REL32_64": Op.JMP,
    "JMP_RM64": Op.JMP,
    "LEAVEQ": Op.LEAVE,
    "STOSQ_M64_RAX": Op.REP_STOSQ,
    "INVLPG_M": Op.INVLPG,
    # Of control registers; the decoder looks which.
    "MOV_CR_R64": Op.MOV_TO_CR3,
    "MOV_R64_CR": Op.MOV_FROM_CR3,
    "NOPD": Op.NOP,
    "NOPW": Op.NOP,
    "NOPQ": Op.NOP,
    "NOP_RM16": Op.NOP,
    "NOP_RM32": Op.NOP,
    "NOP_RM64": Op.NOP,
    "ENDBR64": Op.NOP,
}
_EXTENSIONS = {
    "MOVZX_R16_RM8": Form(Op.MOVZX, Width.W16, Width.W8),
    "MOVZX_R32_RM8": Form(Op.MOVZX, Width.W32, Width.W8),
    "MOVZX_R64_RM8": Form(Op.MOVZX, Width.W64, Width.W8),
    "MOVZX_R32_RM16": Form(Op.MOVZX, Width.W32, Width.W16),
    "MOVZX_R64_RM16": Form(Op.MOVZX, Width.W64, Width.W16),
    "MOVSX_R16_RM8": Form(Op.MOVSX, Width.W16, Width.W8),
    "MOVSX_R32_RM8": Form(Op.MOVSX, Width.W32, Width.W8),
    "MOVSX_R64_RM8": Form(Op.MOVSX, Width.W64, Width.W8),
    "MOVSX_R32_RM16": Form(Op.MOVSX, Width.W32, Width.W16),
    "MOVSX_R64_RM16": Form(Op.MOVSX, Width.W64, Width.W16),
    "MOVSXD_R64_RM32": Form(Op.MOVSX, Width.W64, Width.W32),
    # The accumulator's lower half into the whole of it.
    "CBW": Form(Op.MOVSX, Width.W16, Width.W8),
    "CWDE": Form(Op.MOVSX, Width.W32, Width.W16),
    "CDQE": Form(Op.MOVSX, Width.W64, Width.W32),
}


def _shaped() -> Iterator[tuple[str, Form]]:
    for ops, widths, shapes in _SHAPES:
        for op, width, shape in itertools.product(ops, widths, shapes.split()):
            operands = shape.format(w=int(width), acc=_ACCUMULATOR[width], imm=_IMMEDIATE[width])
            yield f"{op.name}_{operands}", Form(op, width, width)


def _conditional() -> Iterator[tuple[str, Form]]:
    for cond in Cond:
        yield f"SET{cond.name}_RM8", Form(Op.SETCC, Width.W8, Width.W8, cond)
        yield f"J{cond.name}_REL8_64", Form(Op.JCC, cond=cond)
        yield f"J{cond.name}_REL32_64", Form(Op.JCC, cond=cond)
        for width in _WIDE:
            name = f"CMOV{cond.name}_R{int(width)}_RM{int(width)}"
            yield name, Form(Op.CMOVCC, width, width, cond)


_FORMS: dict[str, Form] = {
    **{name: Form(op) for name, op in _PLAIN.items()},
    **_EXTENSIONS,
    **dict(_shaped()),
    **dict(_conditional()),
}

CODES: dict[int, Form] = {getattr(Code, name): form for name, form in _FORMS.items()}
"""The supported encodings, by iced-x86's `Code`."""

CODE_NAMES: dict[int, str] = {
    value: name
    for name in dir(Code)
    if name.isupper() and isinstance(value := getattr(Code, name), int)
}
"""The names of all encodings."""
