# SPDX-License-Identifier: Apache-2.0
"""An AArch64 processor of unicorn's, asked for one access at a time.

The code that loads and stores lies in TTBR1_EL1's half of the addresses, where EL1 and EL0 may
execute it; what is asked for goes through TTBR0_EL1.

What has to be known of unicorn 2.1: without SCR_EL3.RW and HCR_EL2.RW, EL1's tables are those of
AArch32. Writing registers from outside flushes no TLB. The syndrome is seen in the bytes of a
context alone. It takes a block at level 0 for one, which the manual does not know with this
granule, and the bits of a block below its address, which are RES0, for address bits. It has no
hardware management of the access flag and the dirty state, and does not check addresses against
TCR_EL1.IPS.
"""

from __future__ import annotations

import ctypes
import struct
from typing import TYPE_CHECKING, Any, Final

import unicorn
from unicorn import arm64_const, unicorn_const

from bench.mmu.others import RAM, Answer
from rocqgen.models import Access

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

    from bench.mmu.others import Try
    from rocqgen.mmu import Faulted

_UC: Any = unicorn  # it has neither complete types nor stubs

CODE: Final = 0x1F000
DEVICE_END: Final = 1 << 48
CODE_TABLES: Final = 0x1B000
UPPER: Final = 0xFFFF_0000_0000_0000
AF: Final = 1 << 10
_PROGRAM = struct.pack("<II", 0xB9400020, 0xB9000020)  # ldr w0, [x1]; str w0, [x1]
_PLACE = {Access.READ: UPPER, Access.WRITE: UPPER + 4}
_EL1, _EL0, _PAN = 0x3C5, 0x3C0, 1 << 22
_WXN, _M = 1 << 19, 1
# Registers by their numbers: CRn, CRm, op0, op1 and op2.
_SCTLR, _TCR, _MAIR = (1, 0, 3, 0, 0), (2, 0, 3, 0, 2), (10, 2, 3, 0, 0)
_TTBR0, _TTBR1 = (2, 0, 3, 0, 0), (2, 0, 3, 0, 1)
_SCR, _HCR = (1, 1, 3, 6, 0), (1, 1, 3, 4, 0)
_CONTROL: Final = 16 | 16 << 16 | 2 << 30 | 5 << 32  # T0SZ, T1SZ, TG1 = 4 KiB, IPS = 48 bits
_CLASSES: Final = {0x20, 0x21, 0x24, 0x25}


