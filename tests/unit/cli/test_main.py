# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from rocqgen.cli import doctor, main
from rocqgen.cli import toolchain as toolchain_command
from rocqgen.cli.main import COMMANDS, make_parser
from rocqgen.errors import UserError
from rocqgen.exits import ExitCode


@pytest.mark.parametrize("argv", [[], ["nonsense"], ["doctor", "--nonsense"], ["toolchain", "x"]])
def test_a_wrong_command_line_is_usage(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == ExitCode.USAGE
    said = capsys.readouterr().err
    assert said.startswith("rocqgen: error: ")
    assert "expected: rocqgen" in said


def test_each_command_is_listed_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert all(command.__name__.rpartition(".")[2] in said for command in COMMANDS)  # type: ignore[attr-defined]


def run_raising(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> int:
    """Let ``rocqgen doctor`` raise ``error``."""

    def run(_args: argparse.Namespace) -> int:
        raise error

    monkeypatch.setattr(doctor, "run", run)
    return main(["doctor"])


def test_a_user_error_is_rendered_and_gives_its_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = UserError("no", file="a.s", line=1, exit_code=ExitCode.INTERNAL)
    assert run_raising(error, monkeypatch) == ExitCode.INTERNAL
    assert capsys.readouterr().err == "a.s:1: error: no\n"


def test_an_interrupt_is_no_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_raising(KeyboardInterrupt(), monkeypatch) == ExitCode.INTERRUPTED
    assert capsys.readouterr().err == "rocqgen: interrupted\n"


def test_a_defect_is_one_sentence_and_its_traceback_a_file(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_raising(RuntimeError("boom\nmore"), monkeypatch) == ExitCode.INTERNAL
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("rocqgen: internal error: RuntimeError: boom;")
    (file,) = (cache / "crashes").iterdir()
    assert str(file) in said
    assert "Traceback" in file.read_text()


def test_a_defect_where_nothing_can_be_written_is_still_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert run_raising(RuntimeError(), monkeypatch) == ExitCode.INTERNAL
    assert capsys.readouterr().err.count("\n") == 1


def test_toolchain_alone_lists() -> None:
    assert make_parser().parse_args(["toolchain"]).do is toolchain_command._list


def test_exec_takes_the_options_of_its_command() -> None:
    args = make_parser().parse_args(["toolchain", "exec", "--", "coqc", "-q", "--version"])
    assert args.command == ["coqc", "-q", "--version"]
