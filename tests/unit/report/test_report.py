# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io
import json
from dataclasses import replace

from rocqgen.errors import UserError
from rocqgen.exits import ExitCode
from rocqgen.prove.outcome import Outcome, Status, Trouble
from rocqgen.report.failure import render_failure
from rocqgen.report.json import render_json
from rocqgen.report.table import Table, summary
from rocqgen.source.location import Location

PROVED = Outcome("a", "a_spec", "x/a.s", Status.PROVED, seconds=1.234)
FAILED = replace(
    PROVED,
    theorem="b_spec",
    status=Status.FAILED,
    troubles=(
        Trouble(
            "no chunk at [rax]",
            Location("x/a.s", 12, 5),
            "mov (%rax), %rbx",
            "block",
            "n : nat\n=====\n[red]⊢ P",
            "b_spec",
            "go.",
            Location("a.v", 40, 3),
        ),
        Trouble("second\nline"),
    ),
    dependents=("c",),
)
TWIN = replace(FAILED, theorem="twin", expect=Location("x/a.s", 12))


def test_a_failure_begins_with_file_line_and_instruction() -> None:
    assert render_failure(FAILED) == (
        "x/a.s:12: mov (%rax), %rbx\n"
        "  failed: no chunk at [rax]\n"
        "  in the proof of b_spec at a.v:40:3\n"
        "  goal:\n"
        "    n : nat\n"
        "    =====\n"
        "    [red]⊢ P\n"
        "\n"
        "x/a.s: b_spec\n"
        "  failed: second\n"
        "  line\n"
        "\n"
        "  accepted, but on the strength of what failed: c"
    )


def test_a_long_goal_is_cut() -> None:
    long = replace(FAILED, troubles=(Trouble("x", goal="\n".join(map(str, range(100)))),))
    assert "... 40 more lines" in render_failure(long)


def test_the_table_off_a_terminal_is_plain() -> None:
    file = io.StringIO()
    table = Table(["a_spec", "b_spec", "twin"], file=file)
    with table:
        for outcome in (PROVED, FAILED, TWIN, replace(PROVED, cached=True, when="then")):
            table.row(outcome)
    table.finish([PROVED, FAILED, TWIN])
    lines = file.getvalue().splitlines()
    assert lines[0] == "proved    a_spec     1.23 s  no axioms        x/a.s"
    assert lines[1] == "failed    b_spec     1.23 s  -                x/a.s"
    assert lines[2].endswith("(failed as expected at line 12)")
    assert lines[3].endswith("(known since then)")
    assert lines[5] == "x/a.s:12: mov (%rax), %rbx"
    assert lines[-1] == "1 proved, 1 failed, 1 failed as expected in 3.7 s"
    assert "\x1b" not in file.getvalue()
    assert file.getvalue().count("x/a.s:12: mov") == 1


def test_what_rests_on_a_contract_is_never_plainly_proved() -> None:
    assumed = replace(PROVED, assuming=("alloc", "free"))
    file = io.StringIO()
    Table(["a_spec"], file=file).row(assumed)
    assert file.getvalue().startswith("proved, assuming alloc, free a_spec")
    assert summary([PROVED, assumed]) == "1 proved, 1 proved under assumptions in 2.5 s"
    document = json.loads(render_json([assumed], exit_code=ExitCode.OK))
    assert document["outcomes"][0]["verdict"] == "proved, assuming alloc, free"
    assert document["outcomes"][0]["assuming"] == ["alloc", "free"]


def test_axioms_are_named() -> None:
    file = io.StringIO()
    Table(["a_spec"], file=file).row(
        replace(PROVED, status=Status.ADMITTED, assumptions=("choice", "k"))
    )
    assert "choice, k" in file.getvalue()


def test_json_has_everything() -> None:
    error = UserError("bad", file="x/b.s", line=3, column=4, expected="good")
    document = json.loads(render_json([PROVED, TWIN], exit_code=ExitCode.USAGE, bad_inputs=[error]))
    assert document["exit_code"] == 4
    assert [one["good"] for one in document["outcomes"]] == [True, True]
    assert document["outcomes"][1]["troubles"][0]["location"]["line"] == 12
    assert document["bad_inputs"][0]["line"] == 3


def test_the_summary_does_not_count_known_seconds() -> None:
    assert summary([PROVED, replace(PROVED, cached=True)]) == "2 proved in 1.2 s"
