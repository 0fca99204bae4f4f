# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocqgen.prove.explain import explain
from rocqgen.prove.locate import first_goal

WORDS = ("entry", "old", "new", "po")


@pytest.mark.parametrize(
    ("term", "said"),
    [
        ("(NoReg R12)", "r12 is not owned"),
        ("(NoItem (EVar 3) (EAdd (EVar 4) 8))", "the word at po + 8 in space new;"),
        ("(NoItem (EVar 3)\n (EAdd (EVar 4) (-8)%Z))", "the word at po - 8 in space new;"),
        ("(ReadOnly (EVar 2) (EVar 4))", "the word at po in space old cannot be written"),
        ("(NoFrame (EOp AluAnd (EVar 4) (ECst 65535)))", "the physical word at po & 0xffff is"),
        ("(CodeUnmapped (EVar 3))", "write: [new] { code }"),
        ("(LeftCode (EOp AluXor (EAdd (EVar 9) 1) (EVar 4)))", "control goes to (t9 + 1) ^ po,"),
        ("OutOfFuel", "did not end at an exit"),
        ("(TReg RBX)", "wants rbx"),
        ("(TItem 0)", "item 1 of the postcondition"),
    ],
)
def test_reasons_are_said_with_the_annotation_s_names(term: str, said: str) -> None:
    assert said in explain(term, WORDS)


@given(st.text("ECEVarNoItem()% 0123456789-", max_size=40))
def test_anything_else_stays_as_it_is_or_is_explained(text: str) -> None:
    assert explain(text, WORDS) or not text


def test_the_goal_in_focus_is_shown_alone() -> None:
    shown = "2 goals\n  \n  x : nat\n  =====\n  x = 1\n\ngoal 2 is:\n y = 2\n"
    assert first_goal(shown) == "  x : nat\n  =====\n  x = 1"
