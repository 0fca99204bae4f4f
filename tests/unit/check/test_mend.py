# SPDX-License-Identifier: Apache-2.0
"""Facts are made true without a solver, where one word can do it."""

from __future__ import annotations

import sys
from random import Random

import pytest

from rocqgen.check.mend import mend
from rocqgen.check.search import Options, check
from rocqgen.check.subject import Subject
from rocqgen.check.words import holds

FACTS = [
    "x < 16",
    "16 <= x",
    "x < y",
    "x = y",
    "x != 0",
    "x & 4095 = 0",
    "x & 0xff = 0x12",
    "x + 8 = y",
    "y - x = 64",
    "x ^ 5 = y",
    "x << 3 = 64",
    "x >> 4 = 3",
    "(x + 1) & 7 = 0",
    "p + 16 <= x",
]


@pytest.mark.parametrize("fact", FACTS)
def test_a_fact_becomes_true(make, fact: str) -> None:
    (one,) = Subject(make(fact, "ret", "emp")).pre.facts
    for seed in range(10):
        random = Random(seed)
        words = {name: random.getrandbits(64) for name in ("x", "y")} | {"p": 0x1000}
        mend((one,), words, set(), random)
        assert holds(one, words)


def test_what_is_fixed_stays(make) -> None:
    (one,) = Subject(make("x < y", "ret", "emp")).pre.facts
    words = {"x": 9, "y": 3}
    mend((one,), words, {"x"}, Random(0))
    assert words["x"] == 9
    assert words["y"] > 9
    before = dict(words)
    mend((one,), words, {"x", "y"}, Random(0))
    assert words == before


def test_bounds_and_masks_need_no_solver(make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rocqgen.check.solve", None)
    pre = "rdi |->r p * p |->v _ * p & 4095 = 4092 * x < 16 * 2 <= x * (x & 1) = 1 * y = x << 3"
    assert check(make(pre, "ret", "rdi |->r p"), Options(states=20)).states == 20
