# SPDX-License-Identifier: Apache-2.0
"""An enumeration says of every address what a walk says of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.mmu.random_tables import Recipe, random_addresses, random_tables
from rocqgen.mmu import SparseMemory
from rocqgen.mmu.bulk import NO_LEAF, UNBACKED, walk_many
from rocqgen.mmu.entries import reason_number
from rocqgen.mmu.ranges import Content
from rocqgen.mmu.space import enumerate_space
from rocqgen.models import Reason, load_model, resolve, shipped_models

SV32 = Path(__file__).parents[2] / "examples" / "models" / "riscv-sv32.toml"
MODELS = [*shipped_models(), str(SV32)]  # the last one has entries of 4 bytes
RECIPE = Recipe(first=0x10_0000, frames=0x4000_0000, tables=2, outside=0.01, odd=0.3)
FAULTY = [reason_number(one) for one in (Reason.RESERVED, Reason.ADDRESS_SIZE, Reason.ROOT)]


@pytest.mark.parametrize("frames", [False, True])
@pytest.mark.parametrize("name", MODELS, ids=lambda name: Path(name).stem)
def test_every_address_is_in_its_range(name: str, frames: bool) -> None:
    random = np.random.default_rng(3)
    model = load_model(name)
    rules = resolve(model, None, min(44, model.address.physical))
    tables = random_tables(rules, RECIPE, random)
    memory = SparseMemory()
    # Few slots are in use, else everything would be mapped and the ranges too many.
    words = tables.words.copy()
    words[1:][random.random(words[1:].shape) < 0.97] = 0
    if rules.levels[0].index_mask > 3:
        words[0][random.random(words[0].shape) < 0.97] = 0
    memory.write(tables.start, words.astype(f"<u{tables.width}").tobytes())
    ranges = enumerate_space(rules, memory, tables.root, frames=frames)
    assert len(ranges) > 20
    assert (ranges.first <= ranges.last).all()
    assert (ranges.first[1:] > ranges.last[:-1]).all()
    same = (ranges.last[:-1] + np.uint64(1) == ranges.first[1:]) & (
        ranges.content[:-1] == ranges.content[1:]
    )
    same &= ranges.rights[:-1] == ranges.rights[1:]
    if frames:
        moved = ranges.pa[:-1] + (ranges.first[1:] - ranges.first[:-1]) != ranges.pa[1:]
        same &= ~moved | (ranges.content[1:] != Content.MAPPED)
    assert not same.any(), "neighbours that could be one range"
    inside = ranges.first + random.integers(0, 1 << 62, len(ranges), dtype=np.uint64) % (
        ranges.last - ranges.first + np.uint64(1)
    )
    edges = np.concatenate((ranges.first, ranges.last, inside))
    around = np.concatenate((ranges.first - np.uint64(1), ranges.last + np.uint64(1)))
    addresses = np.concatenate((edges, around, random_addresses(rules, 1000, random)))
    addresses &= np.uint64((1 << model.address.pointer) - 1)
    walks = walk_many(rules, memory, tables.root, addresses)
    row = np.searchsorted(ranges.first, addresses, side="right") - 1
    listed = (row >= 0) & (addresses <= ranges.last[row])
    content = np.where(listed, ranges.content[row], 255)
    nothing = np.isin(
        walks.reason, [reason_number(Reason.ABSENT), reason_number(Reason.NONCANONICAL)]
    )
    np.testing.assert_array_equal(nothing, content == 255)
    np.testing.assert_array_equal(walks.reason == UNBACKED, content == Content.UNBACKED)
    np.testing.assert_array_equal(np.isin(walks.reason, FAULTY), content == Content.RESERVED)
    leaf = walks.shift != NO_LEAF
    assert leaf.sum() > 20
    np.testing.assert_array_equal(walks.rights[leaf], ranges.rights[row[leaf]])
    if frames:
        ok = walks.ok
        expected = ranges.pa[row[ok]] + (addresses[ok] - ranges.first[row[ok]])
        np.testing.assert_array_equal(walks.pa[ok], expected)
