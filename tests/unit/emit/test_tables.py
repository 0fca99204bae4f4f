# SPDX-License-Identifier: Apache-2.0
"""Edits of page tables: the steps of the proof that are found, what they owe, who is blamed."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from rocqgen.emit.gallina import Printer
from rocqgen.emit.hints import hint_data
from rocqgen.emit.plan import Plan, plan
from rocqgen.emit.symbolic import Missing, Residual, Stuck
from rocqgen.source.fragment import load_fragments

if TYPE_CHECKING:
    from pathlib import Path


def slot(table: str, shift: int) -> str:
    return f"({table} & 0xffffffffff000) + (va >> {shift - 3} & 0xff8)"


REGS = "rdi |->r p * rsi |->r va * rdx |->r pa * rcx |->r t * rax |->r _ * r8 |->r x"
UP = " * ".join(
    [
        f"{slot('s', 39)} |->e{{q}} e4 * {slot('e4', 30)} |->e{{q}} e3",
        f"{slot('e3', 21)} |->e{{q}} e2",
    ]
)
LEAF = slot("e2", 12)
KNOWN = """
    va & 0xfff = 0 * va < 0x800000000000 * pa & 0xfff0000000000fff = 0 * s & 0xfff0000000000000 = 0
    * e4 & 135 = 3 * e3 & 135 = 3 * e2 & 135 = 3"""
CLAIMED = f"{LEAF} |->e e1 answers va in s claims va in s * e1 & 7 = 3 * pa = e1 & 0xffffffffff000"
ABSENT = f"{LEAF} |->e 0 answers va in s claims none"


WINDOW = "page w ~> e2 & 0xffffffffff000 * w + (va >> 9 & 0xff8) = p"


def made(
    folder: Path,
    code: str,
    pre: str,
    post: str,
    space: str = "s",
    mapping: str = f"p ~> {LEAF}",
    up: str = UP,
) -> Plan:
    """The plan of `code`, which ends by a jump to `out` with the postcondition `post`."""
    text = f"""
        spec forall r s : root, va pa e4 e3 e2 e1 p t w x out : word, q : fraction space {space}
        requires {REGS} * rbx |->r out * {mapping} * {up} * {KNOWN} * {pre} * code{{q}}
        exit out ensures {post}
    """
    block = "\n".join(f"#@ {line}" for line in dedent(text).strip().split("\n"))
    body = "\n".join(f"    {line}" for line in dedent(code).strip().split("\n"))
    file = folder / "f.s"
    file.write_text(f"{block}\n    .text\nf:\n{body}\n    jmp *%rbx\n", encoding="utf-8")
    (fragment,) = load_fragments(file)
    return plan(fragment)


def printer(one: Plan) -> Printer:
    names = {number: ident for ident, number in one.names.words.items()}
    return Printer({1: "entry", **names}, {n: ident for ident, n in one.names.fractions.items()})


def told(one: Plan) -> list[str]:
    """What the engine is told, by the offsets of instructions."""
    show = printer(one)
    hints = [hint for segment in one.segments for hint in segment.hints]
    return [f"{offset} {hint_data(hint, show)}".replace("%nat", "") for offset, hint in hints]


def owed(one: Plan) -> list[str]:
    """What is left to prove, and the text of the instruction that is blamed."""
    assert isinstance(one.verdict, Residual), one.block.about
    show = printer(one)
    pairs = zip(one.verdict.facts, one.blames, strict=True)
    return [f"{show.relation(owe.fact)}  # {blame.instr.text}" for owe, blame in pairs]


FLUSHED = "movq (%rdi), %rax\nandq $-3, %rax\nmovq %rax, (%rdi)\ninvlpg (%rsi)"
PROTECTED = f"{LEAF} |->e e1 & -3 answers va in s claims va in s * page va ~>r pa * {UP}"


def test_a_page_is_protected(tmp_path: Path) -> None:
    one = made(tmp_path, FLUSHED, f"{CLAIMED} * page va ~> pa", PROTECTED)
    assert told(one) == [
        "7 HFirst (GUnclaim 4 5)",
        "13 HThen (GClaim [1; 2; 3; 4] 3 false s va pa)",
    ]
    facts = owed(one)
    assert len(facts) == 11
    assert "bv_and e1 (Z_to_bv 64 1) = Z_to_bv 64 1  # movq %rax, (%rdi)" in facts
    assert "pa = bv_and e1 (Z_to_bv 64 0xffffffffff000)  # movq %rax, (%rdi)" in facts
    assert one.block.instr.text == "jmp *%rbx"


def test_a_forgotten_flush_is_blamed_on_the_store(tmp_path: Path) -> None:
    code = FLUSHED.replace("invlpg (%rsi)", "nop")
    one = made(tmp_path, code, f"{CLAIMED} * page va ~> pa", PROTECTED)
    assert isinstance(one.verdict, Missing)
    assert one.block.instr.text == "movq %rax, (%rdi)"
    assert "owes va in s, which is not flushed" in one.block.about


@pytest.mark.parametrize("first", [True, False])
def test_the_store_is_blamed_whatever_comes_first(tmp_path: Path, first: bool) -> None:
    parts = PROTECTED.split(" * page va ~>r pa")
    post = f"page va ~>r pa * {parts[0]}{parts[1]}" if first else PROTECTED
    code = FLUSHED.replace("invlpg (%rsi)", "nop")
    one = made(tmp_path, code, f"{CLAIMED} * page va ~> pa", post)
    assert isinstance(one.verdict, Missing)
    assert one.block.instr.text == "movq %rax, (%rdi)"


def test_what_an_entry_still_owes(tmp_path: Path) -> None:
    post = f"{LEAF} |->e 0 answers va in s claims none"
    one = made(tmp_path, "movq $0, (%rdi)", f"{CLAIMED} * page va ~> pa", post)
    assert isinstance(one.verdict, Missing)
    assert one.block.instr.text == "movq $0, (%rdi)"
    assert "owes va in s, which is not flushed" in one.block.about


def test_a_mark_that_the_engine_stops_at(tmp_path: Path) -> None:
    pre = f"{LEAF} |->e e1 answers va in s claims none"
    code = "orq $3, %rdx\nmovq %rdx, (%rdi)  #@ then claim va in s"
    one = made(tmp_path, code, pre, MAPPED)
    assert isinstance(one.verdict, Stuck)
    assert "nothing says that the entry was absent" in one.verdict.why
    assert told(one) == ["4 HThen (GClaim [1; 2; 3; 4] 3 true s va pa)"]


def test_a_wrong_bit_is_blamed_on_the_store(tmp_path: Path) -> None:
    code = FLUSHED.replace("$-3", "$-2")
    one = made(tmp_path, code, f"{CLAIMED} * page va ~> pa", PROTECTED)
    assert isinstance(one.verdict, Missing)
    assert one.block.instr.text == "movq %rax, (%rdi)"
    assert "is absent" in one.block.about


def test_a_wrong_value_leaves_what_is_false(tmp_path: Path) -> None:
    code = FLUSHED.replace("$-3", "$-5")
    facts = owed(made(tmp_path, code, f"{CLAIMED} * page va ~> pa", PROTECTED))
    wrong, right = "0xfffffffffffffffb", "0xfffffffffffffffd"
    assert facts[-1] == (
        f"bv_and e1 (Z_to_bv 64 {wrong}) = bv_and e1 (Z_to_bv 64 {right})  # movq %rax, (%rdi)"
    )


def test_claims_in_parts_are_joined_before_they_are_given_back(tmp_path: Path) -> None:
    pre = f"{CLAIMED} * page va ~>{{1/2}} pa * page va ~>{{1/2}} pa"
    post = f"{LEAF} |->e 0 answers va in s claims none * page va ~>{{1/2}} pa"
    one = made(tmp_path, "movq $0, (%rdi)\ninvlpg (%rsi)", pre, post)
    assert told(one)[:2] == ["0 HFirst (GJoin 5 6)", "0 HFirst (GUnclaim 4 5)"]
    assert isinstance(one.verdict, Missing)


def test_a_claim_that_is_not_owned_whole_stays(tmp_path: Path) -> None:
    one = made(tmp_path, "movq $0, (%rdi)", f"{CLAIMED} * page va ~>{{1/2}} pa", "emp")
    assert isinstance(one.verdict, Stuck)
    assert "`page va ~> ..` of that space is not owned whole" in one.verdict.why


MAPPED = f"{LEAF} |->e pa | 3 answers va in s claims va in s * page va ~> pa * {UP}"


def test_a_page_is_mapped(tmp_path: Path) -> None:
    one = made(tmp_path, "orq $3, %rdx\nmovq %rdx, (%rdi)", ABSENT, MAPPED)
    assert told(one) == ["7 HThen (GClaim [1; 2; 3; 4] 3 true s va pa)"]
    facts = owed(one)
    assert "pa = bv_and (bv_or pa (Z_to_bv 64 3)) (Z_to_bv 64 0xffffffffff000)" in facts[-3]


def test_a_page_of_another_space_is_mapped_through_a_window(tmp_path: Path) -> None:
    post = MAPPED.replace("page va ~> pa", "[s] { page va ~> pa }")
    code = "orq $3, %rdx\nmovq %rdx, (%rdi)"
    one = made(tmp_path, code, ABSENT, post, space="r", mapping=WINDOW)
    assert told(one) == ["4 HAt 0 (Some 4) None", "7 HThen (GClaim [1; 2; 3; 4] 3 true s va pa)"]
    facts = owed(one)
    assert facts[:2] == [
        "bv_and p (Z_to_bv 64 0xfffffffffffff000) = w  # movq %rdx, (%rdi)",
        "bv_and p (Z_to_bv 64 7) = Z_to_bv 64 0  # movq %rdx, (%rdi)",
    ]


def test_what_is_mapped_can_be_used_at_once(tmp_path: Path) -> None:
    code = "orq $3, %rdx\nmovq %rdx, (%rdi)\nmovq $5, 8(%rsi)"
    one = made(tmp_path, code, f"{ABSENT} * pa + 8 |->p x", f"{MAPPED} * pa + 8 |->p 5")
    assert told(one) == [
        "7 HFirst (GClaim [1; 2; 3; 4] 3 true s va pa)",
        "7 HAt 6 (Some 5) None",
    ]


def test_an_absent_entry_that_is_no_constant(tmp_path: Path) -> None:
    pre = f"{LEAF} |->e e1 answers va in s claims none * e1 & 1 = 0"
    one = made(tmp_path, "orq $3, %rdx\nmovq %rdx, (%rdi)", pre, MAPPED)
    assert told(one)[0] == "4 HAt 0 (Some 4) (Some (ECst 0))"
    assert owed(one)[0] == "bv_and e1 (Z_to_bv 64 1) = Z_to_bv 64 0  # movq %rdx, (%rdi)"


def test_entries_answer_before_their_table_is_linked(tmp_path: Path) -> None:
    below, above = "t + (va >> 9 & 0xff8)", slot("e3", 21)
    up = f"{slot('s', 39)} |->e{{q}} e4 * {slot('e4', 30)} |->e{{q}} e3"
    pre = f"{above} |->e 0 claims none * {below} |->p 0 * t & 0xfff0000000000fff = 0"
    post = f"""{above} |->e t | 3 * {below} |->e pa | 3 answers va in s claims va in s
        * page va ~> pa * {up}""".replace("\n", " ")
    code = "orq $3, %rcx\nmovq %rcx, (%rdi)\norq $3, %rdx\nmovq %rdx, (%r8)"
    one = made(tmp_path, code, pre, post, mapping=f"p ~> {above} * x ~> {below}", up=up)
    assert told(one) == [
        "4 HFirst (GNew 5)",
        "4 HFirst (GReach [2; 3; 4] 5 12 va)",
        "14 HThen (GOpen 4 [None])",
        "14 HThen (GClaim [2; 3; 4; 5] 3 true s va pa)",
    ]


def test_a_frame_of_zeros_becomes_a_table(tmp_path: Path) -> None:
    # The words of another block might be at any distance.
    below, above = "t + ((va >> 12 & 511) << 3)", slot("e3", 21)
    up = f"{slot('s', 39)} |->e{{q}} e4 * {slot('e4', 30)} |->e{{q}} e3"
    pre = f"{above} |->e 0 claims none * x[512] |->p 0 * t[512] |->p 0 * t & 0xfff0000000000fff = 0"
    post = f"""{above} |->e t | 3 * {below} |->e pa | 3 answers va in s claims va in s
        * t[va >> 12 & 511] |->p 0 * page va ~> pa * {up}""".replace("\n", " ")
    code = "orq $3, %rcx\nmovq %rcx, (%rdi)\norq $3, %rdx\nmovq %rdx, (%r9)"
    mapping = f"p ~> {above} * page w ~> t * r9 |->r w + (va >> 9 & 0xff8)"
    one = made(tmp_path, code, pre, post, mapping=mapping, up=up)
    assert isinstance(one.verdict, Residual)
    assert [line.split("(", 1)[1] for line in told(one)[:4]] == [
        "GSplitBlock 6 (EOp AluAnd (EOp AluShr va (ECst 12)) (ECst 511)))",
        "GSplitBlock 7 (ECst 1))",
        "GWord 7)",
        "GNew 7)",
    ]


def test_marks_say_what_would_be_found(tmp_path: Path) -> None:
    code = "orq $3, %rdx\nmovq %rdx, (%rdi)  #@ then claim va in s"
    one = made(tmp_path, code, ABSENT, MAPPED)
    assert told(one) == ["4 HThen (GClaim [1; 2; 3; 4] 3 true s va pa)"]


@pytest.mark.parametrize(
    ("mark", "why"),
    [
        (
            "first claim va in r",
            "there is no `(r & 0xffffffffff000) + ((va >> 36) & 0xff8) |->e ..`",
        ),
        (
            "first claim va in s",
            "the entry at (e2 & 0xffffffffff000) + ((va >> 9) & 0xff8) is absent",
        ),
        ("first unclaim va in s", "there is no `page va ~> ..` in s to give back"),
        ("first cell w", "there is no `w |->p ..`"),
        ("first drop w", "nothing is known of w"),
    ],
)
def test_a_mark_that_cannot_be_followed(tmp_path: Path, mark: str, why: str) -> None:
    one = made(tmp_path, f"movq %rdx, (%rdi)  #@ {mark}", ABSENT, "emp")
    assert isinstance(one.verdict, Stuck)
    assert why in one.verdict.why


def test_shares_are_split_and_joined_as_the_exit_wants(tmp_path: Path) -> None:
    pre = f"{ABSENT} * w |->v{{1/2}} x * w |->v{{1/2}} x * w + 8 |->v t"
    post = "w |->v x * w + 8 |->v{1/3} t"
    one = made(tmp_path, "nop", pre, post)
    assert told(one) == ["1 HThen (GJoin 5 6)", "1 HThen (GSplit 6 (FDiv 1 3) (FDiv 2 3))"]


def test_blocks_as_they_are_used_and_as_the_exit_wants_them(tmp_path: Path) -> None:
    pre = f"{ABSENT} * w[512] |->v 0 * x < 512 * page t ~> e1 * e1[512] |->p 0"
    post = "w[x] |->v 0 * (w + (x << 3))[512 - x] |->v _ * e1[512] |->p 0"
    code = "movq %r8, %rax\nmovq %rcx, %rdx\nmovq 24(%rdx), %rdx"
    one = made(tmp_path, code, pre, post)
    assert told(one) == [
        "6 HAt 6 (Some 7) (Some (ECst 3))",
        "10 HThen (GSplitBlock 5 x)",
        "10 HThen (GForget 8)",
    ]


def test_a_word_leaves_its_block_and_comes_back(tmp_path: Path) -> None:
    apart = "w[3] |->v 0 * w + 24 |->v x * (w + 32)[508] |->v 0"
    code = "movq %rcx, %rdx\nmovq {}, 24(%rdx)"
    start = f"{ABSENT} * w = t"
    one = made(tmp_path, code.format("%r8"), f"{start} * w[512] |->v 0", apart)
    assert told(one)[:3] == [
        "3 HFirst (GSplitBlock 5 (ECst 3))",
        "3 HFirst (GSplitBlock 6 (ECst 1))",
        "3 HAt 6 None (Some (ECst 0))",
    ]
    assert isinstance(one.verdict, Residual)
    two = made(tmp_path, code.format("$0"), f"{start} * {apart}", "w[512] |->v 0")
    assert told(two)[-3:] == [
        "11 HThen (GBlock 6)",
        "11 HThen (GJoinBlocks 5 6)",
        "11 HThen (GJoinBlocks 5 6)",
    ]
    assert isinstance(two.verdict, Residual)


def test_an_entry_is_taken_out_of_a_block(tmp_path: Path) -> None:
    one = made(
        tmp_path, "nop", f"{ABSENT} * x[512] |->p 0", "x + 8 |->e 0 answers none claims none"
    )
    assert told(one) == [
        "1 HThen (GSplitBlock 5 (ECst 1))",
        "1 HThen (GSplitBlock 6 (ECst 1))",
        "1 HThen (GWord 6)",
        "1 HThen (GNew 6)",
    ]
    assert isinstance(one.verdict, Residual)


LOOP = """
    spec forall r : root, p out : word, q : fraction space r
    requires rdi |->r p * rcx |->r _ * rbx |->r out * p[512] |->v _ * code{q}
    exit out ensures rdi |->r p * rcx |->r 512 * rbx |->r out * p[512] |->v 0 * code{q}
