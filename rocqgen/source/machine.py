# SPDX-License-Identifier: Apache-2.0
"""The typed form of the machine code that the logic supports.

It mirrors `theories/machine/instr.v` constructor by constructor: the emitter prints one as the
other.  Immediates, displacements and branch targets are kept as signed Python integers, as the
instruction encodes them after sign extension to 64 bits.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from rocqgen.source.location import Location


class Reg(enum.Enum):
    """A 64-bit general-purpose register, in the order of the ModRM encoding."""

    RAX = "rax"
    RCX = "rcx"
    RDX = "rdx"
    RBX = "rbx"
    RSP = "rsp"
    RBP = "rbp"
    RSI = "rsi"
    RDI = "rdi"
    R8 = "r8"
    R9 = "r9"
    R10 = "r10"
    R11 = "r11"
    R12 = "r12"
    R13 = "r13"
    R14 = "r14"
    R15 = "r15"


@dataclass(frozen=True, slots=True)
class Imm:
    """An immediate, sign-extended to 64 bits."""

    value: int


@dataclass(frozen=True, slots=True)
class Mem:
    """A memory operand `disp(base, index, scale)`; rip-relative when `rip` is set.

    For a rip-relative operand `disp` counts from the end of the instruction, as encoded.
    """

    base: Reg | None
    index: Reg | None
    scale: int
    disp: int
    rip: bool = False


Operand = Reg | Imm | Mem


class Op(enum.Enum):
    """The operations; all on 64-bit operands."""

    MOV = "mov"
    ADD = "add"
    SUB = "sub"
    AND = "and"
    OR = "or"
    XOR = "xor"
    SHL = "shl"
    SHR = "shr"
    LEA = "lea"
    PUSH = "push"
    POP = "pop"
    CALL = "call"
    RET = "ret"
    JMP = "jmp"
    MOV_TO_CR3 = "mov_to_cr3"
    MOV_FROM_CR3 = "mov_from_cr3"
    NOP = "nop"


@dataclass(frozen=True, slots=True)
class Instr:
    """One decoded instruction.

    `operands` are destination first (Intel order).  A direct `call` or `jmp` has one `Imm`: the
    signed distance from the end of the instruction to the target.  `offset` counts bytes from the
    fragment's entry.
    """

    op: Op
    operands: tuple[Operand, ...]
    offset: int
    length: int
    encoding: bytes
    location: Location
    text: str
