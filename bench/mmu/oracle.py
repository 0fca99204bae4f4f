# SPDX-License-Identifier: Apache-2.0
"""The MMU of an emulator that is not ours, unicorn (QEMU's), asked for one access at a time.

The tables lie in memory that is shared with the emulator, and everything else of the physical
address space is a device, so that each access that is let through tells its physical address. The
access is a real one: an instruction that loads or stores, or a jump, at the privilege level asked
for, from code that the root's last slot maps.

What has to be known of unicorn 2.1: EFER is reached as a model-specific register. Where the hook of
interrupts does not stop the run, a fault of a fetch ends as a double fault, and even so its error
code is there only within the hook. Error codes are seen in the bytes of a context alone. Restoring
a context undoes what an exception leaves behind. Physical addresses have 40 bits.
"""

from __future__ import annotations

import ctypes
import mmap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import unicorn
from unicorn import unicorn_const, x86_const

if TYPE_CHECKING:
    from numpy.typing import NDArray

_UC: Any = unicorn  # it has neither complete types nor stubs
Mode = Literal["4-level", "5-level", "pae"]
Kind = Literal["read", "write", "fetch"]

MAXPHYADDR: Final = 40
PAGE: Final = 4096
PAGE_FAULT: Final = 14

_EFER, _SYSENTER_CS = 0xC0000080, 0x174
_READ, _WRITE, _WRPKRU, _TO_USER = 0x00, 0x10, 0x20, 0x30
_ALWAYS: Final = 0x67  # present, writable, user, accessed, dirty
_SUPERVISOR: Final = 0x63


@dataclass(frozen=True, slots=True)
class Controls:
    """What decides accesses besides the tables; ``pkru`` None is CR4.PKE = 0."""

    user: bool = False
    wp: bool = True
    nxe: bool = True
    smep: bool = False
    smap: bool = False
    ac: bool = False
    pkru: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A physical address, or the exception: its vector, error code, and CR2 of a #PF."""

    pa: int | None
    vector: int = 0
    code: int = 0
    cr2: int = 0


