# SPDX-License-Identifier: Apache-2.0
"""What the commands answer when there is nothing to prove."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rocqgen.cli import main
from rocqgen.prove.outcome import Outcome, Status
from rocqgen.prove.store import Store

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("cache")


@pytest.mark.parametrize("command", ["prove", "gen"])
def test_an_empty_folder_is_nothing_found(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x").mkdir()
    assert main([command, str(tmp_path / "x")]) == 5
    assert "no annotated fragment" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["prove", "gen"])
def test_a_path_that_is_not_there_is_wrong_input(
    command: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    missing = tmp_path / "missing.s"
    monkeypatch.chdir(tmp_path)
    assert main([command, str(missing)]) == 4
    assert f"{missing}: error: no such file or folder" in capsys.readouterr().err
    assert not list(tmp_path.glob(".rocqgen*")), "where nothing is generated, nothing is written"


@pytest.mark.parametrize(
    "options",
    [["--jobs", "0"], ["--timeout", "-1"], ["--timeout", "nan"], ["--memory", "x"]],
)
def test_wrong_options_are_wrong_input(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["prove", "x.s", *options]) == 4
    assert "expected: rocqgen prove" in capsys.readouterr().err


def test_json_tells_of_wrong_input(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    assert main(["prove", str(tmp_path / "missing.s"), "--json", str(out)]) == 4
    document = json.loads(out.read_text())
    assert document["exit_code"] == 4
    assert document["outcomes"] == []
    assert document["bad_inputs"][0]["file"] == str(tmp_path / "missing.s")


def test_status_shows_the_last_outcome_of_each_theorem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status"]) == 0
    assert "nothing has been checked yet" in capsys.readouterr().out
    source = tmp_path / "a.s"
    source.write_text("")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    for status in (Status.FAILED, Status.PROVED):
        for path in (source, tmp_path / "b.s"):
            Store().append(
                Outcome(
                    "a",
                    "a_spec",
                    path.name,
                    status,
                    path=str(path),
                    digest=empty,
                    when="2026-01-02T03:04:05+00:00",
                )
            )
    assert main(["status"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].endswith(f"proved  a_spec  no axioms  {source}")
    assert lines[1].endswith("b.s (gone)")
    source.write_text("nop")
    main(["status"])
    assert f"{source} (changed since)" in capsys.readouterr().out
    assert main(["status", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["outcomes"]) == 2
