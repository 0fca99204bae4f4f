# SPDX-License-Identifier: Apache-2.0
"""What a theory says of a concrete state: all of a run, or that there is such a state."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rocqgen.check.closing import find_witness
from rocqgen.check.witness import Witness
from rocqgen.emit import emit_theory
from rocqgen.source import load_fragments
from rocqgen.source.spec import Fragment

CALL = """\
#@ assume there
#@   forall k : root, sp1 back : word
#@   space k
#@   requires rsp |->r sp1 * sp1 |->v back
#@   exit back ensures rsp |->r sp1 + 8 * sp1 |->v back
#@ spec
#@   forall r : root, there sp0 ra : word
#@   space r
#@   requires rbx |->r there * rsp |->r sp0 * sp0 |->v ra * sp0 - 8 |->v _ * code
#@   exit ra ensures rsp |->r sp0 + 8 * sp0 |->v ra * sp0 - 8 |->v _ * code
call_it:
    call *%rbx
    ret
"""
PLAIN = """\
#@ spec
#@   forall r : root, x ra sp0 : word
#@   space r
#@   requires rax |->r x * rsp |->r sp0 * sp0 |->v ra * code
#@   exit ra ensures rax |->r x + 1 * rsp |->r sp0 + 8 * sp0 |->v ra * code
next_one:
    incq %rax
    ret
"""


def found(folder: Path, text: str) -> tuple[Fragment, Witness]:
    path = folder / "f.s"
    path.write_text(text, encoding="utf-8")
    (fragment,) = load_fragments(path)
    witness = find_witness(fragment)
    assert witness is not None
    return fragment, witness


def test_a_run_that_is_known_is_there(tmp_path: Path) -> None:
    theory = emit_theory(*found(tmp_path, PLAIN))
    assert theory.closed == "next_one_adequate"
    for lemma in ("supplied", "adequate", "runs"):
        assert f"Lemma next_one_{lemma} :" in theory.text
    assert "Machine (x86_kernel 40)" in theory.text


def test_where_something_is_assumed_there_is_a_state_and_no_run(tmp_path: Path) -> None:
    theory = emit_theory(*found(tmp_path, CALL))
    assert theory.closed is None
    assert "Lemma call_it_supplied :" in theory.text
    assert "Lemma call_it_adequate :" not in theory.text
    assert "Lemma call_it_runs :" not in theory.text


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"la57": True}, "Machine (platform_config (Platform true 40))"),
        ({"la57": True}, "apply x86_5level_canonical_pages"),
        ({"steps": 2565}, "(Z.to_nat 2565)"),
    ],
)
def test_five_levels_and_long_runs(tmp_path: Path, changes: dict[str, object], shown: str) -> None:
    fragment, witness = found(tmp_path, PLAIN)
    assert shown in emit_theory(fragment, replace(witness, **changes)).text
