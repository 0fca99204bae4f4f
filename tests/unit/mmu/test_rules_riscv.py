# SPDX-License-Identifier: Apache-2.0
"""The rules of RISC-V (Privileged Architecture 20211203, 4.3.2 and 4.4), one by one."""

from __future__ import annotations

import pytest

from rocqgen.mmu import Faulted, SparseMemory, Walked, walk
from rocqgen.models import Access, Privilege, Reason, load_model

V, R, W, X, U, G, A, D = (1 << bit for bit in range(8))
READ, WRITE, FETCH = Access
MODEL = load_model("riscv-sv39")
CAUSE = {FETCH: 12, READ: 13, WRITE: 15}


def ppn(address: int) -> int:
    return address >> 12 << 10


def outcome(
    leaf: int,
    *,
    middle: int = V,
    access: Access = READ,
    user: bool = False,
    root: int = 8 << 60 | 1,
    va: int = 0x1234,
    **controls: bool,
) -> Walked | Faulted:
    """Through tables at 0x1000, 0x2000 and 0x3000 to the page 0x1000."""
    memory = SparseMemory()
    memory.write_word(0x1000, ppn(0x2000) | V)
    memory.write_word(0x2000, ppn(0x3000) | middle)
    memory.write_word(0x3008, leaf)
    found = walk(
        MODEL, memory, root, va, access=access, privilege=Privilege(user), controls=controls
    )
    assert isinstance(found, Walked | Faulted)
    if isinstance(found, Faulted) and found.reason is not Reason.ROOT:
        assert (found.code, found.report.address) == (CAUSE[access], "stval")
    return found


def allowed(leaf: int, access: Access, *, user: bool = False, **controls: bool) -> bool:
    found = outcome(ppn(0x7000) | leaf | V | A | D, access=access, user=user, **controls)
    assert isinstance(found, Walked) or found.reason is Reason.PROTECTION
    return isinstance(found, Walked)


def test_a_page() -> None:
    found = outcome(ppn(0x7000) | V | R | A)
    assert isinstance(found, Walked)
    assert (found.pa, found.updates) == (0x7234, ())
    high = outcome(ppn((1 << 56) - 4096) | V | R | A)
    assert isinstance(high, Walked)
    assert high.pa == (1 << 56) - 4096 + 0x234


@pytest.mark.parametrize(
    ("leaf", "reason"),
    [
        (0, Reason.ABSENT),
        (R | A, Reason.ABSENT),
        (V | W | A | D, Reason.RESERVED),
        (V | W | X | A | D, Reason.RESERVED),
        (V, Reason.RESERVED),
        (V | R | A | 1 << 54, Reason.RESERVED),
        (V | R | A | 1 << 60, Reason.RESERVED),
        (V | R | A | 1 << 63, Reason.RESERVED),
        (V | R | A | 1 << 61, Reason.RESERVED),
        (V | R, Reason.ACCESSED),
    ],
)
def test_entries_that_end_the_walk(leaf: int, reason: Reason) -> None:
    found = outcome(ppn(0x7000) | leaf)
    assert isinstance(found, Faulted)
    assert (found.reason, found.level) == (reason, 2)


@pytest.mark.parametrize("bit", [A, D, U, 1 << 61, 1 << 62])
def test_bits_that_tables_must_not_have(bit: int) -> None:
    found = outcome(ppn(0x7000) | V | R | A, middle=V | bit)
    assert isinstance(found, Faulted)
    assert (found.reason, found.level) == (Reason.RESERVED, 1)
    assert isinstance(outcome(ppn(0x7000) | V | R | A, middle=V | G), Walked)


@pytest.mark.parametrize(("level", "shift"), [(0, 30), (1, 21)])
def test_superpages_are_aligned(level: int, shift: int) -> None:
    memory = SparseMemory()
    memory.write_word(0x1000, ppn(0x2000) | V)
    at = 0x1000 * (level + 1)
    for bit in range(10, shift - 2):
        memory.write_word(at, ppn(5 << shift) | V | R | A | 1 << bit)
        found = walk(MODEL, memory, 8 << 60 | 1, 0x1234)
        assert isinstance(found, Faulted)
        assert (found.reason, found.level) == (Reason.RESERVED, level)
    memory.write_word(at, ppn(5 << shift) | V | R | A | 3 << 8)
    good = walk(MODEL, memory, 8 << 60 | 1, 0x1234)
    assert isinstance(good, Walked), "bits 9:8 are software's"
    assert (good.pa, good.size) == (5 << shift | 0x1234, 1 << shift)


def test_rights() -> None:
    assert allowed(R, READ)
    assert not allowed(R, WRITE)
    assert not allowed(R, FETCH)
    assert allowed(R | W, WRITE)
    assert allowed(X, FETCH)
    assert not allowed(X, READ)
    assert allowed(X, READ, mxr=True)
    assert not allowed(X, WRITE, mxr=True)


def test_user_pages() -> None:
    full = R | W | X | U
    for access in Access:
        assert allowed(full, access, user=True)
        assert not allowed(full & ~U, access, user=True)
    assert not allowed(full, READ)
    assert not allowed(full, WRITE)
    assert allowed(full, READ, sum=True)
    assert allowed(full, WRITE, sum=True)
    assert not allowed(full, FETCH, sum=True), "SUM does not make user pages executable"


def test_accessed_and_dirty() -> None:
    leaf = ppn(0x7000) | V | R | W
    clean = outcome(leaf | A, access=WRITE)
    assert isinstance(clean, Faulted)
    assert clean.reason is Reason.DIRTY
    read = outcome(leaf, adue=True)
    assert isinstance(read, Walked)
    assert [one.value for one in read.updates] == [leaf | A]
    write = outcome(leaf, access=WRITE, adue=True)
    assert isinstance(write, Walked)
    assert [one.value for one in write.updates] == [leaf | A | D]


def test_memory_types_need_svpbmt() -> None:
    leaf = ppn(0x7000) | V | R | A
    assert isinstance(outcome(leaf | 2 << 61, pbmte=True), Walked)
    assert isinstance(outcome(leaf | 2 << 61), Faulted)
    assert isinstance(outcome(leaf | 3 << 61, pbmte=True), Faulted)


def test_addresses_and_roots() -> None:
    leaf = ppn(0x7000) | V | R | A
    odd = outcome(leaf, va=1 << 38, access=WRITE)
    assert isinstance(odd, Faulted)
    assert odd.reason is Reason.NONCANONICAL
    other = outcome(leaf, root=9 << 60 | 1)
    assert isinstance(other, Faulted)
    assert (other.reason, other.detail) == (Reason.ROOT, "MODE != 8")
    assert isinstance(outcome(leaf, root=8 << 60 | 0xABC << 44 | 1), Walked), "ASIDs do not matter"
