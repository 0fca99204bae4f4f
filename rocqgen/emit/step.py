# SPDX-License-Identifier: Apache-2.0
"""One instruction on symbolic data: a mirror of `sstep` (`theories/auto/symbolic.v`)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from rocqgen.emit.flags import (
    Arms,
    Flags,
    FlagsAny,
    FlagsBit,
    FlagsResult,
    FlagsSub,
    alu_flags,
    cond_arms,
)
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
from rocqgen.emit.symbolic import Fact, FOne, IPhys, Item, IVirt, Share
from rocqgen.source.machine import Cond, Imm, Instr, Mem, Op, Operand, Reg, Width
from rocqgen.source.spec import Rel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_SIZE = 24
"""A result of more nodes gets a name (`max_size`)."""

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


class StuckError(Exception):
    """The engine cannot go on; the text says why."""


class FindAlias(Protocol):
    """Gives the item that an access goes to, or `None` where nothing is known.

    `found` is the item that matches syntactically, if any does.
    """

    def __call__(self, instr: Instr, root: Term, addr: Term, found: int | None) -> int | None:
        """The item's index."""


@dataclass(slots=True)
class Path:
    """The state on one path of a run: under way, or at an exit."""

    root: Term
    regs: dict[Reg, Term]
    items: list[Item]
    code: tuple[tuple[Term, Share], ...]
    flags: Flags = FlagsAny()  # noqa: RUF009 -- immutable
    assumed: tuple[Fact, ...] = ()
    """The conditions of the branches taken, latest first."""
    steps: int = 0
    last: Instr | None = None
    exit: int | None = None
    reg_writer: dict[Reg, Instr] = field(default_factory=dict)
    item_writer: dict[int, Instr] = field(default_factory=dict)
    root_writer: Instr | None = None

    def copy(self) -> Path:
        """The same, to be changed apart."""
        return replace(
            self,
            regs=dict(self.regs),
            items=list(self.items),
            reg_writer=dict(self.reg_writer),
            item_writer=dict(self.item_writer),
        )


@dataclass(slots=True)
class Run:
    """All paths of a run in order, as far as none is stuck.

    `facts` are owed under what was assumed before, by the instruction at an offset.  `depth` is
    the length of the longest path, `steps` that of all together.
    """

    next_name: int
    paths: list[Path] = field(default_factory=list)
    defs: list[tuple[int, Term]] = field(default_factory=list)
    facts: list[tuple[tuple[Fact, ...], int, Fact]] = field(default_factory=list)
    hints: list[tuple[int, int]] = field(default_factory=list)
    depth: int = 0
    steps: int = 0
    stuck: tuple[int, str] | None = None


@dataclass(slots=True)
class Fork:
    """Two ways to go on; each changes the path's state, and gives where control goes."""

    arms: Arms
    ways: tuple[Callable[[], Term], Callable[[], Term]]


def _register(operand: Operand) -> Reg:
    if not isinstance(operand, Reg):
        raise TypeError(f"not a register: {operand}")
    return operand


class Machine:
    """One instruction after another, on the state of a path."""

    def __init__(self, base: Term, path: Path, run: Run, find_alias: FindAlias) -> None:
        self.base = base
        self.path = path
        self.run = run
        self.find_alias = find_alias
        self.instr: Instr
        self.next: Term = base
        self.hint: int | None = None
        self.new_facts: list[Fact] = []
        self.spaces = [root for root, _ in path.code]
        # Where an item lies never changes in a run: the first match of an address is one look-up.
        self.virtual: dict[tuple[Term, Term], int] = {}
        self.physical: dict[Term, int] = {}
        for n, item in enumerate(path.items):
            if isinstance(item, IPhys):
                self.physical.setdefault(item.addr, n)
            else:
                self.virtual.setdefault((item.root, item.addr), n)

    def start(self, path: Path, instr: Instr) -> None:
        """Go on with `path`; nothing is owed yet by `instr`."""
        self.path, self.instr, self.new_facts = path, instr, []

    def owe(self, facts: Sequence[Fact]) -> None:
        """Record facts under what the path assumes."""
        self.run.facts += ((self.path.assumed, self.instr.offset, fact) for fact in facts)

    def step(self, instr: Instr) -> Term | Fork:
        """Execute `instr`; gives where control goes."""
        self.start(self.path, instr)
        self.hint = None
        self.next = mk_add(self.base, instr.offset + instr.length)
        if self.path.root not in self.spaces:
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
            case Op.MOV_TO_CR3:
                root = self.get(_register(operands[0]))
                if root not in self.spaces:
                    raise StuckError("the fragment's code is not mapped in the new space")
                self.path.root, self.path.root_writer = root, instr
            case Op.MOV_FROM_CR3:
                self.put(_register(operands[0]), self.path.root)
            case Op.NOP:
                pass
            case _:
                self._compute(instr)

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

    def _place(self, addr: Term, *, hinted: bool) -> tuple[int, bool, bool]:
        """Where the data is; whether the mapping is writable, and the data owned whole."""
        n = self._item(addr, hinted=hinted)
        item = self.path.items[n]
        if isinstance(item, IPhys):
            raise StuckError("the hint names physical memory")
        if isinstance(item, IVirt):
            return n, item.writable, isinstance(item.share, FOne)
        frame = self.physical.get(item.value)
        if frame is None:
            raise StuckError("the address is claimed, but the physical word behind it is not owned")
        return frame, item.writable, isinstance(self.path.items[frame].share, FOne)

    def _item(self, addr: Term, *, hinted: bool) -> int:
        root = self.path.root
        if hinted and self.hint is not None:
            n = self.hint
        else:
            found = self.virtual.get((root, addr))
            alias = self.find_alias(self.instr, root, addr, found) if hinted else None
            if alias is None or alias == found:
                if found is None:
                    raise StuckError("nothing is known of this address in the current space")
                return found
            n = self.hint = alias
            self.run.hints.append((self.instr.offset, n))
        item = self.path.items[n]
        if not isinstance(item, IPhys):
            self.new_facts.append(Fact(Rel.EQ, addr, item.addr))
            self.new_facts.append(Fact(Rel.EQ, root, item.root))
        return n

    def _load(self, addr: Term, *, write: bool = False, hinted: bool = True) -> Term:
        n, writable, _ = self._place(addr, hinted=hinted)
        if write and not writable:
            raise StuckError("a store through a mapping that is read-only")
        return self.path.items[n].value

    def _store(self, addr: Term, value: Term, *, hinted: bool = True) -> None:
        n, writable, whole = self._place(addr, hinted=hinted)
        if not writable:
            raise StuckError("a store through a mapping that is read-only")
        if not whole:
            raise StuckError("a store into what is owned in part")
        item = self.path.items[n]
        if isinstance(item, IVirt):
            item = IVirt(item.writable, item.root, item.addr, item.share, value)
        elif isinstance(item, IPhys):
            item = IPhys(item.addr, item.share, value)
        self.path.items[n] = item
        self.path.item_writer[n] = self.instr

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
