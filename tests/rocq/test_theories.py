# SPDX-License-Identifier: Apache-2.0
"""The theory library and the tests written in Rocq, compiled by the real coqc."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rocqgen.resources import theories_dir
from rocqgen.rocq import library_build
from rocqgen.rocq.library import ensure_library

if TYPE_CHECKING:
    from rocqgen.rocq.library import Library
    from rocqgen.rocq.toolchain import Toolchain

pytestmark = pytest.mark.rocq

HERE = Path(__file__).parent
CLOSED = "Closed under the global context"
MANGLED = ("-set", "Mangle Names")


def coqc(toolchain: Toolchain, library: Library, file: Path, *options: str) -> str:
    """What coqc prints for ``file``; fails with its message where it does not compile."""
    command = [str(toolchain.coqc), "-q", "-noglob", *library.coqc_options, *options, str(file)]
    done = subprocess.run(
        command, env=toolchain.environ(), capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("source", sorted(HERE.glob("*.v")), ids=lambda path: path.stem)
def test_the_tests_in_rocq_hold_without_assumptions(
    toolchain: Toolchain, library: Library, tmp_path: Path, source: Path
) -> None:
    text = source.read_text(encoding="utf-8")
    (tmp_path / source.name).write_text(text, encoding="utf-8")
    out = coqc(toolchain, library, tmp_path / source.name, *MANGLED)
    assert out.count(CLOSED) == len(re.findall(r"^\s*Print Assumptions", text, re.MULTILINE))
    assert "Axioms:" not in out


def headline_lemmas() -> list[tuple[str, str]]:
    """(file without suffix, lemma) for each row of the tables in theories/README.md."""
    rows = []
    for line in (theories_dir() / "README.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) == 5 and (file := re.fullmatch(r"`(\w+/\w+)\.v`", cells[3])):
            rows += [(file[1], name) for name in re.findall(r"`(\w+)`", cells[2])]
    return rows


def test_the_headline_lemmas_exist_and_assume_nothing(
    toolchain: Toolchain, library: Library, tmp_path: Path
) -> None:
    lemmas = headline_lemmas()
    assert len(lemmas) > 40
    files = sorted({file.replace("/", ".") for file, _ in lemmas})
    # One proof in which all are used: each question would look through all of Iris anew.
    lines = [f"Require rocqgen.{file}." for file in files]
    lines += ["Lemma headlines : True.", "Proof."]
    lines += [f"pose proof (@rocqgen.{file.replace('/', '.')}.{name})." for file, name in lemmas]
    lines += ["exact I.", "Qed.", "Print Assumptions headlines."]
    (tmp_path / "headlines.v").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert coqc(toolchain, library, tmp_path / "headlines.v").strip() == CLOSED


def test_an_assumption_is_seen(toolchain: Toolchain, library: Library, tmp_path: Path) -> None:
    (tmp_path / "assumes.v").write_text(
        "Axiom x : False.\nLemma y : False.\nProof. exact x. Qed.\nPrint Assumptions y.\n"
        "Lemma all : True.\nProof.\npose proof (@y).\nexact I.\nQed.\nPrint Assumptions all.\n"
    )
    assert CLOSED not in coqc(toolchain, library, tmp_path / "assumes.v")


def test_no_proof_of_the_library_relies_on_generated_names(
    toolchain: Toolchain, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not cache.exists()
    monkeypatch.setattr(library_build, "FLAGS", (*library_build.FLAGS, *MANGLED))
    ensure_library(toolchain)
