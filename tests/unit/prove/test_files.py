# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rocqgen.emit.theory import Theory
from rocqgen.errors import UserError
from rocqgen.prove.files import write_theories

if TYPE_CHECKING:
    from pathlib import Path


def theory(text: str, source: str = "d/a.s", name: str = "swtch") -> Theory:
    return Theory(name, text, "t", source, "0")


def test_theories_are_written_and_replaced_while_they_are_ours(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert write_theories([theory("é\n")], out) == (out / "swtch.v",)
    assert (out / "swtch.v").read_bytes() == "é\n".encode()
    write_theories([theory("new\n")], out)
    assert (out / "swtch.v").read_text() == "new\n"


def test_what_was_continued_by_hand_is_not_lost(tmp_path: Path) -> None:
    write_theories([theory("a\n")], tmp_path)
    (tmp_path / "swtch.v").write_text("a\nmine\n")
    with pytest.raises(UserError, match="changed by hand"):
        write_theories([theory("other\n", name="first"), theory("b\n")], tmp_path)
    assert (tmp_path / "swtch.v").read_text() == "a\nmine\n"
    assert not (tmp_path / "first.v").exists()
    write_theories([theory("b\n")], tmp_path, force=True)
    assert (tmp_path / "swtch.v").read_text() == "b\n"


def test_names_that_clash_go_below_their_sources(tmp_path: Path) -> None:
    found = write_theories([theory("1"), theory("2", "d/b.s"), theory("3", name="c")], tmp_path)
    assert [str(one.relative_to(tmp_path)) for one in found] == ["a/swtch.v", "b/swtch.v", "c.v"]
    with pytest.raises(UserError, match="two fragments"):
        write_theories([theory("1"), theory("2", "e/a.s")], tmp_path)


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write"):
        write_theories([theory("1")], tmp_path / "file")
