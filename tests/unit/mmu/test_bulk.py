# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rocqgen.errors import UserError
from rocqgen.mmu import SparseMemory, bulk_numba
from rocqgen.mmu.build import TableBuilder
from rocqgen.mmu.bulk import NO_LEAF, UNBACKED, Walks, walk_many
from rocqgen.mmu.flat import flatten
from rocqgen.models import Access, Privilege, Reason, Right, load_model, resolve, shipped_models
from rocqgen.models.conditions import parse_condition

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rocqgen.mmu.bulk import Engine
    from rocqgen.models import Rules

ENGINES: tuple[Engine, ...] = ("numpy", "numba")
RULES = resolve(load_model("x86-64-4level"))
PAGE = 0x40_0000
LARGE = 0x8000_0000


@pytest.fixture
def space() -> tuple[SparseMemory, int]:
    frames = count(0x1000, 0x1000)
    builder = TableBuilder(RULES, SparseMemory(), lambda: next(frames))
    root = builder.new_root()
    builder.map(root, PAGE, 0x7000, rights=Right.READ.flag | Right.USER.flag)
    builder.map(root, LARGE, 0x4000_0000, size=0x20_0000)
    builder.link(root, 1 << 39, 0, 0x80_0000_0000)
    return builder.memory, root


def addresses(*given: int) -> NDArray[np.uint64]:
    """So many that the engines are really asked: few are looked up in the memory itself."""
    return np.resize(np.array(given, dtype=np.uint64), 1000)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_each_column_says(space: tuple[SparseMemory, int], engine: Engine) -> None:
    given = addresses(PAGE + 0x123, LARGE + 0x12345, PAGE + 0x1000, 1 << 39, 1 << 47)
    walks = walk_many(RULES, *space, given, Access.WRITE, Privilege.USER, engine=engine)
    assert walks.pa[:5].tolist() == [0, 0x4001_2345, 0, 0, 0]
    assert walks.ok[:5].tolist() == [False, True, False, False, False]
    assert walks.code[:5].tolist() == [7, 0, 6, 0, 0]
    assert walks.level[:5].tolist() == [3, 2, 3, 1, 0]
    assert walks.shift[:5].tolist() == [12, 21, NO_LEAF, NO_LEAF, NO_LEAF]
    assert [walks.reason_of(at) for at in range(5)] == [
        Reason.PROTECTION,
        None,
        Reason.ABSENT,
        None,
        Reason.NONCANONICAL,
    ]
    assert int(walks.reason[3]) == UNBACKED
    assert Right.USER.flag & int(walks.rights[0])
    assert not Right.WRITE.flag & int(walks.rights[0])


@pytest.mark.parametrize("engine", ENGINES)
def test_few_addresses_and_many_say_the_same(
    space: tuple[SparseMemory, int], engine: Engine
) -> None:
    given = addresses(PAGE, LARGE, 0, 1 << 47)
    many = walk_many(RULES, *space, given, engine=engine)
    few = walk_many(RULES, *space, given[:4], engine=engine)
    for one, other in zip(_columns(few), _columns(many), strict=True):
        np.testing.assert_array_equal(one, other[:4])


def _columns(walks: Walks) -> list[NDArray[np.uint64] | NDArray[np.uint8]]:
    return [walks.pa, walks.reason, walks.code, walks.level, walks.rights, walks.shift]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_results_have_the_shape_of_the_addresses(
    space: tuple[SparseMemory, int], engine: Engine
) -> None:
    walks = walk_many(RULES, *space, addresses(PAGE).reshape(10, 100), engine=engine)
    assert {column.shape for column in _columns(walks)} == {(10, 100)}
    none = walk_many(RULES, *space, np.zeros(0, dtype=np.uint64), engine=engine)
    assert {column.shape for column in _columns(none)} == {(0,)}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_bad_root_faults_everywhere(space: tuple[SparseMemory, int], engine: Engine) -> None:
    walks = walk_many(RULES, space[0], 1 << 60, addresses(PAGE), engine=engine)
    assert walks.reason_of(0) is Reason.ROOT
    assert not walks.ok.any()


def test_an_address_that_is_no_pointer_is_an_error() -> None:
    rules = resolve(load_model("x86-32-pae"))
    with pytest.raises(UserError, match="0x100000000 does not fit in 32 bits"):
        walk_many(rules, SparseMemory(), 0x1000, addresses(0x1000, 1 << 32))


