# SPDX-License-Identifier: Apache-2.0
"""The rules of stage 1 of EL1&0 (Arm ARM DDI 0487, D8), one by one."""

from __future__ import annotations

import pytest

from rocqgen.mmu import Faulted, SparseMemory, Walked, walk
from rocqgen.models import Access, Privilege, Reason, load_model

READ, WRITE, FETCH = Access
MODEL = load_model("aarch64-4k")
PAGE = 3
AP1, AP2, AF, DBM, PXN, UXN = 1 << 6, 1 << 7, 1 << 10, 1 << 51, 1 << 53, 1 << 54
PXN_TABLE, UXN_TABLE, AP0_TABLE, AP1_TABLE = (1 << bit for bit in range(59, 63))


def outcome(
    leaf: int,
    *,
    table: int = 0,
    access: Access = READ,
    el0: bool = False,
    va: int = 0x1234,
    width: int = 48,
    **controls: bool,
) -> Walked | Faulted:
    """Through tables at 0x1000 to 0x4000 to the page 0x1000; `table` is set at level 1."""
    memory = SparseMemory()
    for address, entry in [(0x1000, 0x2003), (0x2000, 0x3003 | table), (0x3000, 0x4003)]:
        memory.write_word(address, entry)
    memory.write_word(0x4008, leaf)
    found = walk(
        MODEL, memory, 0x1000, va,
        access=access, privilege=Privilege(el0), controls=controls, max_physical=width,
    )  # fmt: skip
    assert isinstance(found, Walked | Faulted)
    return found


def accesses(bits: int, table: int = 0, **controls: bool) -> str:
    """What EL1 and EL0 may do, as `rwx rwx`."""
    text = ""
    for el0 in (False, True):
        for access, letter in zip(Access, "rwx", strict=True):
            found = outcome(
                0x7000 | PAGE | AF | bits, table=table, access=access, el0=el0, **controls
            )
            if isinstance(found, Faulted):
                assert found.code & 0x3F == 0x0F, "a permission fault of level 3"
            text += letter if isinstance(found, Walked) else "-"
    return f"{text[:3]} {text[3:]}"


@pytest.mark.parametrize(
    ("bits", "table", "rights"),
    [
        (0, 0, "rwx --x"),
        (AP1, 0, "rw- rwx"),
        (AP2, 0, "r-x --x"),
        (AP2 | AP1, 0, "r-x r-x"),
        (PXN, 0, "rw- --x"),
        (UXN, 0, "rwx ---"),
        (AP1 | UXN, 0, "rw- rw-"),
        (AP1, AP0_TABLE, "rwx --x"),
        (AP1, AP1_TABLE, "r-x r-x"),
        (0, PXN_TABLE, "rw- --x"),
        (0, UXN_TABLE, "rwx ---"),
    ],
)
def test_permissions(bits: int, table: int, rights: str) -> None:
    assert accesses(bits, table, pan=False) == rights


def test_pan_and_wxn() -> None:
    assert accesses(AP1 | AP2, pan=True) == "--x r-x"
    assert accesses(0, pan=True) == "rwx --x"
    assert accesses(0, pan=False, wxn=True) == "rw- --x"
    assert accesses(AP1, pan=False, wxn=True) == "rw- rw-"
    assert accesses(AP1 | AP2, pan=False, wxn=True) == "r-x r-x"


@pytest.mark.parametrize(
    ("access", "el0", "syndrome"),
    [
        (READ, False, 0x9600_0007),
        (WRITE, False, 0x9600_0047),
        (FETCH, False, 0x8600_0007),
        (READ, True, 0x9200_0007),
        (WRITE, True, 0x9200_0047),
        (FETCH, True, 0x8200_0007),
    ],
)
def test_the_syndrome_of_a_translation_fault(access: Access, el0: bool, syndrome: int) -> None:
    for invalid in (0, 2, 1):
        found = outcome(0x7000 | invalid | AF, access=access, el0=el0)
        assert isinstance(found, Faulted)
        assert (found.code, found.reason) == (syndrome, Reason.ABSENT)
        assert found.report.address == "FAR_EL1"


def test_the_level_is_in_the_status() -> None:
    memory = SparseMemory()
    memory.write_word(0x1000, 0x2001)
    memory.write_word(0x2000, 0)
    block = walk(MODEL, memory, 0x1000, 0)
    assert isinstance(block, Faulted)
    assert block.code & 0x3F == 0b000100, "a block cannot be at level 0"
    memory.write_word(0x1000, 0x2003)
    absent = walk(MODEL, memory, 0x1000, 0)
    assert isinstance(absent, Faulted)
    assert absent.code & 0x3F == 0b000101
    upper = walk(MODEL, memory, 0x1000, 1 << 63)
    assert isinstance(upper, Faulted)
    assert upper.code & 0x3F == 0b000100


def test_the_access_flag_comes_before_permissions() -> None:
    leaf = 0x7000 | PAGE | AP2
    found = outcome(leaf, access=WRITE)
    assert isinstance(found, Faulted)
    assert (found.code & 0x3F, found.reason) == (0b001011, Reason.ACCESSED)
    late = outcome(leaf, access=WRITE, ha=True)
    assert isinstance(late, Faulted)
    assert late.code & 0x3F == 0b001111
    read = outcome(leaf, ha=True)
    assert isinstance(read, Walked)
    assert [one.value for one in read.updates] == [leaf | AF]


def test_a_write_makes_a_clean_page_dirty() -> None:
    leaf = 0x7000 | PAGE | AF | AP2 | DBM
    assert isinstance(outcome(leaf, access=WRITE), Faulted)
    assert isinstance(outcome(leaf, access=WRITE, hd=True), Faulted), "HD needs HA"
    write = outcome(leaf, access=WRITE, ha=True, hd=True)
    assert isinstance(write, Walked)
    assert [one.value for one in write.updates] == [leaf & ~AP2]
    read = outcome(leaf, ha=True, hd=True)
    assert isinstance(read, Walked)
    assert read.updates == ()


def test_blocks_ignore_the_bits_below_their_size() -> None:
    memory = SparseMemory()
    memory.write_word(0x1000, 0x2003)
    memory.write_word(0x2000, 0x3003)
    memory.write_word(0x3000, 0x4021_F000 | AF | 1)
    found = walk(MODEL, memory, 0x1000, 0x1234)
    assert isinstance(found, Walked)
    assert (found.pa, found.size) == (0x4020_1234, 1 << 21)


def test_addresses_above_the_output_size() -> None:
    found = outcome(1 << 40 | 0x7000 | PAGE | AF, width=40)
    assert isinstance(found, Faulted)
    assert found.code & 0x3F == 0b000011
    root = walk(MODEL, SparseMemory(), 1 << 41, 0, max_physical=40)
    assert isinstance(root, Faulted)
    assert (root.code & 0x3F, root.reason) == (0b000000, Reason.ADDRESS_SIZE)
