# SPDX-License-Identifier: Apache-2.0
"""Invariants: a run from the entry and one from each label, and who is to blame for a wrong one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rocqgen.emit import emit_theory
from rocqgen.emit.plan import Plan, plan
from rocqgen.emit.symbolic import HAt, HNone, Missing, Residual, Stuck
from rocqgen.emit.tags import TFact, TReg
from rocqgen.source.fragment import load_fragments

if TYPE_CHECKING:
    from pathlib import Path

LOOP = """
    .text
#@ spec forall r : root, a n sp0 ra : word, q : fraction space r
#@   requires rax |->r a * rcx |->r n * rsp |->r sp0 * sp0 |->v{q} ra * code{q} * n != 0
#@   exit ra
#@   ensures rax |->r a + n * rcx |->r 0 * rsp |->r sp0 + 8 * sp0 |->v{q} ra * code{q}
count:
    nop
#@ invariant exists s i : word
#@   holds rax |->r s * rcx |->r i * s + i = a + n * i != 0 * rsp |->r sp0
#@   * sp0 |->v{q} ra * code{q}
next:
    addq $1, %rax
    subq $1, %rcx
    jne next
    ret
"""


def made(folder: Path, *changes: tuple[str, str], text: str = LOOP) -> Plan:
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file = folder / "f.s"
    file.write_text(text.lstrip("\n"), encoding="utf-8")
    (fragment,) = load_fragments(file)
    assert emit_theory(fragment).text
    return plan(fragment)


def blamed(result: Plan) -> list[tuple[str, str]]:
    return [(one.instr.text, one.about) for one in result.blames]


def test_a_loop_is_two_runs(tmp_path: Path) -> None:
    result = made(tmp_path)
    assert isinstance(result.verdict, Residual)
    entry, around = result.verdict.segments
    assert (entry.names, [x for x, _ in around.names]) == ((), [7, 8])
    assert [leaf.end for one in result.segments for leaf in one.leaves] == [1, 1, 0]
    assert [owe.tag for owe in entry.facts] == [TFact(1)]
    # What the invariant says is assumed, first of all, and then which way was taken.
    first = around.facts[0]
    assert [fact.rel.value for fact in reversed(first.path)] == ["=", "!=", "!="]
    assert result.fuel == 4


def test_what_an_invariant_says_is_a_hypothesis(tmp_path: Path) -> None:
    made(tmp_path)
    (fragment,) = load_fragments(tmp_path / "f.s")
    text = emit_theory(fragment).text
    assert "bv_add s0 i = bv_add a n →" in text
    # That i is not 0 at the entry, and that the sum stays, are hypotheses word for word.
    assert text.count("Lemma count_fact_") == 3
    assert "exact (λ Q give, give H1)." in " ".join(text.split())


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        # Not established: the path from the entry reaches the label.
        (("    nop\n", "    addq $1, %rax\n"), ("addq $1, %rax", "invariant: s + i = a + n")),
        (("s + i = a + n", "s + i = a"), ("nop", "invariant: s + i = a")),
        # Not preserved: the path around.
        (("    subq $1, %rcx", "    subq $2, %rcx"), ("jne next", "invariant: s + i = a + n")),
        (("rcx |->r i *", "rcx |->r i * rdx |->r 0 *"), ("nop", "invariant: rdx |->r 0")),
    ],
)
def test_a_wrong_invariant_is_blamed_on_the_way_to_its_label(
    tmp_path: Path, change: tuple[str, str], expected: tuple[str, str]
) -> None:
    result = made(tmp_path, change)
    text, about = expected
    if isinstance(result.verdict, Missing):
        assert (result.block.instr.text, result.block.about) == (
            text,
            f"{about} (line 9): not there at the invariant",
        )
    else:
        assert (text, f"{about} (line 9)") in blamed(result)


def test_a_wrong_register_is_blamed_on_who_wrote_it_on_the_way(tmp_path: Path) -> None:
    result = made(tmp_path, ("rax |->r s ", "rax |->r a "), ("s + i = a + n", "s = 0"))
    assert ("addq $1, %rax", "invariant: rax |->r a (line 9)") in blamed(result)


def test_a_run_stops_at_an_invariant_and_not_before_its_first_instruction(tmp_path: Path) -> None:
    spin = """
    .text
#@ spec forall r : root, x : word space r
#@   requires rax |->r x * code exit 0 ensures rax |->r x
spin: nop
#@ invariant holds rax |->r x * code
again: jmp again
"""
    result = made(tmp_path, text=spin)
    assert isinstance(result.verdict, Residual)
    assert [[leaf.end for leaf in one.leaves] for one in result.segments] == [[1], [1]]


def test_without_an_invariant_a_loop_does_not_end(tmp_path: Path) -> None:
    text = "\n".join(line for k, line in enumerate(LOOP.split("\n")) if not 8 <= k <= 10)
    result = made(tmp_path, text=text)
    assert isinstance(result.verdict, Stuck)
    assert "has not left the fragment" in result.verdict.why


JOIN = """
    .text
#@ spec forall r : root, x e : word space r
#@   requires rax |->r x * rdx |->r _ * rcx |->r e * code
#@   exit e ensures rax |->r 1 * x = 0 * code
#@   exit e exists y : word ensures rax |->r y * y = x + 2 * x != 0 * code
joined:
    testq %rax, %rax
    jne 1f
    addq $1, %rax
    jmp *%rcx
1:  addq $2, %rax
    jmp *%rcx
"""


def test_of_exits_at_one_address_a_path_takes_the_one_that_holds(tmp_path: Path) -> None:
    result = made(tmp_path, text=JOIN)
    assert isinstance(result.verdict, Residual)
    assert [leaf.end for leaf in result.segments[0].leaves] == [1, 0]
    # Of the second path, that x is 0 is known: 1 is x + 1.
    assert [owe.tag for owe in result.verdict.facts if owe.fact not in owe.path] == [
        TReg(result.spec.exits[0].holds.regs[0].reg)
    ]


def test_of_exits_that_do_not_hold_the_one_with_the_least_left_is_shown(tmp_path: Path) -> None:
    result = made(tmp_path, ("rax |->r 1 *", "rbx |->r 1 *"), text=JOIN)
    assert [leaf.end for leaf in result.segments[0].leaves] == [1, 1]


TWICE = """
    .text
#@ spec forall r : root, p c x e : word space r
#@   requires rdi |->r p * rax |->r _ * rbx |->r c * rcx |->r e * rdx |->r _ * code
#@   * p |->v x * p = c
#@   exit e exists y : word ensures rax |->r y * code
again:
    xorl %edx, %edx
1:  movq (%rdi), %rax
    movq %rbx, %rdi
    addq $1, %rdx
    cmpq $2, %rdx
    jne 1b
    jmp *%rcx
"""


def test_a_hint_is_not_taken_too_early(tmp_path: Path) -> None:
    # The load goes to p word for word the first time, and through c the second time.
    result = made(tmp_path, text=TWICE)
    assert result.segments[0].hints == ((2, HNone()), (2, HAt(0)))
