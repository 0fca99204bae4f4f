# SPDX-License-Identifier: Apache-2.0
"""The notes of a core: QEMU's registers of each processor, and a kernel's VMCOREINFO."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from rocqgen.errors import UserError
from rocqgen.mmu.images.about import Cpu, Machine

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterable, Iterator

QEMU_CPU = struct.Struct("<II 16Q QQ 240x 5Q")
"""QEMU's ``QEMUCPUState`` (target/i386/arch_dump.c), version 1, as far as it matters here: version
and size, the general registers, rip and rflags, ten segments that are passed over, cr0 to cr4."""

NT_PRSTATUS = 1
NT_PRPSINFO = 3
NT_AUXV = 6
_LARGEST = 2**24
"""No machine writes more bytes of notes: 16 MiB are those of 20,000 processors."""


def read_notes(
    mapping: mmap.mmap, places: Iterable[tuple[int, int]], path: str, elf_machine: int
) -> Machine:
    """What the notes at ``places`` (offset and size of each PT_NOTE, inside the file) tell.

    UserError where a note runs past its segment, and for a core of a process.
    """
    cpus: list[Cpu] = []
    info: dict[str, str] = {}
    left = _LARGEST
    for begin, size in places:
        left -= size
        if left < 0:
            raise UserError(
                f"its notes are larger than {_LARGEST >> 20} MiB", file=path, expected=_EXPECTED
            )
        for name, kind, data in _notes(mapping, begin, size, path):
            if name == b"CORE" and kind in {NT_PRPSINFO, NT_AUXV}:
                raise UserError(
                    "this is the core of a process: it has no physical memory",
                    file=path,
                    expected=_EXPECTED,
                )
            if name == b"QEMU" and kind == 0 and len(data) >= QEMU_CPU.size:
                version, _, *registers = QEMU_CPU.unpack_from(data)
                if version == 1:
                    cpus.append(
                        Cpu(
                            cr0=registers[18],
                            cr3=registers[21],
                            cr4=registers[22],
                            rflags=registers[17],
                        )
                    )
            elif name == b"VMCOREINFO":
                info.update(_lines(data))
    return Machine(elf_machine=elf_machine, cpus=tuple(cpus), vmcoreinfo=info)


_EXPECTED = "the core of a machine, as QEMU's dump-guest-memory or kdump writes it"


def _notes(
    mapping: mmap.mmap, begin: int, size: int, path: str
) -> Iterator[tuple[bytes, int, bytes]]:
    """Name, type and contents of each note of a segment."""
    data = mapping[begin : begin + size]
    at = 0
    while at + 12 <= size:
        name_size, data_size, kind = struct.unpack_from("<III", data, at)
        if name_size == 0:
            # The kernel reserves more room for a note than it fills, and leaves zeros.
            return
        contents = at + 12 + _padded(name_size)
        if contents + data_size > size:
            raise UserError(
                f"the note at offset {begin + at:#x} runs past the end of its segment",
                file=path,
                expected=_EXPECTED,
            )
        name = data[at + 12 : at + 12 + name_size].rstrip(b"\0")
        yield name, kind, data[contents : contents + data_size]
        at = contents + _padded(data_size)


def _padded(size: int) -> int:
    return (size + 3) & ~3


def _lines(data: bytes) -> Iterator[tuple[str, str]]:
    for line in data.decode("ascii", errors="replace").splitlines():
        key, equals, value = line.partition("=")
        if equals:
            yield key, value
