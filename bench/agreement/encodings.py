# SPDX-License-Identifier: Apache-2.0
"""Encodings with random operands for every form of the decoder's table.

The table itself is walked, so that no form can be forgotten.  iced-x86's encoder writes the bytes;
the decoder under test reads them back.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, cast

from iced_x86 import (
    Code_,
    Encoder,
    Instruction,
    OpCodeInfo,
    OpCodeOperandKind,
    OpKind,
    OpKind_,
    Register,
    Register_,
)

from bench.agreement.layout import WINDOW, WINDOW_BYTES
from rocqgen.source.decode import decode
from rocqgen.source.forms import CODE_NAMES, CODES, Form
from rocqgen.source.location import Location
from rocqgen.source.machine import GENERAL, Instr, Mem, Op, Reg, Width
from rocqgen.source.object import ObjectCode

STACK_OPS: Final = {Op.PUSH, Op.POP, Op.CALL, Op.RET}
LOCKABLE: Final = {
    *(Op.ADD, Op.ADC, Op.AND, Op.BTC, Op.BTR, Op.BTS, Op.CMPXCHG, Op.DEC, Op.INC, Op.NEG),
    *(Op.NOT, Op.OR, Op.SBB, Op.SUB, Op.XADD, Op.XCHG, Op.XOR),
}
"""With a destination in memory: SDM vol. 2, LOCK."""

_NUMBERS = range(8, 16)
_LEGACY = "RAX RCX RDX RBX RSP RBP RSI RDI".split()
_REGISTERS: dict[int, list[Register_]] = {
    64: [getattr(Register, reg.name) for reg in GENERAL],
    32: [getattr(Register, f"E{name[1:]}") for name in _LEGACY]
    + [getattr(Register, f"R{n}D") for n in _NUMBERS],
    16: [getattr(Register, name[1:]) for name in _LEGACY]
    + [getattr(Register, f"R{n}W") for n in _NUMBERS],
    8: [getattr(Register, name) for name in "AL CL DL BL SPL BPL SIL DIL".split()]
    + [getattr(Register, f"R{n}L") for n in _NUMBERS],
}
_K = OpCodeOperandKind
_REGISTER_KINDS: dict[int, int] = {
    **dict.fromkeys((_K.R8_REG, _K.R8_OPCODE, _K.R8_OR_MEM), 8),
    **dict.fromkeys((_K.R16_REG, _K.R16_OPCODE, _K.R16_OR_MEM), 16),
    **dict.fromkeys((_K.R32_REG, _K.R32_OPCODE, _K.R32_OR_MEM), 32),
    **dict.fromkeys((_K.R64_REG, _K.R64_OPCODE, _K.R64_OR_MEM, _K.R64_RM), 64),
}
_MEMORY_KINDS = {_K.R8_OR_MEM, _K.R16_OR_MEM, _K.R32_OR_MEM, _K.R64_OR_MEM, _K.MEM, _K.MEM_OFFS}
_FIXED: dict[int, Register_] = {
    _K.AL: Register.AL,
    _K.AX: Register.AX,
    _K.EAX: Register.EAX,
    _K.RAX: Register.RAX,
    _K.CL: Register.CL,
}
_IMMEDIATES: dict[int, tuple[OpKind_, int]] = {
    _K.IMM8: (OpKind.IMMEDIATE8, 8),
    _K.IMM16: (OpKind.IMMEDIATE16, 16),
    _K.IMM32: (OpKind.IMMEDIATE32, 32),
    _K.IMM64: (OpKind.IMMEDIATE64, 64),
    _K.IMM8SEX16: (OpKind.IMMEDIATE8TO16, 8),
    _K.IMM8SEX32: (OpKind.IMMEDIATE8TO32, 8),
    _K.IMM8SEX64: (OpKind.IMMEDIATE8TO64, 8),
    _K.IMM32SEX64: (OpKind.IMMEDIATE32TO64, 32),
}


@dataclass(frozen=True, slots=True)
class Encoding:
    """One instruction at `address`, as the decoder under test reads it.

    A state is meant for it only if each register of `pins` has one of the values given there.
    """

    name: str
    form: Form
    address: int
    instr: Instr
    pins: dict[Reg, Sequence[int]] = field(default_factory=dict)

    @property
    def memory(self) -> Mem | None:
        """The memory operand, if the instruction accesses one."""
        if self.instr.op in {Op.LEA, Op.NOP, Op.INVLPG}:
            return None
        return next((one for one in self.instr.operands if isinstance(one, Mem)), None)


def decode_one(data: bytes) -> Instr:
    """The one instruction of `data`, by the decoder under test."""
    code = ObjectCode(data, {}, frozenset(), (), ())
    (instr,) = decode(code, 0, len(data), lambda _: (Location("vector", 1), data.hex()))
    return instr


def encoding(code: int, address: int, rng: random.Random) -> Encoding:
    """A random encoding of the form `code`."""
    form = CODES[code]
    made = _Maker(code, form, address, rng)
    return Encoding(CODE_NAMES[code], form, address, decode_one(made.encode()), made.pins)


class _Maker:
    """Fills in the operands of one instruction."""

    def __init__(self, code: int, form: Form, address: int, rng: random.Random) -> None:
        self.form, self.address, self.rng = form, address, rng
        self.pins: dict[Reg, Sequence[int]] = {}
        self.raw = Instruction()
        self.raw.code = cast(Code_, code)
        self._pin_stack()
        info = OpCodeInfo(self.raw.code)
        for index in range(info.op_count):
            self._operand(index, info.op_kind(index))
        if form.op is Op.REP_STOSQ:
            self.raw.has_rep_prefix = True
        memory_first = info.op_count > 0 and self.raw.op_kind(0) == OpKind.MEMORY
        if form.op in LOCKABLE and memory_first and rng.random() < 0.3:
            self.raw.has_lock_prefix = True

    def encode(self) -> bytes:
        encoder = Encoder(64)
        encoder.encode(self.raw, self.address)
        return encoder.take_buffer()

    def _pin_stack(self) -> None:
        rng = self.rng
        if self.form.op in STACK_OPS:
            self.pins[Reg.RSP] = [WINDOW + 16 + rng.randrange(16)]
        elif self.form.op is Op.LEAVE:
            self.pins[Reg.RBP] = [WINDOW + rng.randrange(WINDOW_BYTES - 8)]
        elif self.form.op is Op.REP_STOSQ:
            self.pins[Reg.RDI] = range(WINDOW, WINDOW + 32)
            self.pins[Reg.RCX] = range(5)

    def _operand(self, index: int, kind: int) -> None:
        raw, rng = self.raw, self.rng
        if kind in _FIXED:
            raw.set_op_kind(index, OpKind.REGISTER)
            raw.set_op_register(index, _FIXED[kind])
        elif kind == _K.CR_REG:
            raw.set_op_kind(index, OpKind.REGISTER)
            raw.set_op_register(index, rng.choice([Register.CR0, Register.CR3, Register.CR4]))
        elif kind == _K.IMM8_CONST_1:
            raw.set_op_kind(index, OpKind.IMMEDIATE8)
            raw.set_immediate_i64(index, 1)
        elif kind in _IMMEDIATES:
            op_kind, bits = _IMMEDIATES[kind]
            raw.set_op_kind(index, op_kind)
            raw.set_immediate_i64(index, self._immediate(bits))
        elif kind in {_K.BR64_1, _K.BR64_4}:
            raw.set_op_kind(index, OpKind.NEAR_BRANCH64)
            reach = 100 if kind == _K.BR64_1 else 1 << 30
            target = self.address + rng.randint(-reach, reach)
            # Not where an instruction would reach around the end of the address space.
            raw.near_branch64 = max(target, 0) if target > -64 else target + (1 << 64)
        elif kind == _K.ES_RDI:
            raw.set_op_kind(index, OpKind.MEMORY_ESRDI)
        elif kind in _MEMORY_KINDS and (kind not in _REGISTER_KINDS or self._takes_memory()):
            raw.set_op_kind(index, OpKind.MEMORY)
            self._memory(absolute=kind == _K.MEM_OFFS)
        else:
            raw.set_op_kind(index, OpKind.REGISTER)
            raw.set_op_register(index, rng.choice(_REGISTERS[_REGISTER_KINDS[kind]]))

    def _takes_memory(self) -> bool:
        """Some forms are supported only on registers, or only on memory."""
        op, count = self.form.op, OpCodeInfo(self.raw.code).op_count
        in_register = count == 2 and OpCodeInfo(self.raw.code).op_kind(1) in _REGISTER_KINDS
        if op in {Op.BT, Op.BTS, Op.BTR, Op.BTC} and in_register:
            return False
        if op is Op.CMPXCHG and self.form.width is Width.W32:
            return True
        return self.rng.random() < 0.5

    def _immediate(self, bits: int) -> int:
        rng, top = self.rng, 1 << (bits - 1)
        values = [0, 1, -1, top - 1, -top, rng.randrange(-top, top), rng.randrange(-top, top)]
        if bits == 8:
            values += [2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65]
        return rng.choice(values)

    def _memory(self, *, absolute: bool) -> None:
        raw, rng = self.raw, self.rng
        target = WINDOW + rng.randrange(WINDOW_BYTES - 8)
        shape = (
            "absolute" if absolute else rng.choice("rip absolute base base both both index".split())
        )
        raw.memory_displ_size = 8
        raw.memory_displacement = target
        if shape == "rip":
            raw.memory_base = Register.RIP
        elif shape != "absolute":
            self._registers(shape, target)

    def _registers(self, shape: str, target: int) -> None:
        """A base, an index or both; at most one of them is left for states to choose."""
        raw, rng = self.raw, self.rng
        registers = list(GENERAL)
        base = None if shape == "index" else rng.choice(registers)
        if base is not None and self.form.op in STACK_OPS and rng.random() < 0.4:
            base = Reg.RSP  # which the instruction itself changes
        index = None
        if shape == "index" or (shape == "both" and base not in self.pins):
            index = rng.choice([reg for reg in registers if reg is not Reg.RSP])
        scale = 1 if index is None else rng.choice([1, 2, 4, 8])
        displacement = rng.choice(
            [0, 1, -1, 127, -128, 0x7FFFFFFF, -0x80000000, rng.randrange(4096)]
        )
        if index is not None and base in {None, index}:
            value = rng.randrange(256)
            self.pins[index] = [value]
            displacement = target - value * (scale + (base is index))
        elif base in self.pins:
            displacement = rng.randrange(-8, 9)
        if base is not None:
            raw.memory_base = _REGISTERS[64][registers.index(base)]
        if index is not None:
            raw.memory_index = _REGISTERS[64][registers.index(index)]
        raw.memory_index_scale = scale
        raw.memory_displ_size = 1 if base is not None and -128 <= displacement < 128 else 8
        raw.memory_displacement = displacement & ((1 << 64) - 1)
