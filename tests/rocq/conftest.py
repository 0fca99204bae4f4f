# SPDX-License-Identifier: Apache-2.0
"""What tests of the emitter's mirror beside the engine share."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rocqgen.rocq.library import Library
    from rocqgen.rocq.toolchain import Toolchain


@pytest.fixture
def computed(
    toolchain: Toolchain, library: Library, tmp_path: Path
) -> Callable[[str, Iterable[tuple[str, str]]], None]:
    """Goals, each with its name, that must hold by computation over a module of `auto`."""

    def compute(module: str, goals: Iterable[tuple[str, str]]) -> None:
        file = tmp_path / "steps.v"
        lines = [f"From rocqgen.auto Require Import {module}.", "Local Open Scope Z_scope."]
        for name, statement in goals:
            lines += [
                f"(* {name} *) Goal {statement}.",
                "Proof. vm_compute. first [reflexivity | exact I]. Qed.",
            ]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        options = ["-q", "-noglob", "-w", "none", *library.coqc_options]
        done = subprocess.run(
            [str(toolchain.coqc), *options, str(file)],
            env=toolchain.environ(),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]

    return compute
