# SPDX-License-Identifier: Apache-2.0
"""Branches: what each arm assumes, which are left out, and what a plan says of several paths."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocqgen.emit import emit_theory
from rocqgen.emit.flags import Arms, FlagsResult, FlagsSub, cond_arms, refuted
from rocqgen.emit.normal import Alu, ECst, EOp, EVar, evaluate, mk_sext, mk_trunc, mk_written
from rocqgen.emit.plan import Plan, plan
from rocqgen.emit.symbolic import Fact, Missing, Residual, Segment, Stuck
from rocqgen.emit.tags import TFact, TReg
from rocqgen.source.fragment import load_fragments
from rocqgen.source.machine import Cond, Width
from rocqgen.source.spec import Rel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

WIDTHS = [width.value for width in Width]
WORDS = st.one_of(
    st.integers(0, 2**64 - 1), st.sampled_from([0, 1, 0x7F, 0x80, 2**31, 2**63, 2**64 - 1])
)


def holds(fact: Fact, values: Mapping[int, int]) -> bool:
    a, b = evaluate(fact.a, values), evaluate(fact.b, values)
    return {Rel.EQ: a == b, Rel.NE: a != b, Rel.LT: a < b, Rel.LE: a <= b}[fact.rel]


def decides(arms: Arms | None, values: Mapping[int, int]) -> bool | None:
    """Whether the first arm is taken; exactly one is."""
    if arms is None:
        return None
    yes, no = (holds(fact, values) for fact in arms)
    assert yes is not no
    return yes


def signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


@given(st.sampled_from(WIDTHS), WORDS, WORDS)
def test_the_arms_of_a_comparison(bits: int, x: int, y: int) -> None:
    x, y = x % (1 << bits), y % (1 << bits)
    values = {1: x, 2: y}
    known = {
        Cond.E: x == y,
        Cond.NE: x != y,
        Cond.B: x < y,
        Cond.AE: x >= y,
        Cond.BE: x <= y,
        Cond.A: x > y,
        Cond.L: signed(x, bits) < signed(y, bits),
        Cond.GE: signed(x, bits) >= signed(y, bits),
        Cond.LE: signed(x, bits) <= signed(y, bits),
        Cond.G: signed(x, bits) > signed(y, bits),
        Cond.S: signed((x - y) % (1 << bits), bits) < 0,
        Cond.NS: signed((x - y) % (1 << bits), bits) >= 0,
    }
    flags = FlagsSub(bits, EVar(1), EVar(2))
    assert {cond: decides(cond_arms(cond, flags), values) for cond in known} == known
    for cond in set(Cond) - set(known):
        assert cond_arms(cond, flags) is None


@given(st.sampled_from(WIDTHS), WORDS, st.booleans())
def test_the_arms_of_a_result(bits: int, x: int, logic: bool) -> None:
    x %= 1 << bits
    known = {Cond.E: x == 0, Cond.NE: x != 0, Cond.S: signed(x, bits) < 0}
    known[Cond.NS] = not known[Cond.S]
    more = {
        Cond.L: signed(x, bits) < 0,
        Cond.LE: signed(x, bits) <= 0,
        Cond.G: signed(x, bits) > 0,
        Cond.GE: signed(x, bits) >= 0,
        Cond.BE: x == 0,
        Cond.A: x != 0,
    }
    flags = FlagsResult(bits, EVar(1), logic=logic)
    for cond in Cond:
        expected = (known | more if logic else known).get(cond)
        assert decides(cond_arms(cond, flags), {1: x}) is expected


@given(st.sampled_from(WIDTHS), WORDS, WORDS)
def test_narrow_values(bits: int, old: int, new: int) -> None:
    values = {1: old, 2: new}
    low = (1 << bits) - 1
    assert evaluate(mk_trunc(bits, EVar(2)), values) == new & low
    assert evaluate(mk_sext(bits, ECst(new & low)), values) == signed(new & low, bits) % 2**64
    kept = 0 if bits >= 32 else old & ~low
    assert evaluate(mk_written(bits, EVar(1), EVar(2)), values) == kept | new & low


def test_what_is_seen_to_be_false() -> None:
    x, y = EVar(1), EVar(2)
    assert refuted([Fact(Rel.NE, x, y)], Fact(Rel.EQ, y, x))
    assert refuted([Fact(Rel.LT, x, y)], Fact(Rel.LE, y, x))
    assert refuted([], Fact(Rel.LT, x, x))
    assert refuted([], Fact(Rel.EQ, ECst(1), ECst(2)))
    assert not refuted([Fact(Rel.LE, x, y)], Fact(Rel.LE, y, x))
    assert not refuted([Fact(Rel.EQ, x, y)], Fact(Rel.LE, x, y))
    assert not refuted([], Fact(Rel.NE, x, y))


CLEAN = Residual((Segment((), ()),))

SPEC = """
    spec forall r : root, x sp0 ra : word space r
    requires rax |->r x * rcx |->r _ * rsp |->r sp0 * sp0 |->v ra * code
    exit ra ensures {post}
