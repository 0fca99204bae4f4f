# SPDX-License-Identifier: Apache-2.0
"""A space is built of zeroed frames from inside another one, entered, and claimed in."""

from __future__ import annotations

from pathlib import Path

from rocqgen.check import Verdict
from rocqgen.check.search import Options, check
from rocqgen.source import load_fragments

BUILD = """\
#@ spec
#@   forall r s : root, t4 t3 t2 t1 c cp x : word
#@   space r
#@   platform maxphyaddr 40
#@   requires
#@       t4 = s & 0x000ffffffffff000 * c = build & 0xfffffffffffff000
#@     * rdi |->r t4 + 0xffff800000000000 + ((c >> 39 & 511) << 3)
#@     * rsi |->r t3 + 0xffff800000000000 + ((c >> 30 & 511) << 3)
#@     * rbp |->r t2 + 0xffff800000000000 + ((c >> 21 & 511) << 3)
#@     * rbx |->r t1 + 0xffff800000000000 + ((c >> 12 & 511) << 3)
#@     * rax |->r t3 | 3 * rcx |->r t2 | 3 * rdx |->r t1 | 3 * r8 |->r cp | 1
#@     * r9 |->r s * r10 |->r x
#@     * page t4 + 0xffff800000000000 ~> t4 * t4[512] |->p 0
#@     * page t3 + 0xffff800000000000 ~> t3 * t3[512] |->p 0
#@     * page t2 + 0xffff800000000000 ~> t2 * t2[512] |->p 0
#@     * page t1 + 0xffff800000000000 ~> t1 * t1[512] |->p 0
#@     * t3 & 0xfff = 0 * t2 & 0xfff = 0 * t1 & 0xfff = 0 * cp & 0xfff = 0
#@     * c ~>r{1/2} cp * build & 0xfff < 0xf00 * code{1/2}
#@   exit done space s
#@   ensures r10 |->r x + 1 * code{1/2} * [r] { code{1/2} }
build:
    movq %rax, (%rdi)
    movq %rcx, (%rsi)
    movq %rdx, (%rbp)
    movq %r8, (%rbx)
    movq %r9, %cr3
    incq %r10
done:
    nop
"""


def run(folder: Path, text: str, states: int = 15):
    path = folder / "build.s"
    path.write_text(text, encoding="utf-8")
    (fragment,) = load_fragments(path)
    return check(fragment, Options(states=states))


def test_a_space_is_built_and_entered(tmp_path: Path) -> None:
    result = run(tmp_path, BUILD)
    assert (result.verdict, result.states) == (Verdict.OK, 15), result.story


def test_a_table_that_is_not_linked_is_missed_when_the_space_is_entered(tmp_path: Path) -> None:
    result = run(tmp_path, BUILD.replace("movq %rdx, (%rbp)", "nop"))
    assert result.story is not None
    assert (result.verdict, result.story.text) == (Verdict.FAULT, "movq %r9, %cr3")


def test_a_page_that_is_not_mapped_cannot_be_claimed(tmp_path: Path) -> None:
    wrong = "0x7fffff000000 ~>r 0"
    result = run(tmp_path, BUILD.replace("* [r] { c", f"* [s] {{ {wrong} }} * [r] {{ c"))
    assert result.story is not None
    assert (result.verdict, result.story.part) == (Verdict.COUNTEREXAMPLE, wrong)


SHARE = """\
#@ spec
#@   forall r new : root, to tn e : word, q : fraction
#@   space r
#@   platform maxphyaddr 32
#@   requires
#@       rdi |->r to * rsi |->r tn * rax |->r _ * code{q}
#@     * to ~> (r & 0x000ffffffffff000) + 4088 * (r & 0x000ffffffffff000) + 4088 |->e{q} e
#@     * page tn ~> new * new[512] |->p 0 * new & 0xfff = 0 * new != r
#@   exit done
#@   ensures
#@       to ~> (r & 0x000ffffffffff000) + 4088 * (r & 0x000ffffffffff000) + 4088 |->e{q} e
#@     * page tn ~> new * new[511] |->p 0 * new + 4088 |->e e answers none claims none * code{q}
share:
    movq (%rdi), %rax
    movq %rax, 4088(%rsi)
done:
    nop
"""


def test_a_slot_of_one_root_is_shared_with_another(tmp_path: Path) -> None:
    """The claim of what lies at a masked root and an offset; physical addresses of 32 bits."""
    result = run(tmp_path, SHARE)
    assert (result.verdict, result.states) == (Verdict.OK, 15), result.reason
    wrong = run(tmp_path, SHARE.replace("4088(%rsi)", "4080(%rsi)"))
    assert wrong.verdict is Verdict.COUNTEREXAMPLE