"""


def test_a_loop_fills_a_block(tmp_path: Path) -> None:
    block = "\n".join(f"#@ {line.strip()}" for line in LOOP.strip().split("\n"))
    file = tmp_path / "fill.s"
    file.write_text(
        f"""{block}
    .text
fill:
    xorl %ecx, %ecx
#@ invariant exists i : word
#@   holds rdi |->r p * rcx |->r i * rbx |->r out * i < 512
#@     * p[i] |->v 0 * (p + (i << 3))[512 - i] |->v _ * code{{q}}
again:
    movq $0, (%rdi,%rcx,8)
    incq %rcx
    cmpq $512, %rcx
    jne again
    jmp *%rbx
""",
        encoding="utf-8",
    )
    (fragment,) = load_fragments(file)
    one = plan(fragment)
    assert isinstance(one.verdict, Residual), one.block.about
    entry, loop = one.segments
    first = entry.hints[0][1]
    assert hint_data(first, Printer({}, {})).startswith("HThen (GEmpty")
    ghosts = [hint_data(hint, Printer({}, {})).replace("%nat", "") for _, hint in loop.hints]
    assert ghosts[:2] == ["HFirst (GSplitBlock 1 (ECst 1))", "HAt 1 None (Some (ECst 0))"]
    assert "HThen (GJoinBlocks 0 1)" in ghosts


def test_a_word_of_which_nothing_is_known_gets_a_name(tmp_path: Path) -> None:
    code = "movq %rcx, %rdx\nmovq (%rcx), %rdx       #@ first word t"
    one = made(tmp_path, code, f"{ABSENT} * t[1] |->v _", "rdx |->r _ * t |->v _")
    assert "3 HFirst (GWord 5)" in told(one)
    assert isinstance(one.verdict, Residual)
    (segment,) = one.verdict.segments
    assert [value for _, value in segment.names] == [None]


def test_the_end_that_fits_is_prepared(tmp_path: Path) -> None:
    code = "orq $3, %rdx\nmovq %rdx, (%rdi)\nmovl $1, %eax"
    first = f"rax |->r 0 * {ABSENT}"
    post = f"{first}\n exit out ensures rax |->r 1 * {MAPPED}"
    one = made(tmp_path, code, ABSENT, post)
    assert told(one) == ["12 HThen (GClaim [1; 2; 3; 4] 3 true s va pa)"]
    assert [leaf.end for segment in one.segments for leaf in segment.leaves] == [1]
