# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rocqgen.errors import UserError
from rocqgen.mmu import SparseMemory, Unbacked, Walked, walk
from rocqgen.mmu.build import MappingConflictError, TableBuilder
from rocqgen.models import Access, Privilege, Reason, Right, load_model, resolve, shipped_models
from rocqgen.models.vocabulary import ALL_RIGHTS

if TYPE_CHECKING:
    from rocqgen.models import Rules

SV32 = Path(__file__).parents[3] / "examples" / "models" / "riscv-sv32.toml"
READ_ONLY = Right.READ.flag | Right.USER_EXEC.flag


def make_builder(rules: Rules, first: int = 0x10_0000) -> TableBuilder:
    frames = count(first, 0x10000)
    return TableBuilder(rules, SparseMemory(), lambda: next(frames))


@pytest.fixture(params=[*shipped_models(), str(SV32)], ids=lambda name: Path(name).stem)
def rules(request: pytest.FixtureRequest) -> Rules:
    return resolve(load_model(request.param))


@pytest.fixture
def four_levels() -> Rules:
    return resolve(load_model("x86-64-4level"))


def test_a_leaf_of_each_size_translates_its_first_and_last_byte(rules: Rules) -> None:
    builder = make_builder(rules)
    root = builder.new_root()
    sizes = [level.leaf_size for level in rules.levels if level.holds_leaves]
    for number, size in enumerate(sizes):
        va = (number + 1) << 30 if size < 1 << 30 else size
        frame = size * 2
        path = builder.map(root, va, frame, size=size)
        assert len(path) == 1 + [level.leaf_size for level in rules.levels].index(size)
        for offset in (0, size - 1):
            found = walk(rules, builder.memory, root, va + offset, privilege=Privilege.USER)
            assert isinstance(found, Walked)
            assert (found.pa, found.size) == (frame + offset, size)


def test_accessed_and_dirty_leave_nothing_to_write_back(rules: Rules) -> None:
    builder = make_builder(rules)
    root = builder.new_root()
    builder.map(root, 0x5000, 0x7000)
    allowed = [
        found
        for privilege in Privilege
        if isinstance(
            found := walk(
                rules, builder.memory, root, 0x5000, access=Access.WRITE, privilege=privilege
            ),
            Walked,
        )
    ]
    assert allowed
    assert all(found.updates == () for found in allowed)


def test_accessed_and_dirty_may_be_clear(four_levels: Rules) -> None:
    builder = make_builder(four_levels)
    root = builder.new_root()
    path = builder.map(root, 0x5000, 0x7000, accessed=False, dirty=False)
    found = walk(
        four_levels,
        builder.memory,
        root,
        0x5000,
        access=Access.WRITE,
        privilege=Privilege.USER,
    )
    assert isinstance(found, Walked)
    assert [update.address for update in found.updates] == [path[-1]]
    assert found.updates[0].value & 0x60 == 0x60


def test_rights_are_exactly_those_asked_for(four_levels: Rules) -> None:
    builder = make_builder(four_levels)
    root = builder.new_root()
    builder.map(root, 0x5000, 0x7000, rights=READ_ONLY)
    builder.map(root, 0x6000, 0x7000, rights=READ_ONLY | Right.WRITE.flag | Right.USER.flag)
    wanted = {0x5000: READ_ONLY, 0x6000: READ_ONLY | Right.WRITE.flag | Right.USER.flag}
    for va, rights in wanted.items():
        found = walk(
            four_levels,
            builder.memory,
            root,
            va,
            privilege=Privilege.USER if rights & Right.USER.flag else Privilege.SUPERVISOR,
        )
        assert isinstance(found, Walked)
        assert found.rights == rights


def test_rights_that_no_entry_has_are_refused() -> None:
    rules = resolve(load_model("riscv-sv39"))
    builder = make_builder(rules)
    root = builder.new_root()
    with pytest.raises(UserError, match="grants exactly write") as caught:
        builder.map(root, 0x5000, 0x7000, rights=Right.WRITE.flag)
    assert "read, write" in (caught.value.expected or "")


def test_the_same_mapping_twice_changes_nothing(rules: Rules) -> None:
    builder = make_builder(rules)
    root = builder.new_root()
    path = builder.map(root, 0x5000, 0x7000)
    before = [builder.memory.read(*place) for place in _pieces(builder)]
    assert builder.map(root, 0x5000, 0x7000) == path
    assert [builder.memory.read(*place) for place in _pieces(builder)] == before


def _pieces(builder: TableBuilder) -> list[tuple[int, int]]:
    return [(start, end - start) for start, end in builder.memory.ranges()]


