# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from rocqgen.errors import UserError
from rocqgen.exits import ExitCode
from rocqgen.userdirs import cache_dir, ensure_dir, write_atomically


def test_xdg_cache_home_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert cache_dir() == Path("/elsewhere/rocqgen")


@pytest.mark.parametrize("value", ["", "relative/path"])
def test_a_relative_xdg_cache_home_is_ignored(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", value)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert cache_dir() == Path("/home/somebody/.cache/rocqgen")


def test_a_place_that_cannot_be_is_said_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot make the directory") as caught:
        ensure_dir(tmp_path / "file" / "folder")
    assert caught.value.exit_code is ExitCode.INTERNAL
    assert "XDG_CACHE_HOME" in (caught.value.hint or "")


def test_an_atomic_write_leaves_only_its_file(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", "old")
    write_atomically(tmp_path / "a", "new")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a", "new")]
