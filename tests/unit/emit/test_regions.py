# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocqgen.cli.inputs import read_inputs
from rocqgen.emit.regions import DEFAULT, read_proofs, without_proofs
from rocqgen.errors import UserError
from rocqgen.prove.files import write_theories

SOURCE = """\
#@ spec
#@   forall r : root, a b : word, q : fraction
#@   space r
#@   requires rdi |->r a * rax |->r b * code{q}
#@   exit done
#@   ensures rdi |->r a + b * rax |->r b
add: addq %rax, %rdi
     xorq $0, %rdi
done: nop
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "add.s"
    path.write_text(SOURCE, encoding="utf-8")
    return path


def generate(source: Path, folder: Path) -> str:
    inputs = read_inputs([source], kept=folder)
    assert not inputs.errors
    (path,) = write_theories(inputs.theories, folder)
    return path.read_text(encoding="utf-8")


def test_proofs_survive_when_the_theory_is_generated_again(source: Path) -> None:
    folder = source.parent / "proofs"
    text = generate(source, folder)
    assert text.count(DEFAULT) == 1
    mine = text.replace(DEFAULT, "  intros.\n  (* mine *) solve_fact.\n")
    (folder / "add.v").write_text(mine, encoding="utf-8")
    assert generate(source, folder) == mine
    source.write_text(SOURCE.replace("nop", "nop\n nop"), encoding="utf-8")
    again = generate(source, folder)
    assert "(* mine *)" in again
    assert again != mine
    (theory,) = read_inputs([source]).theories  # as `rocqgen prove` reads it
    assert theory.text == again


def test_other_changes_by_hand_are_not_overwritten(source: Path, tmp_path: Path) -> None:
    text = generate(source, tmp_path)
    (tmp_path / "add.v").write_text(text.replace("Lemma", "Theorem"), encoding="utf-8")
    with pytest.raises(UserError, match="changed by hand"):
        generate(source, tmp_path)


def test_a_proof_of_a_lemma_that_is_gone_is_not_lost(source: Path, tmp_path: Path) -> None:
    text = generate(source, tmp_path).replace(DEFAULT, "  reflexivity.\n")
    (tmp_path / "add.v").write_text(text.replace("_fact_1", "_fact_7"), encoding="utf-8")
    (error,) = read_inputs([source], kept=tmp_path).errors
    assert "there is no lemma `add_fact_7` any more" in str(error)
    line = text[: text.index("rocqgen:user-begin")].count("\n") + 1
    assert (error.file, error.line) == (str(tmp_path / "add.v"), line)


WRONG = {
    "no end": ("(* rocqgen:user-begin a *)\n  x.\n", "without an end"),
    "other end": (
        "(* rocqgen:user-begin a *)\n  x.\n  (* rocqgen:user-end b *)\n",
        "without an end",
    ),
    "twice": ("(* rocqgen:user-begin a *)\n  x.\n  (* rocqgen:user-end a *)\n" * 2, "second"),
    "private": (
        "(* rocqgen:user-begin a *)\n  \ue001.\n  (* rocqgen:user-end a *)\n",
        "private character",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_broken_regions_are_located(tmp_path: Path, case: str) -> None:
    text, message = WRONG[case]
    path = tmp_path / "x.v"
    path.write_text(f"first\n  {text}", encoding="utf-8")
    with pytest.raises(UserError, match=message) as caught:
        read_proofs(path)
    assert caught.value.line in {2, 5}


@given(st.text(alphabet="ab (*).:\n", max_size=40))
def test_what_stands_in_a_region_does_not_count(body: str) -> None:
    def theory(text: str) -> str:
        return f"a\n  (* rocqgen:user-begin n *)\n{text}  (* rocqgen:user-end n *)\nb\n"

    assert without_proofs(theory(body + "\n")) == theory(DEFAULT)
