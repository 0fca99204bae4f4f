# SPDX-License-Identifier: Apache-2.0
"""Several processes give what one gives, and none is left behind."""

from __future__ import annotations

import multiprocessing
import os
import time

import pytest

from rocqgen.prove.workers import mapped


def _square(value: int) -> tuple[int, int]:
    return value * value, os.getpid()


def _refuse_three(value: int) -> int:
    if value == 3:
        raise ValueError("three")
    return value


def _sleep(value: int) -> int:
    time.sleep(0 if value == 0 else 60)
    return value


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("count", [0, 1, 20])
def test_the_results_are_in_order(jobs: int, count: int) -> None:
    found = list(mapped(_square, range(count), jobs))
    assert [one for one, _ in found] == [n * n for n in range(count)]
    alone = {pid for _, pid in found} <= {os.getpid()}
    assert alone == (jobs == 1 or count < 8)


def test_an_error_comes_where_its_value_was() -> None:
    results = mapped(_refuse_three, range(10), 2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)


def test_an_early_end_ends_the_processes() -> None:
    began = time.monotonic()
    results = mapped(_sleep, range(10), 2)
    assert next(results) == 0
    results.close()
    assert not multiprocessing.active_children()
    assert time.monotonic() - began < 50
