# SPDX-License-Identifier: Apache-2.0
"""Images of memory: what each format gives back, and what each mistake is called."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocqgen.mmu.images import Cpu, Format, Image, open_image
from rocqgen.mmu.images.write import write_elf, write_pages, write_raw

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GIB = 2**30
PIECES = [(0x1000, bytes(range(256)) * 16), (0x7000, b"\xaa" * 8192), (0x20_0000, b"\x55" * 4096)]
CPU = Cpu(cr0=0x8001_0033, cr3=0x1000, cr4=0x3006F0, rflags=0x40246)


def raw(path: Path, pieces: list[tuple[int, bytes]]) -> None:
    write_raw(path, pieces)


def sparse(path: Path, pieces: list[tuple[int, bytes]]) -> None:
    write_pages(path, pieces)


def compressed(path: Path, pieces: list[tuple[int, bytes]]) -> None:
    write_pages(path, pieces, compress=True)


def qemu(path: Path, pieces: list[tuple[int, bytes]]) -> None:
    write_elf(path, pieces, cpus=[CPU])


def kdump(path: Path, pieces: list[tuple[int, bytes]]) -> None:
    write_elf(path, pieces, vmcoreinfo="PAGESIZE=4096\n")


def elf32(path: Path, pieces: list[tuple[int, bytes]]) -> None:
    write_elf(path, pieces, bits=32, elf_machine=3)


WRITERS = [raw, sparse, compressed, qemu, kdump, elf32]


@pytest.mark.parametrize("write", WRITERS)
def test_what_is_written_is_read(
    write: Callable[[Path, list[tuple[int, bytes]]], None], tmp_path: Path
) -> None:
    path = tmp_path / "image"
    write(path, PIECES)
    with open_image(path) as image:
        for address, data in PIECES:
            assert image.read(address, len(data)) == data
            assert image.read(address + 5, 16) == data[5:21]
        assert image.read(2**40, 1) is None
        assert image.read(2**64 - 4, 8) is None
        assert image.read(-8, 8) is None
        across = image.read(0x9000 - 4, 8)
        assert across == (b"\xaa" * 4 + bytes(4) if image.format is Format.RAW else None)


@pytest.mark.parametrize("write", WRITERS[1:])
def test_what_an_image_lacks_is_not_zero(
    write: Callable[[Path, list[tuple[int, bytes]]], None], tmp_path: Path
) -> None:
    path = tmp_path / "image"
    write(path, PIECES)
    with open_image(path) as image:
        assert image.ranges() == ((0x1000, 0x2000), (0x7000, 0x9000), (0x20_0000, 0x20_1000))
        assert image.read(0, 8) is None
        assert image.read(0x1FFC, 8) is None
        assert image.read(0x3000, 1) is None


@pytest.mark.parametrize("width", [4, 8])
@pytest.mark.parametrize("write", WRITERS)
def test_many_words_are_the_words_one_by_one(
    write: Callable[[Path, list[tuple[int, bytes]]], None], width: int, tmp_path: Path
) -> None:
    path = tmp_path / "image"
    write(path, PIECES)
    random = np.random.default_rng(1)
    addresses = np.concatenate(
        [
            random.integers(0, 0x21_0000, 500, dtype=np.uint64),
            np.array(
                [0, 0xFF9, 0x1FF8, 0x1FF9, 0x1FFF, 0x7FFC, 0x8FFC, 2**64 - 1], dtype=np.uint64
            ),
        ]
    ).reshape(4, -1)
    with open_image(path) as image:
        values, known = image.gather(addresses, width)
        assert values.shape == known.shape == addresses.shape
        assert values.dtype == np.uint64
        one_by_one = [image.read(address, width) for address in addresses.ravel().tolist()]
    assert known.ravel().tolist() == [data is not None for data in one_by_one]
    assert values.ravel().tolist() == [int.from_bytes(data or b"", "little") for data in one_by_one]
    assert known.sum() > 0


@given(
    st.lists(st.tuples(st.integers(0, 40), st.binary(min_size=1, max_size=20)), max_size=8),
    st.lists(st.integers(0, 70), min_size=1, max_size=8),
)
def test_pieces_that_touch_are_one_memory(
    parts: list[tuple[int, bytes]], addresses: list[int]
) -> None:
    memory: dict[int, int] = {}
    starts, sizes, offsets, buffer = [], [], [], bytearray(b"#")
    for start, data in parts:
        if any(at in memory for at in range(start, start + len(data))):
            continue
        memory.update(zip(range(start, start + len(data)), data, strict=True))
        starts.append(start)
        sizes.append(len(data))
        offsets.append(len(buffer))
        buffer += data
    order = np.argsort(starts)
    columns = (np.array(column, dtype=np.uint64)[order] for column in (starts, sizes, offsets))
    image = Image(
        np.frombuffer(bytes(buffer), dtype=np.uint8), *columns, path="-", format=Format.ELF
    )
    values, known = image.gather(np.array(addresses, dtype=np.uint64), 4)
    for address, value, is_known in zip(addresses, values.tolist(), known.tolist(), strict=True):
        wanted = [memory.get(address + k) for k in range(4)]
        assert is_known == (None not in wanted)
        expected = None if None in wanted else bytes(one for one in wanted if one is not None)
        assert image.read(address, 4) == expected
        assert value == int.from_bytes(expected or b"", "little")
    in_ranges = {at for start, end in image.ranges() for at in range(start, end)}
    assert in_ranges == set(memory)


def test_64_gib_are_mapped_and_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "raw"
    write_raw(path, [(63 * GIB, b"far away")], size=64 * GIB)
    assert path.stat().st_blocks * 512 < 2**20, "the file system keeps holes, or this takes long"
    with open_image(path) as image:
        assert image.ranges() == ((0, 64 * GIB),)
        assert image.read(63 * GIB, 8) == b"far away"
        values, known = image.gather(np.array([63 * GIB, 64 * GIB - 8, 64 * GIB], np.uint64), 8)
        assert values.tolist() == [int.from_bytes(b"far away", "little"), 0, 0]
        assert known.tolist() == [True, True, False]


@pytest.mark.parametrize("write", WRITERS)
def test_a_frame_is_a_view_of_its_bytes(
    write: Callable[[Path, list[tuple[int, bytes]]], None], tmp_path: Path
) -> None:
    path = tmp_path / "image"
    write(path, [*PIECES, (0xA000, b"\1" * 0x800), (0xA800, b"\2" * 0x800), (0xC000, b"\3")])
    with open_image(path) as image:
        for address in (0x1000, 0x1FFF, 0x7123, 0x8000, 0x20_0000, 0xA900):
            frame = image.frame(address)
            assert frame is not None
            assert frame.readonly
            assert bytes(frame) == image.read(address & -4096, 4096)
        if write in {qemu, kdump, elf32}:
            assert image.frame(0xC000) is None, "the rest of that frame is not there"
            assert image.frame(0) is None
        assert image.frame(2**64) is None
        assert image.frame(2**64 - 1) is None
        assert image.frame(-1) is None


def test_nothing_is_read_after_the_end(tmp_path: Path) -> None:
    raw(tmp_path / "raw", PIECES)
    with open_image(tmp_path / "raw") as image:
        assert image.read(0x1000, 1) == b"\0"
    assert image.read(0x1000, 1) is None
    assert image.ranges() == ()
    assert not image.gather(np.zeros(1, np.uint64), 8)[1].any()


def test_a_core_of_qemu_tells_the_registers(tmp_path: Path) -> None:
    other = Cpu(cr0=1, cr3=0x7000, cr4=1 << 12, rflags=2)
    write_elf(tmp_path / "core", PIECES, cpus=[CPU, other])
    with open_image(tmp_path / "core") as image:
        assert image.machine.cpus == (CPU, other)
        assert image.machine.elf_machine == 62
        assert image.machine.five_levels is False
        assert image.machine.kernel_root is None
    write_elf(tmp_path / "core", PIECES, cpus=[other])
    with open_image(tmp_path / "core") as image:
        assert image.machine.five_levels is True


def test_the_layout_of_qemus_note_is_qemus(tmp_path: Path) -> None:
    """Built here field by field, as target/i386/arch_dump.c declares it, not by our writer."""
    state = struct.pack("<II", 1, 440)
    state += struct.pack("<16Q", *range(16)) + struct.pack("<QQ", 0xFFFF_FFFF_8100_0000, 0x246)
    for _ in range(10):
        state += struct.pack("<IIIIQ", 0x10, 0xFFFF_FFFF, 0xA09B00, 0, 0)
    state += struct.pack("<5Q", 0x8005_0033, 0, 0xDEAD_B000, 0x1234_5000, 0x3706F0)
    state += struct.pack("<Q", 0)
    assert len(state) == 440
    note = struct.pack("<III", 5, len(state), 0) + b"QEMU\0\0\0\0" + state
    page = b"\x77" * 4096
    header = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    header += struct.pack("<HHIQQQIHHHHHH", 4, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    header += struct.pack("<IIQQQQQQ", 4, 0, 176, 0, 0, len(note), len(note), 0)
    header += struct.pack("<IIQQQQQQ", 1, 0, 176 + len(note), 0, 0x5000, 4096, 4096, 0)
    (tmp_path / "core").write_bytes(header + note + page)
    with open_image(tmp_path / "core") as image:
        assert image.read(0x5000, 4096) == page
        (cpu,) = image.machine.cpus
        assert cpu == Cpu(cr0=0x8005_0033, cr3=0x1234_5000, cr4=0x3706F0, rflags=0x246)


def test_a_core_of_kdump_tells_the_kernels_root(tmp_path: Path) -> None:
    info = "OSRELEASE=6.1\nSYMBOL(swapper_pg_dir)=ffffffff82a10000\nNUMBER(phys_base)=-16777216\n"
    write_elf(tmp_path / "core", PIECES, vmcoreinfo=info + "NUMBER(pgtable_l5_enabled)=1\nx\n")
    with open_image(tmp_path / "core") as image:
        assert image.machine.kernel_root == 0x2A10000 - 0x1000000
        assert image.machine.five_levels is True
        assert image.machine.vmcoreinfo["OSRELEASE"] == "6.1"


@pytest.mark.parametrize("value", ["", "zz", "9" * 5000, "10"])
def test_a_strange_vmcoreinfo_tells_nothing(value: str, tmp_path: Path) -> None:
    info = f"SYMBOL(swapper_pg_dir)={value}\nNUMBER(phys_base)=0\nNUMBER(pgtable_l5_enabled)=é\n"
    write_elf(tmp_path / "core", PIECES, vmcoreinfo=info.encode().decode("ascii", "ignore"))
    with open_image(tmp_path / "core") as image:
        assert image.machine.kernel_root is None
        assert image.machine.five_levels is None


@pytest.mark.parametrize("dtype", ["<u8", "<u4", "<i8"])
def test_sparse_pages_of_numpy_itself(dtype: str, tmp_path: Path) -> None:
    pages = np.arange(3 * 4096, dtype=np.uint64).astype(np.uint8).reshape(3, 4096)
    np.savez(tmp_path / "a.npz", pfn=np.array([9, 2, 5], dtype=dtype), pages=pages, cr3=0x2000)
    with open_image(tmp_path / "a.npz") as image:
        assert image.read(0x2000, 4096) == pages[1].tobytes()
        assert image.read(0x9000, 4096) == pages[0].tobytes()
        assert image.machine.root == 0x2000


def test_an_image_of_no_pages_has_nothing(tmp_path: Path) -> None:
    write_pages(tmp_path / "a.npz", [])
    with open_image(tmp_path / "a.npz") as image:
        assert image.ranges() == ()
        assert image.gather(np.zeros(3, np.uint64), 8)[1].tolist() == [False] * 3


def test_100_000_program_headers_are_counted_in_section_0(tmp_path: Path) -> None:
    pieces = [(2 * k * 16, k.to_bytes(16, "little")) for k in range(100_000)]
    write_elf(tmp_path / "core", pieces)
    with open_image(tmp_path / "core") as image:
        assert image.read(2 * 99_999 * 16, 16) == (99_999).to_bytes(16, "little")
        assert len(image.ranges()) == 100_000


def test_overlapping_loads_that_agree_are_one_memory(tmp_path: Path) -> None:
    data = bytes(range(256)) * 64
    pieces = [(0x4000, data[0x1000:0x2000]), (0x3000, data), (0x3800, data[0x800:]), (0x3001, b"")]
    write_elf(tmp_path / "core", pieces)
    with open_image(tmp_path / "core") as image:
        assert image.ranges() == ((0x3000, 0x7000),)
        assert image.read(0x3000, 0x4000) == data
