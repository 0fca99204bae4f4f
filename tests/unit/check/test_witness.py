# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import pytest

from rocqgen.check.closing import find_witness
from rocqgen.check.witness import Witness
from rocqgen.source import load_fragments

EXAMPLES = Path(__file__).parents[3] / "examples"
PROVED = sorted(path for path in EXAMPLES.glob("*/*.s") if ".wrong-" not in path.name)


@pytest.mark.parametrize("path", PROVED, ids=lambda path: path.stem)
def test_examples_have_witnesses(path: Path) -> None:
    for fragment in load_fragments(path):
        witness = find_witness(fragment)
        assert witness is not None
        assert set(witness.words) == {
            name.ident for name in fragment.spec.params if name.sort.value != "fraction"
        }
        memory = dict(witness.tables) | dict(witness.data)
        assert len(memory) == len(witness.tables) + len(witness.data)
        assert find_witness(fragment) == witness
        assert Witness.from_json(json.loads(json.dumps(witness.to_json()))) == witness


WRONG = {
    "vacuous": ("* code{q}\n", "* code{q} * order < 0\n"),
    "false": ("ensures\n#@       rdi |->r block", "ensures\n#@       rdi |->r block + 1"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_fragment_that_cannot_begin_or_end_has_none(tmp_path: Path, case: str) -> None:
    source = (EXAMPLES / "buddy/block_after.s").read_text(encoding="utf-8")
    path = tmp_path / "wrong.s"
    path.write_text(source.replace(*WRONG[case], 1), encoding="utf-8")
    (fragment,) = load_fragments(path)
    assert find_witness(fragment) is None
