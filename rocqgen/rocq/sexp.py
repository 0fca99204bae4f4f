# SPDX-License-Identifier: Apache-2.0
"""S-expressions as SerAPI speaks them: a flat reader for its answers, sexpdata for its commands.

sexpdata reads atoms such as ``t``, ``nil`` or ``007`` as Python values, knows no ``\\ddd`` escapes,
recurses, and is several times slower; so it only writes.  An atom is a ``str`` whether it was
quoted or not: SerAPI quotes an atom only where it has to.
"""

from __future__ import annotations

import re
from typing import TypeAlias

import sexpdata

Sexp: TypeAlias = "str | list[Sexp]"

_TOKEN = re.compile(rb'[()]|"(?:[^"\\]|\\.)*"|[^\s()"]+|(?P<bad>")', re.DOTALL)
_ESCAPE = re.compile(rb"\\(?:(\d{3})|x([0-9a-fA-F]{2})|\r?\n[ \t]*|(.))", re.DOTALL)
_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b"\b"}


class SexpError(ValueError):
    """The text is not one s-expression."""


def parse(data: bytes) -> Sexp:
    """Read exactly one s-expression; SexpError where there is none, or more than one."""
    found = parse_many(data)
    if len(found) != 1:
        raise SexpError(f"expected one s-expression, found {len(found)}")
    return found[0]


def parse_many(data: bytes) -> list[Sexp]:
    """Read all s-expressions in ``data``, in order; their depth is bounded by memory alone."""
    top: list[Sexp] = []
    current, stack = top, []
    for match in _TOKEN.finditer(data):
        token = match[0]
        if token == b"(":
            stack.append(current)
            inner: list[Sexp] = []
            current.append(inner)
            current = inner
        elif token == b")":
            if not stack:
                raise SexpError(
                    f"closing parenthesis without an opening one at byte {match.start()}"
                )
            current = stack.pop()
        elif match["bad"] is not None:
            raise SexpError(f"string without an end at byte {match.start()}")
        elif token[:1] == b'"':
            current.append(_unquote(token[1:-1]))
        else:
            current.append(token.decode("utf-8", "replace"))
    if stack:
        raise SexpError(f"{len(stack)} parentheses are not closed")
    return top


def _unquote(body: bytes) -> str:
    if b"\\" in body:
        body = _ESCAPE.sub(_unescape, body)
    return body.decode("utf-8", "replace")


def _unescape(match: re.Match[bytes]) -> bytes:
    decimal, hexadecimal, letter = match.groups()
    if decimal is not None:
        return bytes([int(decimal) & 0xFF])
    if hexadecimal is not None:
        return bytes([int(hexadecimal, 16)])
    if letter is None:
        return b""
    return _LETTERS.get(letter, letter)


class Symbol(str):
    """An atom that is a name of the protocol and is written without quotes."""

    __slots__ = ()


Command: TypeAlias = "Symbol | str | int | tuple[Command, ...]"
"""What can be written: a tuple is a list, a str that is no Symbol is quoted."""


def dump(command: Command) -> str:
    """Write a command; it is always one balanced s-expression on its own."""
    return str(sexpdata.dumps(_plain(command)))


class _Quoted(str):
    """A string as sexpdata shall write it: OCaml reads ``\\f`` as two characters, so that only the
    two that must be are escaped."""

    __slots__ = ()


@sexpdata.tosexp.register(_Quoted)  # type: ignore[untyped-decorator]
def _(text: _Quoted, **_options: object) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _plain(command: Command) -> object:
    if isinstance(command, tuple):
        return [_plain(part) for part in command]
    if isinstance(command, Symbol):
        return sexpdata.Symbol(str(command))
    return command if isinstance(command, int) else _Quoted(command)
