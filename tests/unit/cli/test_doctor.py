# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from rocqgen.cli import main
from rocqgen.cli.doctor import examine
from rocqgen.exits import ExitCode
from rocqgen.rocq.toolchain import Toolchain


@pytest.fixture
def bare_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with one empty folder."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def test_with_nothing_installed_it_says_what_to_type(
    cache: Path, bare_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor"]) == ExitCode.INTERNAL
    said = capsys.readouterr().out
    assert "missing  GNU as" in said
    assert "apt-get install binutils" in said
    assert "coq-stdpp-bitvector" in said, "without apt, the opam packages"
    assert "nothing that is needed" not in said
    assert str(cache) in said
    assert not list(bare_path.iterdir())


def test_with_apt_it_names_the_command(
    cache: Path, bare_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("apt-get", "dpkg-deb"):
        (bare_path / name).write_text("#!/bin/sh\n")
        (bare_path / name).chmod(0o755)
    assert main(["doctor"]) == ExitCode.INTERNAL
    assert "  rocqgen toolchain install\n" in capsys.readouterr().out
    assert not cache.exists(), "looking changes nothing"


def test_an_assembler_that_is_not_gnu_will_not_do(cache: Path, bare_path: Path) -> None:
    (bare_path / "as").write_text("#!/bin/sh\necho clang version 19\n")
    (bare_path / "as").chmod(0o755)
    (check,) = [check for check in examine() if check.name == "GNU as"]
    assert not check.good
    assert "clang version 19" in check.found
    assert not cache.exists()


@pytest.mark.rocq
def test_with_a_prover_nothing_needed_is_missing(
    toolchain: Toolchain, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor"]) == ExitCode.OK
    said = capsys.readouterr().out
    assert str(toolchain.coqc) in said
    assert "nothing that is needed is missing" in said
