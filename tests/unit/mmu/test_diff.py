# SPDX-License-Identifier: Apache-2.0
"""Differences between spaces: against both spaces compared page by page."""

from __future__ import annotations

from itertools import count, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from rocqgen.mmu import SparseMemory
from rocqgen.mmu.build import TableBuilder
from rocqgen.mmu.diff import Change, Kind, Side, diff_spaces
from rocqgen.mmu.ranges import Content, Ranges
from rocqgen.mmu.space import enumerate_space
from rocqgen.models import Right, load_model, resolve

RULES = resolve(load_model("x86-64-4level"))
PAGE = 0x1000
WRITE, USER = Right.WRITE.flag, Right.USER.flag
RIGHTS = (0, WRITE, USER, USER | WRITE)
BASES = (0, 0x7FFF_FFFF_8000, 0xFFFF_8000_0000_0000, 0xFFFF_FFFF_FFFF_8000)
Space = dict[int, tuple[int, int]]
spaces = st.dictionaries(
    st.builds(lambda base, page: base + PAGE * page, st.sampled_from(BASES), st.integers(0, 7)),
    st.tuples(st.integers(0x100, 0x108), st.sampled_from(RIGHTS)),
    max_size=12,
)


def build(space: Space) -> tuple[Ranges, Space]:
    """The space enumerated, and its pages with the rights that they have in the end."""
    memory = SparseMemory()
    frames = count(1)
    builder = TableBuilder(RULES, memory, lambda: PAGE * next(frames))
    root = builder.new_root()
    for va, (frame, rights) in space.items():
        builder.map(root, va, PAGE * frame, rights=rights)
    ranges = enumerate_space(RULES, memory, root, frames=True)
    pages = {}
    for row in ranges:
        for va in range(row.first, row.last + 1, PAGE):
            pages[va] = (row.pa + va - row.first, row.rights)
    assert {va: pa for va, (pa, _) in pages.items()} == {
        va: PAGE * frame for va, (frame, _) in space.items()
    }
    return ranges, pages


@settings(max_examples=80, deadline=None)
@given(spaces, spaces)
def test_the_changes_are_those_of_each_page(one: Space, other: Space) -> None:
    before, old = build(one)
    after, new = build(other)
    changes = diff_spaces(before, after)
    found: dict[int, Kind] = {}
    for change in changes:
        for va in range(change.first, change.last + 1, PAGE):
            found[va] = change.kind
        first = old.get(change.first), new.get(change.first)
        for side, page in zip((change.before, change.after), first, strict=True):
            assert side == (None if page is None else Side(Content.MAPPED, page[1], page[0]))
    wanted = {}
    for va in old.keys() | new.keys():
        was, now = old.get(va), new.get(va)
        if was == now:
            continue
        if was is None or now is None:
            wanted[va] = Kind.ADDED if was is None else Kind.REMOVED
        else:
            wanted[va] = Kind.FRAMES if was[1] == now[1] else Kind.RIGHTS
    assert found == wanted
    assert all(a.last < b.first for a, b in pairwise(changes))
    assert diff_spaces(before, before) == []
    assert [mirror(change) for change in diff_spaces(after, before)] == changes


def mirror(change: Change) -> Change:
    kinds = {Kind.ADDED: Kind.REMOVED, Kind.REMOVED: Kind.ADDED}
    return Change(
        kinds.get(change.kind, change.kind), change.first, change.last, change.after, change.before
    )


def test_a_page_that_was_split_is_no_change() -> None:
    huge, small = SparseMemory(), SparseMemory()
    spaces = []
    for memory, size in ((huge, 0x20_0000), (small, PAGE)):
        frames = count(1)
        builder = TableBuilder(RULES, memory, lambda frames=frames: PAGE * next(frames))
        root = builder.new_root()
        for va in range(0, 0x20_0000, size):
            builder.map(root, va, 0x4000_0000 + va, size=size)
        spaces.append(enumerate_space(RULES, memory, root, frames=True))
    assert diff_spaces(*spaces) == []


def test_what_faults_and_what_is_unknown_is_a_change_of_its_own() -> None:
    memory = SparseMemory()
    memory.write_word(0x1000, 0x9000_0027)  # a table that is not there
    memory.write_word(0x1008, 0x80A7)  # a leaf where none can be
    memory.write(0x2000, bytes(PAGE))
    before, after = (enumerate_space(RULES, memory, root, frames=True) for root in (0x1000, 0x2000))
    kinds = [(change.kind, change.before, change.after) for change in diff_spaces(before, after)]
    assert kinds == [
        (Kind.CONTENT, Side(Content.UNBACKED, 0, 0), None),
        (Kind.CONTENT, Side(Content.RESERVED, 0, 0), None),
    ]
    assert diff_spaces(after, after) == []
