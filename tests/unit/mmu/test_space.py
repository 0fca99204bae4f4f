# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from itertools import count

import numpy as np
import pytest

from rocqgen.errors import UserError
from rocqgen.mmu import SparseMemory
from rocqgen.mmu.build import TableBuilder
from rocqgen.mmu.ranges import Content, Ranges
from rocqgen.mmu.space import enumerate_space
from rocqgen.models import Right, load_model, resolve
from rocqgen.models.vocabulary import ALL_RIGHTS

RULES = resolve(load_model("x86-64-4level"))
READ = Right.READ.flag | Right.USER_EXEC.flag
WRITE = READ | Right.WRITE.flag
EVERYTHING = 0x27


@pytest.fixture
def builder() -> TableBuilder:
    frames = count(0x10_0000, 0x1000)
    return TableBuilder(RULES, SparseMemory(), lambda: next(frames))


def shown(ranges: Ranges) -> list[tuple[int, int, int]]:
    assert all(row.content is Content.MAPPED for row in ranges)
    return [(row.first, row.last, row.rights) for row in ranges]


def test_an_empty_space_has_no_ranges(builder: TableBuilder) -> None:
    assert len(enumerate_space(RULES, builder.memory, builder.new_root())) == 0


def test_neighbours_with_the_same_rights_are_one_range(builder: TableBuilder) -> None:
    root = builder.new_root()
    for page, rights in enumerate((READ, READ, WRITE, WRITE, READ)):
        builder.map(root, 0x1FE000 + 0x1000 * page, 0x7000 * (page + 1), rights=rights)
    assert shown(enumerate_space(RULES, builder.memory, root)) == [
        (0x1FE000, 0x1FFFFF, READ),
        (0x200000, 0x201FFF, WRITE),
        (0x202000, 0x202FFF, READ),
    ]


def test_frames_can_be_kept_apart(builder: TableBuilder) -> None:
    root = builder.new_root()
    for va, frame in ((0x1000, 0x7000), (0x2000, 0x8000), (0x3000, 0x7000)):
        builder.map(root, va, frame, rights=READ)
    rows = list(enumerate_space(RULES, builder.memory, root, frames=True))
    assert [(row.first, row.last, row.pa, row.pages) for row in rows] == [
        (0x1000, 0x2FFF, 0x7000, 2),
        (0x3000, 0x3FFF, 0x7000, 1),
    ]


def test_pages_of_all_sizes_count_and_merge(builder: TableBuilder) -> None:
    root = builder.new_root()
    builder.map(root, 0x4000_0000, 0x4000_0000, size=0x4000_0000)
    builder.map(root, 0x8000_0000, 0x8000_0000, size=0x20_0000)
    builder.map(root, 0x8020_0000, 0x8020_0000)
    (row,) = enumerate_space(RULES, builder.memory, root, frames=True)
    assert (row.first, row.last, row.pages) == (0x4000_0000, 0x8020_0FFF, 3)
    assert row.sizes == (0x1000, 0x20_0000, 0x4000_0000)
    assert row.rights == ALL_RIGHTS


def test_rights_of_a_shared_table_are_those_of_each_path(builder: TableBuilder) -> None:
    one, other = builder.new_root(), builder.new_root()
    builder.map(one, 0x1000, 0x7000)
    table = builder.table(one, 0, 1)
    assert table is not None
    builder.link(other, 0, 0, table, rights=READ)
    builder.link(other, 1 << 39, 0, table, rights=WRITE)
    assert shown(enumerate_space(RULES, builder.memory, other)) == [
        (0x1000, 0x1FFF, READ),
        ((1 << 39) + 0x1000, (1 << 39) + 0x1FFF, WRITE),
    ]


def test_the_upper_half_is_not_joined_to_the_lower(builder: TableBuilder) -> None:
    root = builder.new_root()
    builder.map(root, 0x7FFF_FFFF_F000, 0x7000, rights=READ)
    builder.map(root, 0xFFFF_8000_0000_0000, 0x8000, rights=READ)
    for frames in (False, True):
        assert shown(enumerate_space(RULES, builder.memory, root, frames=frames)) == [
            (0x7FFF_FFFF_F000, 0x7FFF_FFFF_FFFF, READ),
            (0xFFFF_8000_0000_0000, 0xFFFF_8000_0000_0FFF, READ),
        ]


