# SPDX-License-Identifier: Apache-2.0
"""Calls by contract: what a callee's variables stand for, what it needs, and what comes after."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rocqgen.emit import Theory, emit_theory
from rocqgen.emit.develop import develop
from rocqgen.emit.normal import ECst, EVar, mk_add
from rocqgen.emit.plan import plan
from rocqgen.emit.symbolic import FDiv, FOne, FVar, HCall, Residual, Stuck
from rocqgen.errors import UserError
from rocqgen.source.fragment import load_fragments

if TYPE_CHECKING:
    from pathlib import Path

    from rocqgen.emit.plan import Plan

CALLS = """\
    .text
#@ spec forall r : root, x sp0 ra : word, q p : fraction space r
#@   requires rax |->r x * rsp |->r sp0 * sp0 |->v{p} ra * x < 9 * code{q}
#@   exit ra exists y : word
#@   ensures rax |->r y * y = x + 1 * rsp |->r sp0 + 8 * sp0 |->v{p} ra * code{q}
incr:
    addq $1, %rax
    ret
    .size incr, . - incr

#@ spec forall r : root, sp0 ra : word space r
#@   requires rax |->r _ * rsp |->r sp0 * sp0 |->v ra * sp0 - 8 |->v _ * code{1/2}
#@   exit ra
#@   ensures rax |->r 9 * rsp |->r sp0 + 8 * sp0 |->v ra * sp0 - 8 |->v _ * code{1/2}
twice:
    movl $7, %eax
    call incr
    call incr
    ret
    .size twice, . - twice
"""


def load(folder: Path, *changes: tuple[str, str], text: str = CALLS) -> dict[str, Plan]:
    """The plans of all fragments of the file."""
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "f.s").write_text(text, encoding="utf-8")
    fragments = load_fragments(folder / "f.s")
    return {one.name: develop(one)[-1].made for one in fragments}


def theories(folder: Path) -> dict[str, Theory]:
    found = [emit_theory(one) for one in load_fragments(folder / "f.s")]
    return {one.theorem.removesuffix("_correct"): one for one in found}


def calls(made: Plan) -> list[HCall]:
    hints = [hint for one in made.segments for _, hint in one.hints]
    return [hint for hint in hints if isinstance(hint, HCall)]


def test_a_callee_is_taken_at_its_word(tmp_path: Path) -> None:
    made = load(tmp_path)["twice"]
    assert [one.name for one in made.called] == ["incr"]
    first, second = calls(made)
    assert (first.words[3], first.shares) == (ECst(7), {1: FDiv(1, 2), 2: FOne()})
    # What the first call gives is unknown, but for what the contract says of it.
    assert isinstance(made.verdict, Residual)
    (segment,) = made.verdict.segments
    (given, after), (value, _) = segment.names, segment.names[0]
    assert (second.words[3], given[1], after[1]) == (EVar(value), None, None)
    assert [len(owe.path) for owe in segment.facts] == [0, 1, 2]


def test_what_a_callee_needs_is_owed_by_the_call(tmp_path: Path) -> None:
    made = load(tmp_path)["twice"]
    assert [(one.instr.location.line, one.about) for one in made.blames] == [
        (17, "incr requires x < 9 (line 3)"),
        (18, "incr requires x < 9 (line 3)"),
        (18, "rax |->r 9 (line 14)"),
    ]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ((" * sp0 - 8 |->v _ * code{1/2}\n#@   exit", " * code{1/2}\n#@   exit"), "nothing is"),
        (
            ("rax |->r x * rsp", "rax |->r x * rbx |->r 0 * rsp"),
            "incr requires rbx |->r 0 (line 3)",
        ),
        (
            ("sp0 |->v{p} ra * x", "sp0 |->v{q} ra * x"),
            "incr requires code{q} (line 3), whose share",
        ),
    ],
)
def test_what_is_not_there_at_a_call(tmp_path: Path, change: tuple[str, str], why: str) -> None:
    made = load(tmp_path, change)["twice"]
    assert isinstance(made.verdict, Stuck)
    assert why in made.verdict.why
    assert made.block.instr.text == "call incr"


def test_a_theory_has_what_its_fragment_calls(tmp_path: Path) -> None:
    load(tmp_path)
    theory = theories(tmp_path)["twice"]
    assert (
        "Definition twice_code : code_list := twice_own ++ code_moved (-5) incr_code."
        in theory.text
    )
    assert "Contract incr_spec []" in theory.text
    (part,) = theory.callees
    assert theory.text.index("Lemma incr_correct") in range(part.start, part.end)
    assert theory.text.index("Lemma twice_correct") not in range(part.start, part.end)
    assert [step.text for step in part.instrs] == ["addq $1, %rax", "ret"]
    assert [step.text for step in theory.instrs][1:3] == ["call incr", "call incr"]


def test_a_callee_may_say_nothing_of_the_platform(tmp_path: Path) -> None:
    load(tmp_path, ("word space r\n", "word space r platform\n"))
    proof = theories(tmp_path)["twice"].text
    assert "m_config M = platform_config (Platform false 52) →" in proof
    assert "incr_holds (eq_trans (f_equal cfg_user Hmode) eq_refl) ρ'" in proof


def test_code_that_several_callees_share_is_there_once(tmp_path: Path) -> None:
    more = """
