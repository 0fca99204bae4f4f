# SPDX-License-Identifier: Apache-2.0
"""Writes two images of a small machine's memory, before and after a change, for docs/walk.md.

    python examples/images/make.py DIR

`before.npz` has sparse pages: a kernel half that every process shares, a user half of one process,
and the tables of both. `after.core` is an ELF core as QEMU writes it, taken a moment later: the
process has forked (its data is write-protected for copying on write), a page of its stack was
added, and a driver has left a page of the kernel both writable and executable.
"""

from __future__ import annotations

import sys
from pathlib import Path

from rocqgen.mmu.images import Cpu
from rocqgen.mmu.images.write import write_elf, write_pages

P, RW, US, A, D, PS, G, XD = 1 << 0, 1 << 1, 1 << 2, 1 << 5, 1 << 6, 1 << 7, 1 << 8, 1 << 63

ROOT = 0x1000
KERNEL_TEXT, DIRECT_MAP = 0xFFFF_FFFF_8000_0000, 0xFFFF_8880_0000_0000
TEXT, DATA, STACK = 0x40_0000, 0x60_0000, 0x7FFF_FFFF_E000


class Space:
    """Tables of 4-level paging, made as pages are mapped."""

    def __init__(self, first_table: int) -> None:
        self.memory: dict[int, bytearray] = {}
        self.next_table = first_table
        self.root = self.table()

    def table(self) -> int:
        """A fresh table, in the frame after the last one's."""
        address = self.next_table
        self.next_table += 0x1000
        self.memory[address] = bytearray(0x1000)
        return address

    def map(self, va: int, pa: int, flags: int, *, level: int = 1) -> None:
        """Map the page at ``va``: 4 KiB at level 1, 2 MiB at level 2."""
        table = self.root
        for above in range(4, level, -1):
            slot = 8 * (va >> (12 + 9 * (above - 1)) & 511)
            entry = self.word(table, slot)
            if not entry & P:
                entry = self.table() | P | RW | A | (US & flags)
                self.put(table, slot, entry)
            table = entry & 0x000F_FFFF_FFFF_F000
        slot = 8 * (va >> (12 + 9 * (level - 1)) & 511)
        self.put(table, slot, pa | P | flags | (PS if level > 1 else 0))

    def word(self, table: int, slot: int) -> int:
        """The entry at an offset in a table."""
        return int.from_bytes(self.memory[table][slot : slot + 8], "little")

    def put(self, table: int, slot: int, entry: int) -> None:
        """Write the entry at an offset in a table."""
        self.memory[table][slot : slot + 8] = entry.to_bytes(8, "little")

    def pieces(self) -> list[tuple[int, bytes]]:
        """The memory as pieces for the writers of images."""
        return [(address, bytes(page)) for address, page in sorted(self.memory.items())]


def machine(*, later: bool) -> Space:
    """The space of the process, with the kernel in its upper half."""
    space = Space(ROOT)
    space.map(KERNEL_TEXT + 0x100_0000, 0x100_0000, G | A, level=2)
    space.map(KERNEL_TEXT + 0x120_0000, 0x120_0000, RW | XD | G | A | D, level=2)
    for mebibytes in range(0, 64, 2):
        offset = mebibytes << 20
        space.map(DIRECT_MAP + offset, offset, RW | XD | G | A | D, level=2)
    for page in range(4):
        space.map(TEXT + 0x1000 * page, 0x200_0000 + 0x1000 * page, US | A)
    for page in range(8):
        rights = US | XD | A if later else US | RW | XD | A | D
        space.map(DATA + 0x1000 * page, 0x210_0000 + 0x1000 * page, rights)
    for page in range(2 if later else 1):
        space.map(STACK - 0x1000 * page, 0x220_0000 + 0x1000 * page, US | RW | XD | A | D)
    if later:
        space.map(KERNEL_TEXT + 0x140_0000, 0x300_0000, RW | G | A | D)
    return space


def main(folder: Path) -> None:
    """Write both images into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    before = machine(later=False)
    write_pages(folder / "before.npz", before.pieces(), cr3=before.root)
    after = machine(later=True)
    cpu = Cpu(cr0=0x8005_0033, cr3=after.root, cr4=0x30_06F0, rflags=0x246)
    write_elf(folder / "after.core", after.pieces(), cpus=[cpu])


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path())
