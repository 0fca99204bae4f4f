# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocqgen.rocq.toolchain import Toolchain
from rocqgen.rocq.toolchain.model import parse_version


@given(st.lists(st.integers(0, 999), min_size=2, max_size=4), st.sampled_from(["", " 5.3.0", "\n"]))
def test_a_printed_version_is_read_back(numbers: list[int], rest: str) -> None:
    assert parse_version(".".join(map(str, numbers)) + rest) == tuple(numbers)


@pytest.mark.parametrize(
    ("text", "version"),
    [("8.20.1 5.3.0", (8, 20, 1)), ("9.1+rc1 5.3.0", (9, 1)), ("8.20+alpha", (8, 20))],
)
def test_suffixes_are_dropped(text: str, version: tuple[int, ...]) -> None:
    assert parse_version(text) == version


@given(st.text())
def test_no_text_is_too_odd(text: str) -> None:
    version = parse_version(text)
    assert version is None or len(version) > 1


def test_its_environment_goes_before_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COQLIB", "/the/callers")
    monkeypatch.setenv("OTHER", "kept")
    env = Toolchain("cache", "8.20.1", Path("c"), Path("s"), "id", {"COQLIB": "/own"}).environ()
    assert (env["COQLIB"], env["OTHER"]) == ("/own", "kept")


def test_programs_lie_beside_coqc() -> None:
    toolchain = Toolchain("path", "8.20.1", Path("/opt/bin/coqc"), Path("/x/sertop"), "id")
    assert toolchain.program("coqdep") == Path("/opt/bin/coqdep")
