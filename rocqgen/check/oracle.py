# SPDX-License-Identifier: Apache-2.0
"""Repeats a run on unicorn, an emulator that is not ours, and tells what differs.

unicorn has memory in whole pages and code that is data: so the two are compared as far as our run
goes, and at a fault in what is reported.  It always walks, as far as can be seen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from rocqgen.check.ends import Halted, Run
from rocqgen.check.machine import Machine
from rocqgen.cpu import GeneralProtection, PageFault
from rocqgen.errors import UserError
from rocqgen.source.machine import CONTROL, GENERAL, Op, Reg

MAXPHYADDR: Final = 40
"""Of the processor that is emulated."""

_EFER: Final = 0xC000_0080
_LONG_MODE: Final = 1 << 0 | 1 << 8 | 1 << 10
_NXE: Final = 1 << 11
_GP, _PF = 13, 14
_HLT: Final = 0xF4
_LOOSE: Final = 0x60
_FLAGS: Final = (("cf", 0), ("pf", 2), ("zf", 6), ("sf", 7), ("of", 11))


def unicorn_oracle() -> Callable[[Machine, Run], str]:
    """The comparison; UserError where unicorn is not installed."""
    try:
        import unicorn  # noqa: PLC0415 - it is optional
        import unicorn.x86_const  # noqa: PLC0415
    except ImportError as error:
        raise UserError(
            "unicorn is not installed, and --oracle unicorn needs it",
            expected="the package `unicorn`, which only tests need",
            hint="pip install 'unicorn>=2.1'",
        ) from error
    return lambda machine, run: _Comparison(unicorn, machine, run).compare()


class _Comparison:
    def __init__(self, unicorn: Any, machine: Machine, run: Run) -> None:
        self.uc_module, self.x86 = unicorn, unicorn.x86_const
        self.machine, self.run = machine, run
        self.uc = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
        self.uc.ctl_set_cpu_model(self.x86.UC_CPU_X86_ICELAKE_SERVER)
        self.interrupt: int | None = None

    def compare(self) -> str:
        """What differs; empty if nothing does."""
        wide = self.machine.choice.mode.maxphyaddr > MAXPHYADDR
        if wide or (self.machine.choice.strategy != "walk" and self._stores_tables()):
            return ""
        speaks = not self.machine.state.regs.keys().isdisjoint(CONTROL)
        if any(step.note for step in self.run.steps) or self._reads_tables() or speaks:
            # unicorn knows no contracts, sets bits in entries that it walks through, and has
            # bits in control registers that are always or never set.
            return ""
        self._load()
        end, steps = self.run.end, len(self.run.steps)
        said = self._advance(steps + self._looks())
        if self.interrupt == _GP and not self.machine.choice.mode.canonical(self.run.state.rip):
            # A jump to an address that is not canonical faults there before it is done.
            return ""
        # unicorn fetches more than it executes.
        ahead = self.interrupt == _PF and self._fetching_next()
        if said or (self.interrupt is not None and not ahead):
            return said or f"interrupt {self.interrupt} within the first {steps} instructions"
        different = self._registers() or self._memory()
        fault = isinstance(end, Halted) and isinstance(end.outcome, PageFault | GeneralProtection)
        if different or not fault:
            return different
        return self._fault()

    def _looks(self) -> int:
        """How often unicorn looks at a count that has come to 0, where our step is the last."""
        rips = [step.rip for step in self.run.steps] + [self.run.state.rip]
        return sum(
            step.instr.op is Op.REP_STOSQ and bool(step.accesses) and behind != step.rip
            for step, behind in zip(self.run.steps, rips[1:], strict=True)
        )

    def _fetching_next(self) -> bool:
        """Whether the fault is at the instruction behind the last of our run, or behind that.

        unicorn translates a block to the end of its page, and an instruction that begins there
        reaches into the next one.
        """
        rip = self.run.state.rip
        address = int(self.uc.reg_read(self.x86.UC_X86_REG_CR2))
        at = int(self.uc.reg_read(self.x86.UC_X86_REG_RIP))
        return at == rip and 0 <= address - rip <= max(15, 0x1000 - (rip & 0xFFF))

    def _stores_tables(self) -> bool:
        return self._accesses_tables(write=True)

    def _reads_tables(self) -> bool:
        return self.machine.subject.edits and self._accesses_tables(write=False)

    def _accesses_tables(self, *, write: bool) -> bool:
        tables = self.machine.tables.frames
        return any(
            one.write is write and not tables.isdisjoint(pa >> 12 for pa in one.pas)
            for step in self.run.steps
            for one in step.accesses
        )

    # -- the state

    def _load(self) -> None:
        machine, uc, x86 = self.machine, self.uc, self.x86
        memory = {pa: machine.state.memory.get(pa) or 0 for pa in machine.state.memory}
        memory |= machine.resident.code
        for frame in {pa >> 12 for pa in memory} | machine.tables.frames:
            uc.mem_map(frame << 12, 1 << 12)
        for frame in {pa >> 12 for pa in machine.resident.code}:
            # A block ends at HLT, and not on the page behind it.
            uc.mem_write(frame << 12, bytes([_HLT]) * (1 << 12))
        for pa, byte in memory.items():
            uc.mem_write(pa, bytes([byte]))
        uc.hook_add(self.uc_module.UC_HOOK_INTR, self._interrupted)
        state, mode = machine.state, machine.choice.mode
        # The control bits first, for tables are walked as soon as paging is on.
        cr4 = 0x20 | mode.la57 << 12 | mode.smep << 20 | mode.smap << 21
        uc.reg_write(x86.UC_X86_REG_CR4, cr4)
        uc.reg_write(x86.UC_X86_REG_MSR, (_EFER, _LONG_MODE | (_NXE if mode.nxe else 0)))
        uc.reg_write(x86.UC_X86_REG_CR3, state.cr3)
        uc.reg_write(x86.UC_X86_REG_CR0, 0x8004_0033 | mode.wp << 16)
        for reg in GENERAL:
            if reg in state.regs:
                uc.reg_write(self._number(reg), state.regs[reg])
        flags = 2 | sum(1 << bit for name, bit in _FLAGS if getattr(state.flags, name))
        uc.reg_write(x86.UC_X86_REG_RFLAGS, flags)
        uc.reg_write(x86.UC_X86_REG_RIP, state.rip)

    def _number(self, reg: Reg) -> int:
        return int(getattr(self.x86, f"UC_X86_REG_{reg.name}"))

    def _interrupted(self, uc: Any, number: int, _data: Any) -> None:
        self.interrupt = number
        uc.emu_stop()

    def _advance(self, steps: int) -> str:
        """Run some instructions; what went wrong, if anything did."""
        if steps:
            start = self.uc.reg_read(self.x86.UC_X86_REG_RIP)
            try:
                self.uc.emu_start(start, 0, count=steps)
            except self.uc_module.UcError as error:
                return f"unicorn stops: {error}"
        return ""

    # -- what is compared

    def _registers(self) -> str:
        state, x86 = self.run.state, self.x86
        pairs = [(reg.value, self._number(reg), word) for reg, word in state.regs.items()]
        pairs += [("rip", x86.UC_X86_REG_RIP, state.rip), ("cr3", x86.UC_X86_REG_CR3, state.cr3)]
        for name, number, ours in pairs:
            theirs = self.uc.reg_read(number)
            if theirs != ours:
                return f"{name} is {ours:#x} here and {theirs:#x} in unicorn"
        flags = self.uc.reg_read(x86.UC_X86_REG_RFLAGS)
        for name, bit in _FLAGS:
            flag = getattr(state.flags, name)
            if flag is not None and flag != bool(flags >> bit & 1):
                return f"the flag {name} is {int(flag)} here and {flags >> bit & 1} in unicorn"
        return ""

    def _memory(self) -> str:
        memory = self.run.state.memory
        for pa in self.machine.resident.data:
            theirs = self.uc.mem_read(pa, 1)[0]
            # What became a table has accessed and dirty bits there.
            loose = _LOOSE if self.machine.subject.edits and pa & 7 == 0 else 0
            if ((memory.get(pa) or 0) ^ theirs) & ~loose:
                return f"the byte at {pa:#x} is {memory.get(pa)!r} here and {theirs} in unicorn"
        return ""

    def _fault(self) -> str:
        """One instruction more, which must fault there, too."""
        end = self.run.end
        if not isinstance(end, Halted):
            return ""
        said = self._advance(1) if self.interrupt is None else ""
        wanted = _PF if isinstance(end.outcome, PageFault) else _GP
        if self.interrupt != wanted:
            got = said or f"interrupt {self.interrupt}"
            return f"{end.why} here, and {got} in unicorn"
        if isinstance(end.outcome, PageFault):
            address = self.uc.reg_read(self.x86.UC_X86_REG_CR2)
            if address != end.outcome.va:
                return f"cr2 is {end.outcome.va:#x} here and {address:#x} in unicorn"
        return ""
