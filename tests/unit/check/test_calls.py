# SPDX-License-Identifier: Apache-2.0
"""Calls, by contract and with their code; loops with invariants; blocks of words."""

from __future__ import annotations

from pathlib import Path

import pytest

from rocqgen.check import Verdict
from rocqgen.check.closing import find_witness
from rocqgen.check.search import check
from rocqgen.source import load_fragments
from rocqgen.source.spec import Fragment

ALLOC = """\
#@ assume alloc
#@   forall k : root, s back : word
#@   space k
#@   requires rsp |->r s * s |->v back * rax |->r _
#@   exit back exists m : word
#@   ensures rsp |->r s + 8 * s |->v _ * rax |->r m * m[512] |->p 0 * m & 0xfff = 0 * m != 0
#@   exit back
#@   ensures rsp |->r s + 8 * s |->v _ * rax |->r 0

#@ spec
#@   forall r : root, alloc s ra p old : word, q : fraction
#@   space r
#@   requires rdi |->r p * p |->v old * rax |->r _ * rbx |->r alloc
#@     * rsp |->r s * s |->v ra * s - 8 |->v _ * code{q}
#@   exit ra exists m : word
#@   ensures rdi |->r p * p |->v m * rax |->r m * rsp |->r s + 8 * m[512] |->p 0 * m != 0 * code{q}
#@   exit ra
#@   ensures rdi |->r p * p |->v old * rax |->r 0 * rsp |->r s + 8 * code{q}
get:
    call *%rbx
    testq %rax, %rax
    je 1f
    movq %rax, (%rdi)
1:  ret
"""
VIRTUAL = """\
#@ assume alloc
#@   forall k : root, s back : word
#@   space k
#@   requires rsp |->r s * s |->v back * rax |->r _
#@   exit back exists v m : word
#@   ensures rsp |->r s + 8 * s |->v _ * rax |->r v * v |->v m * m < 10

#@ spec
#@   forall r : root, alloc s ra : word
#@   space r
#@   requires rax |->r _ * rbx |->r alloc * rsp |->r s * s |->v ra * s - 8 |->v _ * code
#@   exit ra exists v : word
#@   ensures rax |->r v * v |->v 10 * code
get:
    call *%rbx
    movq $10, (%rax)
    ret
"""
LOOP = """\
#@ spec
#@   forall r : root, a n : word, q : fraction
#@   space r
#@   requires rdi |->r a * rcx |->r n * rax |->r _ * a[n] |->v _ * n != 0 * code{q}
#@   exit done
#@   ensures a[n] |->v 7 * code{q}
fill:
    xorl %eax, %eax
#@ invariant exists i : word
#@   holds rax |->r i * rdi |->r a * rcx |->r n * i < n * a[i] |->v 7
#@     * (a + (i << 3))[n - i] |->v _ * code{q}
again:
    movq $7, (%rdi,%rax,8)
    incq %rax
    cmpq %rcx, %rax
    jne again
done:
    nop
"""
SUM = """\
#@ spec
#@   forall r : root, a n : word, A : array, q : fraction
#@   space r
#@   requires rdi |->r a * rax |->r _ * a[4] |->v{q} A from n * code{q}
#@   exit done
#@   ensures rax |->r A[n + 1] + A[n + 3] * a[4] |->v{q} A from n * code{q}
add_up:
    movq 8(%rdi), %rax
    addq 24(%rdi), %rax
done:
    nop
"""
CALLEE = """\
#@ spec
#@   forall k : root, s back x : word, q : fraction
#@   space k
#@   requires rsp |->r s * s |->v back * rax |->r x * code{q}
#@   exit back ensures rsp |->r s + 8 * s |->v back * rax |->r x + 1 * code{q}
next:
    addq $1, %rax
    ret
#@ spec
#@   forall r : root, s ra x : word, q : fraction
#@   space r
#@   requires rsp |->r s * s |->v ra * s - 8 |->v _ * rax |->r x * code{q}
#@   exit ra ensures rsp |->r s + 8 * s |->v ra * s - 8 |->v _ * rax |->r x + 2 * code{q}
twice:
    call next
    call next
    ret
"""


