# SPDX-License-Identifier: Apache-2.0
"""Operands of one instruction: registers in every width, and memory through translation.

An instruction first asks for all that it needs, which may end it, and then changes the state,
which cannot fail: so a fault leaves the state as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rocqgen.cpu.outcome import (
    Access,
    Accessed,
    Fault,
    GeneralProtection,
    Stuck,
    Translate,
    Unmodelled,
)
from rocqgen.cpu.state import Config, Flags, State
from rocqgen.source.machine import Cond, Imm, Mem, Operand, Reg

MASK64: Final = (1 << 64) - 1


class EndedError(Exception):
    """The instruction ends in a fault or is stuck; caught by `execute` and `step`."""

    def __init__(self, outcome: Fault | Stuck) -> None:
        super().__init__(outcome)
        self.outcome = outcome


def stuck(why: Unmodelled, at: int | None = None) -> EndedError:
    """What to raise where the model says nothing."""
    return EndedError(Stuck(why, at))


@dataclass(frozen=True, slots=True)
class Place:
    """Bytes of memory that were translated for `access` and are backed."""

    access: Access
    va: int
    pas: tuple[int, ...]


class Processor:
    """A state, and how an instruction reads and writes it."""

    __slots__ = ("config", "state", "trace", "translate")

    def __init__(
        self, state: State, translate: Translate, config: Config, trace: list[Accessed] | None
    ) -> None:
        self.state = state
        self.translate = translate
        self.config = config
        self.trace = trace

    # -- registers ---------------------------------------------------------------------------------

    def register(self, reg: Reg, width: int = 64) -> int:
        """The low `width` bits of a register."""
        value = self.state.regs.get(reg)
        if value is None:
            raise stuck(Unmodelled.NO_REGISTER)
        return value if width == 64 else value & ((1 << width) - 1)

    def set_register(self, reg: Reg, value: int, width: int = 64) -> None:
        """Write a register: 32 bits clear the upper half, 8 and 16 keep the rest."""
        if width < 32:
            mask = (1 << width) - 1
            value |= self.register(reg) & ~mask
        self.state.regs[reg] = value

    # -- memory ------------------------------------------------------------------------------------

    def address(self, mem: Mem, rsp: int | None = None) -> int:
        """The effective address; `rsp` stands for the register's value if given."""
        total = mem.disp
        if mem.rip:
            total += self.state.rip
        elif mem.base is not None:
            given = rsp is not None and mem.base is Reg.RSP
            total += rsp if given and rsp is not None else self.register(mem.base)
        if mem.index is not None:
            total += self.register(mem.index) * mem.scale
        return total & MASK64

    def place(self, access: Access, va: int, width: int) -> Place:
        """Translate `width / 8` bytes from `va` on, one by one."""
        translate, memory = self.translate, self.state.memory
        pas = []
        for k in range(width // 8):
            pa = translate(access, (va + k) & MASK64)
            if not isinstance(pa, int):
                raise EndedError(pa)
            if pa not in memory:
                raise stuck(Unmodelled.UNBACKED_MEMORY, pa)
            pas.append(pa)
        return Place(access, va, tuple(pas))

    def load(self, place: Place) -> int:
        """The number in the bytes."""
        value = self.state.memory.gather(place.pas)
        if self.trace is not None:
            self.trace.append(Accessed(False, place.access, place.va, place.pas, value))
        return value

    def store(self, place: Place, value: int) -> None:
        """Put a number in the bytes."""
        self.state.memory.scatter(place.pas, value)
        if self.trace is not None:
            self.trace.append(Accessed(True, place.access, place.va, place.pas, value))

    # -- operands ----------------------------------------------------------------------------------

    def read(self, operand: Operand, width: int) -> int:
        """A source operand."""
        if isinstance(operand, Reg):
            return self.register(operand, width)
        if isinstance(operand, Imm):
            return operand.value & ((1 << width) - 1)
        return self.load(self.place(Access.READ, self.address(operand), width))

    def target(self, operand: Operand, width: int) -> Reg | Place:
        """A destination operand; nothing that follows can end the instruction there."""
        if isinstance(operand, Reg):
            if width < 32:
                self.register(operand)
            return operand
        if isinstance(operand, Imm):
            raise stuck(Unmodelled.BAD_OPERAND)
        return self.place(Access.WRITE, self.address(operand), width)

    def value(self, target: Reg | Place, width: int) -> int:
        """What a destination holds."""
        return self.register(target, width) if isinstance(target, Reg) else self.load(target)

    def assign(self, target: Reg | Place, value: int, width: int) -> None:
        """Write a destination."""
        if isinstance(target, Reg):
            self.set_register(target, value, width)
        else:
            self.store(target, value)

    # -- flags and rights --------------------------------------------------------------------------

    def carry(self) -> bool:
        """CF, which must be defined."""
        return self._flag(self.state.flags.cf)

    def holds(self, cond: Cond | None) -> bool:
        """Whether a condition holds; each flag that it reads must be defined."""
        if cond is None:
            raise stuck(Unmodelled.BAD_OPERAND)
        flags, flag = self.state.flags, self._flag
        # A condition and its negation follow each other in the encoding.
        index = _CONDS.index(cond)
        match _CONDS[index & ~1]:
            case Cond.O:
                result = flag(flags.of)
            case Cond.B:
                result = flag(flags.cf)
            case Cond.E:
                result = flag(flags.zf)
            case Cond.BE:
                result = flag(flags.cf) | flag(flags.zf)
            case Cond.S:
                result = flag(flags.sf)
            case Cond.P:
                result = flag(flags.pf)
            case Cond.L:
                result = flag(flags.sf) != flag(flags.of)
            case _:
                result = flag(flags.zf) | (flag(flags.sf) != flag(flags.of))
        return result != bool(index & 1)

    def privileged(self) -> None:
        """#GP where CPL is not 0."""
        if self.config.user:
            raise EndedError(GeneralProtection())

    def set_flags(self, flags: Flags) -> None:
        """The flags after the instruction."""
        self.state.flags = flags

    @staticmethod
    def _flag(flag: bool | None) -> bool:
        if flag is None:
            raise stuck(Unmodelled.UNDEFINED_FLAG)
        return flag


_CONDS = tuple(Cond)
