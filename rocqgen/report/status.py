# SPDX-License-Identifier: Apache-2.0
"""The last outcome of each theorem as lines of text."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rocqgen.report.table import axioms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocqgen.prove.outcome import Outcome


def render_status(outcomes: Sequence[Outcome]) -> str:
    """One line each, oldest first: when (local time), verdict, theorem, axioms, source, and whether
    the source is still what was checked."""
    if not outcomes:
        return "nothing has been checked yet: rocqgen prove PATH"
    rows = [
        (_when(one.when), one.verdict, one.theorem, axioms(one), f"{one.path}{_age(one)}")
        for one in outcomes
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join(
            [*(cell.ljust(width) for cell, width in zip(row[:4], widths, strict=True)), row[4]]
        )
        for row in rows
    )


def _when(text: str) -> str:
    try:
        return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return "at some time"


def _age(outcome: Outcome) -> str:
    try:
        present = hashlib.sha256(Path(outcome.path).read_bytes()).hexdigest()
    except OSError:
        return " (gone)"
    return "" if present == outcome.digest else " (changed since)"
