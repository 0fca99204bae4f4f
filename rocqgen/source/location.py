# SPDX-License-Identifier: Apache-2.0
"""Positions in a source file, and errors that point at them."""

from __future__ import annotations

from dataclasses import dataclass

from rocqgen.errors import UserError


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A position in a source file; lines and columns count from 1."""

    file: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


def refused(
    message: str, location: Location, expected: str | None = None, hint: str | None = None
) -> UserError:
    """The error that refuses what is at `location`."""
    return UserError(
        message,
        file=location.file,
        line=location.line,
        column=location.column,
        expected=expected,
        hint=hint,
    )
