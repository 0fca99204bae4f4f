# SPDX-License-Identifier: Apache-2.0
"""Bulk walks say what scalar walks say, whatever the tables, the model and the access."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench.mmu.random_tables import Recipe, random_addresses, random_tables
from rocqgen.mmu import Faulted, SparseMemory, Walked, Walker
from rocqgen.mmu.bulk import UNBACKED, columns, walk_many
from rocqgen.models import Access, Privilege, Reason, load_model, resolve, shipped_models

if TYPE_CHECKING:
    from rocqgen.mmu.bulk import Walks
    from rocqgen.models import Rules

ROUNDS = 4
SV32 = Path(__file__).parents[2] / "examples" / "models" / "riscv-sv32.toml"
MODELS = [*shipped_models(), str(SV32)]  # the last one has entries of 4 bytes
RECIPE = Recipe(first=0x10_0000, frames=0x4000_0000, outside=0.01)


def make_memory(rules: Rules, random: np.random.Generator) -> tuple[SparseMemory, int]:
    tables = random_tables(rules, RECIPE, random)
    memory = SparseMemory()
    memory.write(tables.start, tables.image())
    return memory, tables.root


def random_rules(name: str, random: np.random.Generator) -> Rules:
    model = load_model(name)
    width = int(random.integers(40, model.address.physical + 1)) if name.startswith("x86") else None
    return resolve(model, {one: bool(random.integers(2)) for one in model.controls}, width)


def assert_says(walks: Walks, at: int, found: Walked | Faulted | object) -> None:
    if isinstance(found, Walked):
        assert walks.ok[at]
        assert int(walks.pa[at]) == found.pa
        assert int(walks.rights[at]) == found.rights
        assert 1 << int(walks.shift[at]) == found.size
        assert int(walks.level[at]) == found.level
        assert int(walks.code[at]) == 0
    elif isinstance(found, Faulted):
        assert walks.reason_of(at) is found.reason
        assert int(walks.code[at]) == found.code
        assert int(walks.level[at]) == found.level
        assert int(walks.pa[at]) == 0
    else:
        assert int(walks.reason[at]) == UNBACKED


@pytest.mark.parametrize("name", MODELS, ids=lambda name: Path(name).stem)
def test_numpy_agrees_with_the_scalar_walk(name: str) -> None:
    random = np.random.default_rng(1)
    seen: set[Reason | None] = set()
    for _ in range(ROUNDS):
        rules = random_rules(name, random)
        memory, root = make_memory(rules, random)
        keys = int(random.integers(1 << 32))
        for access, privilege in product(Access, Privilege):
            addresses = random_addresses(rules, 300, random)
            addresses[::50] = random.integers(0, 1 << rules.model.address.pointer, 6, np.uint64)
            given = (rules, memory, root, addresses, access, privilege)
            walks = walk_many(*given, keys=keys, engine="numpy")
            walker = Walker(rules, privilege=privilege, pkru=keys)
            for at, va in enumerate(addresses.tolist()):
                assert_says(walks, at, walker.explain(memory, root, va, access))
                seen.add(walks.reason_of(at))
    usual = {None, Reason.ABSENT, Reason.PROTECTION}
    if rules.model.address.pointer > rules.model.address.virtual:
        usual.add(Reason.NONCANONICAL)
    assert seen >= usual


@pytest.mark.parametrize("name", MODELS, ids=lambda name: Path(name).stem)
def test_numba_agrees_with_numpy(name: str) -> None:
    random = np.random.default_rng(2)
    for _ in range(ROUNDS):
        rules = random_rules(name, random)
        memory, root = make_memory(rules, random)
        keys = int(random.integers(1 << 32))
        for access, privilege in product(Access, Privilege):
            # Many under few of the last tables, so that those are met again.
            addresses = random.choice(random_addresses(rules, 600, random), 5000)
            below = rules.levels[-2].leaf_size
            addresses ^= random.integers(0, below, 5000, dtype=np.uint64)
            addresses[::50] = random.integers(0, 1 << rules.model.address.pointer, 100, np.uint64)
            given = (rules, memory, root, addresses, access, privilege)
            one = walk_many(*given, keys=keys, engine="numpy")
            other = walk_many(*given, keys=keys, engine="numba")
            for a, b in zip(columns(one), columns(other), strict=True):
                np.testing.assert_array_equal(a, b)
