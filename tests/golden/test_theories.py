# SPDX-License-Identifier: Apache-2.0
"""The theories of examples, text and marks: a change of either is seen in review."""

from __future__ import annotations

from pathlib import Path

import pytest

from rocqgen.emit import Theory, emit_theory
from rocqgen.source.fragment import load_fragments

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SOURCES = (
    "examples/kernel/account.s",
    "examples/switch/swtch.s",
    "examples/switch/swtch.wrong-code.s",
    "examples/switch/swtch.wrong-offset.s",
    "examples/trampoline/trampoline.s",
)


def marks(theory: Theory) -> str:
    """The marks, readable: the first line of what is marked, and where it stems from."""
    lines = []
    for mark in theory.marks:
        first = theory.text[mark.start : mark.end].strip().split("\n")[0]
        lines.append(f"{mark.role.value}  {mark.location}  {mark.text}\n    {first}\n")
    return "".join(lines)


@pytest.mark.parametrize("source", SOURCES)
def test_theories(source: str, regenerate: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (fragment,) = load_fragments(source)
    theory = emit_theory(fragment)
    for suffix, text in (("v", theory.text), ("marks", marks(theory))):
        golden = HERE / f"{theory.name}.{suffix}.golden"
        if regenerate:
            golden.write_text(text, encoding="utf-8")
        assert text == golden.read_text(encoding="utf-8"), (
            "if this is meant: pytest tests/golden --regenerate"
        )
