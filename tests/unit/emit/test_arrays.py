# SPDX-License-Identifier: Apache-2.0
"""Blocks that hold the words of arrays: what is found, what is owed, how it is printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rocqgen.check.words import FEW, element
from rocqgen.emit.gallina import Printer
from rocqgen.emit.hints import hint_data
from rocqgen.emit.normal import ECst, ESel, EVar, arrays, evaluate, mk_add, subst, variables
from rocqgen.emit.plan import Plan, plan
from rocqgen.emit.render import emit_theory
from rocqgen.emit.symbolic import Residual
from rocqgen.errors import UserError
from rocqgen.source.fragment import load_fragments

if TYPE_CHECKING:
    from pathlib import Path

    from rocqgen.source.spec import Fragment

COPY = """
#@ spec forall r : root, p s n out : word, A : array, q : fraction space r
#@   requires rdi |->r p * rsi |->r s * rdx |->r n * rcx |->r _ * rax |->r _ * rbx |->r out
#@     * s[n] |->v A from 5 * p[n] |->v _ * 0 < n * code{q}
#@   exit out ensures rdi |->r p * rsi |->r s * rdx |->r n * rcx |->r n * rax |->r _ * rbx |->r out
#@     * s[n] |->v A from 5 * p[n] |->v A from 5 * code{q}
    .text
copy:
    xorl %ecx, %ecx
#@ invariant exists i : word
#@   holds rdi |->r p * rsi |->r s * rdx |->r n * rcx |->r i * rax |->r _ * rbx |->r out
#@     * s[n] |->v A from 5 * i < n * code{q}
#@     * p[i] |->v A from 5 * (p + (i << 3))[n - i] |->v _
again:
    LOAD
    movq %rax, (%rdi,%rcx,8)
    incq %rcx
    cmpq %rdx, %rcx
    jb again
    jmp *%rbx
"""


def copying(folder: Path, load: str = "movq (%rsi,%rcx,8), %rax") -> Fragment:
    file = folder / "copy.s"
    file.write_text(COPY.replace("LOAD", load), encoding="utf-8")
    (fragment,) = load_fragments(file)
    return fragment


def blamed(one: Plan) -> list[str]:
    """The facts about the array, each with the instruction that is blamed."""
    assert isinstance(one.verdict, Residual), one.block.about
    names = {n: f"x{n}" for n in range(1, 40)}
    printer = Printer(names, {}, {1: "A"})
    return [
        f"{printer.relation(owe.fact)}  # {blame.instr.text}"
        for owe, blame in zip(one.verdict.facts, one.blames, strict=True)
        if arrays(owe.fact.a) | arrays(owe.fact.b)
    ]


def test_a_loop_copies_an_array(tmp_path: Path) -> None:
    one = plan(copying(tmp_path))
    assert blamed(one) == []
    hints = [hint_data(hint, Printer({}, {})) for _, hint in one.segments[1].hints]
    assert any(hint.startswith("HThen (GArray") for hint in hints)


def test_a_wrong_word_is_blamed_on_its_store(tmp_path: Path) -> None:
    facts = blamed(plan(copying(tmp_path, "movq (%rsi), %rax")))
    assert facts
    assert all(fact.startswith("A (Z_to_bv 64 5) = A (") for fact in facts)
    assert {fact.partition("# ")[2] for fact in facts} == {"movq %rax, (%rdi,%rcx,8)"}


def test_an_array_is_a_parameter_of_the_theorem(tmp_path: Path) -> None:
    text = emit_theory(copying(tmp_path)).text
    assert "(A : word → word)" in text
    assert "(Consts" in text
    assert "vblock_array (λ _a _v, _a ↦ᵥ _v)%I p n A (Z_to_bv 64 5)" in text
    assert "IRes (KBlock (Some true) (CArr 1)) FOne [r; p; n; (ECst 5)]" in text


def test_elements_are_terms() -> None:
    term = mk_add(ESel(2, mk_add(EVar(3), 1)), 4)
    assert variables(term) == {3}
    assert arrays(term) == {2}
    assert subst(term, {3: ECst(7)}) == mk_add(ESel(2, ECst(8)), 4)
    drawn = [evaluate(ESel(1, ECst(k)), {}) for k in range(8)]
    assert len(set(drawn)) == 8
    assert drawn == [evaluate(ESel(1, EVar(1)), {1: k}) for k in range(8)]


def test_small_arrays_count() -> None:
    assert [element(FEW - 1, k) for k in (0, 1, 2)] == [FEW - 1, FEW, FEW + 1]


CALLING = """
#@ spec forall r : root, p out sp0 : word, ARRAYS, q : fraction space r
#@   requires rdi |->r p * rsp |->r sp0 * sp0 - 8 |->v _ * p[4] |->v A * rbx |->r out * code{q}
#@   exit out ensures rdi |->r p * rsp |->r sp0 * sp0 - 8 |->v _ * p[4] |->v A * rbx |->r out
#@     * code{q}
    .text
caller:
    call inner
    jmp *%rbx
#@ spec forall r : root, p sp0 ra : word, A : array, q : fraction space r
#@   requires rdi |->r p * rsp |->r sp0 * sp0 |->v ra * p[4] |->v A * code{q}
#@   exit ra ensures rdi |->r p * rsp |->r sp0 + 8 * sp0 |->v ra * p[4] |->v A * code{q}
inner:
    ret
"""


@pytest.mark.parametrize("names", ["A : array", "A B : array", "B A : array"])
def test_a_callee_has_the_arrays_of_its_caller(tmp_path: Path, names: str) -> None:
    file = tmp_path / "call.s"
    file.write_text(CALLING.replace("ARRAYS", names), encoding="utf-8")
    caller = next(one for one in load_fragments(file) if one.name == "caller")
    if names == "B A : array":
        with pytest.raises(UserError, match="not the first ones of `caller`"):
            plan(caller)
    else:
        one = plan(caller)
        assert isinstance(one.verdict, Residual), one.block.about


def test_what_is_known_of_an_array_is_a_hypothesis(tmp_path: Path) -> None:
    file = tmp_path / "total.s"
    file.write_text(
        """
#@ spec forall r : root, p out : word, A : array, q : fraction space r
#@   requires rdi |->r p * rax |->r _ * rbx |->r out * p[2] |->v A * A[0] = 7 * code{q}
#@   exit out ensures rdi |->r p * rax |->r A[1] + 7 * rbx |->r out * p[2] |->v A * code{q}
    .text
total:
    movq 8(%rdi), %rax
    addq (%rdi), %rax
    jmp *%rbx
""",
        encoding="utf-8",
    )
    (fragment,) = load_fragments(file)
    text = emit_theory(fragment).text
    assert "(A : word → word) :\n  A (Z_to_bv 64 0) = Z_to_bv 64 7 →" in text