#@ spec forall r : root, sp0 ra : word space r
#@   requires rax |->r _ * rsp |->r sp0 * sp0 |->v ra * sp0 - 8 |->v _ * sp0 - 16 |->v _
#@     * code{1/2}
#@   exit ra
#@   ensures rax |->r 10 * rsp |->r sp0 + 8 * code{1/2}
more:
    call twice
    movl $8, %eax
    call incr
    ret
    .size more, . - more
"""
    load(tmp_path, text=CALLS.replace("x < 9", "x < 10") + more)
    text = theories(tmp_path)["more"].text
    assert text.count("Definition incr_code") == 1
    assert text.count("code_moved") == 3
    whole = "more_own ++ code_moved (-21) incr_code ++ code_moved (-16) twice_own"
    assert whole in " ".join(text.split())


RECURSIVE = """\
    .text
#@ spec forall r : root, n sp0 : word, q : fraction space r
#@   requires rcx |->r n * rsp |->r sp0 * sp0 |->v _ * code{q}
#@   exit done ensures rcx |->r 0 * rsp |->r sp0 * sp0 |->v _ * code{q}
down:
    testq %rcx, %rcx
    je done
    subq $1, %rcx
    addq $8, %rsp
    call down
done:
    nop
"""


def test_a_function_calls_itself_by_its_own_contract(tmp_path: Path) -> None:
    made = load(tmp_path, text=RECURSIVE)["down"]
    (call,) = calls(made)
    assert call.words[3] == mk_add(EVar(3), -1)
    assert isinstance(made.verdict, Residual)
    text = theories(tmp_path)["down"].text
    assert "fragment_proof down_run Hmode.\n    - left. split;" in text


def test_a_function_that_calls_itself_needs_stack_each_time(tmp_path: Path) -> None:
    # Without the `add`, the callee's word of the stack is another one, and the caller has none.
    deep = ("    addq $8, %rsp\n", "")
    assert isinstance(load(tmp_path, deep, text=RECURSIVE)["down"].verdict, Stuck)
    more = ("sp0 |->v _ * code{q}\n#@   exit", "sp0 |->v _ * sp0 - 8 |->v 5 * code{q}\n#@   exit")
    made = load(tmp_path, deep, more, text=RECURSIVE)["down"]
    assert isinstance(made.verdict, Stuck)
    assert made.verdict.why == "down requires sp0 - 8 |->v 5 (line 3), which is not there"


def test_a_jump_to_the_entry_is_no_call(tmp_path: Path) -> None:
    jump = ("    addq $8, %rsp\n    call down", "    jmp down")
    made = load(tmp_path, ("rcx |->r n *", "rcx |->r 3 *"), jump, text=RECURSIVE)["down"]
    assert not calls(made)
    assert made.fuel == 4 * 3 + 2


ASSUMED = """\
    .text
# Gives a word.
#@ assume alloc
#@   forall r : root, sp1 ret : word space r
#@   requires rax |->r _ * rsp |->r sp1 * sp1 |->v ret
#@   exit ret exists p : word
#@   ensures rax |->r p * p != 0 * rsp |->r sp1 + 8 * sp1 |->v ret * p |->v _

