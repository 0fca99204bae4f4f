# SPDX-License-Identifier: Apache-2.0
"""The theories of memory models, one for each architecture: a change is seen in review."""

from __future__ import annotations

from pathlib import Path

import pytest

from rocqgen.emit.model import emit_model
from rocqgen.models import parse_model, read_spec

HERE = Path(__file__).parent


@pytest.mark.parametrize("name", ["aarch64-4k", "riscv-sv39", "x86-32-pae", "x86-64-4level"])
def test_theories(name: str, regenerate: bool) -> None:
    file, text = read_spec(name)
    theory = emit_model(parse_model(text, file=file), source=file, text=text)
    golden = HERE / f"{theory.name}.v.golden"
    if regenerate:
        golden.write_text(theory.text, encoding="utf-8")
    assert theory.text == golden.read_text(encoding="utf-8"), (
        "if this is meant: pytest tests/golden --regenerate"
    )
