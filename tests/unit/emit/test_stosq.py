# SPDX-License-Identifier: Apache-2.0
"""`rep stosq`: which steps of the proof come in front of it, and what is blamed on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rocqgen.emit.ghosts import GBlock, GForget, GJoinBlocks, GSplitBlock
from rocqgen.emit.plan import Plan, plan
from rocqgen.emit.symbolic import HAt, HFirst, Residual, Stuck
from rocqgen.source.fragment import load_fragments
from rocqgen.source.machine import Op

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """
#@ spec forall r : root, p f n x out : word, A : array space r
#@   requires rdi |->r p * rcx |->r n * rax |->r 0 * rbx |->r out * MEMORY * code
#@   exit out exists d c : word ensures rdi |->r d * rcx |->r c * rax |->r 0 * AFTER * code
    .text
fill:
    movl $4, %ecx
    rep stosq
    jmp *%rbx
"""


def planned(folder: Path, memory: str, after: str, *edit: str) -> Plan:
    file = folder / "fill.s"
    text = TEXT.replace("MEMORY", memory).replace("AFTER", after)
    file.write_text(text.replace(*edit) if edit else text, encoding="utf-8")
    (fragment,) = load_fragments(file)
    return plan(fragment)


_JOINED = [GBlock, GForget, GForget, GJoinBlocks]
STEPS = {
    "alike": ("p[4] |->v _", "p[4] |->v 0", []),
    "longer": ("p[9] |->v A", "p[4] |->v 0 * (p + 32)[5] |->v A from 4", [GSplitBlock]),
    "inside": ("(p - 8)[9] |->v 7", "p[4] |->v 0 * p - 8 |->v 7", [GSplitBlock, GSplitBlock]),
    "parts": ("p[3] |->v 7 * p + 24 |->v x", "p[4] |->v 0", _JOINED),
    "word": ("p |->v x * (p + 8)[3] |->v _", "p[4] |->v 0", [GBlock, GForget, GJoinBlocks]),
    "page": ("page p ~> f * f[512] |->p _", "f[4] |->p 0", [GSplitBlock]),
}


@pytest.mark.parametrize("case", STEPS)
def test_blocks_are_split_and_joined_in_front(tmp_path: Path, case: str) -> None:
    memory, after, steps = STEPS[case]
    made = planned(tmp_path, memory, after)
    assert isinstance(made.verdict, Residual)
    hints = [hint for _, hint in made.segments[0].hints]
    first = [type(hint.ghost) for hint in hints if isinstance(hint, HFirst)]
    assert first == steps
    assert sum(isinstance(hint, HAt) for hint in hints) == 1
    if case != "page":
        assert made.verdict.facts == ()


STUCK = {
    "nothing": ("p - 8 |->v _", "nothing is known of this address"),
    "read-only": ("p[4] |->vr _", "read-only"),
    "a share": ("p[4] |->v{1/2} _", "owned in part"),
}


@pytest.mark.parametrize("case", STUCK)
def test_it_is_stuck(tmp_path: Path, case: str) -> None:
    memory, why = STUCK[case]
    verdict = planned(tmp_path, memory, "emp").verdict
    assert isinstance(verdict, Stuck)
    assert why in verdict.why


def test_too_few_words_are_blamed_on_it(tmp_path: Path) -> None:
    made = planned(tmp_path, "p[4] |->v _", "p[4] |->v 0", "$4", "$3")
    assert isinstance(made.verdict, Residual)
    assert made.verdict.facts != ()
    assert {one.instr.op for one in made.blames} == {Op.REP_STOSQ}
