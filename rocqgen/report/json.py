# SPDX-License-Identifier: Apache-2.0
"""The outcomes of a run as one JSON document."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rocqgen import __version__
from rocqgen.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rocqgen.exits import ExitCode
    from rocqgen.prove.outcome import Outcome

FORMAT = 1
"""Rises when a field changes its meaning or goes."""


def render_json(
    outcomes: Sequence[Outcome], *, exit_code: ExitCode, bad_inputs: Sequence[UserError] = ()
) -> str:
    """The document, with a final newline.

    Beside the fields of `Outcome` each entry has ``good`` and ``verdict``; ``bad_inputs`` are the
    files that could not be read, with their positions.
    """
    document = {
        "format": FORMAT,
        "rocqgen": __version__,
        "exit_code": int(exit_code),
        "outcomes": [
            {**one.to_json(), "good": one.good, "verdict": one.verdict} for one in outcomes
        ],
        "bad_inputs": [error_json(one) for one in bad_inputs],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def error_json(error: UserError) -> dict[str, Any]:
    """A file that could not be read, with its position."""
    return {
        "message": error.message,
        "file": error.file,
        "line": error.line,
        "column": error.column,
        "expected": error.expected,
        "hint": error.hint,
    }


def write_json(text: str, path: Path) -> None:
    """Write the document; UserError where the file cannot be written."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"cannot write {path}: {error.strerror or error}", hint="another file after --json"
        ) from error
