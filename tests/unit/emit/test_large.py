# SPDX-License-Identifier: Apache-2.0
"""Pages of 4 KiB in large pages: where they are claimed, what is owed, and what is refused."""

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

FRAME = "0xffffffffff000"
SLOT4 = f"(s & {FRAME}) + (va >> 36 & 0xff8)"
SLOT3 = f"(e4 & {FRAME}) + (va >> 27 & 0xff8)"
SLOT2 = f"(e3 & {FRAME}) + (va >> 18 & 0xff8)"
KNOWN = """va & 0xfff = 0 * va < 0x800000000000 * s & 0xfff0000000000000 = 0 * e4 & 135 = 3
    * e & 135 = 131"""
TWO = f"p ~> {SLOT2} * {SLOT4} |->e{{q}} e4 * {SLOT3} |->e{{q}} e3 * e3 & 135 = 3"
MADE = f"{SLOT2} |->e 0 answers va in s level 2m claims none * e & 0x1fe000 = 0 * {TWO}"
PAGE = "page va ~> pa * pa = (e & 0xfffffffe00000) + (va & 0x1ff000)"
CLAIMED = f"{SLOT2} |->e e answers va in s level 2m claims va in s"
STORE = "movq %rdx, (%rdi)"


def made(folder: Path, code: str, pre: str, post: str, platform: str = "") -> Plan:
    """The plan of `code`, which ends by a jump to `out` with the postcondition `post`."""
    text = f"""
        spec forall s : root, va pa e4 e3 e p x out : word, q : fraction space s {platform}
        requires rdi |->r p * rsi |->r va * rdx |->r e * rax |->r _ * rbx |->r out * {pre}
        * {KNOWN} * code{{q}}
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
    """What is left to prove."""
    assert isinstance(one.verdict, Residual), one.block.about
    return [printer(one).relation(owe.fact) for owe in one.verdict.facts]


def test_a_page_in_it_is_claimed_at_the_end(tmp_path: Path) -> None:
    one = made(tmp_path, STORE, f"{MADE} * pa = 0", f"{CLAIMED} * page va ~> pa")
    assert told(one) == ["3 HThen (GClaim [2; 3; 0] 2 true s va pa)"]
    facts = owed(one)
    # Present, a large page, and nothing in the bits from 13 to 20.
    assert f"bv_and e (Z_to_bv 64 {0x1FE081:#x}) = Z_to_bv 64 129" in facts
    frame = "bv_and e (Z_to_bv 64 0xfffffffe00000)"
    assert f"pa = bv_add ({frame}) (bv_and va (Z_to_bv 64 0x1ff000))" in facts


def test_reserved_bits_are_those_of_the_platform_too(tmp_path: Path) -> None:
    post = f"{CLAIMED} * page va ~> pa"
    one = made(tmp_path, STORE, f"{MADE} * pa = 0", post, "platform maxphyaddr 40")
    mask = 0x1FE081 | (1 << 52) - (1 << 40)
    assert f"bv_and e (Z_to_bv 64 {mask:#x}) = Z_to_bv 64 129" in owed(one)


def test_an_access_claims_the_page_that_it_needs(tmp_path: Path) -> None:
    code = f"{STORE}\nmovq $5, 8(%rsi)"
    data = "pa = (e & 0xfffffffe00000) + (va & 0x1ff000) * pa + 8 |->p "
    one = made(tmp_path, code, f"{MADE} * {data}x", f"{CLAIMED} * page va ~> pa * pa + 8 |->p 5")
    frame = "(EOp AluAdd (EOp AluAnd e (ECst 0xfffffffe00000)) (EOp AluAnd va (ECst 0x1ff000)))"
    assert told(one)[:1] == [f"3 HFirst (GClaim [2; 3; 0] 2 true s va {frame})"]
    assert isinstance(one.verdict, Residual)


@pytest.mark.parametrize("first", [True, False])
def test_each_page_of_it_is_claimed_for_itself(tmp_path: Path, first: bool) -> None:
    code = f"{STORE}\nmovq $5, 0x1000(%rsi)"
    where = "pa = (e & 0xfffffffe00000) + (va & 0x1ff000) * va & 0x1000 = 0"
    pre = f"{MADE} * pa + 0x1000 |->p x * {where}"
    pages = "va in s, va + 0x1000 in s" if first else "va + 0x1000 in s, va in s"
    post = f"{SLOT2} |->e e answers va in s level 2m claims {pages} * page va ~> pa"
    one = made(
        tmp_path, code, pre, f"{post} * page va + 0x1000 ~> pa + 0x1000 * pa + 0x1000 |->p 5"
    )
    assert isinstance(one.verdict, Residual)
    again = ["14 HThen (GUnclaim 0 5)", "14 HThen (GClaim [2; 3; 0] 2"]
    assert [line.split(" true s ")[0] for line in told(one) if "laim" in line] == [
        "3 HFirst (GClaim [2; 3; 0] 2",
        "14 HThen (GClaim [2; 3; 0] 2",
        *([] if first else again),
    ]


def test_without_the_bit_nothing_is_claimed(tmp_path: Path) -> None:
    code = f"andq $-129, %rdx\n{STORE}\nmovq $5, (%rsi)"
    one = made(tmp_path, code, f"{MADE} * pa |->p x", "pa |->p 5")
    assert isinstance(one.verdict, Stuck)
    assert "nothing is known of this address in the current space" in one.verdict.why


def test_a_larger_page(tmp_path: Path) -> None:
    pre = (
        f"p ~> {SLOT3} * {SLOT4} |->e{{q}} e4 * {SLOT3} |->e 0 answers va in s level 1g claims none"
    )
    post = f"{SLOT3} |->e e answers va in s level 1g claims va in s * page va ~> pa"
    one = made(tmp_path, STORE, f"{pre} * pa = 0", post)
    assert told(one) == ["3 HThen (GClaim [1; 2] 1 true s va pa)"]
    assert f"bv_and e (Z_to_bv 64 {0x3FFFE081:#x}) = Z_to_bv 64 129" in owed(one)


UNMAPPED = f"{SLOT2} |->e 0 answers va in s level 2m claims none"


def test_one_flush_pays_for_all_of_it(tmp_path: Path) -> None:
    code = "movq $0, (%rdi)\norq $0x1ff000, %rsi\ninvlpg (%rsi)"
    one = made(tmp_path, code, f"{CLAIMED} * {PAGE} * {TWO}", UNMAPPED)
    assert told(one) == ["0 HFirst (GUnclaim 0 1)", "14 HAt 0 None None"]


@pytest.mark.parametrize("flush", ["nop", "addq $0x200000, %rsi\ninvlpg (%rsi)"])
def test_a_flush_elsewhere_pays_nothing(tmp_path: Path, flush: str) -> None:
    one = made(tmp_path, f"movq $0, (%rdi)\n{flush}", f"{CLAIMED} * {PAGE} * {TWO}", UNMAPPED)
    assert isinstance(one.verdict, Missing)
    assert one.block.instr.text == "movq $0, (%rdi)"
    assert "owes va in s level 2m, which is not flushed" in one.block.about


def test_a_slot_below_it_answers_for_nothing(tmp_path: Path) -> None:
    below = f"(e & {FRAME}) + (va >> 9 & 0xff8)"
    code = "nop  #@ first answer pa for va in s"
    pre = f"pa |->e 0 answers none claims none * pa = {below} * {CLAIMED} * {TWO}"
    one = made(tmp_path, code, pre, "emp")
    assert isinstance(one.verdict, Stuck)
    assert "the walk of va ends in a large page" in one.verdict.why
