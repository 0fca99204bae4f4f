# SPDX-License-Identifier: Apache-2.0
"""Runs a fragment symbolically as the engine will: a mirror of `srun` (`theories/auto/symbolic.v`).

Two things are added.  Where the engine would be stuck for want of a hint, `find_alias` may give
one, and the run goes on as the engine's will with it.  And each part of the state remembers the
instruction that wrote it last, for blame.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from rocqgen.emit.normal import (
    Alu,
    EAdd,
    ECst,
    EVar,
    Term,
    mk_add,
    mk_cst,
    mk_op,
    mk_scaled,
    size_within,
)
from rocqgen.emit.symbolic import Fact, FOne, IPhys, Item, IVirt, Share, SState
from rocqgen.source.machine import Imm, Instr, Mem, Op, Operand, Reg
from rocqgen.source.spec import Rel

if TYPE_CHECKING:
    from collections.abc import Sequence

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
}


class StuckError(Exception):
    """The engine cannot go on; the text says why."""


class FindAlias(Protocol):
    """Gives the item that an access goes to, or `None` where nothing is known.

    `found` is the item that matches syntactically, if any does.
    """

    def __call__(self, instr: Instr, root: Term, addr: Term, found: int | None) -> int | None:
        """The item's index."""


@dataclass(slots=True)
class Run:
    """A run that has ended, or is under way."""

    root: Term
    regs: dict[Reg, Term]
    items: list[Item]
    code: tuple[tuple[Term, Share], ...]
    next_name: int
    defs: list[tuple[int, Term]] = field(default_factory=list)
    facts: list[tuple[int, Fact]] = field(default_factory=list)
    hints: list[tuple[int, int]] = field(default_factory=list)
    steps: int = 0
    last: Instr | None = None
    exit: int | None = None
    stuck: tuple[int, str] | None = None
    reg_writer: dict[Reg, Instr] = field(default_factory=dict)
    item_writer: dict[int, Instr] = field(default_factory=dict)
    root_writer: Instr | None = None


def run(
    base: Term,
    code: Sequence[Instr],
    exits: Sequence[Term],
    pre: SState,
    first_name: int,
    find_alias: FindAlias,
    *,
    limit: int,
) -> Run:
    """Run from the entry to an exit, until the engine is stuck, or for `limit` steps."""
    state = Run(pre.root, dict(pre.regs), list(pre.items), pre.code, first_name)
    by_offset = {instr.offset: instr for instr in code}
    machine = _Machine(base, state, find_alias)
    at: dict[Term, int] = {}
    for n, one in enumerate(exits):
        at.setdefault(one, n)
    pc, offset = base, 0
    while True:
        if pc in at:
            state.exit = at[pc]
            return state
        if state.steps == limit:
            state.stuck = offset, f"control has not left the fragment after {limit} steps"
            return state
        here = _offset_from(base, pc)
        instr = by_offset.get(here) if here is not None else None
        if instr is None:
            state.stuck = offset, "control is neither in the fragment nor at an exit"
            return state
        offset = instr.offset
        state.steps += 1
        try:
            pc = machine.step(instr)
        except StuckError as error:
            state.stuck = offset, str(error)
            return state
        state.last = instr


def _offset_from(base: Term, pc: Term) -> int | None:
    if pc == base:
        return 0
    return pc.z if isinstance(pc, EAdd) and pc.e == base else None


def _register(operand: Operand) -> Reg:
    if not isinstance(operand, Reg):
        raise TypeError(f"not a register: {operand}")
    return operand


