# SPDX-License-Identifier: Apache-2.0
"""Which sources count, what their keys cover, what coqdep and coqc say."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocqgen.exits import ExitCode
from rocqgen.rocq.library import Library, file_keys, read_sources
from rocqgen.rocq.library_build import compile_error, parse_coqdep
from rocqgen.rocq.toolchain import Toolchain

TOOLCHAIN = Toolchain("path", "8.20.1", Path("/bin/coqc"), Path("/bin/sertop"), "one")
SOURCES = {"a.v": b"1", "b.v": b"2", "c/d.v": b"3"}
NEEDS = {"a.v": frozenset[str](), "b.v": frozenset({"a.v"}), "c/d.v": frozenset[str]()}


def test_sources_are_found_at_any_depth_and_builds_of_others_are_not(tmp_path: Path) -> None:
    for name in ("b.v", "a/c.v", "_build/x.v", ".hidden/y.v", "a/note.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert read_sources(tmp_path) == {"a/c.v": b"a/c.v", "b.v": b"b.v"}


def test_a_change_reaches_what_imports_it_and_nothing_else() -> None:
    before = file_keys(SOURCES, NEEDS, TOOLCHAIN)
    after = file_keys({**SOURCES, "a.v": b"changed"}, NEEDS, TOOLCHAIN)
    assert {name for name in SOURCES if before[name] != after[name]} == {"a.v", "b.v"}


def test_another_prover_changes_everything() -> None:
    other = Toolchain("path", "8.20.1", TOOLCHAIN.coqc, TOOLCHAIN.sertop, "two")
    keys = (file_keys(SOURCES, NEEDS, TOOLCHAIN), file_keys(SOURCES, NEEDS, other))
    assert all(keys[0][name] != keys[1][name] for name in SOURCES)


def test_the_options_of_each_program() -> None:
    library = Library(Path("/l"))
    assert library.coqc_options == ("-Q", "/l", "rocqgen")
    assert library.sertop_options == ("-Q", "/l,rocqgen")


file_names = st.from_regex(r"([a-z]{1,3}/)?[a-z_]{1,4}\.v", fullmatch=True)


@given(st.dictionaries(file_names, st.sets(file_names), max_size=6))
def test_coqdeps_rules_are_read_back(wanted: dict[str, set[str]]) -> None:
    lines = []
    for name, needed in wanted.items():
        stem = name.removesuffix(".v")
        compiled = [f"./{other}o" for other in sorted(needed)]
        used = " ".join([f"./{name}", *compiled, "/lib/iris/bi/bi.vo"])
        lines.append(f"./{stem}.vo ./{stem}.glob ./{stem}.required_vo: {used}")
        lines.append(f"./{stem}.vio: {used.replace('.vo', '.vio')}")
    known = {name: frozenset(needed & wanted.keys()) for name, needed in wanted.items()}
    assert parse_coqdep("\n".join(lines), tuple(wanted)) == known


def test_coqcs_complaint_keeps_its_place_and_all_its_words() -> None:
    text = (
        'File "./logic/a.v", line 1, characters 0-9:\n'
        "Warning: Something is deprecated.\n[deprecated,default]\n"
        'File "./logic/a.v", line 12, characters 4-17:\n'
        'Error:\nThe term "x" has type\n "nat".\n\n'
    )
    error = compile_error(1, text, Path("theories/logic/a.v"))
    assert error.location == "theories/logic/a.v:12:5"
    assert error.message == 'coqc: The term "x" has type\n "nat".'
    assert error.exit_code is ExitCode.INTERNAL


@pytest.mark.parametrize(
    ("code", "text", "said"),
    [
        (-9, "", "coqc was killed (signal 9)"),
        (1, "Anomaly in the flags\n", "coqc failed: Anomaly in the flags"),
        (2, "", "coqc failed: it gave no message"),
    ],
)
def test_coqc_that_fails_in_another_way(code: int, text: str, said: str) -> None:
    assert said in compile_error(code, text, Path("a.v")).message