@pytest.mark.parametrize(
    ("va", "frame", "size", "says"),
    [
        (0x400000, 0x8000, 0x1000, "PT entry .* maps 0x1000 bytes at 0x7000"),
        (0x400000, 0x200000, 0x200000, "PD entry .* leads to the table at"),
        (0x601000, 0x8000, 0x1000, "PD entry .* maps 0x200000 bytes at 0x800000"),
    ],
)
def test_what_is_in_the_way_is_said(
    four_levels: Rules, va: int, frame: int, size: int, says: str
) -> None:
    builder = make_builder(four_levels)
    root = builder.new_root()
    builder.map(root, 0x400000, 0x7000)
    builder.map(root, 0x600000, 0x800000, size=0x200000)
    before = [builder.memory.read(*place) for place in _pieces(builder)]
    with pytest.raises(MappingConflictError, match=says) as caught:
        builder.map(root, va, frame, size=size)
    word = builder.memory.read(caught.value.address, 8)
    assert word is not None
    assert int.from_bytes(word, "little") == caught.value.entry
    assert [builder.memory.read(*place) for place in _pieces(builder)] == before


def test_a_table_that_grants_less_is_in_the_way(four_levels: Rules) -> None:
    builder = make_builder(four_levels)
    root = builder.new_root()
    other = builder.new_root()
    builder.map(other, 0x40_0000_0000, 0x7000)
    table = builder.table(other, 0x40_0000_0000, 1)
    assert table is not None
    builder.link(root, 0, 0, table, rights=READ_ONLY)
    with pytest.raises(MappingConflictError, match="does not grant write, user, exec"):
        builder.map(root, 0x5000, 0x7000)
    builder.map(root, 0x5000, 0x7000, rights=READ_ONLY)


def test_a_linked_table_is_shared(rules: Rules) -> None:
    builder = make_builder(rules)
    first, second = builder.new_root(), builder.new_root()
    builder.map(first, 0x5000, 0x7000)
    table = builder.table(first, 0x5000, 1)
    assert table is not None
    builder.link(second, 0x5000, 0, table)
    builder.map(second, 0x6000, 0x8000)
    for root in (first, second):
        for va, pa in ((0x5000, 0x7000), (0x6000, 0x8000)):
            found = walk(rules, builder.memory, root, va, privilege=Privilege.USER)
            assert isinstance(found, Walked)
            assert found.pa == pa


def test_a_table_may_map_itself(four_levels: Rules) -> None:
    builder = make_builder(four_levels)
    root = builder.new_root()
    builder.link(root, 0, 0, four_levels.model.root.address.get(root))
    found = walk(four_levels, builder.memory, root, 0, privilege=Privilege.USER)
    assert isinstance(found, Walked)
    assert found.pa == four_levels.model.root.address.get(root)


def test_protection_keys(four_levels: Rules) -> None:
    rules = resolve(four_levels.model, {"pke": True})
    builder = make_builder(rules)
    root = builder.new_root()
    builder.map(root, 0x5000, 0x7000, key=5)
    found = walk(rules, builder.memory, root, 0x5000, privilege=Privilege.USER, pkru=0)
    assert isinstance(found, Walked)
    assert found.key == 5
    denied = walk(rules, builder.memory, root, 0x5000, privilege=Privilege.USER, pkru=1 << 10)
    assert not isinstance(denied, Walked | Unbacked)
    assert denied.reason is Reason.KEY
    with pytest.raises(UserError, match="no protection key 16"):
        builder.map(root, 0x6000, 0x7000, key=16)


@pytest.mark.parametrize(
    ("va", "frame", "size", "says"),
    [
        (0x5001, 0x7000, 0x1000, "virtual address 0x5001 is not a multiple"),
        (0x5000, 0x7001, 0x1000, "frame 0x7001 is not a multiple"),
        (1 << 47, 0x7000, 0x1000, "no virtual address"),
        (0x5000, 1 << 52, 0x1000, "outside of physical memory"),
        (0x5000, -0x1000, 0x1000, "outside of physical memory"),
        (0x5000, 0x7000, 0x2000, "no pages of 0x2000 bytes"),
    ],
)
def test_bad_places_are_refused(
    four_levels: Rules, va: int, frame: int, size: int, says: str
) -> None:
    builder = make_builder(four_levels)
    root = builder.new_root()
    with pytest.raises(UserError, match=says):
        builder.map(root, va, frame, size=size)


def test_frames_for_tables_are_checked(four_levels: Rules) -> None:
    builder = TableBuilder(four_levels, SparseMemory(), lambda: 0x1008)
    with pytest.raises(UserError, match="the table 0x1008 is not a multiple"):
        builder.new_root()


def test_nothing_is_mapped_in_a_new_space(rules: Rules) -> None:
    builder = make_builder(rules)
    root = builder.new_root()
    assert rules.root_problem(root) is None
    found = walk(rules, builder.memory, root, 0x5000)
    assert not isinstance(found, Walked | Unbacked)
    assert found.reason is Reason.ABSENT


def test_everything_is_granted_unless_less_is_asked_for(rules: Rules) -> None:
    builder = make_builder(rules)
    root = builder.new_root()
    builder.map(root, 0x5000, 0x7000, rights=ALL_RIGHTS)
    found = walk(rules, builder.memory, root, 0x5000, privilege=Privilege.USER, access=Access.WRITE)
    assert isinstance(found, Walked)