#@ spec forall r : root, alloc sp0 ra : word, q : fraction space r
#@   requires rax |->r _ * rbx |->r alloc * rsp |->r sp0 * sp0 |->v ra * sp0 - 8 |->v _ * code{q}
#@   exit ra exists p : word
#@   ensures rax |->r p * p |->v 7 * p != 0 * rsp |->r sp0 + 8 * sp0 |->v ra * sp0 - 8 |->v _
#@     * code{q}
seven:
    call *%rbx
    movq $7, (%rax)
    ret
    .size seven, . - seven

#@ spec forall r : root, alloc sp0 ra : word, q : fraction space r
#@   requires rax |->r _ * rbx |->r alloc * rsp |->r sp0 * sp0 |->v ra * code{q}
#@     * sp0 - 8 |->v _ * sp0 - 16 |->v _
#@   exit ra exists p : word
#@   ensures rax |->r p * p |->v 7 * rsp |->r sp0 + 8 * sp0 |->v ra * code{q}
other:
    call seven
    ret
    .size other, . - other

#@ spec forall r : root, x alloc : word space r
#@   requires rax |->r x * rbx |->r alloc * code exit alloc ensures rax |->r x
neither:
    jmp *%rbx
"""


def test_an_assumed_contract_is_a_premise(tmp_path: Path) -> None:
    made = load(tmp_path, text=ASSUMED)["seven"]
    (call,) = calls(made)
    assert call.words[1] == EVar(made.names.words["alloc"])
    assert made.verdict == Residual(made.verdict.segments)  # type: ignore[union-attr]
    found = theories(tmp_path)
    assert found["seven"].assuming == ("alloc",)
    # A caller of what assumes something assumes it, too.
    assert found["other"].assuming == ("alloc",)
    assert found["neither"].assuming == ()
    text = found["other"].text
    headline = text[text.index("Lemma other_correct") :]
    assert "spec_assumed alloc_spec alloc →" in headline
    assert text.count("Lemma alloc_says (alloc r sp1 ret u1 : word) :") == 1
    assert "alloc_says" not in found["neither"].text


def test_a_pointer_that_a_callee_calls_through_is_the_caller_s(tmp_path: Path) -> None:
    text = ASSUMED.replace(
        "alloc sp0 ra : word, q : fraction space r\n#@   requires rax |->r _ * rbx |->r alloc"
        " * rsp |->r sp0 * sp0 |->v ra * code{q}",
        "f sp0 ra : word, q : fraction space r\n#@   requires rax |->r _ * rbx |->r f"
        " * rsp |->r sp0 * sp0 |->v ra * code{q}",
    )
    assert text != ASSUMED
    with pytest.raises(UserError, match="`seven` assumes a contract of `alloc`"):
        load(tmp_path, text=text)


@pytest.mark.parametrize("name", ["even", "odd", "first"])
def test_functions_that_call_each_other_are_refused(tmp_path: Path, name: str) -> None:
    spec = """\
#@ spec forall r : root, e sp0 : word space r
#@   requires rcx |->r e * rsp |->r sp0 * sp0 - 8 |->v _ * code
#@   exit e ensures rcx |->r e
"""
    body = {"first": "call even", "even": "call odd", "odd": "call even"}
    parts = [f"{spec}{one}: {code}\n    .size {one}, . - {one}\n" for one, code in body.items()]
    (tmp_path / "f.s").write_text("    .text\n" + "\n".join(parts), encoding="utf-8")
    (fragment,) = [one for one in load_fragments(tmp_path / "f.s") if one.name == name]
    with pytest.raises(UserError, match="call each other"):
        develop(fragment)


def test_a_plan_alone_knows_all_callees(tmp_path: Path) -> None:
    made = load(tmp_path)["twice"]
    (fragment,) = [one for one in load_fragments(tmp_path / "f.s") if one.name == "twice"]
    assert plan(fragment).verdict == made.verdict


def test_the_address_of_a_call_is_that_of_the_callee(tmp_path: Path) -> None:
    first, second = calls(load(tmp_path)["twice"])
    assert first.words[1] == second.words[1] == mk_add(EVar(1), -5)
    assert first.words[5] != second.words[5]
    assert FVar(1) not in first.shares.values()