@pytest.mark.parametrize("engine", ENGINES)
def test_an_empty_memory_backs_nothing(engine: Engine) -> None:
    walks = walk_many(RULES, SparseMemory(), 0x1000, addresses(PAGE), engine=engine)
    assert set(walks.reason.tolist()) == {UNBACKED}


def test_every_shipped_model_is_walked_by_numba() -> None:
    assert all(bulk_numba.can_walk(resolve(load_model(name))) for name in shipped_models())


def test_several_threads_fill_the_same_columns(
    space: tuple[SparseMemory, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = addresses(PAGE, LARGE, 0, 1 << 47)
    one = walk_many(RULES, *space, given, engine="numba")
    monkeypatch.setattr(bulk_numba, "_PER_THREAD", 100)
    monkeypatch.setattr(bulk_numba, "_processors", lambda: 7)
    many = walk_many(RULES, *space, given, engine="numba")
    for a, b in zip(_columns(one), _columns(many), strict=True):
        np.testing.assert_array_equal(a, b)


def test_without_numba_numpy_does_it(
    space: tuple[SparseMemory, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_numba, "find_spec", lambda _name: None)
    assert not bulk_numba.available()
    assert walk_many(
        RULES, *space, addresses(LARGE), privilege=Privilege.USER, engine="numba"
    ).ok.all()


class Pieces(SparseMemory):
    """A memory that gives its buffer: two pieces, in the other order than their addresses."""

    def pieces(self) -> tuple[NDArray[np.uint8], *tuple[NDArray[np.uint64], ...]]:
        buffer = np.frombuffer(
            (self.read(0x3000, 0x3000) or b"") + (self.read(0x1000, 0x2000) or b""), np.uint8
        )
        starts, sizes, offsets = np.array(
            [[0x1000, 0x3000], [0x2000, 0x3000], [0x3000, 0]], np.uint64
        )
        return buffer, starts, sizes, offsets


@pytest.mark.parametrize("engine", ENGINES)
def test_a_memory_in_pieces_is_read_as_it_is(
    space: tuple[SparseMemory, int], engine: Engine
) -> None:
    memory = Pieces()
    for start, end in space[0].ranges():
        memory.write(start, space[0].read(start, end - start) or b"")
    given = addresses(PAGE + 0x123, LARGE + 0x12345, PAGE + 0x1000, 0)
    walks = walk_many(RULES, memory, space[1], given, privilege=Privilege.USER, engine=engine)
    expected = walk_many(RULES, *space, given, privilege=Privilege.USER, engine=engine)
    np.testing.assert_array_equal(walks.reason, expected.reason)
    np.testing.assert_array_equal(walks.pa, expected.pa)


def test_pieces_that_are_not_aligned_are_read_word_by_word() -> None:
    class Odd(SparseMemory):
        def pieces(self) -> tuple[NDArray[np.uint8], *tuple[NDArray[np.uint64], ...]]:
            one = np.array([0x1004], dtype=np.uint64)
            return np.zeros(64, dtype=np.uint8), one, one, one

    assert flatten(Odd(), 8) is None


def test_rules_that_look_at_too_many_bits_are_evaluated_on_the_entries() -> None:
    """A right that depends on 20 bits: no table of answers is made, and the answers are right."""
    model = load_model("x86-64-4level")
    write = model.rights[Right.WRITE].model_copy(
        update={"leaf": parse_condition("[31:12] == 0x12345")}
    )
    odd = model.model_copy(update={"rights": {**model.rights, Right.WRITE: write}})
    rules: Rules = resolve(odd)
    assert not bulk_numba.can_walk(rules)
    frames = count(0x1000, 0x1000)
    plain = TableBuilder(RULES, SparseMemory(), lambda: next(frames))
    root = plain.new_root()
    plain.map(root, PAGE, 0x1234_5000)
    plain.map(root, PAGE + 0x1000, 0x1234_6000)
    given = addresses(PAGE, PAGE + 0x1000)
    walks = walk_many(rules, plain.memory, root, given, Access.WRITE, Privilege.USER)
    assert walks.ok[:2].tolist() == [True, False]
