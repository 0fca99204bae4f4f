# SPDX-License-Identifier: Apache-2.0
"""What an image may tell beside the memory itself: processors' registers, the kernel's root."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_KERNEL_TEXT = 0xFFFF_FFFF_8000_0000
"""Where x86-64 Linux maps its image (``__START_KERNEL_map``); ``phys_base`` lies behind it."""


@dataclass(frozen=True, slots=True)
class Cpu:
    """The registers of one processor that decide how it translates."""

    cr0: int
    cr3: int
    cr4: int
    rflags: int


@dataclass(frozen=True, slots=True)
class Machine:
    """What an image says: a core's header and notes, or the array `cr3` of sparse pages.

    ``elf_machine`` is the header's ``e_machine``; ``root`` a root that is told by itself;
    ``vmcoreinfo`` has the lines ``KEY=VALUE`` that a Linux kernel wrote for its crash dump.
    """

    elf_machine: int | None = None
    root: int | None = None
    cpus: tuple[Cpu, ...] = ()
    vmcoreinfo: Mapping[str, str] = field(default_factory=dict)

    @property
    def kernel_root(self) -> int | None:
        """The physical address of the kernel's own top-level table, if VMCOREINFO tells it."""
        table = _number(self.vmcoreinfo.get("SYMBOL(swapper_pg_dir)"), 16)
        base = _number(self.vmcoreinfo.get("NUMBER(phys_base)"), 10)
        if table is None or base is None or table < _KERNEL_TEXT:
            return None
        return (table - _KERNEL_TEXT + base) % 2**64

    @property
    def five_levels(self) -> bool | None:
        """Whether paging has five levels; None where nothing tells."""
        if self.cpus:
            return bool(self.cpus[0].cr4 >> 12 & 1)
        enabled = _number(self.vmcoreinfo.get("NUMBER(pgtable_l5_enabled)"), 10)
        return None if enabled is None else bool(enabled)


def _number(text: str | None, base: int) -> int | None:
    if text is None or len(text) > 24:
        return None
    try:
        return int(text, base)
    except ValueError:
        return None
