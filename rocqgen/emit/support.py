# SPDX-License-Identifier: Apache-2.0
"""Which of the instructions that can be decoded the prover has a rule for yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocqgen.errors import UserError
from rocqgen.source.features import Feature, features
from rocqgen.source.machine import Imm, Instr, Mem, Op, Width

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rocqgen.source.spec import Fragment

_PLAIN = frozenset(
    {
        *(
            Op.MOV,
            Op.MOVZX,
            Op.MOVSX,
            Op.LEA,
            Op.ADD,
            Op.SUB,
            Op.AND,
            Op.OR,
            Op.XOR,
            Op.CMP,
            Op.TEST,
        ),
        *(
            Op.INC,
            Op.DEC,
            Op.NEG,
            Op.NOT,
            Op.IMUL,
            Op.SHL,
            Op.SHR,
            Op.SAR,
            Op.SETCC,
            Op.CMOVCC,
            Op.JCC,
        ),
        *(Op.PUSH, Op.POP, Op.CALL, Op.RET, Op.JMP, Op.LEAVE, Op.NOP),
    }
)
_WIDE = frozenset({Op.ROL, Op.ROR, Op.MOV_TO_CR3, Op.MOV_FROM_CR3})
"""Operations with a rule for 64-bit operands alone."""

EXPECTED = (
    "instructions that the prover has a rule for: "
    + ", ".join(sorted(op.value for op in _PLAIN | {Op.BT, Op.ROL, Op.ROR}))
    + ", with 64 bits where an operand in memory is written, and mov to and from %cr3"
)
"""What to tell someone whose instruction is refused."""


KNOWN: frozenset[Feature] = frozenset()
"""The parts of the annotation language, beyond the first ones, that theories are made for."""


def refuse_features(fragment: Fragment) -> None:
    """Raise a UserError at the first part of the annotation that no theory is made for."""
    for feature, where in features(fragment):
        if feature not in KNOWN:
            raise UserError(
                f"the prover does not support {feature.value} yet",
                file=where.file,
                line=where.line,
                column=where.column,
                expected="an annotation without them",
            )


def supported(instr: Instr) -> bool:
    """Whether the prover has a rule for this form of the instruction."""
    if instr.op in {Op.NOP, Op.LEA}:
        return True
    if instr.op is Op.BT:
        return isinstance(instr.operands[1], Imm)
    if instr.op not in _PLAIN:
        return instr.op in _WIDE and instr.width is Width.W64
    first = instr.operands[0] if instr.operands else None
    written = instr.op not in {Op.CMP, Op.TEST} and isinstance(first, Mem)
    return not written or (instr.width is Width.W64 and instr.op is not Op.SETCC)


def refuse_unsupported(instrs: Iterable[Instr]) -> None:
    """Raise a UserError at the first instruction that the prover has no rule for."""
    for instr in instrs:
        if not supported(instr):
            where = instr.location
            raise UserError(
                f"the prover has no rule for `{instr.text}` yet",
                file=where.file,
                line=where.line,
                column=where.column,
                expected=EXPECTED,
            )
