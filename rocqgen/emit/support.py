# SPDX-License-Identifier: Apache-2.0
"""Which of the instructions that can be decoded the prover has a rule for yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocqgen.errors import UserError
from rocqgen.source.machine import Instr, Op, Width

if TYPE_CHECKING:
    from collections.abc import Iterable

_WIDE = frozenset(
    {
        Op.MOV,
        Op.LEA,
        Op.ADD,
        Op.SUB,
        Op.AND,
        Op.OR,
        Op.XOR,
        Op.SHL,
        Op.SHR,
        Op.PUSH,
        Op.POP,
        Op.CALL,
        Op.RET,
        Op.JMP,
        Op.MOV_TO_CR3,
        Op.MOV_FROM_CR3,
        Op.NOP,
    }
)
"""Operations with a rule for 64-bit operands."""

EXPECTED = (
    "instructions that the prover has a rule for: "
    + ", ".join(sorted({op.value for op in _WIDE} - {"mov_to_cr3", "mov_from_cr3"}))
    + " on 64-bit operands, and mov to and from %cr3"
)
"""What to tell someone whose instruction is refused."""


def supported(instr: Instr) -> bool:
    """Whether the prover has a rule for this form of the instruction."""
    return instr.op in _WIDE and (instr.op is Op.NOP or instr.width is Width.W64)


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
