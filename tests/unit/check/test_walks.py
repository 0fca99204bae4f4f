# SPDX-License-Identifier: Apache-2.0
"""Walks: a case distinction on entry, and read from memory where something must hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from rocqgen.check import Verdict
from rocqgen.check.cases import cases
from rocqgen.check.closing import find_witness
from rocqgen.check.search import Options, check, replay
from rocqgen.check.subject import Subject
from rocqgen.source import load_fragments
from rocqgen.source.print import print_item
from rocqgen.source.spec import Entry, Fragment, Pure

D = "0xffff800000000000"
WALK = f"walk va in r level 2 from t reads e2, {{}} mapped by {D} in r"
LOOK = f"""    movabsq ${D}, %rdx
    movabsq $0x000ffffffffff000, %r8
    movq %rdi, %rax
    andq %r8, %rax
    addq %rdx, %rax
    movq %rsi, %rcx
    shrq $21, %rcx
    andl $511, %ecx
    movq (%rax,%rcx,8), %rax
    movl %eax, %ecx
    andl $0x81, %ecx
    cmpl $1, %ecx
    jne out
    andq %r8, %rax
    addq %rdx, %rax
    movq %rsi, %rcx
    shrq $12, %rcx
    andl $511, %ecx
"""
REGS = "rax |->r _ * rcx |->r _ * rdx |->r _ * r8 |->r _"


def fragment(
    folder: Path, code: str, after: str = "e1", facts: str = "emp", more: str = "emp"
) -> Fragment:
    """A fragment that has a walk of two levels, and ends at `out` with another entry."""
    path = folder / "f.s"
    bound = "exists found : word" if "found" in after else ""
    path.write_text(
        "#@ spec forall r : root, t va e2 e1 : word\n"
        f"#@ space r requires rdi |->r t * rsi |->r va * {REGS} * code\n"
        f"#@   * {WALK.format('e1')} * {facts}\n"
        f"#@ exit out {bound}\n"
        f"#@ ensures rdi |->r t * rsi |->r va * {REGS} * code\n"
        f"#@   * {WALK.format(after)} * {more}\n"
        "    .text\n    .globl f\n"
        f"f:\n{code}out:\n    nop\n",
        encoding="utf-8",
    )
    (found,) = load_fragments(path)
    return found


def test_a_walk_is_several_cases(tmp_path: Path) -> None:
    found = cases(fragment(tmp_path, LOOK))
    entries = [sum(isinstance(one, Entry) for one in case.spec.pre) for case in found]
    facts = [[print_item(one) for one in case.spec.pre if isinstance(one, Pure)] for case in found]
    assert entries == [2, 1, 1]
    assert facts == [["e2 & 129 = 1"], ["e2 & 1 = 0"], ["e2 & 129 = 129"]]
    assert [len(Subject(case).pre.claims) for case in found] == [2, 1, 1]


@pytest.mark.parametrize(
    ("facts", "count"),
    [("e2 & 1 != 0", 2), ("e2 & 0x83 = 3", 1), ("e2 = 0", 1), ("e1 & 1 = 0", 3)],
)
def test_what_facts_exclude_is_no_case(tmp_path: Path, facts: str, count: int) -> None:
    assert len(cases(fragment(tmp_path, LOOK, facts=facts))) == count


def test_a_walk_that_is_kept_is_right_in_all_cases(tmp_path: Path) -> None:
    load = "    movq (%rax,%rcx,8), %rax\n"
    result = check(fragment(tmp_path, LOOK + load))
    assert (result.verdict, result.states) == (Verdict.OK, 50)
    assert check(fragment(tmp_path, LOOK + load, after="found")).verdict is Verdict.OK


def test_an_entry_that_changes_is_seen(tmp_path: Path) -> None:
    store = "    movq $0, (%rax,%rcx,8)\n"
    absent = "e1 & 1 = 0"
    assert check(fragment(tmp_path, LOOK + store, after="found", facts=absent)).good
    wrong = check(fragment(tmp_path, LOOK + store, facts=f"{absent} * e1 != 0"))
    assert (wrong.verdict, wrong.location.line) == (Verdict.COUNTEREXAMPLE, 28)
    assert wrong.story.part == WALK.format("e1")
    stale = check(fragment(tmp_path, LOOK + store, after="found"))
    assert stale.verdict in {Verdict.COUNTEREXAMPLE, Verdict.FAULT}


def test_a_table_that_is_not_there_is_not_read(tmp_path: Path) -> None:
    load = "    movq (%rax,%rcx,8), %rax\n"
    wrong = check(fragment(tmp_path, LOOK.replace("$0x81", "$1") + load))
    assert (wrong.verdict, wrong.location.line) == (Verdict.FAULT, 28)
    assert wrong.choice is not None
    again = replay(fragment(tmp_path, LOOK.replace("$0x81", "$1") + load), wrong.choice)
    assert (again.verdict, again.location) == (wrong.verdict, wrong.location)


def test_no_case_is_vacuous(tmp_path: Path) -> None:
    facts = "va < 5 * 5 < va"
    result = check(fragment(tmp_path, LOOK, facts=facts), Options(states=3))
    assert result.verdict is Verdict.VACUOUS


def test_a_state_closes_a_theorem(tmp_path: Path) -> None:
    witness = find_witness(fragment(tmp_path, LOOK, after="found"))
    assert witness is not None
    assert witness.words["e2"] & 0x81 == 1


def test_what_no_states_are_made_for_is_said(tmp_path: Path) -> None:
    path = tmp_path / "f.s"
    path.write_text(
        "#@ assume take\n"
        "#@ forall k : root, sp1 back : word\n"
        "#@ space k requires rsp |->r sp1 * sp1 |->v back\n"
        "#@ exit back ensures rsp |->r sp1 + 8 * sp1 |->v back * walk sp1 in k level 4 from k\n"
        "\n"
        "#@ spec forall r : root, take sp0 : word\n"
        "#@ space r requires rsp |->r sp0 * sp0 - 8 |->v _ * rdi |->r take * code\n"
        "#@ exit out ensures code\n"
        "    .text\n    .globl f\nf:\n    call *%rdi\nout:\n    nop\n",
        encoding="utf-8",
    )
    (found,) = load_fragments(path)
    result = check(found)
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason == "no states are made for walks that a contract gives (line 4)"
