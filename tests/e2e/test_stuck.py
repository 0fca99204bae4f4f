# SPDX-License-Identifier: Apache-2.0
"""What a user reads where the engine is stuck, by the real prover."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.rocq, pytest.mark.usefixtures("library")]

SPEC = """\
#@ spec
#@   forall r : root, a b ra sp0 : word, q : fraction
#@   space r
#@   requires rax |->r a * rbx |->r b * rsp |->r sp0 * sp0 |->v ra * code{q}
#@   exit ra
#@   ensures emp
f:
"""


def test_the_goal_has_names_for_values_that_have_grown(tmp_path: Path) -> None:
    grow = "  xor %rbx, %rax\n  add %rax, %rbx\n" * 4
    (tmp_path / "f.s").write_text(f"{SPEC}{grow}  mov (%rcx), %rdx\n  ret\n")
    done = subprocess.run(
        [sys.executable, "-m", "rocqgen", "prove", "--no-check", "--no-cache", "f.s"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1
    assert "f.s:16: mov (%rcx), %rdx" in done.stdout
    assert "rcx is not owned; write in requires: rcx |->r _" in done.stdout
    assert "stuck:" in done.stdout
    assert "RBX ⇒ᵣ t0 ∗ RSP ⇒ᵣ sp0" in done.stdout
    assert "%bv" not in done.stdout
