# SPDX-License-Identifier: Apache-2.0
"""Finds annotations in the text of a file, and the label that each block belongs to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches

from rocqgen.errors import UserError
from rocqgen.source.annotations import Piece
from rocqgen.source.location import Location, refused
from rocqgen.source.text import Comment, SourceText

_LABEL = re.compile(r"\s*(?P<name>[A-Za-z_.$][A-Za-z0-9_.$]*|[0-9]+|\"[^\"]*\")\s*:")
# What may stand between a block and its label without making code or data.
_QUIET = re.compile(
    r"\s*\.(globl|global|local|weak|hidden|protected|internal|type|size|align|balign|p2align"
    r"|text|section|intel_syntax|att_syntax|cfi_\w+|set|equ|file|ident|code64)\b"
)


_WORD = re.compile(r"\s*(?P<word>spec|invariant|assume)\b")
"""The word that a block begins with."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block of `#@` lines and the label below it: an entry, or what an invariant holds at."""

    pieces: tuple[Piece, ...]
    location: Location
    entry: str
    entry_location: Location
    doc: str


@dataclass(frozen=True, slots=True)
class Assumed:
    """A block of `#@` lines that begins with `assume`; it belongs to no label."""

    pieces: tuple[Piece, ...]
    location: Location
    doc: str


@dataclass(frozen=True, slots=True)
class Blocks:
    """The blocks of a file by the words that they begin with, each kind in its order."""

    specs: tuple[Block, ...]
    invariants: tuple[Block, ...]
    assumed: tuple[Assumed, ...]


@dataclass(frozen=True, slots=True)
class LineMark:
    """`#@` at the end of a line of code."""

    piece: Piece
    location: Location


def find_marks(source: SourceText) -> tuple[LineMark, ...]:
    """The annotations at the ends of lines of code."""
    return tuple(
        LineMark(_piece(comment), Location(source.path, comment.line, comment.column))
        for comment in source.comments
        if not comment.own_line and comment.text.startswith("@")
    )


def find_blocks(source: SourceText) -> Blocks:
    """The blocks of a file, each with its label.

    A block that no label follows before code, data or the next block is a `UserError`, but for the
    contract of a function pointer.
    """
    runs: list[list[Comment]] = []
    for comment in source.comments:
        if not comment.own_line or not comment.text.startswith("@"):
            continue
        # A contract ends where the next block begins, also without a line between them.
        ends = bool(runs) and _word(runs[-1][0]) == "assume" and _word(comment) is not None
        if runs and runs[-1][-1].line == comment.line - 1 and not ends:
            runs[-1].append(comment)
        else:
            runs.append([comment])
    for run in runs:
        if _word(run[0]) is None:
            raise _no_beginning(source, run[0])
    starts = {run[0].line for run in runs}
    assumed = [run for run in runs if _word(run[0]) == "assume"]
    labelled = [(_word(run[0]), run) for run in runs if _word(run[0]) != "assume"]
    return Blocks(
        tuple(_block(source, run, starts) for word, run in labelled if word != "invariant"),
        tuple(_block(source, run, starts) for word, run in labelled if word == "invariant"),
        tuple(
            Assumed(
                tuple(_piece(comment) for comment in run),
                Location(source.path, run[0].line, run[0].column),
                _doc(source, run[0].line),
            )
            for run in assumed
        ),
    )


def _word(comment: Comment) -> str | None:
    """The word that begins a block, if the line begins with one."""
    found = _WORD.match(comment.text[1:])
    return found["word"] if found else None


def _no_beginning(source: SourceText, comment: Comment) -> UserError:
    words = comment.text[1:].split()
    close = get_close_matches(words[0].lower(), ("spec", "invariant", "assume"), 1) if words else []
    text = comment.text[1:]
    column = comment.column + 1 + len(text) - len(text.lstrip())
    return refused(
        f"a block begins with `{words[0]}`" if words else "a block begins with an empty line",
        Location(source.path, comment.line, column if words else comment.column),
        "`spec`, `invariant` or `assume` where a block of `#@` lines begins",
        close[0] if close else "consecutive #@ lines, if this goes on with those above",
    )


def _piece(comment: Comment) -> Piece:
    return Piece(comment.line, comment.column + 1, comment.text[1:])


def _block(source: SourceText, run: list[Comment], starts: set[int]) -> Block:
    place = Location(source.path, run[0].line, run[0].column)
    loop = _word(run[0]) == "invariant"
    without = "an invariant without a label" if loop else "an annotation without an entry"
    wanted = f"the {'label' if loop else 'entry label'} in the lines below the annotation"
    for line in range(run[-1].line + 1, len(source.code) + 1):
        text = source.code[line - 1]
        if line in starts:
            raise refused(
                f"{without}: another annotation follows before any label",
                place,
                wanted,
                "consecutive #@ lines, if this is one annotation",
            )
        if found := _LABEL.match(text):
            where = Location(source.path, line, found.start("name") + 1)
            pieces = tuple(_piece(comment) for comment in run)
            return Block(pieces, place, found["name"], where, _doc(source, run[0].line))
        if text.strip() and not _QUIET.match(text):
            raise refused(
                f"{without}: `{source.statement(line)}` comes before any label",
                place,
                f"{wanted}; a hint stands at the end of an instruction's line",
            )
    raise refused(
        f"{without}: the file ends before any label",
        place,
        wanted,
    )


def _doc(source: SourceText, line: int) -> str:
    """The paragraph of plain comment above a block; empty lines may lie between them."""
    plain = {
        comment.line: comment.text.strip()
        for comment in source.comments
        if comment.own_line and not comment.text.startswith("@")
    }
    line -= 1
    while line > 0 and not source.lines[line - 1].strip():
        line -= 1
    above = []
    while line in plain:
        above.append(plain[line])
        line -= 1
    return "\n".join(text for text in above[::-1] if not text.startswith("SPDX-")).strip()
