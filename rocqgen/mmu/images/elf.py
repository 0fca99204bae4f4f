# SPDX-License-Identifier: Apache-2.0
"""ELF cores of machines, as QEMU's ``dump-guest-memory`` and kdump (``/proc/vmcore``) write them.

Each PT_LOAD is a piece of physical memory, at ``p_paddr``.  What lies between ``p_filesz`` and
``p_memsz`` was left out of the core, so it is not in the image; taking it as zeros would turn a
table that nobody knows into one without entries.

The headers are read here and not by pyelftools: a core may have 100,000 of them, and each mistake
wants its offset in the message.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rocqgen.errors import UserError
from rocqgen.mmu.images.format import Format
from rocqgen.mmu.images.notes import read_notes
from rocqgen.mmu.images.overlap import without_overlaps
from rocqgen.mmu.images.segments import Image

if TYPE_CHECKING:
    import mmap

    from numpy.typing import NDArray

ET_CORE = 4
PT_LOAD = 1
PT_NOTE = 4
PN_XNUM = 0xFFFF
"""So many program headers or more: their number is `sh_info` of section 0 (ELF gABI)."""

_EXPECTED = "the core of a machine, as QEMU's dump-guest-memory or kdump writes it"


@dataclass(frozen=True, slots=True)
class Class:
    """How one of ELF's two classes lays its headers out."""

    header: struct.Struct
    program: np.dtype[np.void]
    section: struct.Struct
    section_info: int


ELF64 = Class(
    struct.Struct("<16s HHI QQQ I HHHHHH"),
    np.dtype(
        [
            ("type", "<u4"),
            ("flags", "<u4"),
            ("offset", "<u8"),
            ("vaddr", "<u8"),
            ("paddr", "<u8"),
            ("filesz", "<u8"),
            ("memsz", "<u8"),
            ("align", "<u8"),
        ]
    ),
    struct.Struct("<II QQQQ II QQ"),
    7,
)
ELF32 = Class(
    struct.Struct("<16s HHI III I HHHHHH"),
    np.dtype(
        [
            ("type", "<u4"),
            ("offset", "<u4"),
            ("vaddr", "<u4"),
            ("paddr", "<u4"),
            ("filesz", "<u4"),
            ("memsz", "<u4"),
            ("flags", "<u4"),
            ("align", "<u4"),
        ]
    ),
    struct.Struct("<IIIIIIIIII"),
    7,
)


def open_elf(mapping: mmap.mmap, path: str) -> Image:
    """The physical memory of the core.

    UserError where it is no core of a machine, is truncated, or contradicts itself.
    """
    machine, headers = _program_headers(mapping, path)
    kinds = headers["type"]
    for kind in (PT_NOTE, PT_LOAD):
        _check_inside(
            headers, np.flatnonzero((kinds == kind) & (headers["filesz"] > 0)), len(mapping), path
        )
    notes = headers[kinds == PT_NOTE]
    about = read_notes(
        mapping,
        zip(notes["offset"].tolist(), notes["filesz"].tolist(), strict=True),
        path,
        machine,
    )
    loads = headers[(kinds == PT_LOAD) & (headers["filesz"] > 0)]
    if not len(loads):
        raise _bad(path, "the core has no PT_LOAD with contents, so no memory")
    starts, sizes, offsets = (
        loads[name].astype(np.uint64) for name in ("paddr", "filesz", "offset")
    )
    # Modulo 2^64 on purpose: a piece that ends behind the address space wraps around.
    wraps = np.flatnonzero(starts + (sizes - np.uint64(1)) < starts)
    if len(wraps):
        raise _bad(
            path,
            f"a PT_LOAD of {sizes[wraps[0]]:#x} bytes at the physical address "
            f"{starts[wraps[0]]:#x} ends behind the last address",
        )
    if len(loads) > 1 and not starts.any() and loads["vaddr"].any():
        raise _bad(path, "no PT_LOAD has a physical address: this is the core of a process")
    buffer = np.frombuffer(mapping, dtype=np.uint8)
    starts, sizes, offsets = without_overlaps(buffer, starts, sizes, offsets, path)
    return Image(
        buffer,
        starts,
        sizes,
        offsets,
        path=path,
        format=Format.ELF,
        mapping=mapping,
        machine=about,
    )


def _program_headers(mapping: mmap.mmap, path: str) -> tuple[int, NDArray[np.void]]:
    """``e_machine`` and the table of program headers."""
    ident = mapping[:16]
    if len(ident) < 16 or ident[:4] != b"\x7fELF":
        raise _bad(path, "the file does not begin as an ELF file does")
    if ident[4] not in {1, 2} or ident[5] != 1:
        raise _bad(path, "the ELF file is not of 32 or 64 bits, little-endian")
    layout = ELF64 if ident[4] == 2 else ELF32
    if len(mapping) < layout.header.size:
        raise _bad(path, f"the ELF header is truncated: the file ends at offset {len(mapping)}")
    header = layout.header.unpack(mapping[: layout.header.size])
    kind, machine, at, sections, size, count = (header[i] for i in (1, 2, 5, 6, 9, 10))
    if kind != ET_CORE:
        raise _bad(path, f"the ELF file is no core: its type is {kind}, that of a core {ET_CORE}")
    if count == PN_XNUM:
        end = sections + layout.section.size
        if not sections or end > len(mapping):
            raise _bad(path, "the number of program headers should be in section 0: there is none")
        count = layout.section.unpack(mapping[sections:end])[layout.section_info]
    if count and size != layout.program.itemsize:
        raise _bad(
            path, f"its program headers have {size} bytes each, not {layout.program.itemsize}"
        )
    if at + count * size > len(mapping):
        raise _bad(
            path,
            f"the core is truncated: its {count} program headers end at offset "
            f"{at + count * size:#x}, the file at {len(mapping):#x}",
        )
    table = np.frombuffer(mapping[at : at + count * size], dtype=layout.program)
    return machine, table


def _check_inside(headers: NDArray[np.void], of: NDArray[np.intp], end: int, path: str) -> None:
    """UserError unless the bytes of each of the headers ``of`` are in the file."""
    offsets, sizes = (headers[name][of].astype(np.uint64) for name in ("offset", "filesz"))
    # Without sums: offset and size may be anything below 2^64.
    outside = np.flatnonzero(
        (sizes > np.uint64(end)) | (offsets > np.uint64(end) - np.minimum(sizes, np.uint64(end)))
    )
    if len(outside):
        first = outside[0]
        name = "PT_LOAD" if headers["type"][of[first]] == PT_LOAD else "PT_NOTE"
        raise _bad(
            path,
            f"the core is truncated: program header {of[first]} ({name}, "
            f"physical address {int(headers['paddr'][of[first]]):#x}) has its bytes up to offset "
            f"{int(offsets[first]) + int(sizes[first]):#x}, the file ends at {end:#x}",
        )
    longer = np.flatnonzero(headers["filesz"][of] > headers["memsz"][of])
    if len(longer) and headers["type"][of[longer[0]]] == PT_LOAD:
        raise _bad(path, f"program header {of[longer[0]]} has more bytes than memory")


def _bad(path: str, what: str) -> UserError:
    return UserError(what, file=path, expected=_EXPECTED)
