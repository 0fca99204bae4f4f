# SPDX-License-Identifier: Apache-2.0
"""Provers on PATH: real ones where there is one, else programs that answer as bad ones do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rocqgen.rocq.toolchain import Toolchain, memory, probe, toolchain_on_path


@pytest.fixture
def folder(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The first folder on PATH, of the test's own; the cache is empty."""
    made = tmp_path / "bin"
    made.mkdir()
    monkeypatch.setenv("PATH", f"{made}:/usr/bin:/bin")
    assert not cache.exists()
    return made


def program(folder: Path, name: str, script: str) -> Path:
    file = folder / name
    file.write_text("#!/bin/sh\n" + script)
    file.chmod(0o755)
    return file


def test_an_old_coq_is_named_with_its_version(folder: Path) -> None:
    coqc = program(folder, "coqc", "echo 8.16.1 4.14.1\n")
    assert toolchain_on_path().problem == f"{coqc} is Coq 8.16.1, older than 8.20"


def test_sertop_is_missed(folder: Path) -> None:
    program(folder, "coqc", "echo 9.1.0 5.3.0\n")
    assert "sertop (coq-serapi) is not on PATH" in toolchain_on_path().problem


@pytest.mark.parametrize("script", ["exit 1\n", "echo nonsense\n", "kill -9 $$\n"])
def test_a_coqc_that_tells_no_version(folder: Path, script: str) -> None:
    program(folder, "coqc", script)
    program(folder, "sertop", "")
    assert "does not tell its version" in toolchain_on_path().problem


def test_a_program_that_does_not_start(folder: Path) -> None:
    (folder / "coqc").write_bytes(b"\x7fELF nonsense")
    (folder / "coqc").chmod(0o755)
    program(folder, "sertop", "")
    assert "does not start" in toolchain_on_path().problem


@pytest.mark.parametrize(
    ("lacking", "named"),
    [("stdpp.bitvector", "stdpp with stdpp.bitvector"), ("iris.proofmode", "Iris")],
)
def test_a_missing_library_is_named(folder: Path, lacking: str, named: str) -> None:
    program(
        folder,
        "coqc",
        'if [ "$1" = --print-version ]; then echo 8.20.1 5.3.0; exit; fi\n'
        f'if grep -q {lacking} "$2"; then echo "Error: Cannot find it." >&2; exit 1; fi\n',
    )
    program(folder, "sertop", "")
    assert f"cannot load {named}: Error: Cannot find it." in toolchain_on_path().problem


def test_what_the_user_mends_counts_at_once(folder: Path) -> None:
    program(folder, "coqc", "echo 8.16.1 4.14.1\n")
    assert "8.16.1" in toolchain_on_path().problem
    program(folder, "coqc", "echo 8.19.2 4.14.1\n")
    assert "8.19.2" in toolchain_on_path().problem


def test_a_remembered_prover_is_forgotten_when_it_changes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    coqc, sertop = program(folder, "coqc", "echo /nowhere\n"), program(folder, "sertop", "")
    made = memory.remember(coqc, sertop, "8.20.1")
    assert memory.recall(coqc, sertop) == made
    assert memory.recall(sertop, coqc) is None
    monkeypatch.setenv("COQPATH", "/another/library")
    assert memory.recall(coqc, sertop) is None
    monkeypatch.delenv("COQPATH")
    assert memory.recall(coqc, sertop) == made
    program(folder, "sertop", "echo another one\n")
    assert memory.recall(coqc, sertop) is None


@pytest.mark.rocq
def test_a_real_prover_on_path_is_found_used_and_remembered(
    toolchain: Toolchain, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in toolchain.env.items():
        monkeypatch.setenv(name, value)
    path = f"{toolchain.coqc.parent}:{toolchain.sertop.parent}:{os.environ['PATH']}"
    monkeypatch.setenv("PATH", path)
    found = toolchain_on_path().toolchain
    assert found is not None
    assert (found.origin, found.version) == ("path", toolchain.version)
    monkeypatch.setattr(probe, "check", None)  # a second check would fail
    assert toolchain_on_path().toolchain == found
    assert list(folder.iterdir()) == []


@pytest.mark.rocq
def test_a_sertop_of_another_coq_will_not_do(toolchain: Toolchain, folder: Path) -> None:
    """It starts and tells its version, but its library path holds no Iris."""
    sertop = program(
        folder,
        "sertop",
        f'[ "$1" = --version ] || set -- --coqlib=/nowhere "$@"\nexec {toolchain.sertop} "$@"\n',
    )
    with pytest.raises(probe.Unusable, match="belongs to another Coq"):
        probe.check(toolchain.coqc, sertop, toolchain.environ())
