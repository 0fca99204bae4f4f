# SPDX-License-Identifier: Apache-2.0
"""Remembers which part of a theory stems from which assembly line, while the template is rendered.

What stems from a line is put between signs made of private characters, which no escaped text has;
they are taken out of the finished text, and leave the marks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rocqgen.emit.theory import Mark, Role

if TYPE_CHECKING:
    from rocqgen.emit.judge import Blame
    from rocqgen.source.location import Location

_OPEN, _MIDDLE, CLOSE = "\ue000", "\ue001", "\ue002"
_SIGN = re.compile(f"{_OPEN}([0-9]+){_MIDDLE}|{CLOSE}")


class Marks:
    """Marks by number until the text is there, and then by their places in it."""

    def __init__(self) -> None:
        self.known: list[tuple[Role, Location, str]] = []

    def open(self, role: Role, location: Location, text: str) -> str:
        """The sign that a mark begins; `CLOSE` ends it."""
        self.known.append((role, location, text))
        return f"{_OPEN}{len(self.known) - 1}{_MIDDLE}"

    def wrap(self, body: str, role: Role, location: Location, text: str) -> str:
        """`body` between the signs of a mark."""
        return f"{self.open(role, location, text)}{body}{CLOSE}"

    def blame(self, role: Role, blame: Blame) -> str:
        """The sign that a mark begins which blames an instruction."""
        text = f"{blame.instr.text}  ({blame.about})" if blame.about else blame.instr.text
        return self.open(role, blame.instr.location, text)

    def strip(self, text: str) -> tuple[str, tuple[Mark, ...]]:
        """`text` without signs, and the marks in the order of their beginnings."""
        parts: list[str] = []
        length = position = 0
        stack: list[tuple[int, int]] = []
        found: list[Mark] = []
        for match in _SIGN.finditer(text):
            piece = text[position : match.start()]
            parts.append(piece)
            length += len(piece)
            position = match.end()
            if match[1] is not None:
                stack.append((int(match[1]), length))
            else:
                number, start = stack.pop()
                role, location, about = self.known[number]
                found.append(Mark(start, length, location, role, about))
        found.sort(key=lambda mark: (mark.start, -mark.end))
        return "".join([*parts, text[position:]]), tuple(found)
