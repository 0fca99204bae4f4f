# SPDX-License-Identifier: Apache-2.0
"""What a theory says of a fragment, from its assembly on."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from rocqgen.emit import Role, Theory, emit_theory
from rocqgen.emit.plan import Plan, plan
from rocqgen.emit.symbolic import HAt, Missing, Residual, Segment, Stuck
from rocqgen.emit.tags import TFact, TInstr, TItem, TReg
from rocqgen.source.fragment import load_fragments

if TYPE_CHECKING:
    from pathlib import Path

    from rocqgen.source.spec import Fragment


def load(folder: Path, spec: str, code: str) -> Fragment:
    """A fragment `f` that gets `code` behind a specification without its first lines."""
    block = "\n".join(f"#@ {line}" for line in dedent(spec).strip().split("\n"))
    body = "\n".join(f"    {line}" for line in dedent(code).strip().split("\n"))
    file = folder / "f.s"
    file.write_text(f"{block}\n    .text\nf:\n{body}\n", encoding="utf-8")
    (fragment,) = load_fragments(file)
    return fragment


def made(folder: Path, spec: str, code: str) -> Plan:
    return plan(load(folder, spec, code))


LOAD = """
    spec forall r : root, p x sp0 ra : word, q : fraction space r
    requires rdi |->r p * rax |->r _ * rsp |->r sp0 * p + 8 |->v{q} x * sp0 |->v ra * code{q}
    exit ra
    ensures rdi |->r p * rax |->r x * rsp |->r sp0 + 8 * p + 8 |->v{q} x * sp0 |->v ra * code{q}
