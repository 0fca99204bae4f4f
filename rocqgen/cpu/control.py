# SPDX-License-Identifier: Apache-2.0
"""What instructions do that change how addresses are translated: control registers, INVLPG.

The mode of paging is constant (`theories/machine/paging.v`, `config`): a load of `%cr0` or `%cr4`
that would change it is outside the model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rocqgen.cpu.outcome import GeneralProtection, Unmodelled
from rocqgen.cpu.processor import EndedError, Processor, stuck
from rocqgen.source.machine import Instr, Mem, Op, Reg

CR0_FREE: Final = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 5 | 1 << 18
"""MP, EM, TS, NE and AM, which code may change: SDM vol. 3, 2.5."""

CR4_FREE: Final = 1 << 2 | 1 << 3 | 1 << 6 | 1 << 8
"""TSD, DE, MCE and PCE.  Another bit changes the mode, or faults, as the processor has it."""


def _register(instr: Instr) -> Reg:
    operand = instr.operands[0]
    if not isinstance(operand, Reg):
        raise stuck(Unmodelled.BAD_OPERAND)
    return operand


def _mov_to_cr3(instr: Instr, cpu: Processor) -> None:
    value = cpu.register(_register(instr))
    if cpu.config.user or not cpu.config.root_ok(value):
        raise EndedError(GeneralProtection())
    cpu.state.cr3 = value
    cpu.state.tlb = []


def _mov_from_cr3(instr: Instr, cpu: Processor) -> None:
    cpu.privileged()
    cpu.set_register(_register(instr), cpu.state.cr3)


def _control(cpu: Processor, control: Reg) -> int:
    """The value of `%cr0` or `%cr4`, of which the mode fixes some bits (`read_control`)."""
    cpu.privileged()
    value = cpu.register(control)
    if any(reg is control and value & bits != wanted for reg, bits, wanted in cpu.config.fixed):
        raise stuck(Unmodelled.MODE_CHANGE)
    return value


def _load(control: Reg, free: int) -> Callable[[Instr, Processor], None]:
    def load(instr: Instr, cpu: Processor) -> None:
        value = cpu.register(_register(instr))
        if (value ^ _control(cpu, control)) & ~free:
            raise stuck(Unmodelled.MODE_CHANGE)
        cpu.set_register(control, value)

    return load


def _save(control: Reg) -> Callable[[Instr, Processor], None]:
    def save(instr: Instr, cpu: Processor) -> None:
        cpu.set_register(_register(instr), _control(cpu, control))

    return save


def _invlpg(instr: Instr, cpu: Processor) -> None:
    operand = instr.operands[0]
    if not isinstance(operand, Mem):
        raise stuck(Unmodelled.BAD_OPERAND)
    cpu.privileged()
    va = cpu.address(operand)
    cpu.state.tlb = [entry for entry in cpu.state.tlb if not entry.covers(va)]


CONTROL: Final[dict[Op, Callable[[Instr, Processor], None]]] = {
    Op.MOV_TO_CR0: _load(Reg.CR0, CR0_FREE),
    Op.MOV_FROM_CR0: _save(Reg.CR0),
    Op.MOV_TO_CR3: _mov_to_cr3,
    Op.MOV_FROM_CR3: _mov_from_cr3,
    Op.MOV_TO_CR4: _load(Reg.CR4, CR4_FREE),
    Op.MOV_FROM_CR4: _save(Reg.CR4),
    Op.INVLPG: _invlpg,
}
