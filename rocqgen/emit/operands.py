# SPDX-License-Identifier: Apache-2.0
"""Registers, memory and operands of one instruction: a mirror of `theories/auto/symbolic.v`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rocqgen.emit.access import (
    back,
    block_offset,
    check_store,
    find_element,
    load,
    offsets,
    store,
    store_part,
)
from rocqgen.emit.normal import (
    Alu,
    ECst,
    EVar,
    Term,
    mk_add,
    mk_cst,
    mk_extract,
    mk_insert,
    mk_op,
    mk_scaled,
    mk_trunc,
    mk_written,
    size_within,
)
from rocqgen.emit.paths import Path, Run, StuckError
from rocqgen.source.machine import Imm, Instr, Mem, Operand, Reg, Width

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocqgen.emit.guide import Guide
    from rocqgen.emit.symbolic import Fact, HAt

MAX_SIZE = 24
"""A result of more nodes gets a name (`max_size`)."""


def as_register(operand: Operand) -> Reg:
    """An operand that is a register."""
    if not isinstance(operand, Reg):
        raise TypeError(f"not a register: {operand}")
    return operand


def as_memory(operand: Operand) -> Mem:
    """An operand in memory."""
    if not isinstance(operand, Mem):
        raise TypeError(f"not a memory operand: {operand}")
    return operand


class Operands:
    """What an instruction reads and writes, on the state of a path.

    `hint` and `offset` are those of the operand in memory, once they have been asked for.
    """

    def __init__(self, base: Term, path: Path, run: Run, guide: Guide) -> None:
        self.base = base
        self.path = path
        self.run = run
        self.guide = guide
        self.instr: Instr
        self.next: Term = base
        self.hint: HAt | None = None
        self.offset = 0
        self.asked = False
        self.new_facts: list[Fact] = []

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

    def _hint(self, addr: Term, size: Width, *, hinted: bool, write: bool) -> HAt | None:
        """The instruction's hint, for its operand in memory or its only access."""
        if not hinted:
            return None
        if not self.asked:
            self.asked = True
            self.offset = 0
            if size is not Width.W64:
                self.offset = self.guide.part(self.instr, self.path, addr, offsets(size))
            word = back(addr, self.offset)
            self.hint = self.guide.access(self.instr, self.path, word, write=write)
            if self.hint is not None and size is not Width.W64:
                inside = block_offset(self.path, addr, self.hint, size)
                if inside is None:
                    index = ECst(self.offset) if self.offset else None
                    self.hint = replace(self.hint, index=index)
                else:
                    self.offset = inside
        return self.hint

    def load(
        self, addr: Term, size: Width = Width.W64, *, write: bool = False, hinted: bool = True
    ) -> Term:
        """What is read at an address."""
        hint = self._hint(addr, size, hinted=hinted, write=write)
        k = self._inside(size)
        value, facts = load(self.path, back(addr, k), hint, write=write)
        self.new_facts += facts
        return mk_extract(size, k, value)

    def store(
        self, addr: Term, value: Term, size: Width = Width.W64, *, hinted: bool = True
    ) -> None:
        """Write at an address."""
        hint = self._hint(addr, size, hinted=hinted, write=True)
        word = value if size is Width.W64 else self._whole(addr, value, size, hint)
        if word is not None:
            self.guide.storing(self.path, back(addr, self._inside(size)), hint, word)
        self._put(addr, value, size, hint)

    def _inside(self, size: Width) -> int:
        return 0 if size is Width.W64 else self.offset

    def _whole(self, addr: Term, value: Term, size: Width, hint: HAt | None) -> Term | None:
        """What becomes of a word of a block of which a part is written, where it is known."""
        element = find_element(self.path, back(addr, self.offset), hint)
        if element is None or element.word is None:
            return None
        return mk_insert(size, self.offset, element.word, value)

    def _put(self, addr: Term, value: Term, size: Width, hint: HAt | None) -> None:
        if size is Width.W64:
            paging = self.guide.paging
            self.new_facts += store(self.path, addr, value, hint, paging, self.instr)
        else:
            part = (size, self.offset)
            self.new_facts += store_part(self.path, addr, part, value, hint, self.instr)

    # -- operands ----------------------------------------------------------------------------------

    def address(self, mem: Mem) -> Term:
        """Where an operand in memory is."""
        base: Term = ECst(0)
        if mem.rip or mem.base is not None:
            base = self.next if mem.base is None else self.get(mem.base)
        if mem.index is not None:
            base = mk_op(Alu.ADD, base, mk_scaled(self.get(mem.index), mem.scale))
        return mk_add(base, mem.disp)

    def read(self, operand: Operand, size: Width = Width.W64, *, write: bool = False) -> Term:
        """The value of an operand; `write` where it will be written."""
        match operand:
            case Reg():
                return mk_trunc(size, self.get(operand))
            case Imm(value):
                return mk_trunc(size, mk_cst(value))
            case Mem():
                return self.load(self.address(operand), size, write=write)

    def write(self, operand: Operand, value: Term, size: Width = Width.W64) -> None:
        """Change an operand."""
        match operand:
            case Reg():
                self.put(operand, value, size)
            case Imm():
                raise StuckError("an immediate cannot be written")
            case Mem():
                self.store(self.address(operand), value, size)

    def writer(self, operand: Operand, size: Width) -> Callable[[Term], None]:
        """What writes an operand later, on either way of a fork: that it can is seen now."""
        if isinstance(operand, Reg):
            reg = operand
            self.get(reg)
            return lambda value: self.put(reg, value, size)
        addr = self.address(as_memory(operand))
        hint, k = self._hint(addr, size, hinted=True, write=True), self.offset
        check_store(self.path, addr, (size, k), hint)

        def write(value: Term) -> None:
            self.offset = k
            self._put(addr, value, size, hint)

        return write

    def name(self, value: Term) -> Term:
        """A name for a value that is large, and else the value."""
        if size_within(MAX_SIZE, value):
            return value
        name = self.run.next_name
        self.run.next_name += 1
        self.run.defs.append((name, value))
        return EVar(name)
