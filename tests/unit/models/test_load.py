# SPDX-License-Identifier: Apache-2.0
"""Texts that are hard on a parser, and files that are no specs."""

from __future__ import annotations

from pathlib import Path

import pytest

from rocqgen.errors import UserError
from rocqgen.models import load_model, parse_model
from rocqgen.models.load import model_path

X86 = model_path("x86-64-4level").read_text()

HARD = {
    "arrays in arrays": ("a = " + "[" * 5000 + "]" * 5000, 1, "nested too deeply"),
    "tables in tables": ("a = " + "{b=" * 3000 + "1" + "}" * 3000, 1, "nested too deeply"),
    "5000 digits": (X86.replace("virtual = 48", "virtual = " + "9" * 5000), 13, "too many digits"),
    "400 digits": (X86.replace("virtual = 48", "virtual = " + "9" * 400), 13, "so large a number"),
    "a date": (X86.replace("virtual = 48", "virtual = 1979-05-27"), 13, "not a whole number"),
    "nan": (X86.replace("virtual = 48", "virtual = nan"), 13, "`nan` is not a whole number"),
    "parentheses": (
        X86.replace('read = "user"', 'read = "' + "(" * 500 + "user" + ")" * 500 + '"'),
        82,
        "nested more than 40 deep",
    ),
    "a long condition": (
        X86.replace('present = "P"', 'present = "' + " | ".join(["P"] * 5000) + '"'),
        34,
        "too many alternatives",
    ),
    "a dotted key": ("a." * 2000 + "b = 1", 1, "kind: this key is missing"),
    "a control character": (X86.replace("PML4", "PM\\u0000L4"), 45, 'name: `"PM\\u0000L4"` cannot'),
    "an empty key": (X86.replace("PS = 7", '"" = 7', 1), 48, 'level[0].bits."": `` is not a name'),
    "an array for a table": (
        X86.replace("bits = { PS = 7 }", "bits = [1]", 1),
        48,
        "not a table of keys and values",
    ),
    "nothing": ("", 1, "kind: this key is missing"),
}


@pytest.mark.parametrize("what", HARD)
def test_hard_texts_are_refused_where_they_are_hard(what: str) -> None:
    text, line, part = HARD[what]
    with pytest.raises(UserError) as caught:
        parse_model(text, file="m.toml")
    assert caught.value.line == line
    assert part in caught.value.message + str(caught.value.expected)
    assert caught.value.render().isprintable() or "\n" in caught.value.render()


def test_files_that_are_no_specs(tmp_path: Path) -> None:
    large = tmp_path / "large.toml"
    with large.open("wb") as file:
        file.truncate(1 << 21)
    with pytest.raises(UserError, match="too large for a memory model"):
        load_model(large)
    with pytest.raises(UserError, match="cannot read the file"):
        load_model(tmp_path)
    with pytest.raises(UserError, match="there is no memory model"):
        load_model("")
    binary = tmp_path / "binary"
    binary.write_bytes(b"kind = 1\n\x7fELF\xff")
    with pytest.raises(UserError, match="binary:2:5: error: byte 0xff is not UTF-8"):
        load_model(binary)


def test_a_path_is_never_taken_for_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("riscv-sv39").write_text(X86)
    assert load_model("riscv-sv39").name == "riscv-sv39"
    assert load_model(Path("riscv-sv39")).name == "x86-64-4level"
