# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import multiprocessing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rocqgen.exits import ExitCode
from rocqgen.prove.outcome import Outcome, Status, Trouble
from rocqgen.prove.run import exit_code
from rocqgen.prove.store import Store
from rocqgen.source.location import Location

if TYPE_CHECKING:
    from pathlib import Path

HERE, THERE = Location("a.s", 3), Location("a.s", 4)
PROVED = Outcome("swtch", "swtch_spec", "a.s", Status.PROVED, path="/a.s", key="k", when="w")
FAILED = replace(
    PROVED,
    status=Status.FAILED,
    key="l",
    troubles=(Trouble("é", HERE, "ret", "code", "⊢ P", "x", "go.", THERE), Trouble("later")),
    dependents=("b",),
    assumptions=("c",),
    expect=HERE,
)


@pytest.mark.parametrize("outcome", [PROVED, FAILED, replace(PROVED, assuming=("alloc",))])
def test_json_is_read_back(outcome: Outcome) -> None:
    assert Outcome.from_json(json.loads(json.dumps(outcome.to_json()))) == outcome


@pytest.mark.parametrize(
    ("status", "at", "expect", "good", "verdict"),
    [
        (Status.PROVED, None, None, True, "proved"),
        (Status.FAILED, HERE, None, False, "failed"),
        (Status.FAILED, HERE, HERE, True, "failed as expected at line 3"),
        (Status.FAILED, replace(HERE, column=9), HERE, True, "failed as expected at line 3"),
        (Status.FAILED, THERE, HERE, False, "failed at line 4, expected at line 3"),
        (
            Status.FAILED,
            replace(HERE, file="b.s"),
            HERE,
            False,
            "failed at line 3 of b.s, expected at line 3",
        ),
        (Status.FAILED, None, HERE, False, "failed, expected to fail at line 3"),
        (Status.PROVED, None, HERE, False, "proved, expected to fail at line 3"),
        (Status.TIMEOUT, HERE, HERE, False, "timeout, expected to fail at line 3"),
        (Status.ERROR, HERE, HERE, False, "error, expected to fail at line 3"),
    ],
)
def test_a_wrong_twin_is_good_only_where_it_fails_at_its_line(
    status: Status, at: Location | None, expect: Location | None, good: bool, verdict: str
) -> None:
    troubles = (Trouble("x", at),) if at else ()
    outcome = replace(PROVED, status=status, troubles=troubles, expect=expect)
    assert (outcome.good, outcome.verdict) == (good, verdict)


@pytest.mark.parametrize(
    ("statuses", "bad", "interrupted", "code"),
    [
        ([Status.PROVED], 0, False, ExitCode.OK),
        ([Status.PROVED, Status.FAILED], 0, False, ExitCode.FAILED),
        ([Status.PROVED, Status.ADMITTED], 0, False, ExitCode.FAILED),
        ([Status.PROVED, Status.ERROR], 0, False, ExitCode.FAILED),
        ([Status.TIMEOUT], 0, False, ExitCode.FAILED),
        ([Status.ERROR, Status.ERROR], 1, False, ExitCode.INTERNAL),
        ([Status.PROVED, Status.FAILED], 1, False, ExitCode.USAGE),
        ([], 1, False, ExitCode.USAGE),
        ([], 0, False, ExitCode.NOTHING_FOUND),
        ([Status.ERROR], 1, True, ExitCode.INTERRUPTED),
    ],
)
def test_the_gravest_exit_code(
    statuses: list[Status], bad: int, interrupted: bool, code: ExitCode
) -> None:
    outcomes = [replace(PROVED, status=status) for status in statuses]
    assert exit_code(outcomes, bad_inputs=bad, interrupted=interrupted) is code


def test_the_store_gives_back_what_was_put_in(tmp_path: Path) -> None:
    store = Store(tmp_path / "deep" / "outcomes.jsonl")
    assert list(store) == []
    store.append(PROVED)
    store.append(FAILED)
    assert list(store) == [PROVED, FAILED]
    assert store.latest() == [FAILED]
    assert store.known() == {"k": PROVED, "l": FAILED}


@pytest.mark.parametrize("status", [Status.TIMEOUT, Status.ERROR, Status.CANCELLED, Status.SKIPPED])
def test_what_tells_of_the_machine_is_not_reused(tmp_path: Path, status: Status) -> None:
    store = Store(tmp_path / "outcomes.jsonl")
    store.append(replace(PROVED, status=status))
    assert store.known() == {}
    assert len(store.latest()) == 1


def test_half_a_line_loses_nothing_else(tmp_path: Path) -> None:
    store = Store(tmp_path / "outcomes.jsonl")
    store.append(PROVED)
    with store.path.open("ab") as file:
        file.write(b'{"fragment": "sw')
    store.append(FAILED)
    with store.path.open("ab") as file:
        file.write(b'[1]\n"x"\n{}\n\xff\n')
    assert list(store) == [PROVED, FAILED]


def _write(path: Path, name: str) -> None:
    store = Store(path)
    for number in range(50):
        store.append(replace(FAILED, fragment=name, key=f"{name}{number}", prover="x" * 5000))


def test_two_writers_at_once_mix_nothing(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.jsonl"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(path, name)) for name in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    found = list(Store(path))
    assert len(found) == 150
    for name in "abc":
        assert [one.key for one in found if one.fragment == name] == [
            f"{name}{number}" for number in range(50)
        ]
