# SPDX-License-Identifier: Apache-2.0
"""Parses the text of annotations into `raw` nodes; every error has its line and column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NoReturn, cast

from lark import Lark, Token
from lark.exceptions import UnexpectedInput
from lark.lark import PostLex

from rocqgen.source import raw
from rocqgen.source.builder import raw_nodes
from rocqgen.source.expected import ARROWS, describe, hint_for
from rocqgen.source.location import Location, refused


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of annotation text that begins at `line` and `column` of its file."""

    line: int
    column: int
    text: str


def parse_spec(file: str, pieces: tuple[Piece, ...]) -> raw.RawSpec:
    """Parse a block; `pieces` are its lines, in order."""
    return cast(raw.RawSpec, _parse(file, pieces, "spec"))


def parse_invariant(file: str, pieces: tuple[Piece, ...]) -> raw.RawInvariant:
    """Parse the block in front of a label inside a fragment."""
    return cast(raw.RawInvariant, _parse(file, pieces, "invariant"))


def parse_assume(file: str, pieces: tuple[Piece, ...]) -> raw.RawAssume:
    """Parse the contract of a function pointer."""
    return cast(raw.RawAssume, _parse(file, pieces, "assume"))


def parse_marks(file: str, piece: Piece) -> tuple[raw.RawMark, ...]:
    """Parse what stands at the end of an instruction's line."""
    return cast("tuple[raw.RawMark, ...]", _parse(file, (piece,), "marks"))


class _Hard:
    """Words that are keywords also where the parser could not take them: a missing part is then
    found where the next one begins, and not where that ends."""

    always_accept = (
        *("SPEC", "FORALL", "SPACE", "REQUIRES", "EXIT", "EXISTS", "ENSURES", "CODE", "EMP", "AT"),
        *("EXPECT", "NAME", "NUMBER"),
    )

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        """The tokens as they are; what looks like an arrow and is none is refused at once."""
        for token in stream:
            if token.type == "ARROW":
                raise _NoArrow(token)
            yield token


class _NoArrow(Exception):  # noqa: N818 - it is a signal within the module
    """A token that looks like an arrow."""

    def __init__(self, token: Token) -> None:
        super().__init__(str(token))
        self.token = token


@cache
def _parser() -> Lark:
    grammar = Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    return Lark(
        grammar,
        parser="lalr",
        lexer="contextual",
        postlex=cast(PostLex, _Hard()),
        start=["spec", "assume", "invariant", "marks"],
        propagate_positions=True,
        maybe_placeholders=True,
    )


def _parse(file: str, pieces: tuple[Piece, ...], start: str) -> object:
    """Parse with the columns of the file: what is not annotation is replaced by spaces."""
    first = pieces[0].line
    lines = [""] * (pieces[-1].line - first + 1)
    for piece in pieces:
        lines[piece.line - first] = " " * (piece.column - 1) + _plain(piece.text)
    try:
        tree = _parser().parse("\n".join(lines), start=start)
    except UnexpectedInput as err:
        _refuse_syntax(err, file, first, pieces[-1], start)
    except _NoArrow as err:
        place = Location(file, (err.token.line or 1) + first - 1, err.token.column or 1)
        raise refused(f"`{err.token}` is not an arrow", place, ARROWS) from None
    return raw_nodes(tree, file, first)


def _plain(text: str) -> str:
    """One character for each one, where only spaces separate; so columns stay."""
    return "".join(" " if char.isspace() else char for char in text)


def _refuse_syntax(
    err: UnexpectedInput, file: str, first: int, last: Piece, start: str
) -> NoReturn:
    interactive = getattr(err, "interactive_parser", None)
    accepted: set[str] = interactive.accepts() if interactive is not None else set()
    token = getattr(err, "token", None)
    if token is not None and token.type == "$END":
        place = Location(file, last.line, last.column + len(last.text.rstrip()))
        missing_exit = "EXIT" in accepted
        whose = "contract" if start == "assume" else "spec"
        message = f"the {whose} has no exit" if missing_exit else "the annotation ends too early"
        shown = ""
    else:
        place = Location(file, err.line + first - 1, err.column)
        shown = str(token) if token is not None else str(getattr(err, "char", ""))
        message = f"unexpected `{_visible(shown)}`"
    raise refused(message, place, describe(accepted, start), hint_for(shown, accepted))


def _visible(text: str) -> str:
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)
