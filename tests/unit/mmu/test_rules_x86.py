# SPDX-License-Identifier: Apache-2.0
"""The rules of SDM vol. 3A, chapter 4, one by one, on a page that is mapped at 0x1000."""

from __future__ import annotations

import pytest

from rocqgen.mmu import Faulted, SparseMemory, Unbacked, Walked, walk
from rocqgen.mmu.walk import apply_updates
from rocqgen.models import Access, Privilege, Reason, load_model

P, RW, US, A, D, PS, XD = 1, 2, 4, 1 << 5, 1 << 6, 1 << 7, 1 << 63
READ, WRITE, FETCH = Access
SUPERVISOR, USER = Privilege
MODEL = load_model("x86-64-4level")


def memory_with(*entries: int) -> SparseMemory:
    """PML4E, PDPTE, PDE and PTE of the page 0x1000; tables at 0x1000, 0x2000, ..."""
    memory = SparseMemory()
    for number, entry in enumerate(entries, start=1):
        memory.write_word(number * 0x1000 + (8 if number == 4 else 0), entry)
    return memory


def outcome(
    *bits: int,
    access: Access = READ,
    privilege: Privilege = SUPERVISOR,
    pkru: int = 0,
    max_physical: int = 46,
    **controls: bool,
) -> int | None:
    """The error code with PML4E, PDPTE, PDE, PTE of these bits besides P; None without a fault."""
    targets = [0x2000, 0x3000, 0x4000, 0x7000]
    entries = [P | target | more for target, more in zip(targets, bits, strict=True)]
    found = walk(
        MODEL,
        memory_with(*entries),
        0x1000,
        0x1234,
        access=access,
        privilege=privilege,
        controls=controls,
        max_physical=max_physical,
        pkru=pkru,
    )
    if isinstance(found, Walked):
        assert found.pa == 0x7234
        return None
    assert isinstance(found, Faulted)
    assert found.name == "#PF"
    return found.code


FULL = (RW | US,) * 4


def without(bit: int, level: int) -> list[int]:
    return [bits & ~bit if number == level else bits for number, bits in enumerate(FULL)]


@pytest.mark.parametrize("level", range(4))
def test_writing_and_user_access_need_every_level(level: int) -> None:
    readonly, owned = without(RW, level), without(US, level)
    assert outcome(*readonly, privilege=USER) is None
    assert outcome(*readonly, privilege=USER, access=WRITE) == 0b00111
    assert outcome(*owned, privilege=USER) == 0b00101
    assert outcome(*owned, privilege=USER, access=WRITE) == 0b00111
    # A page is the supervisor's if one level says so: SMAP and SMEP leave it alone.
    assert outcome(*owned) is None
    assert outcome(*owned, access=FETCH) is None


@pytest.mark.parametrize("level", range(4))
def test_wp_protects_from_the_supervisor(level: int) -> None:
    readonly = without(RW | US, level)
    assert outcome(*readonly, access=WRITE) == 0b00011
    assert outcome(*readonly, access=WRITE, wp=False) is None
    assert outcome(*without(RW, level), access=WRITE, privilege=USER, wp=False) == 0b00111


@pytest.mark.parametrize("level", range(4))
def test_one_xd_forbids_execution(level: int) -> None:
    bits = [RW | (XD if number == level else 0) for number in range(4)]
    assert outcome(*bits, access=FETCH) == 0b10001
    assert outcome(*bits) is None
    assert outcome(*bits, nxe=False) == 0b01001, "XD is reserved without EFER.NXE"


def test_instruction_fetches_are_told_only_with_nxe_or_smep() -> None:
    owned = (RW,) * 4
    for nxe, smep, code in [(0, 0, 5), (1, 0, 21), (0, 1, 21), (1, 1, 21)]:
        found = outcome(*owned, access=FETCH, privilege=USER, nxe=bool(nxe), smep=bool(smep))
        assert found == code


def test_smep_and_smap_keep_the_supervisor_out() -> None:
    assert outcome(*FULL, access=FETCH) == 0b10001
    assert outcome(*FULL, access=FETCH, smep=False) is None
    for access, code in ((READ, 1), (WRITE, 3)):
        assert outcome(*FULL, access=access) == code
        assert outcome(*FULL, access=access, ac=True) is None
        assert outcome(*FULL, access=access, smap=False) is None
    assert outcome(*FULL, access=FETCH, smep=False, smap=True) is None, "SMAP is about data"


@pytest.mark.parametrize(("privilege", "user"), [(SUPERVISOR, 0), (USER, 4)])
def test_protection_keys(privilege: Privilege, user: int) -> None:
    bits = (*FULL[:3], RW | US | 5 << 59)
    for pkru, wp, codes in [
        (1 << 10, True, {READ: 33, WRITE: 35}),
        (1 << 11, True, {READ: None, WRITE: 35}),
        (1 << 11, False, {READ: None, WRITE: None if privilege is SUPERVISOR else 35}),
        (0x3 << 8 | 0x3 << 12, True, {READ: None, WRITE: None}),
    ]:
        for access, code in codes.items():
            found = outcome(
                *bits, access=access, privilege=privilege, pkru=pkru, wp=wp, pke=True, smap=False
            )
            assert found == (None if code is None else code | user)
        fetch = outcome(
            *bits, access=FETCH, privilege=privilege, pkru=pkru, wp=wp, pke=True, smep=False
        )
        assert fetch is None, "keys are about data"
    assert outcome(*bits, privilege=privilege, pkru=1 << 10, smap=False) is None, "without PKE"
    supervisor_page = (RW,) * 3 + (RW | 5 << 59,)
    assert outcome(*supervisor_page, pkru=1 << 10, pke=True) is None


