# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from rocqgen.mmu import Faulted, SparseMemory, Unbacked, Walked, Walker, walk
from rocqgen.models import Access, Privilege, Reason, load_model


@pytest.fixture
def memory() -> SparseMemory:
    """The page at 0x1000 maps the frame 0x7000, read-only; the one at 0x2000 is absent."""
    memory = SparseMemory()
    for address, entry in [(0x1000, 0x2007), (0x2000, 0x3007), (0x3000, 0x4007), (0x4008, 0x7001)]:
        memory.write_word(address, entry)
    return memory


def test_a_page_is_found_with_its_trace(memory: SparseMemory) -> None:
    found = walk(load_model("x86-64-4level"), memory, 0x1000, 0x1234)
    assert isinstance(found, Walked)
    assert (found.pa, found.size, found.level) == (0x7234, 4096, 3)
    assert [step.name for step in found.steps] == ["PML4", "PDPT", "PD", "PT"]
    assert [update.value for update in found.updates] == [0x2027, 0x3027, 0x4027, 0x7021]


def test_faults_have_the_codes_of_the_manual(memory: SparseMemory) -> None:
    model = load_model("x86-64-4level")
    absent = walk(model, memory, 0x1000, 0x2000, access=Access.WRITE, privilege=Privilege.USER)
    assert isinstance(absent, Faulted)
    assert (absent.name, absent.code, absent.reason) == ("#PF", 6, Reason.ABSENT)
    readonly = walk(model, memory, 0x1000, 0x1000, access=Access.WRITE)
    assert isinstance(readonly, Faulted)
    assert (readonly.name, readonly.code, readonly.level) == ("#PF", 3, 3)
    assert isinstance(
        walk(model, memory, 0x1000, 0x1000, access=Access.WRITE, controls={"wp": False}), Walked
    )
    odd = walk(model, memory, 0x1000, 1 << 47)
    assert isinstance(odd, Faulted)
    assert (odd.name, odd.reason) == ("#GP", Reason.NONCANONICAL)


def test_a_table_outside_of_the_image_is_no_fault(memory: SparseMemory) -> None:
    found = walk(load_model("x86-64-4level"), memory, 0x9000, 0x1000)
    assert isinstance(found, Unbacked)
    assert (found.level, found.address) == (0, 0x9000)


@pytest.mark.parametrize("access", list(Access))
def test_the_fast_walk_says_the_same(memory: SparseMemory, access: Access) -> None:
    walker = Walker(load_model("x86-64-4level"))
    for va in (0x1FFF, 0x2000, 1 << 47, (1 << 64) - 1, 0x200000):
        traced = walker.explain(memory, 0x1000, va, access)
        fast = walker.translate(memory, 0x1000, va, access)
        if isinstance(traced, Walked):
            assert fast == traced.pa
        else:
            assert fast == traced._replace(steps=())