"""


def test_a_fragment_that_meets_its_spec_leaves_nothing(tmp_path: Path) -> None:
    result = made(tmp_path, LOAD, "movq 8(%rdi), %rax\nret")
    assert result.verdict == Residual((Segment((), ()),))
    assert (result.fuel, result.segments[0].hints) == (2, ())


@pytest.mark.parametrize(
    ("code", "line", "why"),
    [
        ("movq 16(%rdi), %rax\nret", 1, "nothing is known of this address"),
        ("movq 8(%rbx), %rax\nret", 1, "nothing of the register rbx"),
        ("movq 8(%rdi), %rax\nmovq %rax, 8(%rdi)\nret", 2, "owned in part"),
        ("movq %rdi, %cr3\nret", 1, "not mapped in the new space"),
        ("movq 8(%rdi), %rax\njmp *%rax", 2, "neither in the fragment nor at an exit"),
        ("l: jmp l", 1, "has not left the fragment"),
    ],
)
def test_a_stuck_run_has_its_instruction(tmp_path: Path, code: str, line: int, why: str) -> None:
    result = made(tmp_path, LOAD, code)
    assert isinstance(result.verdict, Stuck)
    assert why in result.verdict.why
    assert result.block.instr.location.line == 6 + line
    assert "clean (check " in emit_theory(load(tmp_path, LOAD, code)).text


def test_a_wrong_register_is_blamed_on_its_last_writer(tmp_path: Path) -> None:
    result = made(tmp_path, LOAD, "movq 8(%rdi), %rax\naddq $1, %rax\nret")
    assert isinstance(result.verdict, Residual)
    assert [one.tag for one in result.verdict.facts] == [
        TReg(load(tmp_path, LOAD, "ret").spec.exits[0].post[1].reg)  # type: ignore[union-attr]
    ]
    (blame,) = result.blames
    assert (blame.instr.location.line, blame.instr.text) == (8, "addq $1, %rax")
    assert blame.about == "rax |->r x (line 4)"


def test_what_nothing_wrote_is_blamed_on_the_last_instruction(tmp_path: Path) -> None:
    result = made(tmp_path, LOAD, "nop\nret")
    assert [blame.instr.text for blame in result.blames] == ["ret"]


def test_a_wrong_word_is_blamed_on_its_last_store(tmp_path: Path) -> None:
    spec = """
        spec forall r : root, p a b : word, e : word space r
        requires rdi |->r p * rax |->r a * rbx |->r b * rcx |->r e
          * p |->v _ * p + 8 |->v _ * code
        exit e ensures p |->v a * p + 8 |->v b
    """
    code = "movq %rax, 8(%rdi)\nmovq %rbx, (%rdi)\njmp *%rcx"
    result = made(tmp_path, spec, code)
    assert isinstance(result.verdict, Residual)
    assert [one.tag for one in result.verdict.facts] == [TItem(0), TItem(1)]
    assert [blame.instr.text for blame in result.blames] == [
        "movq %rbx, (%rdi)",
        "movq %rax, 8(%rdi)",
    ]


@pytest.mark.parametrize(
    ("post", "text"),
    [
        ("rbx |->r 0", "jmp *%rcx"),
        ("p |->v 7 * p + 8 |->v _", "jmp *%rcx"),
        ("p |->v{q} 7", "movq $7, (%rdi)"),
    ],
)
def test_what_is_missing_at_the_exit(tmp_path: Path, post: str, text: str) -> None:
    spec = f"""
        spec forall r : root, p e : word, q : fraction space r
        requires rdi |->r p * rcx |->r e * p |->v _ * code
        exit e ensures {post}
    """
    result = made(tmp_path, spec, "movq $7, (%rdi)\njmp *%rcx")
    assert isinstance(result.verdict, Missing)
    assert result.block.instr.text == text
    assert "not there at the exit" in result.block.about


def test_existentials_get_their_values(tmp_path: Path) -> None:
    spec = """
        spec forall r : root, p x e : word space r
        requires rdi |->r p * rax |->r _ * rcx |->r e * p + 8 |->v x * code
        exit e exists a b c d : word
        ensures rax |->r a + 1 * a |->v b * c = d + x * d = 2 * rcx |->r _
    """
    result = made(tmp_path, spec, "leaq 9(%rdi), %rax\njmp *%rcx")
    assert isinstance(result.verdict, Residual)
    # The value of c is found after that of d; nothing is left.
    assert result.verdict.facts == ()


def test_hints_that_are_written(tmp_path: Path) -> None:
    spec = """
        spec forall r : root, p i x e : word space r
        requires rdi |->r p * rsi |->r i * rax |->r _ * rcx |->r e
          * p + 8 |->v x * i < 2 * 0 < i * code
        exit e ensures rax |->r x
    """
    result = made(tmp_path, spec, "movq (%rdi,%rsi,8), %rax  #@ at p + 8\njmp *%rcx")
    assert result.segments[0].hints == ((0, HAt(0)),)
    assert isinstance(result.verdict, Residual)
    assert [one.tag for one in result.verdict.facts] == [TInstr(0), TInstr(0)]
    text = emit_theory(
        load(tmp_path, spec, "movq (%rdi,%rsi,8), %rax  #@ at p + 8\njmp *%rcx")
    ).text
    assert "(bv_unsigned i < bv_unsigned (Z_to_bv 64 2))%Z →" in text
    assert "bv_add p (alu_value AluShl i (Z_to_bv 64 3)) = p `+Z` 8." in text
    assert "exact (λ Q give, give (f_fact_1 p i H1 H2) eq_refl)." in " ".join(text.split())


@pytest.mark.parametrize(
    ("fact", "address"),
    [
        ("p = c - 8", "c"),
        ("c - p = 8", "c"),
        ("a & -8 = p * c = a & -8", "c + 8"),
        ("c = b * a = p", "a + 8"),
    ],
)
def test_hints_that_are_found(tmp_path: Path, fact: str, address: str) -> None:
    spec = f"""
        spec forall r : root, p a b c x e : word space r
        requires rdi |->r {address} * rax |->r _ * rcx |->r e * p + 8 |->v x * {fact} * code
        exit e ensures rax |->r x
    """
    result = made(tmp_path, spec, "movq (%rdi), %rax\njmp *%rcx")
    assert result.segments[0].hints == ((0, HAt(0)),)
    assert isinstance(result.verdict, Residual)


def test_a_local_function_runs_twice(tmp_path: Path) -> None:
    spec = """
        spec forall r : root, x sp0 : word space r
        requires rax |->r x * rsp |->r sp0 * sp0 - 8 |->v _ * code
        exit done ensures rax |->r x + 2 * rsp |->r sp0
    """
    result = made(
        tmp_path, spec, "call g\ncall g\njmp done\ng: incr: addq $1, %rax\nret\ndone: nop"
    )
    assert isinstance(result.verdict, Residual)
    assert result.verdict.facts == ()
    assert result.fuel == 7


def test_names_that_the_theory_uses_are_not_captured(tmp_path: Path) -> None:
    spec = """
        spec forall vdenote : root, M f_code entry x : word space vdenote
        requires rax |->r M * rbx |->r f_code * rcx |->r entry * rdx |->r x * code
        exit entry exists M0 : word ensures rax |->r M0
    """
    theory = emit_theory(load(tmp_path, spec, "jmp *%rcx"))
    headline = theory.text[theory.text.index("Lemma f_correct (") :].split(":")[0]
    assert headline == "Lemma f_correct (entry0 vdenote0 M0 f_code0 entry x "


def test_two_exits_are_alternatives(tmp_path: Path) -> None:
    spec = """
        spec forall r : root, a b : word space r
        requires rax |->r a * rbx |->r b * code
        exit a exists x : word ensures rbx |->r x
        exit b exists x : word ensures rax |->r x
    """
    fragment = load(tmp_path, spec, "jmp *%rbx")
    assert "∨" in emit_theory(fragment).text
    verdict = plan(fragment).verdict
    assert isinstance(verdict, Residual)
    assert verdict.facts == ()


def test_marks_are_of_the_lines_that_they_name(tmp_path: Path) -> None:
    theory = emit_theory(load(tmp_path, LOAD, "movq 8(%rdi), %rax\naddq $1, %rax\nret"))
    code = [mark for mark in theory.marks if mark.role is Role.CODE]
    assert [mark.location.line for mark in code] == [7, 8, 9]
    assert all(f"(* {m.text} *)" in theory.text[m.start : m.end] for m in code)
    assert theory.text.count("\ue000") == 0
    user = theory.text.index("solve_fact")
    found = theory.mark_at(user)
    assert found is not None
    assert (found.role, found.location.line) == (Role.USER, 8)
    assert [(step.offset, step.location.line) for step in theory.instrs] == [(0, 7), (4, 8), (8, 9)]


def test_a_pure_fact_of_the_postcondition(tmp_path: Path) -> None:
    spec = LOAD.replace("* code{q}\n    exit", "* x < 8 * code{q}\n    exit").rstrip() + " * x < 9"
    result = made(tmp_path, spec, "movq 8(%rdi), %rax\nret")
    assert isinstance(result.verdict, Residual)
    assert [one.tag for one in result.verdict.facts] == [TFact(0)]
    text = emit_theory(load(tmp_path, spec, "movq 8(%rdi), %rax\nret")).text
    assert "Lemma f_fact_1 (x : word) :\n  (bv_unsigned x < bv_unsigned (Z_to_bv 64 8))%Z →" in text


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    def emit() -> Theory:
        return emit_theory(load(tmp_path, LOAD, "movq 8(%rdi), %rax\nret"))

    assert emit() == emit()


def test_text_of_the_file_stays_in_comments(tmp_path: Path) -> None:
    file = tmp_path / 'a *) Admitted. (* ".s'
    block = "\n".join(f"#@ {line.strip()}" for line in LOAD.strip().split("\n"))
    file.write_text(
        f'# *) Admitted. Lemma x : False. (* "\n\n{block}\n    .text\nf:\n'
        '    movq 8(%rdi), %rax /* *) Qed. (* " */\n    ret\n',
        encoding="utf-8",
    )
    (fragment,) = load_fragments(file)
    text = emit_theory(fragment).text
    assert '"' not in text
    depth = 0
    for sign in (text[k : k + 2] for k in range(len(text))):
        depth += {"(*": 1, "*)": -1}.get(sign, 0)
        assert depth in {0, 1}
    assert depth == 0
