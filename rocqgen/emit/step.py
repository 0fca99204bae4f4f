# SPDX-License-Identifier: Apache-2.0
"""One instruction on symbolic data: a mirror of `sstep` (`theories/auto/symbolic.v`)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rocqgen.emit.blocks import block_of, put_block, the_block
from rocqgen.emit.compute import FORKING, Computing
from rocqgen.emit.control import control_facts, kept_facts
from rocqgen.emit.debts import pay, pay_all
from rocqgen.emit.ghost import apply as apply_ghost
from rocqgen.emit.ghosts import GArray, GClaim, GDescend, GSplitBlock, GWord
from rocqgen.emit.normal import ECst, ESel, EVar, Term, mk_add, mk_sext
from rocqgen.emit.operands import as_memory, as_register
from rocqgen.emit.paths import FirstError, Fork, Path, StuckError
from rocqgen.emit.stosq import past, string_place
from rocqgen.emit.symbolic import FOne, HFirst, HThen
from rocqgen.emit.walks import walk_of
from rocqgen.source.machine import CONTROL_OF, Imm, Instr, Mem, Op, Operand, Reg

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rocqgen.emit.ghosts import Ghost
    from rocqgen.emit.symbolic import Fact, Hint


MAX_STEPS = 256
"""Steps of the proof at the end of a path."""


class Machine(Computing):
    """One instruction after another, on the state of a path."""

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
        while (ghost := self._asked(self.guide.first, HFirst, instr, done)) is not None:
            self.ghost(ghost, HFirst(ghost))
            done += 1
        while True:
            before = dict(self.path.regs), dict(self.path.reg_writer)
            self.start(self.path, instr)
            self.hint, self.offset, self.asked = None, 0, False
            try:
                went = self._step(instr)
            except FirstError as first:
                self.path.regs, self.path.reg_writer = before
                self.ghost(first.ghost, HFirst(first.ghost))
                continue
            except StuckError:
                self._tell()
                raise
            self._tell()
            return went

    def _tell(self) -> None:
        """Record the hint of the instruction."""
        if self.hint is not None:
            self.run.hints.append((self.instr.offset, self.hint))

    def then(self, path: Path, instr: Instr) -> None:
        """Do the steps of the proof behind `instr`, at the beginning of a way."""
        done = 0
        self.start(path, instr)
        while (ghost := self._asked(self.guide.then, HThen, instr, done)) is not None:
            self.ghost(ghost, HThen(ghost))
            done += 1

    def _asked(
        self,
        guide: Callable[[Instr, Path, int], Ghost | None],
        hint: type[HFirst | HThen],
        instr: Instr,
        done: int,
    ) -> Ghost | None:
        """The next step of the proof; the engine is told of one that cannot be done, too."""
        try:
            return guide(instr, self.path, done)
        except StuckError as error:
            if error.ghost is not None:
                self.run.hints.append((instr.offset, hint(error.ghost)))
            raise

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
        self.run.hints.append((self.instr.offset, hint))
        self._name_word(ghost)
        owed, learned = apply_ghost(ghost, self.path, self.guide.paging, writer)
        first = len(self.run.facts)
        self.owe(owed)
        self.run.blamed |= {first + k: (writer, about) for k in range(len(owed))}
        self.path.assumed = (*learned, *self.path.assumed)

    def _name_word(self, ghost: Ghost) -> None:
        """A word of a block of which nothing is known gets a name (`theories/auto/turn.v`)."""
        if not isinstance(ghost, GWord) or ghost.block >= len(self.path.items):
            return
        block = block_of(self.path.items[ghost.block])
        if block is None or block.fill is not None:
            return
        name = self.run.next_name
        self.run.next_name += 1
        self.run.defs.append((name, None))
        put_block(self.path, ghost.block, replace(block, fill=EVar(name)))

    def _blamed(self, ghost: Ghost) -> tuple[Instr, str]:
        """Who wrote what a step of the proof is about, and what that is."""
        if isinstance(ghost, GArray):
            word = ESel(ghost.array, ghost.index)
            written = self.path.item_writer.get(ghost.block)
            return written or self.instr, f"the word {self.guide.wording.term(word)}"
        if isinstance(ghost, GSplitBlock):
            return self._too_short(ghost)
        if isinstance(ghost, GDescend) and ghost.walk < len(self.path.items):
            walk = walk_of(self.path.items[ghost.walk])
            entry = "?" if walk is None else self.guide.wording.term(walk.start)
            return self.instr, f"the entry {entry} leads to a table"
        if not isinstance(ghost, GClaim):
            return self.instr, ""
        writers = [self.path.item_writer.get(n) for n in reversed(ghost.path)]
        writer = next((one for one in writers if one is not None), self.instr)
        say = self.guide.wording.term
        arrow = "~>" if ghost.writable else "~>r"
        return writer, f"page {say(ghost.va)} {arrow} {say(ghost.pa)} in {say(ghost.root)}"

    def _too_short(self, ghost: GSplitBlock) -> tuple[Instr, str]:
        """Who wrote a block of which more words are wanted than it has."""
        block = block_of(self.path.items[ghost.block])
        if block is None or not (isinstance(block.count, ECst) and isinstance(ghost.index, ECst)):
            return self.instr, ""
        if ghost.index.z <= block.count.z:
            return self.instr, ""
        written = self.path.item_writer.get(ghost.block)
        say = self.guide.wording.term
        return written or self.instr, f"{say(ghost.index)} words from {say(block.addr)} on"

    def _step(self, instr: Instr) -> Term | Fork:
        self.next = mk_add(self.base, instr.offset + instr.length)
        if not self.path.mapped(self.path.root):
            raise StuckError("the fragment's code is not mapped in the current space")
        if instr.op in FORKING:
            return self.fork(instr)
        pc = self._jump(instr) if instr.op in {Op.CALL, Op.JMP, Op.RET} else None
        if pc is None:
            self._straight(instr)
            pc = self.next
        self.owe(self.new_facts)
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
        operands, size = instr.operands, instr.width
        match instr.op:
            case Op.MOV:
                self.write(operands[0], self.read(operands[1], size), size)
            case Op.MOVZX:
                self.put(as_register(operands[0]), self.read(operands[1], instr.source_width), size)
            case Op.MOVSX:
                value = mk_sext(instr.source_width, self.read(operands[1], instr.source_width))
                self.put(as_register(operands[0]), self.name(value), size)
            case Op.LEA:
                address = self.address(as_memory(operands[1]))
                self.put(as_register(operands[0]), self.name(address), size)
            case Op.PUSH | Op.POP | Op.LEAVE:
                self._stack(instr)
            case Op.MOV_TO_CR3 | Op.MOV_FROM_CR3 | Op.INVLPG:
                self._system(instr)
            case Op.REP_STOSQ:
                self._fill()
            case op if op in CONTROL_OF:
                self._control(CONTROL_OF[op], as_register(operands[0]), op)
            case Op.NOP:
                pass
            case _:
                self.compute(instr)

    def _system(self, instr: Instr) -> None:
        operands = instr.operands
        match instr.op:
            case Op.MOV_TO_CR3:
                root = self.get(as_register(operands[0]))
                if not self.path.mapped(root):
                    why = self.guide.enter(self.path, root)
                    raise StuckError(f"the fragment's code is not mapped in the new space{why}")
                self.path.root, self.path.root_writer = root, instr
                pay_all(self.path)
            case Op.INVLPG:
                self._flush(as_memory(operands[0]))
            case _:
                self.put(as_register(operands[0]), self.path.root)

    def _stack(self, instr: Instr) -> None:
        operands = instr.operands
        match instr.op:
            case Op.PUSH:
                value = self.read(operands[0])
                self._push(value, hinted=not isinstance(operands[0], Mem))
            case Op.POP:
                value = self._pop(hinted=not isinstance(operands[0], Mem))
                self.write(operands[0], value)
            case _:
                self.put(Reg.RSP, self.get(Reg.RBP))
                self.put(Reg.RBP, self._pop(hinted=True))

    def _control(self, control: Reg, general: Reg, op: Op) -> None:
        """A move to or from `%cr0` or `%cr4`."""
        to = op in {Op.MOV_TO_CR0, Op.MOV_TO_CR4}
        value = self.get(general) if to else None
        if self.guide.paging is None:
            raise StuckError(f"%{control.value} is accessed, but the annotation has no `platform`")
        old = self.get(control)
        self.new_facts += control_facts(control, old)
        if value is None:
            self.put(general, old)
        else:
            self.new_facts += kept_facts(control, old, value)
            self.put(control, value)

    def _fill(self) -> None:
        """`rep stosq`."""
        count, addr, value = self.get(Reg.RCX), self.get(Reg.RDI), self.get(Reg.RAX)
        self.hint = self.guide.string(self.instr, self.path, addr, count)
        n, facts = string_place(self.path, addr, count, self.hint)
        self.new_facts += facts
        filled = replace(the_block(self.path, n), fill=value)
        self.path.put(n, filled.item(FOne()), self.instr)
        self.put(Reg.RCX, ECst(0))
        self.put(Reg.RDI, self.name(past(addr, count)))

    def _flush(self, mem: Mem) -> None:
        """`invlpg`."""
        va, paging = self.address(mem), self.guide.paging
        if paging is None:
            return
        self.hint = self.guide.flush(self.instr, self.path, va)
        self.new_facts += paging.canonical(va)
        chosen = None if self.hint is None else self.hint.item
        self.new_facts += pay(self.path, va, chosen)

    def _push(self, value: Term, *, hinted: bool) -> None:
        top = mk_add(self.get(Reg.RSP), -8)
        self.store(top, value, hinted=hinted)
        self.put(Reg.RSP, top)

    def _pop(self, *, hinted: bool) -> Term:
        top = self.get(Reg.RSP)
        value = self.load(top, hinted=hinted)
        self.put(Reg.RSP, mk_add(top, 8))
        return value

    def _target(self, operand: Operand) -> Term:
        if isinstance(operand, Imm):
            return mk_add(self.next, operand.value)
        return self.read(operand)
