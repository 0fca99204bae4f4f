# SPDX-License-Identifier: Apache-2.0
"""The typed form of the machine code that the logic supports.

It mirrors `theories/machine/instr.v` constructor by constructor: the emitter prints one as the
other.  Immediates, displacements and branch targets are kept as signed Python integers, as the
instruction encodes them after sign extension to 64 bits.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from rocqgen.source.location import Location


class Reg(enum.Enum):
    """A 64-bit register: those for general purposes in the order of the ModRM encoding, and the
    control registers that annotations speak of as of registers."""

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
    CR0 = "cr0"
    CR4 = "cr4"


CONTROL: Final[tuple[Reg, ...]] = (Reg.CR0, Reg.CR4)
"""Those that control the processor."""

GENERAL: Final[tuple[Reg, ...]] = tuple(reg for reg in Reg if reg not in CONTROL)
"""Those for general purposes."""


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


class Width(enum.IntEnum):
    """How many bits of its operands an instruction works on.

    An 8-bit operand is a register's lowest byte: `%ah` and its like are not supported.
    """

    W8 = 8
    W16 = 16
    W32 = 32
    W64 = 64


class Cond(enum.Enum):
    """A condition on the flags, in the order of its encoding (SDM vol. 1, table B-1)."""

    O = "o"  # noqa: E741 - the manual's name
    NO = "no"
    B = "b"
    AE = "ae"
    E = "e"
    NE = "ne"
    BE = "be"
    A = "a"
    S = "s"
    NS = "ns"
    P = "p"
    NP = "np"
    L = "l"
    GE = "ge"
    LE = "le"
    G = "g"


class Op(enum.Enum):
    """The operations; `Instr.width` tells the size of their operands."""

    MOV = "mov"
    MOVZX = "movzx"  # operands: register, source of `source_width`
    MOVSX = "movsx"
    LEA = "lea"
    ADD = "add"
    ADC = "adc"
    SUB = "sub"
    SBB = "sbb"
    AND = "and"
    OR = "or"
    XOR = "xor"
    CMP = "cmp"
    TEST = "test"
    INC = "inc"
    DEC = "dec"
    NEG = "neg"
    NOT = "not"
    IMUL = "imul"  # operands: destination register, and the two factors
    SHL = "shl"  # the count is an immediate or %rcx, of which %cl is used
    SHR = "shr"
    SAR = "sar"
    ROL = "rol"
    ROR = "ror"
    BT = "bt"  # the bit's number is an immediate, or a register where the other is one
    BTS = "bts"
    BTR = "btr"
    BTC = "btc"
    XCHG = "xchg"
    CMPXCHG = "cmpxchg"
    XADD = "xadd"
    SETCC = "setcc"  # always 8 bits wide
    CMOVCC = "cmovcc"
    JCC = "jcc"  # operand: the distance, as of a direct `jmp`
    PUSH = "push"
    POP = "pop"
    CALL = "call"
    RET = "ret"
    JMP = "jmp"
    LEAVE = "leave"
    REP_STOSQ = "rep_stosq"
    INVLPG = "invlpg"  # operand: the memory operand whose address is meant
    MOV_TO_CR0 = "mov_to_cr0"
    MOV_FROM_CR0 = "mov_from_cr0"
    MOV_TO_CR3 = "mov_to_cr3"
    MOV_FROM_CR3 = "mov_from_cr3"
    MOV_TO_CR4 = "mov_to_cr4"
    MOV_FROM_CR4 = "mov_from_cr4"
    NOP = "nop"


CONTROL_OF: Final = {
    Op.MOV_TO_CR0: Reg.CR0,
    Op.MOV_FROM_CR0: Reg.CR0,
    Op.MOV_TO_CR4: Reg.CR4,
    Op.MOV_FROM_CR4: Reg.CR4,
}
"""The control register that an instruction is about."""


@dataclass(frozen=True, slots=True)
class Instr:
    """One decoded instruction.

    `operands` are destination first (Intel order).  A direct `call` or `jmp` has one `Imm`: the
    signed distance from the end of the instruction to the target.  `offset` counts bytes from the
    fragment's entry.  `width` is the size of the operands, `source_width` that of the second one
    of `movzx` and `movsx`.  `cond` is there for `jcc`, `setcc` and `cmovcc` alone.  A `lock` prefix
    changes nothing on one processor and is not kept.
    """

    op: Op
    operands: tuple[Operand, ...]
    offset: int
    length: int
    encoding: bytes
    location: Location
    text: str
    width: Width = Width.W64
    source_width: Width = Width.W64
    cond: Cond | None = None