class Arm:
    """Satisfies `bench.mmu.others.Machine`."""

    def __init__(self) -> None:
        self.uc = _UC.Uc(_UC.UC_ARCH_ARM64, _UC.UC_MODE_ARM)
        self.uc.ctl_set_cpu_model(arm64_const.UC_CPU_ARM64_MAX)
        self.uc.mem_map(0, RAM)
        self.uc.mem_write(CODE, _PROGRAM)
        for level in range(4):
            target = CODE_TABLES + 0x1000 * (level + 1)
            entry = target | 3 | (AF | 3 << 6 if level == 3 else 0)
            self.uc.mem_write(CODE_TABLES + 0x1000 * level, struct.pack("<Q", entry))
        self.reached: int | None = None
        self.context: Any = None
        self.uc.mmio_map(RAM, DEVICE_END - RAM, self._read, None, self._write, None)
        self.uc.hook_add(unicorn_const.UC_HOOK_INTR, self._interrupt)
        self._set(_SCR, self._get(_SCR) | 1 << 10 | 1)
        self._set(_HCR, self._get(_HCR) | 1 << 31)
        self._set(_TCR, _CONTROL)
        self._set(_MAIR, 0xFF)
        self._set(_TTBR1, CODE_TABLES)
        self.control = self._get(_SCTLR)

    def _set(self, register: tuple[int, ...], value: int) -> None:
        self.uc.reg_write(arm64_const.UC_ARM64_REG_CP_REG, (*register, value))

    def _get(self, register: tuple[int, ...]) -> int:
        return int(self.uc.reg_read(arm64_const.UC_ARM64_REG_CP_REG, register))

    def _read(self, _uc: object, offset: int, _size: int, _data: object) -> int:
        self.reached = RAM + offset
        return 0

    def _write(self, _uc: object, offset: int, _size: int, _value: int, _data: object) -> None:
        self.reached = RAM + offset

    def _interrupt(self, uc: Any, _number: int, _data: object) -> None:
        self.context = uc.context_save()
        uc.emu_stop()

    def load(self, image: bytes) -> None:
        """As `Machine.load`."""
        self.uc.mem_write(0, image)

    def dump(self, size: int) -> bytes:
        """As `Machine.dump`."""
        return bytes(self.uc.mem_read(0, size))

    def access(self, one: Try) -> Answer:
        """As `Machine.access`."""
        write = self.uc.reg_write
        self.reached = self.context = None
        fetch = one.access is Access.FETCH
        state = (_EL0 if one.user else _EL1) | (_PAN if one.on["pan"] else 0)
        write(arm64_const.UC_ARM64_REG_PSTATE, state)
        write(arm64_const.UC_ARM64_REG_X1, one.va)
        self._set(_TTBR0, one.root)
        self._set(_SCTLR, self.control | _M | (_WXN if one.on["wxn"] else 0))
        self.uc.ctl(unicorn_const.UC_CTL_TLB_FLUSH, unicorn_const.UC_CTL_IO_WRITE)
        start = one.va if fetch else _PLACE[one.access]
        try:
            self.uc.emu_start(start, start + 4, count=1)
        except _UC.UcError:
            # A device is no place to fetch from, but the translation has let it through.
            if not fetch or self.context is not None:
                raise
        return Answer(self._syndrome(one.va), self.reached)

    def _syndrome(self, va: int) -> int | None:
        """Beside the address that faulted: the one pair of words that can be one."""
        if self.context is None:
            return None
        address = ctypes.cast(self.context.context, ctypes.c_void_p).value
        raw = ctypes.string_at(address or 0, self.context.size)
        found = set()
        for place in range(8, len(raw) - 8, 8):
            syndrome, _, at = struct.unpack_from("<IIQ", raw, place - 8)
            if at == va and syndrome >> 26 in _CLASSES and syndrome & 1 << 25:
                found.add(syndrome)
        if len(found) != 1:
            raise RuntimeError(f"the syndrome is not found in a context: {found}")
        return int(found.pop())

    def entry(self, rnd: random.Random, size: int, below: tuple[int, ...]) -> int:
        """As `Machine.entry`."""
        leaf = not below or (size < 39 and rnd.random() < 0.25)
        if rnd.random() < 0.02:
            leaf = not leaf
        flags = rnd.getrandbits(5) << 59 if rnd.random() < 0.3 else 0
        if not leaf:
            kind = 3 if below or rnd.random() < 0.5 else 1
            valid = kind if rnd.random() < 0.95 else rnd.getrandbits(2)
            return rnd.choice(below or (1 << 12,)) | valid | flags
        kind = 1 if below else 3
        valid = kind if rnd.random() < 0.95 else rnd.getrandbits(2)
        address = max(rnd.randrange(RAM, DEVICE_END) >> size, 1) << size
        bits = rnd.getrandbits(7) << 5 | rnd.getrandbits(2) << 53 | rnd.getrandbits(1) << 51
        flag = AF if rnd.random() < 0.9 else 0
        return address | bits & ~AF | flag | valid

    def controls(self, rnd: random.Random) -> Mapping[str, bool]:
        """As `Machine.controls`."""
        return {"pan": rnd.random() < 0.5, "wxn": rnd.random() < 0.3}

    def undefined(self, fault: Faulted) -> bool:
        """As `Machine.undefined`."""
        return fault.level == 0 and fault.detail.startswith("no leaf")
