# SPDX-License-Identifier: Apache-2.0
"""Generated theorems closed on concrete memory images: from the assembly to the bare machine."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rocqgen.emit import emit_theory
from rocqgen.source import load_fragments

if TYPE_CHECKING:
    from rocqgen.rocq.library import Library
    from rocqgen.rocq.toolchain import Toolchain

pytestmark = pytest.mark.rocq

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"


def compile_closed(toolchain: Toolchain, library: Library, folder: Path, source: Path) -> str:
    """Generate the theory of ``source``, compile it and its closed instance; what coqc printed."""
    (fragment,) = load_fragments(source)
    theory = emit_theory(fragment)
    (folder / "swtch.v").write_text(theory.text, encoding="utf-8")
    closed = (HERE / "closed/swtch_closed.v").read_text(encoding="utf-8")
    (folder / "swtch_closed.v").write_text(closed, encoding="utf-8")
    out = ""
    for name in ("swtch.v", "swtch_closed.v"):
        command = [str(toolchain.coqc), "-q", "-noglob", "-w", "none", *library.coqc_options]
        done = subprocess.run(
            [*command, "-Q", str(folder), "generated", str(folder / name)],
            env=toolchain.environ(),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        if done.returncode != 0:
            raise AssertionError(f"{name}: {done.stderr}")
        out += done.stdout
    return out


def test_the_switch_runs_on_a_concrete_image(
    toolchain: Toolchain, library: Library, tmp_path: Path
) -> None:
    out = compile_closed(toolchain, library, tmp_path, EXAMPLES / "switch/swtch.s")
    assert out.strip() == "Closed under the global context"


def test_the_wrong_twin_has_no_such_instance(
    toolchain: Toolchain, library: Library, tmp_path: Path
) -> None:
    with pytest.raises(AssertionError, match=r"swtch\.v: "):
        compile_closed(toolchain, library, tmp_path, EXAMPLES / "switch/swtch.wrong-offset.s")