def last(folder: Path, text: str, *edits: tuple[str, str]) -> Fragment:
    """The last fragment of a source with some edits."""
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "f.s"
    path.write_text(text, encoding="utf-8")
    return load_fragments(path)[-1]


RIGHT = {
    "alloc": (ALLOC,),
    "memory that is mapped anew": (VIRTUAL,),
    "loop": (LOOP,),
    "array": (SUM,),
    "callee": (CALLEE,),
}
WRONG = {
    "a result is not tested": (ALLOC, ("je 1f", "nop"), 23),
    "a register is lost": (
        ALLOC,
        ("requires rsp |->r s *", "requires rsp |->r s * rdi |->r _ *"),
        24,
    ),
    "a call without what it needs": (
        ALLOC,
        ("* rax |->r _\n#@   exit", "* rax |->r 7\n#@   exit"),
        20,
    ),
    "memory is not given": (ALLOC, ("m[512] |->p 0 * m & ", "m & "), 24),
    "the contract gives another value": (VIRTUAL, ("movq $10, (%rax)", "nop"), 17),
    "one word too few": (LOOP, ("movq $7, (%rdi,%rax,8)", "movq $7, 8(%rdi,%rax,8)"), 13),
    "an invariant": (LOOP, ("xorl %eax", "movl $1, %eax; xorl %edx"), 8),
    "a wrong element": (SUM, ("24(%rdi)", "16(%rdi)"), 9),
    "the callee's code": (CALLEE, ("addq $1", "addq $2"), 7),
}


@pytest.mark.parametrize("case", RIGHT)
def test_what_is_right_is_ok(case: str, tmp_path: Path) -> None:
    result = check(last(tmp_path, *RIGHT[case]))
    assert (result.verdict, result.states) == (Verdict.OK, 50), (result.story, result.reason)


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_found(case: str, tmp_path: Path) -> None:
    *edited, line = WRONG[case]
    result = check(last(tmp_path, *edited))
    assert result.failed, result.reason
    assert result.location is not None
    assert result.location.line == line


def test_what_an_invariant_does_not_mention_is_lost(tmp_path: Path) -> None:
    result = check(last(tmp_path, LOOP, ("* (a + (i << 3))[n - i] |->v _ * code", "* code")))
    assert (result.verdict, result.location and result.location.line) == (Verdict.FAULT, 13)
    result = check(last(tmp_path, LOOP, (" * rcx |->r n * i < n", " * i < n")))
    assert (result.verdict, result.location and result.location.line) == (Verdict.FAULT, 15)
    assert "reads rcx, which the precondition does not describe" in str(result.story)


def test_a_violated_invariant_is_named(tmp_path: Path) -> None:
    result = check(last(tmp_path, LOOP, ("i < n", "i < n - 1")))
    assert result.story is not None
    assert result.story.place == "the invariant of again"


def test_a_call_that_lacks_something_is_named(tmp_path: Path) -> None:
    result = check(last(tmp_path, *WRONG["a call without what it needs"][:2]))
    assert result.story is not None
    assert (result.story.place, result.story.part) == ("the call of alloc", "rax |->r 7")


def test_what_a_contract_needs_may_be_unknown(tmp_path: Path) -> None:
    edit = ("k : root, s back : word", "k : root, s back z : word")
    more = ("rax |->r _\n#@   exit back exists", "rax |->r z & 8\n#@   exit back exists")
    result = check(last(tmp_path, ALLOC, edit, more))
    assert result.verdict is Verdict.UNKNOWN
    assert "the values with which alloc is called were not found" in result.reason


def test_witnesses_have_the_code_of_callees_and_no_run_through_contracts(tmp_path: Path) -> None:
    witness = find_witness(last(tmp_path, CALLEE))
    assert witness is not None
    assert witness.steps == 7
    witness = find_witness(last(tmp_path, ALLOC))
    assert witness is not None
    assert witness.steps is None
