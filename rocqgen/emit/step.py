# SPDX-License-Identifier: Apache-2.0
"""One instruction on symbolic data: a mirror of `sstep` (`theories/auto/symbolic.v`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from rocqgen.emit.access import load, store
from rocqgen.emit.flags import (
    Arms,
    FlagsAny,
    FlagsBit,
    FlagsResult,
    FlagsSub,
    alu_flags,
    cond_arms,
)
from rocqgen.emit.ghost import apply as apply_ghost
from rocqgen.emit.ghost import pay, pay_all
from rocqgen.emit.normal import (
    Alu,
    ECst,
    EVar,
    Term,
    mk_add,
    mk_alu,
    mk_and,
    mk_cst,
    mk_op,
    mk_scaled,
    mk_sext,
    mk_trunc,
    mk_written,
    size_within,
)
from rocqgen.emit.paths import FirstError, Fork, Path, Run, StuckError
from rocqgen.emit.symbolic import GClaim, HFirst, HThen
from rocqgen.source.machine import Cond, Imm, Instr, Mem, Op, Operand, Reg, Width

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rocqgen.emit.cells import Paging
    from rocqgen.emit.symbolic import Fact, Ghost, HAt, Hint
    from rocqgen.emit.wording import Wording

MAX_SIZE = 24
"""A result of more nodes gets a name (`max_size`)."""

MAX_STEPS = 256
"""Steps of the proof at the end of a path."""

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


class Guide(Protocol):
    """Says what the engine is to be told: where accesses go, and which steps of the proof to do."""

    paging: Paging | None
    wording: Wording

    def access(self, instr: Instr, path: Path, addr: Term, *, write: bool) -> HAt | None:
        """What an access goes to, or `None` where the engine sees it; may raise `FirstError`."""

    def first(self, instr: Instr, path: Path, done: int, /) -> Ghost | None:
        """A step of the proof in front of `instr`, where so many have been done."""

    def then(self, instr: Instr, path: Path, done: int, /) -> Ghost | None:
        """The same behind `instr`, where so many have been done."""

    def flush(self, instr: Instr, path: Path, va: Term, /) -> HAt | None:
        """The cell whose debts `invlpg` pays, where the engine does not see it."""

    def leave(self, path: Path, /) -> Ghost | None:
        """A step of the proof to be done where a path ends, so that what is wanted is there."""


def _register(operand: Operand) -> Reg:
    if not isinstance(operand, Reg):
        raise TypeError(f"not a register: {operand}")
    return operand


class Machine:
    """One instruction after another, on the state of a path."""

    def __init__(self, base: Term, path: Path, run: Run, guide: Guide) -> None:
        self.base = base
        self.path = path
        self.run = run
        self.guide = guide
        self.instr: Instr
        self.next: Term = base
        self.hint: HAt | None = None
        self.asked = False
        self.new_facts: list[Fact] = []

    def start(self, path: Path, instr: Instr) -> None:
        """Go on with `path`; nothing is owed yet by `instr`."""
        self.path, self.instr, self.new_facts = path, instr, []

    def owe(self, facts: Sequence[Fact]) -> None:
        """Record facts under what the path assumes."""
        self.run.facts += ((self.path.assumed, self.instr.offset, fact) for fact in facts)

    def step(self, instr: Instr) -> Term | Fork:
        """Execute `instr`, after steps of the proof in front of it; gives where control goes."""
        self.start(self.path, instr)
        done = 0
        while (ghost := self.guide.first(instr, self.path, done)) is not None:
            self.ghost(ghost, HFirst(ghost))
            done += 1
        while True:
            before = dict(self.path.regs), dict(self.path.reg_writer)
            self.start(self.path, instr)
            self.hint, self.asked = None, False
            try:
                return self._step(instr)
            except FirstError as first:
                self.path.regs, self.path.reg_writer = before
                self.ghost(first.ghost, HFirst(first.ghost))

    def then(self, path: Path, instr: Instr) -> None:
        """Do the steps of the proof behind `instr`, at the beginning of a way."""
        done = 0
        self.start(path, instr)
        while (ghost := self.guide.then(instr, path, done)) is not None:
            self.ghost(ghost, HThen(ghost))
            done += 1

    def leave(self, path: Path) -> None:
        """Do the steps of the proof at the end of a path, behind its last instruction."""
        if path.last is None:
            return
        self.start(path, path.last)
        for _ in range(MAX_STEPS):
            ghost = self.guide.leave(path)
            if ghost is None:
                return
            self.ghost(ghost, HThen(ghost))

    def ghost(self, ghost: Ghost, hint: Hint) -> None:
        """Do a step of the proof."""
        writer, about = self._blamed(ghost)
        owed, learned = apply_ghost(ghost, self.path, self.guide.paging, self.instr)
        self.run.hints.append((self.instr.offset, hint))
        first = len(self.run.facts)
        self.owe(owed)
        self.run.blamed |= {first + k: (writer, about) for k in range(len(owed))}
        self.path.assumed = (*learned, *self.path.assumed)

    def _blamed(self, ghost: Ghost) -> tuple[Instr, str]:
        """Who wrote what a step of the proof is about, and what that is."""
        if not isinstance(ghost, GClaim):
            return self.instr, ""
        writers = [self.path.item_writer.get(n) for n in reversed(ghost.path)]
        writer = next((one for one in writers if one is not None), self.instr)
        say = self.guide.wording.term
        arrow = "~>" if ghost.writable else "~>r"
        return writer, f"page {say(ghost.va)} {arrow} {say(ghost.pa)} in {say(ghost.root)}"

    def _step(self, instr: Instr) -> Term | Fork:
        self.next = mk_add(self.base, instr.offset + instr.length)
        if not self.path.mapped(self.path.root):
            raise StuckError("the fragment's code is not mapped in the current space")
        if instr.op in {Op.SETCC, Op.CMOVCC, Op.JCC}:
            return self._conditional(instr)
        pc = self._jump(instr) if instr.op in {Op.CALL, Op.JMP, Op.RET} else None
        if pc is None:
            self._straight(instr)
            pc = self.next
        self.owe(self.new_facts)
        return pc

    def _conditional(self, instr: Instr) -> Fork:
        first, size = instr.operands[0], instr.width
        if instr.op is Op.JCC:
            here = self.next
            there = mk_add(here, first.value) if isinstance(first, Imm) else here
            return Fork(self._arms(instr.cond), (lambda: there, lambda: here))
        reg = _register(first)
        if instr.op is Op.SETCC:
            arms = self._arms(instr.cond)
            self.get(reg)
            return Fork(
                arms, (self._put(reg, Width.W8, ECst(1)), self._put(reg, Width.W8, ECst(0)))
            )
        value = self._read(instr.operands[1], size)
        old = mk_trunc(size, self.get(reg))
        arms = self._arms(instr.cond)
        return Fork(arms, (self._put(reg, size, value), self._put(reg, size, old)))

    def _put(self, reg: Reg, size: Width, value: Term) -> Callable[[], Term]:
        following = self.next

        def way() -> Term:
            self.put(reg, value, size)
            return following

        return way

    def _arms(self, cond: Cond | None) -> Arms:
        arms = None if cond is None else cond_arms(cond, self.path.flags)
        if arms is None:
            raise StuckError("what the condition reads has not been computed by this code")
        return arms

    def _jump(self, instr: Instr) -> Term:
        if instr.op is Op.RET:
            return self._pop(hinted=True)
        target = instr.operands[0]
        pc = self._target(target)
        if instr.op is Op.CALL:
            self._push(self.next, hinted=not isinstance(target, Mem))
        return pc

    def _straight(self, instr: Instr) -> None:
        operands, size = instr.operands, instr.width
        match instr.op:
            case Op.MOV:
                self._write(operands[0], self._read(operands[1], size), size)
            case Op.MOVZX:
                self.put(_register(operands[0]), self._read(operands[1], instr.source_width), size)
            case Op.MOVSX:
                value = mk_sext(instr.source_width, self._read(operands[1], instr.source_width))
                self.put(_register(operands[0]), self._name(value), size)
            case Op.LEA:
                address = self._address(_memory(operands[1]))
                self.put(_register(operands[0]), self._name(address), size)
            case Op.PUSH | Op.POP | Op.LEAVE:
                self._stack(instr)
            case Op.MOV_TO_CR3 | Op.MOV_FROM_CR3 | Op.INVLPG:
                self._system(instr)
            case Op.NOP:
                pass
            case _:
                self._compute(instr)

    def _system(self, instr: Instr) -> None:
        operands = instr.operands
        match instr.op:
            case Op.MOV_TO_CR3:
                root = self.get(_register(operands[0]))
                if not self.path.mapped(root):
                    raise StuckError("the fragment's code is not mapped in the new space")
                self.path.root, self.path.root_writer = root, instr
                pay_all(self.path, instr)
            case Op.INVLPG:
                self._flush(_memory(operands[0]))
            case _:
                self.put(_register(operands[0]), self.path.root)

    def _stack(self, instr: Instr) -> None:
        operands = instr.operands
        match instr.op:
            case Op.PUSH:
                value = self._read(operands[0])
                self._push(value, hinted=not isinstance(operands[0], Mem))
            case Op.POP:
                value = self._pop(hinted=not isinstance(operands[0], Mem))
                self._write(operands[0], value)
            case _:
                self.put(Reg.RSP, self.get(Reg.RBP))
                self.put(Reg.RBP, self._pop(hinted=True))

    def _compute(self, instr: Instr) -> None:
        """What sets flags."""
        operands, size = instr.operands, instr.width
        match instr.op:
            case Op.CMP:
                a, b = (self._read(one, size) for one in operands)
                self.path.flags = FlagsSub(size, a, b)
            case Op.TEST:
                a, b = (self._read(one, size) for one in operands)
                value = self._name(self._alu(size, Alu.AND, a, b))
                self.path.flags = FlagsResult(size, value, logic=True)
            case Op.INC | Op.DEC:
                a = self._read(operands[0], size, write=True)
                value = self._name(self._alu(size, _STEPPED[instr.op], a, ECst(1)))
                self._write(operands[0], value, size)
                self.path.flags = FlagsResult(size, value)
            case Op.BT:
                a, bit = self._read(operands[0], size), operands[1]
                number = bit.value % size if isinstance(bit, Imm) else 0
                self.path.flags = FlagsBit(mk_and(a, ECst(1 << number)))
            case Op.NEG | Op.NOT:
                self._negate(instr)
            case Op.IMUL:
                a, b = (self._read(one, size) for one in operands[1:])
                self.put(_register(operands[0]), self._name(self._alu(size, Alu.MUL, a, b)), size)
                self.path.flags = FlagsAny()
            case _:
                op = _ALU[instr.op]
                a = self._read(operands[0], size, write=True)
                b = self._read(operands[1], size)
                value = self._name(self._alu(size, op, a, b))
                self._write(operands[0], value, size)
                self.path.flags = alu_flags(op, size, a, b, value)

    def _negate(self, instr: Instr) -> None:
        (operand,), size = instr.operands, instr.width
        a = self._read(operand, size, write=True)
        if instr.op is Op.NEG:
            value = self._name(self._alu(size, Alu.SUB, ECst(0), a))
            self.path.flags = FlagsResult(size, value)
        else:
            value = self._name(self._alu(size, Alu.XOR, a, ECst((1 << size) - 1)))
        self._write(operand, value, size)

    def _alu(self, size: Width, op: Alu, a: Term, b: Term) -> Term:
        value = mk_alu(size, op, a, b)
        if value is None:
            raise StuckError("the engine does not know this form of the instruction")
        return value

    # -- registers ---------------------------------------------------------------------------------

    def get(self, reg: Reg) -> Term:
        """The value of a register."""
        value = self.path.regs.get(reg)
        if value is None:
            raise StuckError(f"the precondition says nothing of the register {reg.value}")
        return value

    def put(self, reg: Reg, value: Term, size: Width = Width.W64) -> None:
        """Set a register that is owned, or its low part."""
        self.path.regs[reg] = mk_written(size, self.get(reg), value)
        self.path.reg_writer[reg] = self.instr

    # -- memory ------------------------------------------------------------------------------------

    def _hint(self, addr: Term, *, hinted: bool, write: bool) -> HAt | None:
        """The instruction's hint, for its operand in memory or its only access."""
        if not hinted:
            return None
        if not self.asked:
            self.asked = True
            self.hint = self.guide.access(self.instr, self.path, addr, write=write)
            if self.hint is not None:
                self.run.hints.append((self.instr.offset, self.hint))
        return self.hint

    def _load(self, addr: Term, *, write: bool = False, hinted: bool = True) -> Term:
        hint = self._hint(addr, hinted=hinted, write=write)
        value, facts = load(self.path, addr, hint, write=write)
        self.new_facts += facts
        return value

    def _store(self, addr: Term, value: Term, *, hinted: bool = True) -> None:
        hint = self._hint(addr, hinted=hinted, write=True)
        self.new_facts += store(self.path, addr, value, hint, self.guide.paging, self.instr)

    def _flush(self, mem: Mem) -> None:
        """`invlpg`."""
        va, paging = self._address(mem), self.guide.paging
        if paging is None:
            raise StuckError("a flush needs a `platform` in the annotation")
        self.hint = self.guide.flush(self.instr, self.path, va)
        if self.hint is not None:
            self.run.hints.append((self.instr.offset, self.hint))
        self.new_facts += paging.canonical(va)
        chosen = None if self.hint is None else self.hint.item
        self.new_facts += pay(self.path, va, chosen, self.instr)

    # -- operands ----------------------------------------------------------------------------------

    def _address(self, mem: Mem) -> Term:
        base: Term = ECst(0)
        if mem.rip or mem.base is not None:
            base = self.next if mem.base is None else self.get(mem.base)
        if mem.index is not None:
            base = mk_op(Alu.ADD, base, mk_scaled(self.get(mem.index), mem.scale))
        return mk_add(base, mem.disp)

    def _read(self, operand: Operand, size: Width = Width.W64, *, write: bool = False) -> Term:
        match operand:
            case Reg():
                return mk_trunc(size, self.get(operand))
            case Imm(value):
                return mk_trunc(size, mk_cst(value))
            case Mem():
                return mk_trunc(size, self._load(self._address(operand), write=write))

    def _write(self, operand: Operand, value: Term, size: Width = Width.W64) -> None:
        match operand:
            case Reg():
                self.put(operand, value, size)
            case Imm():
                raise StuckError("an immediate cannot be written")
            case Mem():
                self._store(self._address(operand), value)

    def _push(self, value: Term, *, hinted: bool) -> None:
        top = mk_add(self.get(Reg.RSP), -8)
        self._store(top, value, hinted=hinted)
        self.put(Reg.RSP, top)

    def _pop(self, *, hinted: bool) -> Term:
        top = self.get(Reg.RSP)
        value = self._load(top, hinted=hinted)
        self.put(Reg.RSP, mk_add(top, 8))
        return value

    def _target(self, operand: Operand) -> Term:
        if isinstance(operand, Imm):
            return mk_add(self.next, operand.value)
        return self._read(operand)

    def _name(self, value: Term) -> Term:
        if size_within(MAX_SIZE, value):
            return value
        name = self.run.next_name
        self.run.next_name += 1
        self.run.defs.append((name, value))
        return EVar(name)


def _memory(operand: Operand) -> Mem:
    if not isinstance(operand, Mem):
        raise TypeError(f"not a memory operand: {operand}")
    return operand
