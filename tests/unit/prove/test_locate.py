# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocqgen.emit.theory import Mark, Part, Role, Step, Theory
from rocqgen.prove.locate import locate, read_stuck
from rocqgen.rocq.document import Failure, Kind
from rocqgen.source.location import Location


def line(number: int) -> Location:
    return Location("a.s", number)


TEXT = "Lemma é : T.\nProof.\n  go. stop.\nQed.\n"
THEORY = Theory(
    name="a",
    text=TEXT,
    theorem="é",
    source="a.s",
    digest="0",
    marks=(
        Mark(0, len(TEXT), line(1), Role.THEOREM, "a"),
        Mark(22, 32, line(2), Role.BLOCK, "block"),
        Mark(26, 31, line(3), Role.RESIDUAL, "1 < 2"),
    ),
    instrs=(Step(line(7), "mov %rax, %rbx"), Step(line(8), "ret", 3)),
)


def failure(offset: int, message: str = "no") -> Failure:
    return Failure(Kind.REFUSED, offset, offset, offset + 1, "stop.", message, "goal", "é")


@pytest.mark.parametrize(
    ("offset", "number", "text", "role"),
    [
        (0, 1, "a", "theorem"),
        (22, 2, "block", "block"),
        (26, 3, "1 < 2", "residual"),
        (30, 3, "1 < 2", "residual"),
        (31, 2, "block", "block"),
    ],
)
def test_the_innermost_mark_tells(offset: int, number: int, text: str, role: str) -> None:
    trouble = locate(THEORY, failure(offset))
    assert (trouble.location, trouble.text, trouble.role) == (line(number), text, role)
    assert (trouble.goal, trouble.lemma, trouble.message) == ("goal", "é", "no")


def test_the_place_in_the_generated_file_counts_characters() -> None:
    assert locate(THEORY, failure(22)).generated == Location("a.v", 3, 3)


def test_without_a_mark_there_is_no_line() -> None:
    bare = Theory("a", TEXT, "é", "a.s", "0")
    assert locate(bare, failure(22)).location is None


@pytest.mark.parametrize(
    ("message", "offset", "why"),
    [
        ("Tactic failure: rocqgen-stuck 3 no chunk at 8(%rsp).", 3, "no chunk at 8(%rsp)"),
        (
            "Tactic failure: rocqgen-stuck 12\nthe code is\n  not mapped (level 99).",
            12,
            "the code is not mapped",
        ),
        ("rocqgen-stuck 0", 0, ""),
        ("In nested Ltac calls to x.\nTactic failure: rocqgen-stuck (4%nat) why", 4, "why"),
        ('Tactic failure: "rocqgen-stuck 5 why not"%string.', 5, "why not"),
        ('"rocqgen-stuck" 6 "why"', 6, "why"),
        ("rocqgen-stuck 7: first. rocqgen-stuck 8: second.", 7, "first"),
        ("rocqgen-stuck (4)%nat a (b)", 4, "a (b)"),
        ("rocqgen-stuck\n1\nbad pointer (rax + 8)", 1, "bad pointer (rax + 8)"),
    ],
)
def test_the_message_of_the_engine(message: str, offset: int, why: str) -> None:
    stuck = read_stuck(message)
    assert stuck is not None
    assert (stuck.offset, stuck.why) == (offset, why)


@pytest.mark.parametrize(
    "message", ["", "no", "rocqgen-stuck", "rocqgen-stuck at all", "rocqgen stuck 3 x"]
)
def test_other_messages_are_not_the_engine_s(message: str) -> None:
    assert read_stuck(message) is None


@given(st.integers(0, 10**6), st.lists(st.text("abc()+%_", min_size=1), min_size=1, max_size=8))
def test_the_message_survives_line_breaks(index: int, words: list[str]) -> None:
    why = " ".join(words)
    stuck = read_stuck(
        f"Tactic failure: rocqgen-stuck\n{index}\nbecause {why} yes.".replace(" ", "\n ")
    )
    assert stuck is not None
    assert (stuck.offset, stuck.why) == (index, f"because {why} yes")


def test_the_engine_s_offset_gives_the_instruction_s_line() -> None:
    trouble = locate(THEORY, failure(22, "Tactic failure: rocqgen-stuck 3 no exit here."))
    assert (trouble.location, trouble.text) == (line(8), "ret")
    assert trouble.message == "no exit here"


@pytest.mark.parametrize(
    ("why", "message"),
    [
        ("(Needs 0 (TReg RAX))", "f requires rax |->r _ (line 3), which is not there"),
        ("OutOfFuel", "f requires rax |->r _ (line 3), which is not there"),
        ("(NoReg RAX)", "rax is not owned; write in requires: rax |->r _"),
    ],
)
def test_what_the_emitter_has_foreseen_says_more(why: str, message: str) -> None:
    theory = replace(THEORY, foreseen="f requires rax |->r _ (line 3), which is not there")
    trouble = locate(theory, failure(22, f"Tactic failure: rocqgen-stuck 3 {why}."))
    assert (trouble.location, trouble.message) == (line(8), message)


def test_a_callee_s_offsets_are_its_own() -> None:
    part = Part(20, 30, (Step(line(40), "leave", 3),), (), "")
    theory = replace(THEORY, callees=(part,))
    message = "Tactic failure: rocqgen-stuck 3 no exit here."
    assert locate(theory, failure(22, message)).location == line(40)
    assert locate(theory, failure(32, message)).location == line(8)


def test_an_offset_of_no_instruction_stays_at_the_block() -> None:
    trouble = locate(THEORY, failure(22, "Tactic failure: rocqgen-stuck 2 no exit here."))
    assert trouble.location == line(2)
    assert trouble.message == "no exit here (at offset 2)"


def test_a_state_that_does_not_fit_is_a_defect_of_ours() -> None:
    mark = Mark(0, len(TEXT), line(4), Role.CLOSED, "a")
    trouble = locate(replace(THEORY, marks=(mark,)), failure(22))
    assert trouble.location == line(4)
    assert trouble.message.startswith("the theorem is accepted, but not at the concrete state")
    assert trouble.message.endswith("please report it (--no-check proves without such a state): no")
