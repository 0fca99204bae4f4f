# SPDX-License-Identifier: Apache-2.0
"""Fragments from a line of precondition, code and postcondition."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rocqgen.source import load_fragments
from rocqgen.source.spec import Fragment

Make = Callable[..., Fragment]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Gives a fragment `f` that owns its stack pointer, the return address and its code.

    The first line of the code is line 8.
    """

    def fragment(
        requires: str,
        code: str,
        ensures: str,
        names: str = "p x y : word",
        exit_: str = "ra",
    ) -> Fragment:
        file = tmp_path / "f.s"
        file.write_text(
            f"#@ spec forall r s : root, sp0 ra : word, q : fraction, {names}\n"
            "#@ space r requires rsp |->r sp0 * sp0 |->v ra * code{q}\n"
            f"#@   * {requires}\n"
            f"#@ exit {exit_} ensures {ensures}\n"
            "    .text\n    .globl f\n"
            f"f:\n{code}\n",
            encoding="utf-8",
        )
        (found,) = load_fragments(file)
        return found

    return fragment
