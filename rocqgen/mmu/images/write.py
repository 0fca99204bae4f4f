# SPDX-License-Identifier: Apache-2.0
"""Writes images of memory in the formats that are read: for examples, tests and counterexamples.

All take the memory as pieces, ``(physical address, bytes)``, that do not overlap.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

from rocqgen.errors import UserError
from rocqgen.mmu.images.elf import ELF32, ELF64, ET_CORE, PN_XNUM, PT_LOAD, PT_NOTE
from rocqgen.mmu.images.notes import NT_PRSTATUS, QEMU_CPU
from rocqgen.mmu.images.pages import PAGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from rocqgen.mmu.images.about import Cpu

EM_X86_64 = 62
_LINUX = "CORE"


def write_raw(path: Path, pieces: Iterable[tuple[int, bytes]], *, size: int = 0) -> None:
    """Write raw memory of ``size`` bytes, or as many pages as the pieces need.

    What lies between them is a hole in the file: it takes no room and reads as zeros.
    """
    try:
        with path.open("wb") as file:
            for address, data in pieces:
                file.seek(address)
                file.write(data)
                size = max(size, address + len(data))
            file.truncate(-(-size // PAGE) * PAGE)
    except OSError as error:
        raise _unwritable(path, error) from error


def write_pages(
    path: Path,
    pieces: Iterable[tuple[int, bytes]],
    *,
    cr3: int | None = None,
    compress: bool = False,
) -> None:
    """Write the pages that the pieces touch as a `.npz` file; the rest of them is zeros."""
    pages: dict[int, bytearray] = {}
    for address, data in pieces:
        done = 0
        while done < len(data):
            frame, inside = divmod(address + done, PAGE)
            count = min(PAGE - inside, len(data) - done)
            page = pages.setdefault(frame, bytearray(PAGE))
            page[inside : inside + count] = data[done : done + count]
            done += count
    frames = sorted(pages)
    arrays: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.integer]]] = {
        "pfn": np.array(frames, dtype="<u8"),
        "pages": np.frombuffer(b"".join(pages[frame] for frame in frames), dtype=np.uint8).reshape(
            len(frames), PAGE
        ),
    }
    if cr3 is not None:
        arrays["cr3"] = np.array(cr3, dtype="<u8")
    try:
        with path.open("wb") as file:
            if compress:
                np.savez_compressed(file, allow_pickle=False, **arrays)
            else:
                np.savez(file, allow_pickle=False, **arrays)
    except OSError as error:
        raise _unwritable(path, error) from error


def write_elf(
    path: Path,
    pieces: Sequence[tuple[int, bytes]],
    *,
    cpus: Sequence[Cpu] = (),
    vmcoreinfo: str | None = None,
    elf_machine: int = EM_X86_64,
    bits: int = 64,
) -> None:
    """Write a core: with ``cpus`` as QEMU does, with ``vmcoreinfo`` as kdump does.

    The pieces may overlap: each becomes a PT_LOAD.  From 65,535 program headers on, their number
    stands in section 0.
    """
    layout = ELF64 if bits == 64 else ELF32
    notes = _notes(cpus, vmcoreinfo)
    count = len(pieces) + 1
    extended = count >= PN_XNUM
    table_at = layout.header.size
    section_at = table_at + count * layout.program.itemsize
    notes_at = section_at + (layout.section.size if extended else 0)
    table = np.zeros(count, dtype=layout.program)
    table["type"][0], table["offset"][0] = PT_NOTE, notes_at
    table["filesz"][0] = len(notes)
    at = notes_at + len(notes)
    for row, (address, data) in zip(table[1:], pieces, strict=True):
        row["type"], row["offset"], row["paddr"] = PT_LOAD, at, address
        row["filesz"] = row["memsz"] = len(data)
        at += len(data)
    header = layout.header.pack(
        b"\x7fELF" + bytes([2 if bits == 64 else 1, 1, 1]),
        *(ET_CORE, elf_machine, 1),
        *(0, table_at, section_at if extended else 0, 0),
        *(layout.header.size, layout.program.itemsize, PN_XNUM if extended else count),
        *(layout.section.size if extended else 0, int(extended), 0),
    )
    section = [0] * 10
    section[layout.section_info] = count
    try:
        with path.open("wb") as file:
            file.write(header + table.tobytes())
            if extended:
                file.write(layout.section.pack(*section))
            file.write(notes)
            file.writelines(data for _, data in pieces)
    except OSError as error:
        raise _unwritable(path, error) from error


def _notes(cpus: Sequence[Cpu], vmcoreinfo: str | None) -> bytes:
    found = b""
    for _ in cpus:
        found += _note(_LINUX, NT_PRSTATUS, bytes(336))
    for cpu in cpus:
        state = QEMU_CPU.pack(
            *(1, QEMU_CPU.size + 8),
            *([0] * 17),
            *(cpu.rflags, cpu.cr0, 0, 0, cpu.cr3, cpu.cr4),
        )
        found += _note("QEMU", 0, state + bytes(8))
    if vmcoreinfo is not None:
        found += _note("VMCOREINFO", 0, vmcoreinfo.encode("ascii"))
    return found


def _note(name: str, kind: int, data: bytes) -> bytes:
    word = name.encode("ascii") + b"\0"
    head = struct.pack("<III", len(word), len(data), kind)
    return head + word + bytes(-len(word) % 4) + data + bytes(-len(data) % 4)


def _unwritable(path: Path, error: OSError) -> UserError:
    return UserError(
        f"cannot write the image: {error.strerror or error}", file=path, hint="another file"
    )
