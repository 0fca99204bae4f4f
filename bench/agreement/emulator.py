# SPDX-License-Identifier: Apache-2.0
"""unicorn: batches, and single runs for all that jumps, faults or loads control registers."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import unicorn.x86_const as x86
from unicorn import unicorn_const as const
from unicorn.unicorn import Uc, UcError

from bench.agreement.layout import (
    CODE,
    CODE_BYTES,
    DATA,
    DATA_END,
    INPUT,
    OUTPUT,
    RECORDS_BYTES,
    SCRATCH,
    STUBS,
    STUBS_BYTES,
    WINDOW,
    WINDOW_BYTES,
    WORDS,
)
from bench.agreement.records import RECORD, After, build_loop, pack, scratch, unpack
from bench.agreement.states import Vector, to_rflags
from rocqgen.source.machine import GENERAL


class Emulator:
    """A processor in 64-bit mode whose memory is mapped flat."""

    def __init__(self) -> None:
        make: Any = Uc
        self._uc: Any = make(const.UC_ARCH_X86, const.UC_MODE_64)
        for start, size in (
            (SCRATCH, 0x1000),
            (DATA, DATA_END - DATA),
            (CODE, CODE_BYTES),
            (STUBS, STUBS_BYTES),
            (INPUT, RECORDS_BYTES),
            (OUTPUT, RECORDS_BYTES),
        ):
            self._uc.mem_map(start, size)
        self._loop = build_loop()
        self._uc.mem_write(CODE, self._loop.code)
        self._fault: int | None = None
        self._fetched = False
        self._uc.hook_add(const.UC_HOOK_MEM_UNMAPPED, self._unmapped)
        self._registers = [getattr(x86, f"UC_X86_REG_{reg.name}") for reg in GENERAL]
        self._registers += [x86.UC_X86_REG_RFLAGS, x86.UC_X86_REG_RIP]

    def load(self, at: int, data: bytes) -> None:
        """Put an instruction at its address."""
        stub = self._loop.stub(at, data)
        self._uc.mem_write(at, stub)
        # A jump may have gone here before: what was translated then is out of date.
        self._uc.ctl_remove_cache(at, at + len(stub))

    def batch(self, stub: int, vectors: Sequence[Vector]) -> list[After]:
        """Run the instruction at `stub`, which goes on behind itself, on each of the states."""
        self._uc.mem_write(INPUT, pack(vectors))
        self._uc.mem_write(SCRATCH, scratch(stub, len(vectors)))
        self._uc.emu_start(CODE, self._loop.end)
        return unpack(self._uc.mem_read(OUTPUT, RECORD * len(vectors)))

    def single(self, at: int, vector: Vector) -> After:
        """Run the instruction at `at` on one state."""
        uc = self._uc
        uc.mem_write(WINDOW, struct.pack(f"<{WORDS}Q", *vector.words))
        values = [*vector.regs, to_rflags(vector.flags), at]
        uc.reg_write_batch(list(zip(self._registers, values, strict=True)))
        self._fault, self._fetched = None, False
        try:
            uc.emu_start(at, 0, count=1)
        except UcError:
            if not self._stopped():
                raise
        *regs, rflags, rip = uc.reg_read_batch(self._registers)
        words = struct.unpack(f"<{WORDS}Q", uc.mem_read(WINDOW, WINDOW_BYTES))
        return After(tuple(regs), rflags, words, rip, self._fault)

    def control(self, number: int) -> int:
        """`%cr0`, `%cr3` or `%cr4`."""
        return int(self._uc.reg_read(getattr(x86, f"UC_X86_REG_CR{number}")))

    def set_control(self, number: int, value: int) -> None:
        """Set `%cr0`, `%cr3` or `%cr4`."""
        self._uc.reg_write(getattr(x86, f"UC_X86_REG_CR{number}"), value)

    def _stopped(self) -> bool:
        return self._fetched or self._fault is not None

    def _unmapped(
        self, _uc: object, access: int, at: int, _size: int, _value: int, _data: object
    ) -> bool:
        if access == const.UC_MEM_FETCH_UNMAPPED:
            self._fetched = True  # behind a jump, which is done
        else:
            self._fault = at
        return False