def test_a_key_is_told_even_where_the_rights_would_not_do() -> None:
    bits = (*FULL[:3], US | 5 << 59)
    found = outcome(*bits, access=WRITE, privilege=USER, pkru=1 << 10, pke=True)
    assert found == 0b100111


@pytest.mark.parametrize("level", range(4))
def test_addresses_above_maxphyaddr_are_reserved(level: int) -> None:
    bits = [RW | (1 << 46 if number == level else 0) for number in range(4)]
    assert outcome(*bits) == 0b01001
    bits = [RW | (1 << 45 if number == level else 0) for number in range(3)] + [RW]
    found = walk(
        MODEL,
        memory_with(
            *(P | at | b for at, b in zip((0x2000, 0x3000, 0x4000, 0x7000), bits, strict=True))
        ),
        0x1000,
        0x1234,
        max_physical=46,
    )
    assert isinstance(found, Walked if level == 3 else Unbacked)


def test_reserved_bits_come_before_rights_but_after_presence() -> None:
    assert outcome(RW | PS, RW, RW, RW) == 0b01001, "PS is reserved in a PML4E"
    assert outcome(RW, RW, RW, RW | PS) is None, "and is PAT in a PTE"
    assert outcome(0, RW, RW, 1 << 50, access=WRITE, privilege=USER) == 0b01111
    absent = memory_with(0x2003, 0x3003, 0x4003, (1 << 51) | 0x7000)
    found = walk(MODEL, absent, 0x1000, 0x1000, max_physical=40)
    assert isinstance(found, Faulted)
    assert (found.code, found.reason) == (0, Reason.ABSENT)


@pytest.mark.parametrize(("level", "shift"), [(1, 30), (2, 21)])
def test_large_pages(level: int, shift: int) -> None:
    entries = [0x2003, 0x3003, 0x4003][:level]
    large = 5 << shift | PS | P | RW | 1 << 12
    va = 3 << 12 | 0x456
    found = walk(MODEL, memory_with(*entries, large), 0x1000, va)
    assert isinstance(found, Walked)
    assert (found.pa, found.size, found.level) == (5 << shift | va, 1 << shift, level)
    for bit in range(13, shift):
        bad = walk(MODEL, memory_with(*entries, large | 1 << bit), 0x1000, va)
        assert isinstance(bad, Faulted)
        assert (bad.code, bad.level, bad.detail) == (9, level, f"[{shift - 1}:13]")


def test_accessed_and_dirty_bits_as_the_processor_sets_them() -> None:
    memory = memory_with(0x2003 | A, 0x3003, 0x4003, 0x7003)
    read = walk(MODEL, memory, 0x1000, 0x1000)
    assert isinstance(read, Walked)
    assert [(one.address, one.value) for one in read.updates] == [
        (0x2000, 0x3023),
        (0x3000, 0x4023),
        (0x4008, 0x7023),
    ]
    apply_updates(memory, read.updates)
    again = walk(MODEL, memory, 0x1000, 0x1000)
    assert isinstance(again, Walked)
    assert again.updates == ()
    write = walk(MODEL, memory, 0x1000, 0x1000, access=WRITE)
    assert isinstance(write, Walked)
    assert [(one.address, one.value) for one in write.updates] == [(0x4008, 0x7003 | A | D)]


def test_canonical_addresses_and_the_root() -> None:
    memory = memory_with(0x2003, 0x3003, 0x4003, 0x7003)
    for va in (1 << 47, 0xFFFF_7FFF_FFFF_FFFF, 0x8000_0000_0000_0000):
        found = walk(MODEL, memory, 0x1000, va)
        assert isinstance(found, Faulted)
        assert (found.name, found.code, found.report.address) == ("#GP", 0, None)
    upper = walk(MODEL, memory, 0x1000, 0xFFFF_8000_0000_0000)
    assert isinstance(upper, Faulted)
    assert upper.reason is Reason.ABSENT
    five = walk(load_model("x86-64-5level"), memory, 0x1000, 1 << 47)
    assert isinstance(five, Faulted)
    assert five.reason is Reason.ABSENT
    assert isinstance(walk(MODEL, memory, 0x1018, 0x1000), Walked), "PWT and PCD in CR3"
    bad = walk(MODEL, memory, 0x1000 | 1 << 52, 0x1000)
    assert isinstance(bad, Faulted)
    assert (bad.name, bad.detail) == ("#GP", "[63:52]")


def pae(*entries: int, va: int = 0x4000_1234, **more: bool) -> Walked | Faulted | Unbacked:
    """PDPTE 1, PDE and PTE of the page 0x4000_1000; the PDPT is at 0x1020."""
    memory = SparseMemory()
    for address, entry in zip((0x1028, 0x2000, 0x3008), entries, strict=False):
        memory.write_word(address, entry)
    return walk(load_model("x86-32-pae"), memory, 0x1020, va, controls=more, max_physical=40)


def test_pae() -> None:
    found = pae(0x2001, 0x3003, 0x7003)
    assert isinstance(found, Walked)
    assert found.pa == 0x7234
    assert [hex(one.value) for one in found.updates] == ["0x3023", "0x7023"], "no A in a PDPTE"
    assert isinstance(pae(0x2001, 1 << 39 | 0x83, 0), Walked)
    for bad in (0x2003, 0x2005, 0x2021, 0x2081, 0x2101, 1 << 63 | 0x2001, 1 << 40 | 0x2001):
        load = pae(bad, 0x3003, 0x7003)
        assert isinstance(load, Faulted)
        assert (load.name, load.reason) == ("#GP", Reason.ROOT), "as if CR3 were loaded now"
    for bad in (1 << 52, 1 << 62, 1 << 40):
        late = pae(0x2001, 0x3003, bad | 0x7003)
        assert isinstance(late, Faulted)
        assert (late.name, late.code) == ("#PF", 9)