"""


def made(folder: Path, post: str, code: str, given: str = "") -> Plan:
    spec = SPEC.format(post=post).replace("* code", f"* code {given}")
    block = "\n".join(f"#@ {line}" for line in dedent(spec).strip().split("\n"))
    body = "\n".join(f"    {line}" for line in dedent(code).strip().split("\n"))
    file = folder / "f.s"
    file.write_text(f"{block}\n    .text\nf:\n{body}\n", encoding="utf-8")
    (fragment,) = load_fragments(file)
    assert emit_theory(fragment).text
    return plan(fragment)


ABSOLUTE = "testq %rax, %rax\njns 1f\nmovl $0, %eax\n1: ret"


def test_each_path_owes_under_its_branch(tmp_path: Path) -> None:
    result = made(tmp_path, "rax |->r 0", ABSOLUTE)
    assert isinstance(result.verdict, Residual)
    (owe,) = result.verdict.facts
    assert owe.tag == TReg(result.spec.goal.posts[0].state.regs[0][0])
    (assumed,) = owe.path
    assert assumed.rel is Rel.LT
    assert [blame.instr.text for blame in result.blames] == ["1: ret"]


def test_names_of_an_exit_have_their_values_path_by_path(tmp_path: Path) -> None:
    result = made(tmp_path, "rax |->r _", ABSOLUTE)
    assert result.verdict == CLEAN
    first, second = result.segments[0].leaves
    assert [term for _, term in (*first.witness, *second.witness)] == [EVar(3), ECst(0)]


@pytest.mark.parametrize("given", ["* x != 0", "* 0 != x"])
def test_an_arm_that_cannot_be_taken_is_left_out(tmp_path: Path, given: str) -> None:
    code = "testq %rax, %rax\njne 1f\nmovq (%rcx), %rax\n1: ret"
    assert made(tmp_path, "rcx |->r _", code, given).verdict == CLEAN
    assert isinstance(made(tmp_path, "rcx |->r _", code).verdict, Stuck)


def test_a_path_that_lacks_something_is_missed(tmp_path: Path) -> None:
    result = made(tmp_path, "rdx |->r 0", ABSOLUTE)
    assert isinstance(result.verdict, Missing)


def test_flags_of_before_the_fragment_are_not_known(tmp_path: Path) -> None:
    result = made(tmp_path, "rax |->r x", "sete %al\nret")
    assert isinstance(result.verdict, Stuck)
    assert "has not been computed" in result.verdict.why


def test_a_bit_is_a_mask(tmp_path: Path) -> None:
    result = made(tmp_path, "x >> 63 = 0", "btq $63, %rax\njnc 1f\nmovl $0, %eax\n1: ret")
    assert isinstance(result.verdict, Residual)
    (first, _) = result.verdict.facts
    assert first.path == (Fact(Rel.EQ, EOp(Alu.AND, EVar(3), ECst(1 << 63)), ECst(0)),)


def test_conditional_moves_fork(tmp_path: Path) -> None:
    result = made(tmp_path, "x = 5", "cmpq $5, %rax\ncmovel %ecx, %eax\nret")
    assert isinstance(result.verdict, Residual)
    assert [(owe.tag, owe.path[0].rel) for owe in result.verdict.facts] == [
        (TFact(0), Rel.EQ),
        (TFact(0), Rel.NE),
    ]
