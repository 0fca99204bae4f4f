# SPDX-License-Identifier: Apache-2.0
"""Walks: unfolded where an access goes into them, and folded where an end wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rocqgen.emit import support
from rocqgen.emit.gallina import Printer
from rocqgen.emit.hints import hint_data
from rocqgen.emit.plan import Plan, plan
from rocqgen.emit.symbolic import HAt, HFirst, HThen, Missing, Residual, Stuck
from rocqgen.errors import UserError
from rocqgen.source.features import Feature
from rocqgen.source.fragment import load_fragments

if TYPE_CHECKING:
    from pathlib import Path

D = "0xffff800000000000"
REGS = "rdi |->r p * rsi |->r x * rax |->r _ * rbx |->r out"
TOP = "(t & 0x000ffffffffff000) + (va >> 18 & 0xff8)"
LAST = "(e2 & 0x000ffffffffff000) + (va >> 9 & 0xff8)"


def walk(entries: str, level: int = 2, table: str = "t", mapped: str = "") -> str:
    return f"walk va in r level {level} from {table} reads {entries}{mapped}"


def made(folder: Path, code: str, pre: str, post: str, exists: str = "") -> Plan:
    """The plan of `code`, which ends by a jump to `out` with the postcondition `post`."""
    file = folder / "f.s"
    body = "".join(f"    {line}\n" for line in code.split("; "))
    file.write_text(
        "#@ spec forall r s : root, va t e2 e1 p x w out : word space r\n"
        f"#@ requires {REGS} * {pre} * code\n"
        f"#@ exit out {exists} ensures {post}\n"
        f"    .text\nf:\n{body}    jmp *%rbx\n",
        encoding="utf-8",
    )
    (fragment,) = load_fragments(file)
    return plan(fragment)


def hints(one: Plan) -> list[str]:
    names = {number: ident for ident, number in one.names.words.items()}
    printer = Printer({1: "entry", **names}, {})
    told = [hint for segment in one.segments for _, hint in segment.hints]
    return [hint_data(hint, printer) for hint in told if isinstance(hint, HAt | HFirst | HThen)]


def facts(one: Plan) -> list[str]:
    assert isinstance(one.verdict, Residual)
    say = one.names.wording.term
    found = [owe.fact for owe in one.verdict.facts]
    return [f"{say(fact.a)} {fact.rel.value} {say(fact.b)}" for fact in found]


READ = "movq (%rdi), %rax"


def test_an_access_by_a_claim_unfolds_and_the_exit_folds(tmp_path: Path) -> None:
    found = made(
        tmp_path, READ, f"p ~> {TOP} * {walk('e2, e1')}", f"rax |->r e2 * {walk('e2, e1')}"
    )
    assert hints(found) == [
        "HFirst (GUnfold 1%nat)",
        "HThen (GFold 1%nat (Some 2%nat) None t)",
    ]
    assert facts(found) == []


def test_an_access_by_a_mapped_table_takes_the_claim_out(tmp_path: Path) -> None:
    mapped = f" mapped by {D} in r"
    pre = f"p = {TOP} + {D} * {walk('e2, e1', mapped=mapped)}"
    found = made(tmp_path, READ, pre, walk("e2, e1", mapped=mapped))
    number = int(D, 16)
    assert hints(found) == [
        "HFirst (GUnfold 0%nat)",
        "HAt 2%nat (Some 0%nat) None",
        f"HThen (GFold 0%nat (Some 1%nat) (Some (2%nat, (ECst {number:#x}))) t)",
    ]


def test_below_an_entry_it_has_to_lead_to_a_table(tmp_path: Path) -> None:
    pre = f"p ~> {LAST} * {walk('e2, e1')} * e2 & 1 = 1"
    found = made(tmp_path, READ, pre, walk("e2, e1"))
    assert hints(found) == [
        "HFirst (GUnfold 1%nat)",
        "HFirst (GDescend 2%nat)",
        "HFirst (GUnfold 2%nat)",
        "HThen (GFold 2%nat None None (EOp AluAnd e2 (ECst 0xffffffffff000)))",
        "HThen (GAscend 2%nat e2)",
        "HThen (GFold 1%nat (Some 2%nat) None t)",
    ]
    assert facts(found) == ["e2 & 0x81 = 1"]
    assert found.blames[0].about == "the entry e2 leads to a table"


def test_steps_unfold_and_fold_what_they_name(tmp_path: Path) -> None:
    steps = "nop #@ first unfold t first unfold e2 then fold e2 then fold t"
    found = made(tmp_path, steps, f"{walk('e2, e1')} * e2 & 0x81 = 1", walk("e2, e1"))
    assert hints(found) == [
        "HFirst (GUnfold 0%nat)",
        "HFirst (GDescend 1%nat)",
        "HFirst (GUnfold 1%nat)",
        "HThen (GFold 1%nat None None e2)",
        "HThen (GAscend 1%nat e2)",
        "HThen (GFold 0%nat (Some 1%nat) None t)",
    ]
    assert isinstance(found.verdict, Residual)


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ("unfold e1", "there is no walk from e1"),
        ("fold e1", "no entry in the table at e1 can begin a walk"),
    ],
)
def test_a_step_that_cannot_be_done_says_why(tmp_path: Path, step: str, why: str) -> None:
    found = made(tmp_path, f"nop #@ first {step}", walk("e2, e1"), walk("e2, e1"))
    assert isinstance(found.verdict, Stuck)
    assert found.verdict.why == why


def test_an_entry_that_is_absent_has_nothing_below(tmp_path: Path) -> None:
    pre = f"{TOP} |->e e2 answers va in r level 2m * e2 & 1 = 0"
    found = made(tmp_path, "nop", pre, walk("e2, 0"))
    assert [one.split(" ", 2)[1] for one in hints(found)] == ["(GNothing", "(GFold"]
    assert facts(found) == ["e2 & 0x81 != 1"]


def test_a_link_to_a_new_table_prolongs_the_walk(tmp_path: Path) -> None:
    top, frame = "(r & 0x000ffffffffff000) + (va >> 36 & 0xff8)", "w & 0xfff0000000000fff = 0"
    pre = f"p ~> {top} * {walk('e2, e1, 0, 0', 4, 'r')} * e2 & 1 = 0 * w[512] |->p 0 * {frame}"
    post = f"{walk('w | 3, 0, 0, 0', 4, 'r')} * w[va >> 30 & 511] |->p 0"
    found = made(tmp_path, "movq %rsi, (%rdi)", f"{pre} * x = w | 3", post)
    assert [one.split(" ", 2)[1].strip("()") for one in hints(found) if "HAt" not in one] == [
        *("GUnfold", "GSplitBlock", "GSplitBlock", "GWord", "GNew", "GReach"),
        *("GOpen", "GOpen", "GNothing", "GFold", "GAscend", "GFold"),
    ]
    assert isinstance(found.verdict, Residual)
    assert "x & 0x81 = 1" not in facts(found)
    wrong = made(tmp_path, "movq %rsi, (%rdi)", f"{pre} * x = w | 1", post)
    assert "w | 3 = x" in facts(wrong) or "x = w | 3" in facts(wrong)


def test_what_lacks_at_the_end_is_said(tmp_path: Path) -> None:
    mapped = f" mapped by {D} in r"
    found = made(tmp_path, "nop", f"{TOP} |->e e2 answers va in r level 2m", walk("e2, e1", 2, "x"))
    assert isinstance(found.verdict, Missing)
    assert "there is no `(x & 0xffffffffff000) + ((va >> 18) & 0xff8) |->e ..`" in found.block.about
    pre = f"{LAST} |->e e1 answers va in r"
    found = made(tmp_path, "nop", pre, walk("e1", 1, "e2", mapped))
    assert "there is no `page (e2 & 0xffffffffff000) - 0x800000000000 ~> " in found.block.about
    found = made(tmp_path, "nop", f"{pre} owes va in r", walk("e1", 1, "e2"))
    assert "owes va in r, which is not flushed" in found.block.about


def test_a_walk_that_is_not_known_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(support, "KNOWN", support.KNOWN - {Feature.WALK})
    with pytest.raises(UserError, match="the prover does not support walks yet") as caught:
        made(tmp_path, "nop", walk("e2, e1"), walk("e2, e1"))
    assert (caught.value.line, caught.value.expected) == (2, "an annotation without them")


@pytest.mark.parametrize(
    ("pre", "post", "steps"),
    [
        (
            f"{walk('e2')} * {walk('e1', 1, 'e2')} * e2 & 0x81 = 1",
            walk("e2, e1"),
            ["GUnfold", "GAscend", "GFold"],
        ),
        (
            f"{walk('e2, e1')} * e2 & 0x81 = 1",
            f"{walk('e1', 1, 'e2')} * {walk('e2')}",
            ["GUnfold", "GDescend", "GUnfold", "GFold", "GFold"],
        ),
        (walk("e2"), walk("e2", 2, "t & 0x000ffffffffff000"), ["GUnfold", "GFold"]),
        (f"{walk('e2')} * x = t & 0x000ffffffffff000", walk("e2", 2, "x"), ["GUnfold", "GFold"]),
        (f"{walk('e2')} * x = t", walk("e2", 2, "x"), []),
    ],
)
def test_walks_are_cut_and_joined(tmp_path: Path, pre: str, post: str, steps: list[str]) -> None:
    found = made(tmp_path, "nop", pre, post)
    assert [one.split(" ", 2)[1].strip("()") for one in hints(found)] == steps
    assert isinstance(found.verdict, Residual)


def test_a_walk_is_given_up_by_its_table(tmp_path: Path) -> None:
    pre = f"{walk('e2')} * {walk('e1', 1, 'e2')}"
    found = made(tmp_path, "nop #@ first drop e2", pre, walk("e2"))
    assert hints(found) == ["HFirst (GDrop 1%nat)"]
