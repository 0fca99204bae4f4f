# SPDX-License-Identifier: Apache-2.0
"""The text of an assembly file, split into code and comments.

Only as much of GNU as's lexical rules as it takes to find comments: `#` to the end of the line,
`/` where a line begins, `/* ... */`, strings and character constants.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from rocqgen.errors import UserError
from rocqgen.exits import ExitCode
from rocqgen.source.location import Location


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment to the end of its line: `text` starts at `column`, behind the comment marker."""

    line: int
    column: int
    text: str
    own_line: bool


@dataclass(frozen=True, slots=True)
class SourceText:
    """A file as the assembler reads it.

    `code` holds each line without its comments, `comments` the comments that run to the end of a
    line, in order.
    """

    path: str
    digest: str
    lines: tuple[str, ...]
    code: tuple[str, ...]
    comments: tuple[Comment, ...]

    def at(self, line: int) -> Location:
        """Where the text of `line` begins."""
        text = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        return Location(self.path, line, len(text) - len(text.lstrip()) + 1)

    def statement(self, line: int) -> str:
        """The code on `line`, without comments and with single spaces."""
        if not 0 < line <= len(self.code):
            return ""
        return " ".join(self.code[line - 1].split())


def read_source(path: str | Path) -> SourceText:
    """Read `path`; a file that cannot be read or is not UTF-8 is a `UserError`."""
    data, text = read_text(path, expected="a GNU as source file with annotations")
    return split_text(str(path), text, hashlib.sha256(data).hexdigest())


def read_text(path: str | Path, *, expected: str) -> tuple[bytes, str]:
    """The bytes of a file and their text; what is not text in UTF-8 is a `UserError`."""
    name = str(path)
    try:
        data = Path(path).read_bytes()
    except OSError as err:
        raise UserError(
            f"cannot read the file: {err.strerror or err}",
            file=name,
            expected=expected,
            exit_code=ExitCode.USAGE,
        ) from err
    try:
        return data, data.decode()
    except UnicodeDecodeError as err:
        before = data[: err.start]
        raise UserError(
            f"byte 0x{data[err.start]:02x} is not UTF-8",
            file=name,
            line=before.count(b"\n") + 1,
            column=len(before) - (before.rfind(b"\n") + 1) + 1,
            expected="text in UTF-8; for an object file, name the .spec file that describes it",
            exit_code=ExitCode.USAGE,
        ) from err


def split_text(path: str, text: str, digest: str = "") -> SourceText:
    """Split `text` into code and comments, line by line as the assembler counts them."""
    lines = tuple(line.removesuffix("\r") for line in text.split("\n"))
    code: list[str] = []
    comments: list[Comment] = []
    open_block = False
    for number, line in enumerate(lines, start=1):
        kept, comment, open_block = _split_line(number, line, open_block)
        code.append(kept)
        if comment is not None:
            comments.append(comment)
    return SourceText(path, digest, lines, tuple(code), tuple(comments))


_PIECE = re.compile(
    r"""
      (?P<string>"(?:\\.|[^"\\])*"?)   # a string, perhaps unfinished
    | (?P<char>'(?:\\.|.)'?)           # 'c or 'c'
    | (?P<open>/\*)
    | (?P<comment>\#)
    """,
    re.VERBOSE,
)


def _split_line(number: int, line: str, open_block: bool) -> tuple[str, Comment | None, bool]:
    """The code of one line, its trailing comment, and whether it ends inside `/* ... */`."""
    kept: list[str] = []
    at = 0
    while True:
        if open_block:
            end = line.find("*/", at)
            if end < 0:
                return "".join(kept), None, True
            kept.append(" ")
            at, open_block = end + 2, False
        own_line = not "".join(kept).strip()
        rest = line[at:]
        bare = len(rest) - len(rest.lstrip())
        if own_line and rest.lstrip().startswith("/") and not rest.lstrip().startswith("/*"):
            width = bare + (2 if rest.lstrip().startswith("//") else 1)
            text = rest[width:]
            return "".join(kept), Comment(number, at + width + 1, text, own_line=True), False
        found = _PIECE.search(line, at)
        if found is None:
            return "".join(kept) + rest, None, False
        if found["comment"]:
            kept.append(line[at : found.start()])
            column = found.end() + 1
            own_line = not "".join(kept).strip()
            return "".join(kept), Comment(number, column, line[found.end() :], own_line), False
        if found["open"]:
            kept.append(line[at : found.start()])
            open_block = True
        else:
            kept.append(line[at : found.end()])
        at = found.end()
