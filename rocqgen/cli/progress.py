# SPDX-License-Identifier: Apache-2.0
"""Draws the progress of long work on stderr."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import Progress as Bars

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rocqgen.progress import Progress


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Yield the callback for one piece of long work: a bar on a terminal, else a line per step."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _line_per_step()
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Bars(*columns, console=console, transient=True) as bars:
        task = bars.add_task("", total=None, start=True)
        current = ""

        def tell(step: str, done: int, total: int) -> None:
            nonlocal current
            if step != current:
                bars.reset(task, description=step)
                current = step
            bars.update(task, completed=done, total=total or None)

        yield tell


def _line_per_step() -> Progress:
    current = ""

    def tell(step: str, _done: int, _total: int) -> None:
        nonlocal current
        if step != current:
            print(f"rocqgen: {step} ...", file=sys.stderr, flush=True)
            current = step

    return tell
