# SPDX-License-Identifier: Apache-2.0
"""Instructions that compute, and what is known of the flags then; a mirror of `sstep`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocqgen.emit.flags import (
    Arms,
    FlagsAny,
    FlagsBit,
    FlagsCarry,
    FlagsResult,
    FlagsSub,
    alu_flags,
    cond_arms,
    step_flags,
)
from rocqgen.emit.normal import (
    Alu,
    ECst,
    Term,
    mk_add,
    mk_alu,
    mk_and,
    mk_bit,
    mk_op,
    mk_trunc,
)
from rocqgen.emit.operands import Operands, as_register
from rocqgen.emit.paths import Fork, StuckError
from rocqgen.emit.symbolic import Fact
from rocqgen.source.machine import Cond, Imm, Instr, Mem, Op, Reg, Width
from rocqgen.source.spec import Rel

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocqgen.emit.flags import Flags

_ALU = {
    Op.ADD: Alu.ADD,
    Op.SUB: Alu.SUB,
    Op.AND: Alu.AND,
    Op.OR: Alu.OR,
    Op.XOR: Alu.XOR,
    Op.SHL: Alu.SHL,
    Op.SHR: Alu.SHR,
    Op.SAR: Alu.SAR,
    Op.ROL: Alu.ROL,
    Op.ROR: Alu.ROR,
}
_STEPPED = {Op.INC: Alu.ADD, Op.DEC: Alu.SUB}
_BITS = frozenset({Op.BT, Op.BTS, Op.BTR, Op.BTC})
FORKING = frozenset({Op.SETCC, Op.CMOVCC, Op.JCC, Op.ADC, Op.SBB, Op.CMPXCHG})
"""What goes on in one of two ways."""


class Computing(Operands):
    """Instructions that compute, on the state of a path."""

    def compute(self, instr: Instr) -> None:
        """What sets flags, in one way."""
        operands, size = instr.operands, instr.width
        match instr.op:
            case Op.CMP:
                a, b = (self.read(one, size) for one in operands)
                self.path.flags = FlagsSub(size, a, b)
            case Op.TEST:
                a, b = (self.read(one, size) for one in operands)
                value = self.name(mk_alu(size, Alu.AND, a, b))
                self.path.flags = FlagsResult(size, value, logic=True)
            case Op.INC | Op.DEC | Op.NEG | Op.NOT:
                self._unary(instr)
            case Op.IMUL:
                a, b = (self.read(one, size) for one in operands[1:])
                self.put(as_register(operands[0]), self.name(mk_alu(size, Alu.MUL, a, b)), size)
                self.path.flags = FlagsAny()
            case Op.XCHG:
                source = as_register(operands[1])
                a = self.read(operands[0], size, write=True)
                self.write(operands[0], mk_trunc(size, self.get(source)), size)
                self.put(source, a, size)
            case Op.XADD:
                self._xadd(instr)
            case op if op in _BITS:
                self._bit(instr)
            case _:
                alu = _ALU[instr.op]
                a = self.read(operands[0], size, write=True)
                b = self.read(operands[1], size)
                value = self.name(mk_alu(size, alu, a, b))
                self.write(operands[0], value, size)
                self.path.flags = alu_flags(alu, size, (a, b), value, self.path.flags)

    def _unary(self, instr: Instr) -> None:
        (operand,), size = instr.operands, instr.width
        a, old = self.read(operand, size, write=True), self.path.flags
        match instr.op:
            case Op.NOT:
                value, flags = self.name(mk_alu(size, Alu.XOR, a, ECst((1 << size) - 1))), old
            case Op.NEG:
                value = self.name(mk_alu(size, Alu.SUB, ECst(0), a))
                flags = FlagsSub(size, ECst(0), a)
            case _:
                value = self.name(mk_alu(size, _STEPPED[instr.op], a, ECst(1)))
                flags = step_flags(size, old, value)
        self.write(operand, value, size)
        self.path.flags = flags

    def _xadd(self, instr: Instr) -> None:
        target, size = instr.operands[0], instr.width
        source = as_register(instr.operands[1])
        a = self.read(target, size, write=True)
        b = mk_trunc(size, self.get(source))
        value = self.name(mk_alu(size, Alu.ADD, a, b))
        if isinstance(target, Reg):
            self.put(source, a, size)
            self.put(target, value, size)
        else:
            self.write(target, value, size)
            self.put(source, a, size)
        self.path.flags = alu_flags(Alu.ADD, size, (a, b), value, self.path.flags)

    def _bit(self, instr: Instr) -> None:
        (target, index), size = instr.operands, instr.width
        if isinstance(target, Mem) and isinstance(index, Reg):
            raise StuckError("the engine does not know this form of the instruction")
        bit = mk_bit(size, self.read(index, size))
        a = self.read(target, size, write=instr.op is not Op.BT)
        match instr.op:
            case Op.BTS:
                self.write(target, self.name(mk_op(Alu.OR, a, bit)), size)
            case Op.BTR:
                hole = mk_op(Alu.XOR, bit, ECst((1 << size) - 1))
                self.write(target, self.name(mk_and(a, hole)), size)
            case Op.BTC:
                self.write(target, self.name(mk_op(Alu.XOR, a, bit)), size)
            case _:
                pass
        self.path.flags = FlagsBit(mk_and(a, bit))

    # -- in two ways -------------------------------------------------------------------------------

    def fork(self, instr: Instr) -> Fork:
        """What goes on in one of two ways, each with its own state."""
        match instr.op:
            case Op.ADC | Op.SBB:
                return self._carry(instr)
            case Op.CMPXCHG:
                return self._cmpxchg(instr)
            case _:
                return self._conditional(instr)

    def _conditional(self, instr: Instr) -> Fork:
        first, size = instr.operands[0], instr.width
        if instr.op is Op.JCC:
            here = self.next
            there = mk_add(here, first.value) if isinstance(first, Imm) else here
            return Fork(self._arms(instr.cond), (lambda: there, lambda: here))
        if instr.op is Op.SETCC:
            arms = self._arms(instr.cond)
            write = self.writer(first, Width.W8)
            return Fork(arms, (self._way(write, ECst(1)), self._way(write, ECst(0))))
        value = self.read(instr.operands[1], size)
        old = mk_trunc(size, self.get(as_register(first)))
        arms = self._arms(instr.cond)
        write = self.writer(first, size)
        return Fork(arms, (self._way(write, value), self._way(write, old)))

    def _carry(self, instr: Instr) -> Fork:
        """`adc` and `sbb`: with a carry, and without one."""
        target, size = instr.operands[0], instr.width
        a = self.read(target, size, write=True)
        b = self.read(instr.operands[1], size)
        adding = instr.op is Op.ADC
        op, one = (Alu.ADD, 1) if adding else (Alu.SUB, -1)
        plain, more = mk_alu(size, op, a, b), mk_trunc(size, mk_add(mk_op(op, a, b), one))
        if adding:
            carry = Fact(Rel.LE, more, a), Fact(Rel.LT, a, more)
        else:
            carry = Fact(Rel.LE, a, b), Fact(Rel.LT, b, a)
        arms, write = self._arms(Cond.B), self.writer(target, size)
        without = alu_flags(op, size, (a, b), plain, self.path.flags)
        ways = (
            self._way(write, more, FlagsCarry(size, more, carry)),
            self._way(write, plain, without),
        )
        return Fork(arms, ways)

    def _cmpxchg(self, instr: Instr) -> Fork:
        target, size = instr.operands[0], instr.width
        a = mk_trunc(size, self.get(Reg.RAX))
        old = self.read(target, size, write=True)
        new = mk_trunc(size, self.get(as_register(instr.operands[1])))
        write, flags = self.writer(target, size), FlagsSub(size, a, old)
        arms = Fact(Rel.EQ, a, old), Fact(Rel.NE, a, old)
        differs = self._way(write, old, flags)

        def keep() -> Term:
            pc = differs()
            self.put(Reg.RAX, old, size)
            return pc

        return Fork(arms, (self._way(write, new, flags), keep))

    def _way(
        self, write: Callable[[Term], None], value: Term, flags: Flags | None = None
    ) -> Callable[[], Term]:
        following = self.next

        def way() -> Term:
            write(value)
            if flags is not None:
                self.path.flags = flags
            return following

        return way

    def _arms(self, cond: Cond | None) -> Arms:
        arms = None if cond is None else cond_arms(cond, self.path.flags)
        if arms is None:
            raise StuckError("what the condition reads has not been computed by this code")
        return arms
