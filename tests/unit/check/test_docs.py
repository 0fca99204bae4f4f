# SPDX-License-Identifier: Apache-2.0
"""docs/precheck.md shows what the commands print, times apart."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rocqgen.check.result import Verdict
from rocqgen.check.search import Options, check
from rocqgen.cli.main import main
from rocqgen.source import load_fragments

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "precheck.md").read_text(encoding="utf-8")


def shown(command: str) -> list[str]:
    """The lines below `$ command`, as far as they are indented."""
    lines = TEXT[TEXT.index(f"    $ {command}\n") :].splitlines()[1:]
    found = []
    for line in lines:
        if line and not line.startswith("    "):
            break
        found.append(line[4:])
    return plain("\n".join(found).rstrip())


def plain(text: str) -> list[str]:
    """Without times, how soon a failure was found, and where files are saved."""
    text = re.sub(r"(?<=ms) +\d+ states? ", " N states ", text)
    text = re.sub(r"\d+ states in", "N states in", text)
    text = re.sub(r" +\d+ ms ", " N ms ", re.sub(r"\d+\.\d+ s\b", "N s", text))
    return re.sub(r"--replay .*/", "--replay ", text).splitlines()


@pytest.mark.usefixtures("cache")
def test_the_first_example_is_real(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    twin = ROOT / "examples" / "trampoline" / "trampoline.wrong-space.s"
    mine = re.sub(r" *#@ expect failed", "", twin.read_text(encoding="utf-8"))
    (tmp_path / "mine.s").write_text(mine, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["check", "mine.s"]) == 1
    assert plain(capsys.readouterr().out) == shown("rocqgen check mine.s")


def test_the_examples_are_real(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["check", "examples/"]) == 0
    printed = plain(capsys.readouterr().out)
    # Examples may have been added since.
    known = [line for line in shown("rocqgen check examples/") if "examples/" in line]
    assert set(known) <= set(printed)


@pytest.mark.usefixtures("cache")
def test_the_edit_of_a_table_is_real(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    start = TEXT.index("    #@ spec\n    #@   forall r : root, va pa s4")
    lines = TEXT[start : TEXT.index("\n\n", start)].splitlines()
    source = "".join(f"{line[4:]}\n" for line in lines)
    (tmp_path / "unmap.s").write_text(source, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["check", "unmap.s"]) == 1
    *known, dots = shown("rocqgen check unmap.s")
    assert dots == "  ..."
    assert plain(capsys.readouterr().out)[: len(known)] == known


def test_the_examples_of_the_language_are_right(tmp_path: Path) -> None:
    """What docs/annotations.md shows as whole fragments runs as it says."""
    text = (ROOT / "docs" / "annotations.md").read_text(encoding="utf-8")
    shown = [block.split("```")[0] for block in text.split("```asm\n")[1:]]
    names = []
    for number, block in enumerate(one for one in shown if "#@ spec" in one):
        file = tmp_path / f"shown{number}.s"
        file.write_text(block, encoding="utf-8")
        for fragment in load_fragments(file):
            result = check(fragment, Options(states=6))
            assert (result.verdict, result.states) == (Verdict.OK, 6), result.reason
            names.append(fragment.name)
    assert names == ["save", "total", "get", "clear", "second"]
