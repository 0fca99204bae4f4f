# SPDX-License-Identifier: Apache-2.0
"""One line for each theorem as its verdict falls, the failures behind them, and a last line.

On a terminal with colours and a progress bar; elsewhere plain lines of the same words.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import IO, TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from rocqgen.prove.outcome import Status
from rocqgen.report.failure import render_failure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from rocqgen.prove.outcome import Outcome

_STYLES = {
    Status.PROVED: "green",
    Status.FAILED: "bold red",
    Status.VACUOUS: "bold yellow",
    Status.ADMITTED: "yellow",
    Status.TIMEOUT: "magenta",
    Status.ERROR: "bold magenta",
    Status.SKIPPED: "dim",
    Status.CANCELLED: "dim",
}


class Table:
    """Shows the outcomes of a run while it lasts; a context manager around the run."""

    def __init__(self, names: Sequence[str], *, file: IO[str] | None = None) -> None:
        """Prepare for theorems of these names; ``file`` is standard output by default."""
        self._console = Console(file=file or sys.stdout, highlight=False, soft_wrap=True)
        self._width = max((len(name) for name in names), default=0)
        self._bar: Progress | None = None
        if self._console.is_terminal and names:
            self._bar = Progress(
                TextColumn("proving"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=self._console,
                transient=True,
            )
            self._task = self._bar.add_task("proving", total=len(names))

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def row(self, outcome: Outcome) -> None:
        """Print the line of one theorem: status, name, seconds, axioms, and where it stands."""
        style = "green" if outcome.good else _STYLES[outcome.status]
        if outcome.expect is not None and not outcome.good:
            style = "bold red"
        line = Text()
        if outcome.words != outcome.status.value:
            style = "yellow"
        # What rests on a contract that nobody has proved says so in front.
        words = outcome.words if outcome.expect is None else outcome.status.value
        line.append(f"{words:<9} ", style)
        line.append(f"{outcome.theorem:<{self._width}}  {outcome.seconds:7.2f} s  ")
        line.append(f"{axioms(outcome):<15}")
        line.append(f"  {outcome.source}")
        if outcome.expect is not None:
            line.append(f" ({outcome.verdict})")
        if outcome.refuted:
            line.append(" (by the pre-check)", "dim")
        if outcome.cached:
            line.append(f" (known since {outcome.when})", "dim")
        self._console.print(line)
        if self._bar is not None:
            self._bar.advance(self._task)

    def finish(self, outcomes: Sequence[Outcome]) -> None:
        """Print what failed, and the last line."""
        for outcome in outcomes:
            if not outcome.good and outcome.troubles:
                self._console.print()
                self._console.print(Text(render_failure(outcome)))
        if outcomes:
            self._console.print()
            self._console.print(Text(summary(outcomes)))


def axioms(outcome: Outcome) -> str:
    """The column of assumptions; a dash where it was never asked.

    What is closed on the bare machine `runs` there.
    """
    if outcome.status not in {Status.PROVED, Status.ADMITTED}:
        return "-"
    if not outcome.assumptions:
        return "no axioms, runs" if outcome.closed else "no axioms"
    return ", ".join(outcome.assumptions)


def _counted(outcome: Outcome) -> str:
    if outcome.good and outcome.expect:
        return "failed as expected"
    if outcome.words != outcome.status.value:
        return f"{outcome.status.value} under assumptions"
    return outcome.status.value


def summary(outcomes: Sequence[Outcome]) -> str:
    """How many of each verdict, and the seconds in the prover."""
    counts = Counter(map(_counted, outcomes))
    words = ", ".join(f"{number} {word}" for word, number in counts.items())
    seconds = sum(one.seconds for one in outcomes if not one.cached)
    return f"{words} in {seconds:.1f} s"
