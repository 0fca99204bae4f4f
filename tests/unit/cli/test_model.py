# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from rocqgen.cli.main import main
from rocqgen.models import load_model, shipped_models
from rocqgen.models.load import model_path
from rocqgen.report.model import render_model

DOCS = Path(__file__).parents[3] / "docs" / "models.md"
SV32 = Path(__file__).parents[3] / "examples" / "models" / "riscv-sv32.toml"


def test_the_list_names_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model"]) == 0
    listed = capsys.readouterr().out
    assert [line.split()[0] for line in listed.splitlines()] == list(shipped_models())


@pytest.mark.parametrize("source", [*shipped_models(), str(SV32)])
def test_a_model_is_shown_with_all_that_it_says(source: str) -> None:
    model = load_model(source)
    shown = render_model(model)
    for level in model.level:
        assert f"{level.name} " in shown
    for control in model.controls.values():
        assert control.name in shown
    for fault in model.fault:
        assert all(part.name in shown for part in fault.code)
    for accesses in (model.allow.supervisor, model.allow.user):
        assert str(accesses.read) in shown
        assert str(accesses.fetch) in shown


def test_check_names_every_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = model_path("riscv-sv39").read_text()
    bad = tmp_path / "bad.toml"
    bad.write_text(
        text.replace('"W & !R"', '"W & !Q"').replace('index = "29:21"', 'index = "29:22"')
    )
    assert main(["model", "check", "riscv-sv39", str(bad)]) == 4
    captured = capsys.readouterr()
    assert captured.out == "riscv-sv39: ok: riscv-sv39, RISC-V, Sv39\n"
    assert captured.err.count(": error: ") == 2
    assert f"{bad}:36:13: error: entry.reserved[0]: unknown name `Q`" in captured.err
    assert main(["model", "show", str(bad)]) == 4


def test_what_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model", "check", str(tmp_path / "no.toml")]) == 4
    assert "there is no memory model" in capsys.readouterr().err
    assert main(["model", "show", "x86-64-6level"]) == 4
    assert "aarch64-4k, riscv-sv39" in capsys.readouterr().err
    assert main(["model", "check", str(tmp_path)]) == 4
    assert "cannot read the file" in capsys.readouterr().err
    binary = tmp_path / "binary"
    binary.write_bytes(b'kind = "\xff"')
    assert main(["model", "check", str(binary)]) == 4
    assert f"{binary}:1:9: error: byte 0xff is not UTF-8" in capsys.readouterr().err


def documented() -> list[tuple[str, str]]:
    """Each `$ rocqgen model ...` of docs/models.md, with what stands below it."""
    blocks = [block.split("```", 1)[0] for block in DOCS.read_text().split("```console\n")[1:]]
    found = []
    for block in blocks:
        command, output = block.split("\n", 1)
        # Theories are written and proved by tests of their own.
        if "model gen" not in command:
            found.append((command.removeprefix("$ rocqgen "), output))
    assert len(found) >= 3
    return found


@pytest.mark.parametrize(("command", "output"), documented())
def test_the_documentation_shows_what_is_printed(
    command: str,
    output: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = SV32.read_text().replace('"W & !R"', '"W & !r"').replace('"31:22"', '"31:23"')
    (tmp_path / "my-sv32.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    main(command.split())
    captured = capsys.readouterr()
    assert captured.out + captured.err == output


def test_the_documented_spec_is_the_example() -> None:
    pieces = [part.split("```", 1)[0].strip() for part in DOCS.read_text().split("```toml\n")[1:]]
    text = SV32.read_text().split("\n", 1)[1]
    assert "\n\n".join(pieces) == text.strip()


def test_the_documented_program_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    docs = DOCS.read_text()
    program = docs.split("```python\n")[1].split("```", 1)[0]
    exec(compile(program, str(DOCS), "exec"), {})
    assert capsys.readouterr().out == docs.split("```text\n")[1].split("```", 1)[0]
