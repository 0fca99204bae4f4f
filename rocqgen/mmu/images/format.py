# SPDX-License-Identifier: Apache-2.0
"""The formats that are read, how a file shows which it is, and the formats that are refused."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rocqgen.errors import UserError


class Format(StrEnum):
    """A format of images; the value is its name on the command line."""

    RAW = "raw"
    """The byte at offset `n` of the file is the byte at the physical address `n`."""
    NPZ = "npz"
    """Pages with their frame numbers: see `rocqgen.mmu.images.pages`."""
    ELF = "elf"
    """A core whose PT_LOADs are pieces of physical memory, as QEMU and kdump write them."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A format that is recognised and not read: its first bytes, its name, and what to do."""

    magic: bytes
    name: str
    hint: str


_CORE = (
    "an ELF core: dump-guest-memory without -z, -l, -s in QEMU, cp /proc/vmcore, or makedumpfile -E"
)

REFUSED = (
    Refused(b"KDUMP   ", "a dump in kdump's compressed format (makedumpfile)", _CORE),
    Refused(b"DISKDUMP", "a dump in diskdump's compressed format", _CORE),
    Refused(b"makedumpfile\0\0\0\0", "a flattened dump in kdump's compressed format", _CORE),
    Refused(b"EMiL", "a LiME dump", "format=padded to LiME, which then writes raw memory"),
    Refused(b"PAGEDUMP", "a crash dump of Windows", "raw memory, or an ELF core"),
    Refused(b"PAGEDU64", "a crash dump of Windows", "raw memory, or an ELF core"),
    Refused(b"QEVM", "a saved state of QEMU's migration", "dump-guest-memory in QEMU's monitor"),
    Refused(b"LibvirtQemudSave", "a saved domain of libvirt", "virsh dump --memory-only"),
    Refused(b"QFI\xfb", "a qcow2 disk image", "dump-guest-memory in QEMU's monitor"),
    Refused(b"\x93NUMPY", "a single NumPy array", "np.savez(file, pfn=..., pages=...)"),
    Refused(b"\x1f\x8b\x08", "compressed by gzip", "gunzip FILE"),
    Refused(b"BZh", "compressed by bzip2", "bunzip2 FILE"),
    Refused(b"\xfd7zXZ\0", "compressed by xz", "unxz FILE"),
    Refused(b"\x28\xb5\x2f\xfd", "compressed by zstd", "unzstd FILE"),
    Refused(b"\x04\x22\x4d\x18", "compressed by lz4", "unlz4 FILE"),
)

MAGIC_SIZE = 16
"""So many first bytes of a file suffice for `detect`."""


def detect(head: bytes, path: str) -> Format:
    """The format of a file that begins with ``head``; UserError for one that is not read.

    What shows no format is raw memory.
    """
    if head.startswith(b"\x7fELF"):
        return Format.ELF
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return Format.NPZ
    for refused in REFUSED:
        if head.startswith(refused.magic):
            raise UserError(
                f"this is {refused.name}, which is not read"
                if refused.name.startswith("a ")
                else f"this file is {refused.name}",
                file=path,
                expected="raw memory, sparse pages (.npz) or an ELF core",
                hint=f"{refused.hint}; --format raw if it is raw memory all the same",
            )
    return Format.RAW
