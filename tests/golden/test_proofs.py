# SPDX-License-Identifier: Apache-2.0
"""Theories with proofs written by hand that lie in the repository are as they are generated now."""

from __future__ import annotations

from pathlib import Path

import pytest

from rocqgen.cli.inputs import read_inputs
from rocqgen.emit.regions import DEFAULT, read_proofs

ROOT = Path(__file__).parents[2]
THEORIES = sorted(ROOT.glob("examples/*/proofs/*.v"))


@pytest.mark.parametrize("path", THEORIES, ids=lambda path: path.stem)
def test_theory_is_up_to_date(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    folder = path.relative_to(ROOT).parents[1]
    found = {one.name: one.text for one in read_inputs([folder]).theories}
    assert found[path.stem] == path.read_text(encoding="utf-8"), (
        f"write: rocqgen gen -o {folder}/proofs {folder}/{path.stem}.s"
    )
    assert any(proof.text != DEFAULT for proof in read_proofs(path).values())


def test_there_is_one() -> None:
    assert THEORIES
