# SPDX-License-Identifier: Apache-2.0
"""What each instruction does: a mirror of `exec` of `theories/machine/exec.v`.

Semantics are those of the SDM's vol. 2; `state.rip` is already that of the next instruction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rocqgen.cpu.arithmetic import (
    SHIFTS,
    Result,
    add,
    bit_test,
    count_of,
    imul,
    increment,
    logic,
    signed,
    sub,
)
from rocqgen.cpu.control import CONTROL
from rocqgen.cpu.outcome import OK, Access, Accessed, Outcome, Translate, Unmodelled
from rocqgen.cpu.processor import MASK64, EndedError, Place, Processor, stuck
from rocqgen.cpu.state import KERNEL, Config, State
from rocqgen.source.machine import Imm, Instr, Mem, Op, Operand, Reg

Handler = Callable[[Instr, Processor], None]


def execute(
    instr: Instr,
    state: State,
    translate: Translate,
    config: Config = KERNEL,
    trace: list[Accessed] | None = None,
) -> Outcome:
    """Execute one instruction in place; `state.rip` is the address behind it.

    `trace` gets the accesses in their order.  On a fault, and where the model says nothing, the
    state is as it was.
    """
    try:
        _HANDLERS[instr.op](instr, Processor(state, translate, config, trace))
    except EndedError as ended:
        return ended.outcome
    return OK


def _mov(instr: Instr, cpu: Processor) -> None:
    destination, source = instr.operands
    value = cpu.read(source, instr.width)
    cpu.assign(cpu.target(destination, instr.width), value, instr.width)


def _movzx(instr: Instr, cpu: Processor) -> None:
    destination, source = instr.operands
    value = cpu.read(source, instr.source_width)
    cpu.assign(cpu.target(destination, instr.width), value, instr.width)


def _movsx(instr: Instr, cpu: Processor) -> None:
    destination, source = instr.operands
    value = signed(cpu.read(source, instr.source_width), instr.source_width)
    value &= (1 << instr.width) - 1
    cpu.assign(cpu.target(destination, instr.width), value, instr.width)


def _lea(instr: Instr, cpu: Processor) -> None:
    destination, source = instr.operands
    va = cpu.address(_memory(source)) & ((1 << instr.width) - 1)
    cpu.assign(cpu.target(destination, instr.width), va, instr.width)


def _binary(instr: Instr, cpu: Processor) -> None:
    destination, source = instr.operands
    width = int(instr.width)
    target = cpu.target(destination, width)
    a = cpu.value(target, width)
    b = cpu.read(source, width)
    value, flags = _arithmetic(instr.op, a, b, width, cpu)
    cpu.assign(target, value, width)
    cpu.set_flags(flags)


def _arithmetic(op: Op, a: int, b: int, width: int, cpu: Processor) -> Result:
    match op:
        case Op.ADD:
            return add(a, b, 0, width)
        case Op.ADC:
            return add(a, b, cpu.carry(), width)
        case Op.SUB | Op.CMP:
            return sub(a, b, 0, width)
        case Op.SBB:
            return sub(a, b, cpu.carry(), width)
        case Op.AND | Op.TEST:
            return logic(a & b, width)
        case Op.OR:
            return logic(a | b, width)
        case _:
            return logic(a ^ b, width)


def _compare(instr: Instr, cpu: Processor) -> None:
    destination, source = instr.operands
    width = int(instr.width)
    a = cpu.read(destination, width)
    b = cpu.read(source, width)
    cpu.set_flags(_arithmetic(instr.op, a, b, width, cpu)[1])


def _unary(instr: Instr, cpu: Processor) -> None:
    width = int(instr.width)
    target = cpu.target(instr.operands[0], width)
    a = cpu.value(target, width)
    flags = cpu.state.flags
    match instr.op:
        case Op.INC:
            value, flags = increment(a, 1, width, flags)
        case Op.DEC:
            value, flags = increment(a, -1, width, flags)
        case Op.NEG:
            value, flags = sub(0, a, 0, width)
        case _:
            value = a ^ ((1 << width) - 1)
    cpu.assign(target, value, width)
    cpu.set_flags(flags)


def _imul(instr: Instr, cpu: Processor) -> None:
    destination, first, second = instr.operands
    width = int(instr.width)
    value, flags = imul(cpu.read(first, width), cpu.read(second, width), width)
    cpu.assign(cpu.target(destination, width), value, width)
    cpu.set_flags(flags)


def _shift(instr: Instr, cpu: Processor) -> None:
    destination, source = instr.operands
    width = int(instr.width)
    target = cpu.target(destination, width)
    a = cpu.value(target, width)
    count = count_of(cpu.read(source, 8), width)
    value, flags = SHIFTS[instr.op](a, count, width, cpu.state.flags)
    cpu.assign(target, value, width)
    cpu.set_flags(flags)


def _bit(instr: Instr, cpu: Processor) -> None:
    destination, source = instr.operands
    width = int(instr.width)
    if instr.op is Op.BT:
        a = cpu.read(destination, width)
        cpu.set_flags(bit_test(Op.BT, a, cpu.read(source, width), width, cpu.state.flags)[1])
        return
    target = cpu.target(destination, width)
    a = cpu.value(target, width)
    value, flags = bit_test(instr.op, a, cpu.read(source, width), width, cpu.state.flags)
    cpu.assign(target, value, width)
    cpu.set_flags(flags)


def _xchg(instr: Instr, cpu: Processor) -> None:
    # One of the two may be memory; whichever it is, it is translated as a write.
    targets = [cpu.target(operand, instr.width) for operand in instr.operands]
    a, b = (cpu.value(target, instr.width) for target in targets)
    cpu.assign(targets[0], b, instr.width)
    cpu.assign(targets[1], a, instr.width)


def _cmpxchg(instr: Instr, cpu: Processor) -> None:
    destination, source = instr.operands
    width = int(instr.width)
    target = cpu.target(destination, width)
    old = cpu.value(target, width)
    new = cpu.read(source, width)
    accumulator = cpu.register(Reg.RAX, width)
    _, flags = sub(accumulator, old, 0, width)
    if accumulator == old:
        cpu.assign(target, new, width)
    else:
        # Memory is written in either case: SDM vol. 2, CMPXCHG.
        cpu.assign(target, old, width)
        cpu.set_register(Reg.RAX, old, width)
    cpu.set_flags(flags)


def _xadd(instr: Instr, cpu: Processor) -> None:
    destination, source = instr.operands
    width = int(instr.width)
    target = cpu.target(destination, width)
    old = cpu.value(target, width)
    value, flags = add(old, cpu.read(source, width), 0, width)
    # Where both operands are one register, it gets the sum: the destination is written last.
    cpu.assign(cpu.target(source, width), old, width)
    cpu.assign(target, value, width)
    cpu.set_flags(flags)


def _setcc(instr: Instr, cpu: Processor) -> None:
    value = int(cpu.holds(instr.cond))
    cpu.assign(cpu.target(instr.operands[0], 8), value, 8)


def _cmovcc(instr: Instr, cpu: Processor) -> None:
    # The source is read, and 32 bits clear the upper half, whether or not the condition holds.
    destination, source = instr.operands
    width = int(instr.width)
    target = cpu.target(destination, width)
    value = cpu.read(source, width)
    if not cpu.holds(instr.cond):
        value = cpu.value(target, width)
    cpu.assign(target, value, width)


def _push(instr: Instr, cpu: Processor) -> None:
    _push_word(cpu, cpu.read(instr.operands[0], 64))


def _push_word(cpu: Processor, value: int) -> None:
    sp = (cpu.register(Reg.RSP) - 8) & MASK64
    place = cpu.place(Access.WRITE, sp, 64)
    cpu.store(place, value)
    cpu.set_register(Reg.RSP, sp)


def _pop_word(cpu: Processor) -> tuple[int, int]:
    """The word on the stack, and the stack pointer behind it."""
    sp = cpu.register(Reg.RSP)
    return cpu.load(cpu.place(Access.READ, sp, 64)), (sp + 8) & MASK64


def _pop(instr: Instr, cpu: Processor) -> None:
    destination = instr.operands[0]
    value, sp = _pop_word(cpu)
    # The address of a memory operand is computed with the new stack pointer: SDM vol. 2, POP.
    target: Reg | Place
    if isinstance(destination, Mem):
        target = cpu.place(Access.WRITE, cpu.address(destination, rsp=sp), 64)
    else:
        target = cpu.target(destination, 64)
    cpu.set_register(Reg.RSP, sp)
    cpu.assign(target, value, 64)


def _call(instr: Instr, cpu: Processor) -> None:
    target = _jump_target(instr, cpu)
    _push_word(cpu, cpu.state.rip)
    cpu.state.rip = target


def _ret(_instr: Instr, cpu: Processor) -> None:
    value, sp = _pop_word(cpu)
    cpu.set_register(Reg.RSP, sp)
    cpu.state.rip = value


def _jmp(instr: Instr, cpu: Processor) -> None:
    cpu.state.rip = _jump_target(instr, cpu)


def _jcc(instr: Instr, cpu: Processor) -> None:
    if cpu.holds(instr.cond):
        cpu.state.rip = _jump_target(instr, cpu)


def _jump_target(instr: Instr, cpu: Processor) -> int:
    operand = instr.operands[0]
    if isinstance(operand, Imm):
        return (cpu.state.rip + operand.value) & MASK64
    return cpu.read(operand, 64)


def _leave(_instr: Instr, cpu: Processor) -> None:
    frame = cpu.register(Reg.RBP)
    value = cpu.load(cpu.place(Access.READ, frame, 64))
    cpu.set_register(Reg.RSP, (frame + 8) & MASK64)
    cpu.set_register(Reg.RBP, value)


def _rep_stosq(instr: Instr, cpu: Processor) -> None:
    # One word a step, and then the same instruction again: between two words the processor may
    # be interrupted, and the TLB may change.  DF is 0.
    count = cpu.register(Reg.RCX)
    if count == 0:
        return
    va = cpu.register(Reg.RDI)
    cpu.store(cpu.place(Access.WRITE, va, 64), cpu.register(Reg.RAX))
    cpu.set_register(Reg.RDI, (va + 8) & MASK64)
    cpu.set_register(Reg.RCX, count - 1)
    if count > 1:
        cpu.state.rip = (cpu.state.rip - instr.length) & MASK64


def _nop(_instr: Instr, _cpu: Processor) -> None:
    pass


def _memory(operand: Operand) -> Mem:
    if not isinstance(operand, Mem):
        raise stuck(Unmodelled.BAD_OPERAND)
    return operand


_HANDLERS: Final[dict[Op, Handler]] = {
    Op.MOV: _mov,
    Op.MOVZX: _movzx,
    Op.MOVSX: _movsx,
    Op.LEA: _lea,
    **dict.fromkeys((Op.ADD, Op.ADC, Op.SUB, Op.SBB, Op.AND, Op.OR, Op.XOR), _binary),
    **dict.fromkeys((Op.CMP, Op.TEST), _compare),
    **dict.fromkeys((Op.INC, Op.DEC, Op.NEG, Op.NOT), _unary),
    Op.IMUL: _imul,
    **dict.fromkeys((Op.SHL, Op.SHR, Op.SAR, Op.ROL, Op.ROR), _shift),
    **dict.fromkeys((Op.BT, Op.BTS, Op.BTR, Op.BTC), _bit),
    Op.XCHG: _xchg,
    Op.CMPXCHG: _cmpxchg,
    Op.XADD: _xadd,
    Op.SETCC: _setcc,
    Op.CMOVCC: _cmovcc,
    Op.JCC: _jcc,
    Op.PUSH: _push,
    Op.POP: _pop,
    Op.CALL: _call,
    Op.RET: _ret,
    Op.JMP: _jmp,
    Op.LEAVE: _leave,
    Op.REP_STOSQ: _rep_stosq,
    Op.NOP: _nop,
    **CONTROL,
}
