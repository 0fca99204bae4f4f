# SPDX-License-Identifier: Apache-2.0
"""Every command in docs/walk.md, run: what stands there is what it prints."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import re
import shlex
from pathlib import Path

import pytest

from rocqgen.cli import main

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "walk.md"
PICTURE = ROOT / "docs" / "walk.svg"
COMMAND = re.compile(r"^    \$ rocqgen (.*)\n((?:    (?!\$).*\n|\n(?=    (?!\$)))*)", re.MULTILINE)
"""A command, and the indented lines below it; lines of the output may be empty."""


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = ROOT / "examples" / "images" / "make.py"
    spec = importlib.util.spec_from_file_location("make", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(tmp_path)
    (tmp_path / "dump.kdump").write_bytes(b"KDUMP   ".ljust(8192, b"\0"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def printed(command: str) -> str:
    """What the command prints, on both streams, as the page shows it."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        main(shlex.split(command))
    lines = (out.getvalue() + err.getvalue()).splitlines()
    return "".join(f"    {line}\n" if line else "\n" for line in lines)


@pytest.mark.usefixtures("cache", "images")
def test_the_page_shows_what_the_commands_print(regenerate: bool) -> None:
    page = PAGE.read_text()
    renewed = COMMAND.sub(lambda one: f"    $ rocqgen {one[1]}\n{printed(one[1])}", page)
    if regenerate:
        PAGE.write_text(renewed)
    assert page.count("    $ rocqgen ") == len(COMMAND.findall(page)) >= 9
    assert PAGE.read_text() == renewed


@pytest.mark.usefixtures("cache", "images")
def test_the_picture_is_what_the_command_draws(regenerate: bool, tmp_path: Path) -> None:
    printed("walk before.npz 0x401234 --user --svg drawn.svg")
    drawn = re.sub("by rocqgen [^ ]*", "by rocqgen", (tmp_path / "drawn.svg").read_text())
    if regenerate:
        PICTURE.write_text(drawn)
    assert PICTURE.read_text() == drawn
