# SPDX-License-Identifier: Apache-2.0
"""The one error that is meant for the user's eyes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocqgen.exits import ExitCode

if TYPE_CHECKING:
    from os import PathLike


class UserError(Exception):
    """Something is wrong that the user can mend; says where, what was expected, what to write.

    ``message`` is one sentence without a full stop. ``line`` and ``column`` count from 1 and mean
    something only together with ``file``. ``expected`` completes "expected: ..." and ``hint``
    completes "write: ..."; either may have several lines.
    """

    def __init__(
        self,
        message: str,
        *,
        file: str | PathLike[str] | None = None,
        line: int | None = None,
        column: int | None = None,
        expected: str | None = None,
        hint: str | None = None,
        exit_code: ExitCode = ExitCode.USAGE,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.file = None if file is None else str(file)
        self.line = line
        self.column = column
        self.expected = expected
        self.hint = hint
        self.exit_code = exit_code

    @property
    def location(self) -> str:
        """``file:line:column`` as far as it is known; empty without a file."""
        if self.file is None:
            return ""
        numbers = []
        if self.line is not None:
            numbers.append(str(self.line))
            if self.column is not None:
                numbers.append(str(self.column))
        return ":".join([self.file, *numbers])

    def render(self) -> str:
        """The message as it is shown: no trailing newline, no markup."""
        where = self.location or "rocqgen"
        lines = [f"{where}: error: {self.message}"]
        for label, text in (("expected", self.expected), ("write", self.hint)):
            if text is not None:
                head = f"  {label}: "
                lines.append(head + text.replace("\n", "\n" + " " * len(head)))
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.render()
