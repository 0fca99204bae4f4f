# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rocqgen.errors import UserError
from rocqgen.exits import ExitCode


def test_says_where_what_was_expected_and_what_to_write() -> None:
    error = UserError(
        "unknown name 'rx'",
        file="a.s",
        line=3,
        column=7,
        expected="a parameter or register",
        hint="rax",
    )
    assert error.render() == (
        "a.s:3:7: error: unknown name 'rx'\n  expected: a parameter or register\n  write: rax"
    )
    assert error.exit_code is ExitCode.USAGE


def test_without_a_file_the_program_speaks() -> None:
    assert UserError("no prover", line=3).render() == "rocqgen: error: no prover"


def test_more_lines_stay_below_their_label() -> None:
    assert UserError("m", hint="one\ntwo").render().splitlines()[1:] == [
        "  write: one",
        "         two",
    ]


@given(st.integers(1), st.none() | st.integers(1))
def test_location_is_what_editors_read(line: int, column: int | None) -> None:
    location = UserError("m", file="dir/a.s", line=line, column=column).location
    assert location.split(":") == ["dir/a.s", str(line), *([] if column is None else [str(column)])]


def test_exit_codes_are_those_of_the_manual() -> None:
    assert {code.name: code.value for code in ExitCode} == {
        "OK": 0,
        "FAILED": 1,
        "INTERRUPTED": 2,
        "INTERNAL": 3,
        "USAGE": 4,
        "NOTHING_FOUND": 5,
    }
