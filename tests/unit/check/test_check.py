# SPDX-License-Identifier: Apache-2.0
"""What the pre-check says of fragments that are right, wrong, empty or endless."""

from __future__ import annotations

from pathlib import Path

import pytest

from rocqgen.check import Verdict
from rocqgen.check.search import Options, check
from rocqgen.source import load_fragments

EXAMPLES = Path(__file__).parents[3] / "examples"
FILES = sorted(EXAMPLES.rglob("*.s"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_examples_are_right_and_twins_fail_at_their_lines(file) -> None:
    for fragment in load_fragments(file):
        result = check(fragment)
        assert result.good, result.words
        # Of a loop over a whole page, fewer runs are as many instructions.
        enough = result.states == 50 or "instructions were run" in result.reason
        assert enough or fragment.expect is not None


def test_the_same_seed_gives_the_same_answer() -> None:
    (fragment,) = load_fragments(EXAMPLES / "switch" / "swtch.wrong-code.s")
    one, two = check(fragment), check(fragment)
    assert (one.story, one.choice) == (two.story, two.choice)
    assert check(fragment, Options(seed=1)).states != 0


# -- what is wrong ---------------------------------------------------------------------------------


def test_a_wrong_register_is_blamed_on_its_last_writer(make) -> None:
    fragment = make("rax |->r x", "add $1, %rax\nadd $1, %rax\nnop\nret", "rax |->r x + 1")
    result = check(fragment)
    assert result.verdict is Verdict.COUNTEREXAMPLE
    assert (result.location.line, result.story.part) == (9, "rax |->r x + 1")
    assert result.story.part_location.line == 4


def test_a_wrong_word_in_memory_is_blamed_on_the_store(make) -> None:
    fragment = make(
        "rdi |->r p * p |->v x * p + 8 |->v y",
        "movq $1, (%rdi)\nmovq $2, 8(%rdi)\nret",
        "p |->v 2 * p + 8 |->v 2",
    )
    result = check(fragment)
    assert (result.verdict, result.location.line) == (Verdict.COUNTEREXAMPLE, 8)
    assert (result.story.expected, result.story.found) == ("0x2", "0x1")


def test_a_fact_is_blamed_on_the_last_instruction(make) -> None:
    result = check(make("rax |->r x", "mov %rax, %rax\nret", "rax |->r x * x < 100"))
    assert (result.story.part, result.location.line) == ("x < 100", 9)


def test_a_store_through_a_share_is_caught(make) -> None:
    """With the whole it is right; half of the memory belongs to someone else."""
    code = "movq $1, (%rdi)\nret"
    assert check(make("rdi |->r p * p |->v x", code, "p |->v 1")).good
    result = check(make("rdi |->r p * p |->v{1/2} x", code, "p |->v{1/2} 1"))
    assert result.verdict is Verdict.FAULT
    assert "a share only" in result.story.message


def test_registers_that_are_not_described_are_not_touched(make) -> None:
    reads = check(make("rax |->r x", "mov %rcx, %rax\nret", "rax |->r _"))
    assert "reads rcx, which the precondition does not describe" in reads.story.message
    writes = check(make("rax |->r x", "mov $1, %ecx\nret", "rax |->r x"))
    assert "writes rcx, which the precondition does not describe" in writes.story.message


def test_more_is_not_owned_behind_than_before(make) -> None:
    grows = check(make("rdi |->r p * p |->v{q} x", "nop\nret", "p |->v x"))
    assert grows.verdict is Verdict.COUNTEREXAMPLE
    twice = check(make("p |->v{q} x", "nop\nret", "p |->v{1/2} x * p |->v{1/2} x"))
    assert twice.verdict is Verdict.COUNTEREXAMPLE
    assert check(make("p |->v x", "nop\nret", "p |->v{1/2} x * p |->v{1/2} x")).good
    rights = check(make("p |->vr x", "nop\nret", "p |->v x"))
    assert rights.verdict is Verdict.COUNTEREXAMPLE
    assert check(make("p |->v x", "nop\nret", "p |->vr x")).good


def test_a_claim_is_not_data_and_data_is_not_a_claim(make) -> None:
    pre = "rdi |->r p * p ~> x * rax |->r _"
    result = check(make(pre, "mov (%rdi), %rax\nret", "p ~> x"))
    assert result.verdict is Verdict.FAULT
    assert "which the precondition does not give" in result.story.message
    assert check(make(pre + " * x |->p y", "mov (%rdi), %rax\nret", "rax |->r y")).good
    wrong = check(make(pre + " * x |->p y", "nop\nret", "p ~> x + 8 * x |->p y"))
    assert wrong.verdict is Verdict.COUNTEREXAMPLE


def test_leaving_the_code_elsewhere_is_blamed_on_the_jump(make) -> None:
    result = check(make("rax |->r x", "nop\njmp *%rax", "emp"))
    assert (result.verdict, result.location.line) == (Verdict.FAULT, 9)


def test_another_exit_may_be_the_one(make) -> None:
    code = "jmp *%rax"
    exits = "ra ensures rax |->r 0\n#@ exit x ensures rax |->r x\n#@ exit y"
    assert check(make("rax |->r x", code, "rax |->r 1", exit_=exits)).good


def test_an_exit_that_is_reached_too_early_is_passed(make) -> None:
    """Control is at `mid` twice, and the postcondition holds the second time."""
    code = "add $1, %rax\nmid:\nadd $1, %rax\njmp mid"
    assert check(make("rax |->r x", code, "rax |->r x + 2", exit_="mid")).good
    never = check(make("rax |->r x", code, "rax |->r x", exit_="mid"), Options(states=1))
    assert never.verdict is Verdict.UNKNOWN


def test_without_code_nothing_is_fetched(tmp_path) -> None:
    file = tmp_path / "f.s"
    file.write_text("#@ spec forall r : root space r requires emp exit 0 ensures emp\nf:\nnop\n")
    (fragment,) = load_fragments(file)
    result = check(fragment)
    assert (result.verdict, result.location.line) == (Verdict.FAULT, 3)
    assert "is not fetched" in result.story.trace[0].effects[0]


def test_branches_are_followed(make) -> None:
    code = "cmp %rsi, %rdi\njae 1f\nmov %rsi, %rdi\n1: ret"
    pre = "rdi |->r x * rsi |->r y"
    assert check(make(f"{pre} * x < y", code, "rdi |->r y")).good
    wrong = check(make(pre, code, "rdi |->r y"))
    assert wrong.verdict is Verdict.COUNTEREXAMPLE


def test_numbers_in_the_code_are_tried(make) -> None:
    """One value in 2**64 goes another way."""
    code = "cmp $0x1234, %rax\nje 1f\nmov $0, %rax\nret\n1: ret"
    result = check(make("rax |->r x", code, "rax |->r 0"))
    assert (result.verdict, result.story.found) == (Verdict.COUNTEREXAMPLE, "0x1234")


# -- existentials ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ensures", "good"),
    [
        ("rax |->r _", True),
        ("exists", True),
    ],
)
def test_existentials_are_found(make, ensures: str, good: bool) -> None:
    code = "mov (%rdi), %rax\nadd $8, %rax\nret"
    pre = "rdi |->r p * rax |->r _ * p |->v x"
    if ensures == "exists":
        exit_ = "ra exists z w : word"
        fragment = make(pre, code, "rax |->r z + 8 * p |->v z * w = z ^ 5 * w != z", exit_=exit_)
    else:
        fragment = make(pre, code, ensures)
    assert check(fragment).good is good


def test_an_existential_that_nothing_satisfies(make) -> None:
    fragment = make(
        "rdi |->r p * rax |->r x", "ret", "rax |->r z * rdi |->r z", exit_="ra exists z : word"
    )
    assert check(fragment).verdict is Verdict.COUNTEREXAMPLE


def test_an_existential_address_is_searched(make) -> None:
    fragment = make("p |->v 5", "ret", "z |->v 5", exit_="ra exists z : word")
    assert check(fragment, Options(states=5)).good


# -- nothing to run --------------------------------------------------------------------------------


def test_a_contradiction_names_its_parts(make) -> None:
    result = check(make("x < y * y < p * p < x * rdi |->r 1", "ret", "emp"))
    assert result.verdict is Verdict.VACUOUS
    assert [one.text for one in result.core] == ["x < y", "y < p", "p < x"]
    assert {one.location.line for one in result.core} == {3}


def test_owning_twice_is_a_contradiction(make) -> None:
    result = check(make("p |->v 1 * x |->v 2 * p < x * x < p + 8 * p < 1000", "ret", "emp"))
    assert result.verdict is Verdict.VACUOUS
    assert any("own separate things" in one.text for one in result.core)


def test_two_values_of_one_byte_are_a_contradiction(make) -> None:
    pre = "p |->v{1/2} 1 * x |->v{1/2} 2 * p = x"
    assert check(make(pre, "ret", "emp")).verdict is Verdict.VACUOUS
    assert check(make(pre.replace("2 *", "1 *"), "ret", "emp"), Options(states=3)).good


def test_an_address_that_cannot_be_is_a_contradiction(make) -> None:
    result = check(make("p |->v 1 * p = 0x1000000000000000", "ret", "emp"))
    assert result.verdict is Verdict.VACUOUS


def test_facts_are_solved_for(make) -> None:
    pre = "rdi |->r p * p |->v _ * p & 4095 = 4092 * x < 16 * 2 <= x * (x & 1) = 1 * y = x << 3"
    result = check(make(pre, "mov %rdi, %rdi\nret", "rdi |->r p"), Options(states=6))
    assert (result.verdict, result.states) == (Verdict.OK, 6)


def test_code_that_does_not_end_is_not_judged(make) -> None:
    result = check(make("rax |->r x", "1: add $1, %rax\njmp 1b", "emp"), Options(states=1))
    assert result.verdict is Verdict.UNKNOWN
    assert "no exit within" in result.reason
    assert not result.good


def test_code_that_goes_in_circles_does_nothing_wrong(make) -> None:
    assert check(make("rax |->r x", "1: jmp 1b", "rax |->r x + 1")).good


# -- spaces ----------------------------------------------------------------------------------------


def test_a_change_of_space_needs_the_code_there(make) -> None:
    pre = "rax |->r s * [s] { x |->v y }"
    wrong = check(make(pre, "mov %rax, %cr3\nnop\ndone:", "emp", exit_="done space s"))
    assert (wrong.verdict, wrong.location.line) == (Verdict.FAULT, 8)
    assert "is not fetched" in wrong.story.trace[-1].effects[0]
    there = "rax |->r s * [s] { code{q} }"
    right = make(there, "mov %rax, %cr3\nnop\ndone:", "code{q}", exit_="done space s")
    assert check(right).good
    stays = make(there, "mov %rax, %cr3\nnop\ndone:", "code{q}", exit_="done")
    assert check(stays).story.part == "space r"


def test_what_one_space_maps_another_need_not(make) -> None:
    pre = "rax |->r s * rdi |->r p * rsi |->r _ * p |->v x * [s] { code{q} }"
    code = "mov %rax, %cr3\nmov (%rdi), %rsi\ndone:"
    result = check(make(pre, code, "emp", exit_="done space s"))
    assert (result.verdict, result.location.line) == (Verdict.FAULT, 9)