def test_a_table_outside_of_the_memory_is_a_range_of_its_own(builder: TableBuilder) -> None:
    root = builder.new_root()
    builder.map(root, 0x1000, 0x7000, rights=READ)
    builder.link(root, 1 << 30, 1, 0x8000_0000)
    rows = list(enumerate_space(RULES, builder.memory, root))
    assert [(row.first, row.last, row.content) for row in rows] == [
        (0x1000, 0x1FFF, Content.MAPPED),
        (1 << 30, (2 << 30) - 1, Content.UNBACKED),
    ]
    rows = list(enumerate_space(RULES, SparseMemory(), root))
    assert {row.content for row in rows} == {Content.UNBACKED}


def test_entries_that_always_fault_are_ranges_of_their_own(builder: TableBuilder) -> None:
    root = builder.new_root()
    path = builder.map(root, 0x20_0000, 0x20_0000, size=0x20_0000)
    word = int.from_bytes(builder.memory.read(path[-1], 8) or b"", "little")
    builder.memory.write_word(path[-1], word | 1 << 13)
    (row,) = enumerate_space(RULES, builder.memory, root)
    assert (row.first, row.last, row.content, row.rights) == (
        0x20_0000,
        0x3F_FFFF,
        Content.RESERVED,
        0,
    )


def test_a_self_map_shows_the_tables_as_pages(builder: TableBuilder) -> None:
    root = builder.new_root()
    builder.map(root, 0x1000, 0x7000, rights=READ)
    builder.link(root, 0xFFFF_FF80_0000_0000, 0, root)
    rows = list(enumerate_space(RULES, builder.memory, root, frames=True))
    tables = {row.pa for row in rows if row.first >> 63}
    assert tables == {0x10_0000, 0x10_1000, 0x10_2000, 0x10_3000}
    assert rows[-1].last == (1 << 64) - 1


def make_loop(entries: int) -> SparseMemory:
    """One table: that many of its entries lead to itself."""
    memory = SparseMemory()
    memory.write(0x1000, (0x1000 | EVERYTHING).to_bytes(8, "little") * entries)
    memory.write(0x1000 + 8 * entries, bytes(8 * (512 - entries)))
    return memory


def test_a_table_that_is_its_only_table_maps_everything_to_itself() -> None:
    rows = list(enumerate_space(RULES, make_loop(512), 0x1000))
    assert [(row.first, row.last, row.pages, row.pa) for row in rows] == [
        (0, (1 << 47) - 1, 256 * 512**3, 0x1000),
        (0xFFFF_8000_0000_0000, (1 << 64) - 1, 256 * 512**3, 0x1000),
    ]


def test_a_cycle_through_several_tables_ends() -> None:
    memory = SparseMemory()
    for table, target in ((0x1000, 0x2000), (0x2000, 0x3000), (0x3000, 0x1000)):
        memory.write(table, (target | EVERYTHING).to_bytes(8, "little") + bytes(4088))
    (row,) = enumerate_space(RULES, memory, 0x1000)
    assert (row.first, row.last, row.pa) == (0, 0xFFF, 0x2000)


def test_too_many_ranges_are_an_error_and_soon() -> None:
    with pytest.raises(UserError, match="more than 10000 ranges that are not alike"):
        enumerate_space(RULES, make_loop(512), 0x1000, frames=True, most=10000)


def test_a_root_that_cannot_be_loaded_is_an_error() -> None:
    with pytest.raises(UserError, match="cannot be loaded into CR3"):
        enumerate_space(RULES, SparseMemory(), 1 << 60)
    with pytest.raises(UserError, match="above 40 bits"):
        enumerate_space(resolve(RULES.model, None, 40), SparseMemory(), 1 << 45)


def test_parts_of_a_level_are_joined_as_the_whole(
    builder: TableBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = builder.new_root()
    for page in range(40):
        rights = READ if page % 3 else WRITE
        builder.map(root, 0x1F0000 * page & ~0xFFF, 0x7000, rights=rights)
    whole = enumerate_space(RULES, builder.memory, root)
    monkeypatch.setattr("rocqgen.mmu.space._ROWS_AT_ONCE", 2)
    monkeypatch.setattr("rocqgen.mmu.space._AT_ONCE", 1)
    parts = enumerate_space(RULES, builder.memory, root)
    assert len(whole) > 20
    for one, other in zip(whole.columns(), parts.columns(), strict=True):
        np.testing.assert_array_equal(one, other)