class Oracle:
    """An emulated processor in one paging mode, with ``pages`` pages of memory for tables.

    ``words`` is that memory as little-endian words of 8 bytes, from physical address 0. The first
    pages are the oracle's own: tables begin at `first`. Each root table needs ``install``.
    """

    def __init__(self, mode: Mode, pages: int) -> None:
        self.mode = mode
        self.levels = {"4-level": 4, "5-level": 5, "pae": 3}[mode]
        self._long = mode != "pae"
        self._base = x86_const.UC_X86_REG_RBX if self._long else x86_const.UC_X86_REG_EBX
        self._ram = mmap.mmap(-1, pages * PAGE)
        self.words: NDArray[np.uint64] = np.frombuffer(self._ram, dtype="<u8")
        self.first = (1 + self.levels) * PAGE
        self._seen: int | None = None
        self._vector = 0
        self._contexts: dict[Controls, Any] = {}
        self._uc = self._machine(pages * PAGE)
        self._code_tables()
        self._blank = self._uc.context_save()
        self._last = self._uc.context_save()
        self._code_offset = self._find_error_code()

    # -- what the user of the oracle calls

    def install(self, root: int) -> None:
        """Let the last slot of the root table at ``root`` map the code that makes the accesses."""
        self.words[(root >> 3) + self._top] = self._link

    @property
    def _top(self) -> int:
        return 511 if self._long else 3

    @property
    def _link(self) -> int:
        return (2 * PAGE) | (_ALWAYS if self._long else 1)

    def prepare(self, controls: Controls) -> Any:
        """The processor with these controls set, as a context that `access` starts from."""
        known = self._contexts.get(controls)
        if known is None:
            known = self._contexts[controls] = self._prepare(controls)
        return known

    def access(self, controls: Controls, root: int, va: int, kind: Kind) -> Outcome:
        """Make one access through the tables at ``root``, with nothing cached."""
        uc = self._uc
        uc.context_restore(self.prepare(controls))
        uc.reg_write(x86_const.UC_X86_REG_CR3, root)  # and flushes what was cached
        self._seen, self._vector = None, 0
        if kind == "fetch":
            begin, end = va, va + 1
        else:
            uc.reg_write(self._base, va)
            begin = self._code(user=controls.user) + (_READ if kind == "read" else _WRITE)
            end = begin + 2
        try:
            uc.emu_start(begin, end)
        except _UC.UcError:
            if self._seen is None:
                raise
        if not self._vector:
            return Outcome(self._seen)
        code = ctypes.c_int32.from_address(self._address + self._code_offset).value
        cr2 = uc.reg_read(x86_const.UC_X86_REG_CR2) if self._vector == PAGE_FAULT else 0
        return Outcome(None, self._vector, code, cr2)

    # -- how it is built

    def _machine(self, size: int) -> Any:
        uc: Any = _UC.Uc(
            unicorn_const.UC_ARCH_X86,
            unicorn_const.UC_MODE_64 if self._long else unicorn_const.UC_MODE_32,
        )
        uc.ctl_set_cpu_model(x86_const.UC_CPU_X86_ICELAKE_SERVER)
        uc.mem_map_ptr(0, size, unicorn_const.UC_PROT_ALL, self.words.ctypes.data)

        def read(_uc: object, offset: int, _size: int, _data: object) -> int:
            self._seen = size + offset
            return 0

        def write(_uc: object, offset: int, _size: int, _value: int, _data: object) -> None:
            self._seen = size + offset

        def fetch(
            _uc: object, _access: int, address: int, _size: int, _value: int, _data: object
        ) -> bool:
            self._seen = address
            return False

        def interrupt(machine: Any, number: int, _data: object) -> None:
            if not self._vector:
                self._vector = number
                machine.context_update(self._last)
            machine.emu_stop()

        uc.mmio_map(size, (1 << MAXPHYADDR) - size, read, None, write, None)
        uc.hook_add(unicorn_const.UC_HOOK_MEM_FETCH_PROT, fetch)
        uc.hook_add(unicorn_const.UC_HOOK_INTR, interrupt)
        return uc

    def _code_tables(self) -> None:
        """Page 0: code. Page 1: a root that maps it alone. Below: twice, supervisor and user."""
        code = bytearray(PAGE)
        code[_READ : _READ + 2] = b"\x8a\x03"  # mov al, [rbx]
        code[_WRITE : _WRITE + 2] = b"\x88\x03"  # mov [rbx], al
        code[_WRPKRU : _WRPKRU + 3] = b"\x0f\x01\xef"
        to_user = b"\x48\x0f\x07" if self._long else b"\x0f\x35"  # sysretq, sysexit
        code[_TO_USER : _TO_USER + len(to_user)] = to_user
        self._ram[:PAGE] = bytes(code)
        self.install(PAGE)
        for level in range(self.levels - 2):  # the tables between the root and the last one
            self.words[((2 + level) * PAGE >> 3) + 511] = ((3 + level) * PAGE) | _ALWAYS
        last = self.levels * PAGE >> 3
        self.words[last + 510] = _SUPERVISOR
        self.words[last + 511] = _ALWAYS

    def _code(self, *, user: bool) -> int:
        top = 1 << (64 if self._long else 32)
        return top - (PAGE if user else 2 * PAGE)

    def _prepare(self, controls: Controls) -> Any:
        uc = self._uc
        uc.context_restore(self._blank)
        efer = 0x501 if self._long else 0
        uc.reg_write(x86_const.UC_X86_REG_MSR, (_EFER, efer | controls.nxe << 11))
        cr4 = 1 << 5 | controls.smep << 20 | controls.smap << 21
        cr4 |= (self.mode == "5-level") << 12 | (controls.pkru is not None) << 22
        uc.reg_write(x86_const.UC_X86_REG_CR4, cr4)
        uc.reg_write(x86_const.UC_X86_REG_CR3, PAGE)
        uc.reg_write(x86_const.UC_X86_REG_CR0, 0x80000033 | controls.wp << 16)
        begin = self._code(user=False)
        if controls.pkru is not None:
            uc.reg_write(x86_const.UC_X86_REG_EAX, controls.pkru)
            uc.reg_write(x86_const.UC_X86_REG_ECX, 0)
            uc.reg_write(x86_const.UC_X86_REG_EDX, 0)
            self._run(begin + _WRPKRU, begin + _WRPKRU + 3)
        if controls.user:
            target = self._code(user=True) + 0x100
            if self._long:
                uc.reg_write(x86_const.UC_X86_REG_RCX, target)
                uc.reg_write(x86_const.UC_X86_REG_R11, 2)
            else:
                uc.reg_write(x86_const.UC_X86_REG_MSR, (_SYSENTER_CS, 8))
                uc.reg_write(x86_const.UC_X86_REG_EDX, target)
            self._run(begin + _TO_USER, target)
        uc.reg_write(x86_const.UC_X86_REG_EFLAGS, 2 | controls.ac << 18)
        return uc.context_save()

    def _run(self, begin: int, end: int) -> None:
        self._vector = 0
        self._uc.emu_start(begin, end)
        if self._vector:
            raise RuntimeError(f"exception {self._vector} while the oracle was set up")

    @property
    def _address(self) -> int:
        address = ctypes.cast(self._last.context, ctypes.c_void_p).value
        if address is None:
            raise RuntimeError("unicorn gave no context")
        return address

    def _find_error_code(self) -> int:
        """Where in a context the error code is: where three faults leave what they must."""
        expected: dict[tuple[Kind, bool], int] = {
            ("read", False): 0,
            ("write", False): 2,
            ("write", True): 6,
        }
        offsets: set[int] | None = None
        self._code_offset = 0
        for (kind, user), code in expected.items():
            outcome = self.access(Controls(user=user), PAGE, 0x1234, kind)
            if outcome.vector != PAGE_FAULT or outcome.cr2 != 0x1234:
                raise RuntimeError(f"unicorn does not fault as it should: {outcome}")
            raw = np.frombuffer(bytes(self._last), dtype=np.uint8)
            words = np.frombuffer(raw[: len(raw) & ~3].tobytes(), dtype="<i4")
            here = {4 * int(i) for i in np.nonzero(words == code)[0]}
            offsets = here if offsets is None else offsets & here
        if offsets is None or len(offsets) != 1:
            raise RuntimeError(f"the error code is not found in a context: {offsets}")
        return offsets.pop()
