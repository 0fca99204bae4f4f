# SPDX-License-Identifier: Apache-2.0
"""Images of memory that are refused: what each mistake is called."""

from __future__ import annotations

import os
import stat
import struct
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rocqgen.errors import UserError
from rocqgen.mmu.images import Cpu, Format, npy, open_image, overlap
from rocqgen.mmu.images.format import REFUSED
from rocqgen.mmu.images.write import write_elf, write_pages, write_raw

if TYPE_CHECKING:
    from pathlib import Path

PIECES = [(0x1000, bytes(range(256)) * 16), (0x7000, b"\xaa" * 8192), (0x20_0000, b"\x55" * 4096)]
CPU = Cpu(cr0=0x8001_0033, cr3=0x1000, cr4=0x3006F0, rflags=0x40246)


def raw(path: Path, pieces: list[tuple[int, bytes]]) -> None:
    write_raw(path, pieces)


def qemu(path: Path, pieces: list[tuple[int, bytes]]) -> None:
    write_elf(path, pieces, cpus=[CPU])


def said(path: Path, **options: Format) -> str:
    """What opening the image is refused with."""
    with pytest.raises(UserError) as caught:
        open_image(path, **options)
    assert caught.value.exit_code == 4
    assert caught.value.file == str(path)
    return caught.value.message


def test_overlapping_loads_that_contradict_are_refused(tmp_path: Path) -> None:
    write_elf(tmp_path / "core", [(0x3000, bytes(0x4000)), (0x5000, bytes(0x900) + b"\1" * 0x700)])
    message = said(tmp_path / "core")
    assert message.startswith("two PT_LOADs contradict each other at the physical address 0x5900: ")
    assert "0x01 at offset" in message


def test_overlapping_more_than_can_be_compared_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlap, "_MOST", 0x10_0000)
    write_elf(tmp_path / "core", [(0, bytes(0x8000))] * 40)
    assert "PT_LOADs overlap in more than" in said(tmp_path / "core")


def test_a_truncated_core_says_where_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "core"
    qemu(path, PIECES)
    data = path.read_bytes()
    path.write_bytes(data[:-1])
    assert said(path) == (
        f"the core is truncated: program header 3 (PT_LOAD, physical address 0x200000) has its "
        f"bytes up to offset {len(data):#x}, the file ends at {len(data) - 1:#x}"
    )
    path.write_bytes(data[:200])
    assert "its 4 program headers end at offset 0x120, the file at 0xc8" in said(path)
    path.write_bytes(data[:40])
    assert said(path) == "the ELF header is truncated: the file ends at offset 40"


def patched(path: Path, *changes: tuple[int, bytes]) -> Path:
    """A core of QEMU with other bytes at some offsets; program header k is at 64 + 56 k."""
    qemu(path, PIECES)
    data = bytearray(path.read_bytes())
    for offset, new in changes:
        data[offset : offset + len(new)] = new
    path.write_bytes(data)
    return path


def u64(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}Q", *values)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([(16, b"\2")], "the ELF file is no core: its type is 2, that of a core 4"),
        ([(5, b"\2")], "the ELF file is not of 32 or 64 bits, little-endian"),
        ([(4, b"\3")], "the ELF file is not of 32 or 64 bits, little-endian"),
        ([(54, b"\x20")], "its program headers have 32 bytes each, not 56"),
        ([(56, b"\0")], "the core has no PT_LOAD with contents, so no memory"),
        (
            [(56, b"\xff\xff")],
            "the number of program headers should be in section 0: there is none",
        ),
        ([(120 + 24, u64(2**64 - 4095))], "ends behind the last address"),
        ([(120 + 8, u64(2**64 - 1))], "has its bytes up to offset 0x10000000000000fff"),
        ([(120 + 32, u64(2**64 - 1))], "the core is truncated: program header 1"),
        ([(120 + 40, u64(16))], "program header 1 has more bytes than memory"),
        ([(64 + 32, u64(20))], "runs past the end of its segment"),
        ([(288 + 8, b"\3")], "this is the core of a process: it has no physical memory"),
    ],
)
def test_what_is_wrong_with_a_core(
    changes: list[tuple[int, bytes]], message: str, tmp_path: Path
) -> None:
    assert message in said(patched(tmp_path / "core", *changes))


def test_a_core_of_a_process_without_notes_is_told_by_its_addresses(tmp_path: Path) -> None:
    path = tmp_path / "core"
    write_elf(path, [(0, bytes(4096)), (0, bytes(4096))])
    data = bytearray(path.read_bytes())
    for header in (120, 176):
        data[header + 16 : header + 24] = u64(0x40_0000)
    path.write_bytes(data)
    assert said(path) == "no PT_LOAD has a physical address: this is the core of a process"


@pytest.mark.parametrize("refused", REFUSED, ids=lambda one: one.name)
def test_other_formats_are_refused_by_name(refused: object, tmp_path: Path) -> None:
    magic, name = refused.magic, refused.name  # type: ignore[attr-defined]
    path = tmp_path / "image"
    path.write_bytes(magic.ljust(8192, b"\0"))
    assert name in said(path)
    with open_image(path, format=Format.RAW) as image:
        assert image.read(0, len(magic)) == magic


