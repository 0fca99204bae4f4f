# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from rocqgen.cli import main
from rocqgen.emit.conditions import any_of, condition, simplified, string
from rocqgen.emit.model import emit_model, model_theory_name
from rocqgen.exits import ExitCode
from rocqgen.models import PagingModel, read_spec
from rocqgen.models.conditions import Condition, parse_condition


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("[63]", "bit 63"),
        ("[20:13]", "any 20 13"),
        ("[62:61] == 3", "equal 62 61 3"),
        ("[62:61] != 3", "~~ equal 62 61 3"),
        ("!user | !smap | ac", '~~ user || ~~ on "smap" || on "ac"'),
        (
            "(read | mxr & exec) & !(user & wp)",
            '(read || on "mxr" && exec) && ~~ (user && on "wp")',
        ),
        ("user-exec & always", "user_exec"),
        ("never & user | wp", 'on "wp"'),
        ("!(always | user)", "Never"),
        ("always", "Always"),
    ],
)
def test_conditions(text: str, printed: str) -> None:
    parsed = parse_condition(text)
    assert isinstance(parsed, Condition)
    assert condition(simplified(parsed.term)) == printed


def test_nothing_at_all_is_never() -> None:
    assert condition(any_of([])) == "Never"


def test_strings() -> None:
    assert string('a "b" \ue000') == '"a ""b"" ?"'


@pytest.mark.parametrize(
    ("model", "name"),
    [("riscv-sv39", "riscv_sv39"), ("2-level", "model_2_level"), ("match", "model_match")],
)
def test_names(model: str, name: str) -> None:
    assert model_theory_name(model) == name


def changed(*changes: tuple[str, str]) -> str:
    file, text = read_spec("x86-64-4level")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    model = PagingModel.model_validate(tomllib.loads(text))
    return emit_model(model, source=file, text=text).text


def test_no_text_of_a_spec_leaves_its_comment_or_string() -> None:
    text = changed(
        ('title = "', 'title = "*) Axiom x : False. (* '),
        ('name = "PDPT"', "name = 'a\" Axiom y : False.'"),
    )
    assert "* ) Axiom x" in text
    assert 'll_name := "a"" Axiom y : False.";' in text
    code = re.sub(r'"(?:[^"]|"")*"', "", re.sub(r"\(\*.*?\*\)", "", text, flags=re.DOTALL))
    assert "Axiom" not in code


def test_what_the_levels_share_is_said_once() -> None:
    text = changed()
    assert text.count("Definition x86_64_4level_grants : grants") == 1
    assert text.count('bit 63 && ~~ on "nxe"') == 1


def test_kinds_that_differ_have_grants_of_their_own() -> None:
    text = changed(('exec = { table = "!XD"', 'exec = { table = "always"'))
    assert "x86_64_4level_table_grants" in text
    assert "x86_64_4level_leaf_grants" in text


def test_what_differs_between_levels_is_said_in_each() -> None:
    text = changed(
        ('reserved = ["XD & !nxe"]', 'reserved = ["XD & !nxe", "PS & [3]"]'),
        ("leaf = { bits = { PAT = 7 } }", "bits = { PS = 9 }"),
    )
    assert "ly_reserved := Never" in text
    assert text.count('kd_reserved := bit 63 && ~~ on "nxe" || bit 7 && bit 3') == 5
    assert text.count('kd_reserved := bit 63 && ~~ on "nxe" || bit 9 && bit 3') == 1


def test_theories_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["model", "gen", "riscv-sv39", "x86-32-pae", "-o", str(tmp_path)]
    assert main(arguments) == ExitCode.OK
    files = [str(tmp_path / f"{name}.v") for name in ("riscv_sv39", "x86_32_pae")]
    assert capsys.readouterr().out.splitlines() == files
    Path(files[0]).write_text("mine")
    assert main(arguments) == ExitCode.USAGE
    assert "changed by hand" in capsys.readouterr().err
    assert main([*arguments, "--force"]) == ExitCode.OK


def test_a_wrong_spec_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(read_spec("riscv-sv39")[1].replace('"38:30"', '"38:31"'))
    assert main(["model", "gen", str(file), "-o", str(tmp_path)]) == ExitCode.USAGE
    assert f"{file}:" in capsys.readouterr().err
    assert not (tmp_path / "mine.v").exists()