class _Machine:
    """One instruction after another, on the state of a run."""

    def __init__(self, base: Term, state: Run, find_alias: FindAlias) -> None:
        self.base = base
        self.state = state
        self.find_alias = find_alias
        self.instr: Instr
        self.next: Term = base
        self.hint: int | None = None
        self.new_facts: list[Fact] = []
        self.spaces = [root for root, _ in state.code]
        # Where an item lies never changes in a run: the first match of an address is one look-up.
        self.virtual: dict[tuple[Term, Term], int] = {}
        self.physical: dict[Term, int] = {}
        for n, item in enumerate(state.items):
            if isinstance(item, IPhys):
                self.physical.setdefault(item.addr, n)
            else:
                self.virtual.setdefault((item.root, item.addr), n)

    def step(self, instr: Instr) -> Term:
        """Execute `instr`; gives where control goes."""
        self.instr, self.hint, self.new_facts = instr, None, []
        self.next = mk_add(self.base, instr.offset + instr.length)
        if self.state.root not in self.spaces:
            raise StuckError("the fragment's code is not mapped in the current space")
        pc = self._jump(instr) if instr.op in {Op.CALL, Op.JMP, Op.RET} else None
        if pc is None:
            self._straight(instr)
            pc = self.next
        self.state.facts += ((instr.offset, fact) for fact in self.new_facts)
        return pc

    def _jump(self, instr: Instr) -> Term:
        if instr.op is Op.RET:
            return self._pop(hinted=True)
        target = instr.operands[0]
        pc = self._target(target)
        if instr.op is Op.CALL:
            self._push(self.next, hinted=not isinstance(target, Mem))
        return pc

    def _straight(self, instr: Instr) -> None:
        operands = instr.operands
        match instr.op:
            case Op.MOV:
                self._write(operands[0], self._read(operands[1]))
            case Op.LEA:
                self.put(_register(operands[0]), self._name(self._address(_memory(operands[1]))))
            case Op.PUSH:
                value = self._read(operands[0])
                self._push(value, hinted=not isinstance(operands[0], Mem))
            case Op.POP:
                value = self._pop(hinted=not isinstance(operands[0], Mem))
                self._write(operands[0], value)
            case Op.MOV_TO_CR3:
                root = self.get(_register(operands[0]))
                if root not in self.spaces:
                    raise StuckError("the fragment's code is not mapped in the new space")
                self.state.root, self.state.root_writer = root, instr
            case Op.MOV_FROM_CR3:
                self.put(_register(operands[0]), self.state.root)
            case Op.NOP:
                pass
            case _:
                a = self._read(operands[0], write=True)
                b = self._read(operands[1])
                self._write(operands[0], self._name(mk_op(_ALU[instr.op], a, b)))

    # -- registers ---------------------------------------------------------------------------------

    def get(self, reg: Reg) -> Term:
        """The value of a register."""
        value = self.state.regs.get(reg)
        if value is None:
            raise StuckError(f"the precondition says nothing of the register {reg.value}")
        return value

    def put(self, reg: Reg, value: Term) -> None:
        """Set a register that is owned."""
        self.get(reg)
        self.state.regs[reg] = value
        self.state.reg_writer[reg] = self.instr

    # -- memory ------------------------------------------------------------------------------------

    def _place(self, addr: Term, *, hinted: bool) -> tuple[int, bool, bool]:
        """Where the data is; whether the mapping is writable, and the data owned whole."""
        n = self._item(addr, hinted=hinted)
        item = self.state.items[n]
        if isinstance(item, IPhys):
            raise StuckError("the hint names physical memory")
        if isinstance(item, IVirt):
            return n, item.writable, isinstance(item.share, FOne)
        frame = self.physical.get(item.value)
        if frame is None:
            raise StuckError("the address is claimed, but the physical word behind it is not owned")
        return frame, item.writable, isinstance(self.state.items[frame].share, FOne)

    def _item(self, addr: Term, *, hinted: bool) -> int:
        root = self.state.root
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
            self.state.hints.append((self.instr.offset, n))
        item = self.state.items[n]
        if not isinstance(item, IPhys):
            self.new_facts.append(Fact(Rel.EQ, addr, item.addr))
            self.new_facts.append(Fact(Rel.EQ, root, item.root))
        return n

    def _load(self, addr: Term, *, write: bool = False, hinted: bool = True) -> Term:
        n, writable, _ = self._place(addr, hinted=hinted)
        if write and not writable:
            raise StuckError("a store through a mapping that is read-only")
        return self.state.items[n].value

    def _store(self, addr: Term, value: Term, *, hinted: bool = True) -> None:
        n, writable, whole = self._place(addr, hinted=hinted)
        if not writable:
            raise StuckError("a store through a mapping that is read-only")
        if not whole:
            raise StuckError("a store into what is owned in part")
        item = self.state.items[n]
        if isinstance(item, IVirt):
            item = IVirt(item.writable, item.root, item.addr, item.share, value)
        elif isinstance(item, IPhys):
            item = IPhys(item.addr, item.share, value)
        self.state.items[n] = item
        self.state.item_writer[n] = self.instr

    # -- operands ----------------------------------------------------------------------------------

    def _address(self, mem: Mem) -> Term:
        base: Term = ECst(0)
        if mem.rip or mem.base is not None:
            base = self.next if mem.base is None else self.get(mem.base)
        if mem.index is not None:
            base = mk_op(Alu.ADD, base, mk_scaled(self.get(mem.index), mem.scale))
        return mk_add(base, mem.disp)

    def _read(self, operand: Operand, *, write: bool = False) -> Term:
        match operand:
            case Reg():
                return self.get(operand)
            case Imm(value):
                return mk_cst(value)
            case Mem():
                return self._load(self._address(operand), write=write)

    def _write(self, operand: Operand, value: Term) -> None:
        match operand:
            case Reg():
                self.put(operand, value)
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
        name = self.state.next_name
        self.state.next_name += 1
        self.state.defs.append((name, value))
        return EVar(name)


def _memory(operand: Operand) -> Mem:
    if not isinstance(operand, Mem):
        raise TypeError(f"not a memory operand: {operand}")
    return operand
