# SPDX-License-Identifier: Apache-2.0
"""A half-made toolchain is never taken for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from rocqgen.errors import UserError
from rocqgen.exits import ExitCode
from rocqgen.rocq.toolchain import (
    find_toolchain,
    installed_toolchains,
    private,
    require_toolchain,
)


def make_prefix(prefix: Path) -> Path:
    """All that a complete toolchain has, but for the marker."""
    for folder in ("usr/bin", "usr/lib/triplet/ocaml/5.3.0/coq-core"):
        (prefix / folder).mkdir(parents=True)
    for program in ("coqc", "sertop"):
        (prefix / "usr/bin" / program).touch()
    return prefix


@pytest.fixture(autouse=True)
def no_prover_on_path(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return cache


def test_without_the_marker_it_is_none(cache: Path) -> None:
    make_prefix(cache / "toolchains/coq-8.20.1-abc")
    assert find_toolchain() is None


def test_with_the_marker_it_is_found(cache: Path) -> None:
    prefix = make_prefix(cache / "toolchains/coq-8.20.1-abc")
    private.mark_complete(prefix, "8.20.1")
    found = find_toolchain()
    assert found is not None
    assert (found.origin, found.version) == ("cache", "8.20.1")
    assert found.env["COQLIB"] == str(prefix / "usr/lib/triplet/ocaml/5.3.0/coq")
    assert found.env["PATH"].startswith(str(prefix / "usr/bin") + ":")


def test_in_the_place_where_it_is_made_it_is_none(cache: Path) -> None:
    prefix = make_prefix(cache / "toolchains/unpacking-x")
    private.mark_complete(prefix, "8.20.1")
    assert find_toolchain() is None


def test_moved_it_is_none(cache: Path) -> None:
    """Its programs look for their loader at the old place."""
    private.mark_complete(make_prefix(cache / "toolchains/coq-8.20.1-abc"), "8.20.1")
    (cache / "toolchains/coq-8.20.1-abc").rename(cache / "toolchains/coq-8.20.1-def")
    assert find_toolchain() is None


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"version": 1, "prefix": 2}', "null"])
def test_a_spoilt_marker_is_none(cache: Path, content: str) -> None:
    prefix = make_prefix(cache / "toolchains/coq-8.20.1-abc")
    (prefix / "rocqgen-toolchain.json").write_text(content)
    assert find_toolchain() is None


def test_a_program_that_was_removed_is_missed(cache: Path) -> None:
    prefix = make_prefix(cache / "toolchains/coq-8.20.1-abc")
    private.mark_complete(prefix, "8.20.1")
    (prefix / "usr/bin/sertop").unlink()
    assert list(installed_toolchains()) == []


def test_none_is_said_with_what_to_do(cache: Path) -> None:
    with pytest.raises(UserError, match="no usable Rocq prover: coqc is not on PATH") as caught:
        require_toolchain()
    assert caught.value.exit_code is ExitCode.INTERNAL
    assert caught.value.hint
    assert str(cache) in caught.value.message
