# SPDX-License-Identifier: Apache-2.0
"""A space is entered in which the code is mapped by tables alone: the steps that are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from rocqgen.emit.entering import CODE
from rocqgen.emit.gallina import Printer
from rocqgen.emit.hints import hint_data
from rocqgen.emit.normal import ECst, mk_and
from rocqgen.emit.plan import Plan, plan
from rocqgen.emit.symbolic import Fact, HAt, HFirst, HThen, Residual, Stuck
from rocqgen.source.fragment import load_fragments
from rocqgen.source.spec import Rel

EXAMPLE = Path(__file__).parents[3] / "examples" / "space" / "enter_space.s"
LOAD = "movq %rdx, %cr3"


def planned(folder: Path, *edits: tuple[str, str]) -> Plan:
    text = EXAMPLE.read_text(encoding="utf-8")
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    file = folder / "f.s"
    file.write_text(text, encoding="utf-8")
    (fragment,) = load_fragments(file)
    return plan(fragment)


def steps(one: Plan, offset: int) -> list[str]:
    """The steps of the proof at an instruction."""
    names = one.names
    printer = Printer({number: name for name, number in names.words.items()}, {})
    return [
        hint_data(hint, printer)
        for at, hint in one.segments[0].hints
        if at == offset and isinstance(hint, HFirst | HThen | HAt)
    ]


FOUND = [
    "HFirst (GWord 15%nat)",
    "HFirst (GNew 15%nat)",
    "HFirst (GReachElsewhere 15%nat 39 new (EVar 1))",
    "HFirst (GCode [15%nat; 6%nat; 7%nat; 8%nat] 0%nat [1%nat] new)",
]


@pytest.mark.parametrize(
    "mark",
    [
        "",
        "first map code in new",
        "first cell new + 4088 first map code in new through new + 4088, c3, c2, c1",
    ],
)
def test_the_code_is_mapped_before_the_load(tmp_path: Path, mark: str) -> None:
    one = planned(tmp_path, ("first claim stack in new", f"first claim stack in new {mark}"))
    assert isinstance(one.verdict, Residual)
    assert steps(one, 28)[4:] == FOUND


def test_the_code_is_mapped_where_an_exit_wants_it(tmp_path: Path) -> None:
    one = planned(
        tmp_path,
        (f"    {LOAD}         #@ first claim stack in new\n", ""),
        ("rsp |->r stack + off * code{q}", "rsp |->r stack + off * code{q} * page stack ~> frame"),
        ("exit ra space new", "exit ra"),
        (
            "#@     * code * page stack",
            "#@     * [new] { code * page stack ~> frame } * page stack",
        ),
        ("[r] { code{q} * page", "code{q} * page"),
        ("+ 2048 }\n", "+ 2048\n"),
    )
    assert isinstance(one.verdict, Residual)
    told = " ".join(steps(one, 28))
    assert "HThen (GCode [" in told
    assert "HThen (GClaim [" in told


def test_the_code_may_lie_in_a_large_page(tmp_path: Path) -> None:
    large = [
        ("* e2 & 0x83 = 3 * e1 & 7 = 3", "* e2 & 0x1fe083 = 0x83"),
        ("#@     * c1 |->e{q} e1 * c1 = (e2 & 0x000ffffffffff000)", "#@     * emp#"),
        (" * c1 |->e{q} e1", ""),
    ]
    one = planned(tmp_path, *large)
    assert isinstance(one.verdict, Residual)
    assert steps(one, 28)[-1] == "HFirst (GCode [14%nat; 6%nat; 7%nat] 0%nat [1%nat] new)"
    two = planned(tmp_path, *large[1:])
    assert isinstance(two.verdict, Stuck)
    assert (
        "there is no `(e2 & 0xffffffffff000) + ((entry >> 9) & 0xff8) |->e ..`" in two.verdict.why
    )


@pytest.mark.parametrize(
    ("edits", "why"),
    [
        ((("    movq %rax, 4088(%rsi)\n", ""),), "the entry at new + 0xff8 is absent"),
        (
            (("c2 |->e{q} e2", "c2 |->p{q} e2"), ("* c2 |->p{q} e2 *", "*")),
            "there is no `(e3 & 0xffffffffff000) + ((entry >> 18) & 0xff8) |->e ..`",
        ),
        (
            ((f"    {LOAD}", f"    btsq $63, %rax\n    movq %rax, 4088(%rsi)\n    {LOAD}"),),
            "the entry at new + 0xff8 is not what that at (r & 0xffffffffff000) + 0xff8 is",
        ),
        ((("c3 |->e{q} e3", "c3 |->e{q} e3 claims none"),), "`claims` no page around it"),
        (
            (("+ 4088 |->e{q} e4", "+ 4088 |->p{q} e4"),),
            "|->e ..`, to compare its way here with that there",
        ),
    ],
)
def test_why_a_space_cannot_be_entered(
    tmp_path: Path, edits: tuple[tuple[str, str], ...], why: str
) -> None:
    one = planned(tmp_path, *edits)
    assert isinstance(one.verdict, Stuck)
    assert why in one.verdict.why
    assert one.verdict.why.startswith("the fragment's code is not mapped in the new space: ")


def test_the_code_has_to_lie_in_one_page(tmp_path: Path) -> None:
    one = planned(tmp_path)
    assert isinstance(one.verdict, Residual)
    last = Fact(Rel.LE, mk_and(CODE, ECst(0xFFF)), ECst(0x1000 - 32))
    assert [fact.fact for fact in one.verdict.facts].count(last) == 1
    many = "".join("    movabsq $0x123456789abcdef, %rax\n" for _ in range(0x1000 // 10 + 1))
    two = planned(tmp_path, (f"    {LOAD}", f"{many}    {LOAD}"))
    assert isinstance(two.verdict, Stuck)
    assert "code is mapped that is larger than a page" in two.verdict.why
