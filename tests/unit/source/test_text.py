# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from rocqgen.errors import UserError
from rocqgen.source.blocks import Blocks, find_blocks, find_marks
from rocqgen.source.text import read_source, split_text


def test_comments_are_found_where_the_assembler_finds_them() -> None:
    lines = (
        "# one",
        '.ascii "# no" # two',
        ".byte '#, 1 # three",
        "/* # no",
        "# no */ nop # four",
        "// five",
        "/ six",
        'nop /* a */ # "seven',
        '.ascii "a\\"# no"',
    )
    source = split_text("f.s", "\n".join(lines))
    assert [(c.line, c.text.strip(), c.own_line) for c in source.comments] == [
        (1, "one", True),
        (2, "two", False),
        (3, "three", False),
        (5, "four", False),
        (6, "five", True),
        (7, "six", True),
        (8, '"seven', False),
    ]
    assert source.statement(5) == "nop"
    assert source.statement(2) == '.ascii "# no"'


def test_columns_count_from_one_behind_the_marker() -> None:
    (comment,) = split_text("f.s", "    nop  #@ at p").comments
    assert (comment.line, comment.column, comment.text) == (1, 11, "@ at p")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot read the file"):
        read_source(tmp_path / "none.s")
    with pytest.raises(UserError, match="cannot read the file"):
        read_source(tmp_path)


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "f.s"
    path.write_bytes(b"nop\n  \xff\n")
    with pytest.raises(UserError, match="0xff is not UTF-8") as caught:
        read_source(path)
    assert (caught.value.line, caught.value.column) == (2, 3)


def test_blocks_and_marks_are_told_apart() -> None:
    text = (
        "# What it does.\n\n#@ spec\n#@   space r\n  .globl f\n\nf:\n nop #@ at p\n//@ spec\ng: nop"
    )
    source = split_text("f.s", text)
    blocks = find_blocks(source).specs
    assert [(block.entry, block.entry_location.line) for block in blocks] == [("f", 7), ("g", 10)]
    assert [piece.line for piece in blocks[0].pieces] == [3, 4]
    assert blocks[0].doc == "What it does."
    assert blocks[1].doc == ""
    assert [mark.piece.text for mark in find_marks(source)] == [" at p"]


def test_text_in_strings_is_no_annotation() -> None:
    assert find_blocks(split_text("f.s", '.ascii "#@ spec"\n.ascii "\n')) == Blocks((), (), ())


def test_blocks_are_told_apart_by_their_first_word() -> None:
    text = (
        "# What it gives.\n#@ assume alloc\n#@   space r\n#@ spec\n#@   space r\n"
        "f: nop\n#@ invariant\n#@   holds emp\n.Lagain:\n nop\n"
    )
    blocks = find_blocks(split_text("f.s", text))
    assert [(block.location.line, block.doc) for block in blocks.assumed] == [(2, "What it gives.")]
    assert [(block.entry, block.location.line) for block in blocks.specs] == [("f", 4)]
    assert [(block.entry, block.location.line) for block in blocks.invariants] == [(".Lagain", 7)]