def test_kdumps_compressed_format_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "dump"
    path.write_bytes(b"KDUMP   ".ljust(4096, b"\0"))
    with pytest.raises(UserError) as caught:
        open_image(path)
    assert caught.value.render() == (
        f"{path}: error: this is a dump in kdump's compressed format (makedumpfile), "
        "which is not read\n"
        "  expected: raw memory, sparse pages (.npz) or an ELF core\n"
        "  write: an ELF core: dump-guest-memory without -z, -l, -s in QEMU, cp /proc/vmcore, or "
        "makedumpfile -E; --format raw if it is raw memory all the same"
    )


def test_raw_memory_is_whole_pages(tmp_path: Path) -> None:
    path = tmp_path / "raw"
    path.write_bytes(bytes(4097))
    assert said(path) == "4097 bytes are no whole number of pages: truncated, or not raw memory"
    with open_image(path, format=Format.RAW) as image:
        assert image.ranges() == ((0, 4097),)


def test_the_format_that_is_named_is_the_one_that_is_read(tmp_path: Path) -> None:
    path = tmp_path / "image"
    raw(path, PIECES)
    assert said(path, format=Format.ELF) == "the file does not begin as an ELF file does"
    assert said(path, format=Format.NPZ) == (
        "the archive is truncated or damaged: File is not a zip file"
    )
    qemu(path, PIECES)
    with open_image(path, format=Format.RAW) as image:
        assert image.read(0, 4) == b"\x7fELF"


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    assert said(tmp_path / "empty") == "the file is empty"
    assert said(tmp_path) == "this is a folder"
    assert said(tmp_path / "pipe") == "this is a device or a pipe, not a file"
    assert said(tmp_path / "none") == "cannot read the image: No such file or directory"
    assert said(tmp_path / ("x" * 300)) == "cannot read the image: File name too long"
    with pytest.raises(UserError, match="no zero byte"):
        open_image("a\0b")


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret"
    path.write_bytes(bytes(4096))
    path.chmod(0)
    assert stat.S_IMODE(path.stat().st_mode) == 0
    if os.geteuid() == 0:  # who may read everything

        def deny(*_: object, **__: object) -> int:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(os, "open", deny)
    assert said(path) == "cannot read the image: Permission denied"


def npz(path: Path, **arrays: object) -> Path:
    np.savez(path, allow_pickle=True, **arrays)  # type: ignore[arg-type]
    return path


ONE = np.zeros((1, 4096), dtype=np.uint8)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pages": ONE}, "the archive has no array 'pfn'"),
        ({"pfn": np.array([1])}, "the archive has no array 'pages'"),
        ({"pfn": np.array([1]), "pages": ONE, "x": ONE}, "the archive has a member 'x.npy'"),
        ({"pfn": np.array([1, 2]), "pages": ONE}, "'pages' is uint8 of shape (1, 4096)"),
        ({"pfn": np.array([[1]]), "pages": ONE}, "the array 'pfn' has the shape (1, 1)"),
        ({"pfn": np.array([1]), "pages": ONE.astype(np.uint16)}, "'pages' is uint16 of shape"),
        ({"pfn": np.array([-1]), "pages": ONE}, "the array 'pfn' has the negative number -1"),
        ({"pfn": np.array([2**52]), "pages": ONE}, "0x10000000000000 has more than 52 bits"),
        ({"pfn": np.array([7, 7]), "pages": ONE.repeat(2, 0)}, "0x7 is there twice"),
        ({"pfn": np.array([1.5]), "pages": ONE}, "'pfn' has no header of an array of integers"),
        ({"pfn": np.array([{}]), "pages": ONE}, "'pfn' has no header of an array of integers"),
        ({"pfn": np.array([1]), "pages": ONE, "cr3": ONE}, "'cr3' has the shape (1, 4096)"),
        (
            {"pfn": np.array([1, 2]), "pages": np.asfortranarray(ONE.repeat(2, 0))},
            "its array 'pages' is in Fortran's order",
        ),
    ],
)
def test_what_is_wrong_with_sparse_pages(
    arrays: dict[str, object], message: str, tmp_path: Path
) -> None:
    assert message in said(npz(tmp_path / "a.npz", **arrays))


def test_an_archive_that_is_a_bomb_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bomb.npz"
    write_pages(path, [(0, bytes(2**25))], compress=True)
    assert path.stat().st_size < 2**18
    with open_image(path) as image:
        assert image.ranges() == ((0, 2**25),)
    monkeypatch.setattr(npy, "LIMIT", 2**24)
    assert said(path) == "inflated, its arrays are larger than 16 MiB"


def test_a_truncated_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    for compress in (False, True):
        write_pages(path, PIECES, compress=compress)
        data = path.read_bytes()
        for end in range(1, len(data), 97):
            path.write_bytes(data[:end])
            if data[:end].startswith(b"PK\3\4"):
                assert "truncated or damaged" in said(path)


def test_an_archive_that_declares_what_it_does_not_have(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_pages(path, PIECES)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["pages.npy"] = members["pages.npy"].replace(b"(4, 4096)", b"(9, 4096)")
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with zipfile.ZipFile(path, "w", method) as archive:
            for name, data in members.items():
                archive.writestr(name, data)
        assert said(path) == "its array 'pages' declares 36864 bytes and has 16384"
