# SPDX-License-Identifier: Apache-2.0
"""A RISC-V processor of unicorn's, asked for one access at a time.

Loads and stores are made by an instruction in M-mode with `mstatus.MPRV`, fetches by going on in
S-mode or U-mode at the address.

What unicorn 2.1 does in a way of its own: it takes the bits 63:54 of an entry for address bits, so
that random entries leave them alone; it does not mind A, D and U in tables, which were reserved for
future use when it was written; and it sets A and D itself, as with Svadu.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

import unicorn
from unicorn import riscv_const, unicorn_const

from bench.mmu.others import RAM, Answer
from rocqgen.models import Access

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

    from bench.mmu.others import Try
    from rocqgen.mmu import Faulted

_UC: Any = unicorn  # it has neither complete types nor stubs

V, R, W, X, U, G, A, D = (1 << bit for bit in range(8))
CODE: Final = RAM - 0x1000
DEVICE_END: Final = 1 << 49
_PROGRAM = struct.pack("<II", 0x0005A503, 0x00A5A023)  # lw a0, 0(a1); sw a0, 0(a1)
_PLACE = {Access.READ: CODE, Access.WRITE: CODE + 4}
_MPRV, _SUM, _MXR = 1 << 17, 1 << 18, 1 << 19


class RiscV:
    """Satisfies `bench.mmu.others.Machine`."""

    def __init__(self) -> None:
        self.uc = _UC.Uc(_UC.UC_ARCH_RISCV, _UC.UC_MODE_RISCV64)
        self.uc.mem_map(0, RAM)
        self.uc.mem_write(CODE, _PROGRAM)
        self.reached: int | None = None
        self.cause: int | None = None
        self.uc.mmio_map(RAM, DEVICE_END - RAM, self._read, None, self._write, None)
        self.uc.hook_add(unicorn_const.UC_HOOK_INTR, self._interrupt)

    def _read(self, _uc: object, offset: int, _size: int, _data: object) -> int:
        self.reached = RAM + offset
        return 0

    def _write(self, _uc: object, offset: int, _size: int, _value: int, _data: object) -> None:
        self.reached = RAM + offset

    def _interrupt(self, uc: Any, number: int, _data: object) -> None:
        self.cause = number
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
        self.reached = self.cause = None
        mode = 0 if one.user else 1
        status = mode << 11 | (_SUM if one.on["sum"] else 0) | (_MXR if one.on["mxr"] else 0)
        fetch = one.access is Access.FETCH
        write(riscv_const.UC_RISCV_REG_PRIV, 3)
        write(riscv_const.UC_RISCV_REG_MSTATUS, status if fetch else status | _MPRV)
        write(riscv_const.UC_RISCV_REG_SATP, one.root)
        self.uc.ctl(unicorn_const.UC_CTL_TLB_FLUSH, unicorn_const.UC_CTL_IO_WRITE)
        write(riscv_const.UC_RISCV_REG_A1, one.va)
        if fetch:
            write(riscv_const.UC_RISCV_REG_PRIV, mode)
        start = one.va if fetch else _PLACE[one.access]
        try:
            self.uc.emu_start(start, start + 4, count=1)
        except _UC.UcError:
            # A device is no place to fetch from, but the translation has let it through.
            if not fetch or self.cause is not None:
                raise
        return Answer(self.cause, self.reached)

    def entry(self, rnd: random.Random, size: int, below: tuple[int, ...]) -> int:
        """As `Machine.entry`."""
        valid = V if rnd.random() < 0.95 else 0
        leaf = not below or rnd.random() < 0.25
        if leaf == (rnd.random() < 0.02):
            return rnd.choice(below or (1 << 12,)) >> 2 | valid | (G if rnd.random() < 0.3 else 0)
        address = max(rnd.randrange(RAM, DEVICE_END) >> size, 1) << size
        if below and rnd.random() < 0.05:
            address ^= 1 << rnd.randrange(12, size)
        rights = rnd.choice([R, R | W, X, R | X, R | W | X])
        if rnd.random() < 0.05:
            rights = rnd.randrange(1, 8) << 1
        others = rnd.getrandbits(10) & ~(V | R | W | X)
        return max(address, RAM) >> 12 << 10 | others | rights | valid

    def controls(self, rnd: random.Random) -> Mapping[str, bool]:
        """As `Machine.controls`."""
        return {"sum": rnd.random() < 0.5, "mxr": rnd.random() < 0.5, "adue": True}

    def undefined(self, fault: Faulted) -> bool:
        """As `Machine.undefined`."""
        return fault.detail in {"U", "A", "D"}
