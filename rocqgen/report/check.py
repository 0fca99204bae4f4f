# SPDX-License-Identifier: Apache-2.0
"""The pre-check's results: a line for each fragment, what went wrong behind them, and JSON."""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import IO, TYPE_CHECKING, Final

from rich.console import Console
from rich.text import Text

from rocqgen import __version__
from rocqgen.check.result import Verdict
from rocqgen.report.counterexample import render_result
from rocqgen.report.json import error_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocqgen.check.result import Result
    from rocqgen.errors import UserError
    from rocqgen.exits import ExitCode

FORMAT: Final = 1
"""Rises when a field changes its meaning or goes."""

_STYLES: Final = {
    Verdict.OK: "green",
    Verdict.COUNTEREXAMPLE: "bold red",
    Verdict.FAULT: "bold red",
    Verdict.VACUOUS: "bold yellow",
    Verdict.UNKNOWN: "magenta",
}


class CheckTable:
    """Prints a line for each result; ``file`` is standard output by default."""

    def __init__(
        self, names: Sequence[str], *, file: IO[str] | None = None, quiet: bool = False
    ) -> None:
        """Prepare for fragments of these names."""
        self._console = Console(
            file=file or sys.stdout, highlight=False, soft_wrap=True, quiet=quiet
        )
        self._width = max((len(name) for name in names), default=0)

    def row(self, result: Result) -> None:
        """Verdict, fragment, milliseconds, states, and where it stands."""
        style = "green" if result.good else _STYLES[result.verdict]
        if result.expect is not None and not result.good:
            style = "bold red"
        states = f"{result.states} state{'' if result.states == 1 else 's'}"
        line = Text()
        line.append(f"{result.verdict.value:<15}", style)
        line.append(f"{result.fragment:<{self._width}}  {result.seconds * 1000:7.0f} ms  ")
        line.append(f"{states:>10}  {result.source}")
        if result.expect is not None:
            line.append(f" ({result.words})")
        self._console.print(line)

    def details(self, result: Result) -> None:
        """What went wrong, if anything did."""
        text = render_result(result)
        if text:
            self._console.print()
            self._console.print(Text(text))

    def say(self, text: str) -> None:
        """A line of its own."""
        self._console.print()
        self._console.print(Text(text))


def summary(results: Sequence[Result]) -> str:
    """How many of each verdict, and the states and seconds of all."""
    counts = Counter(
        "failed as expected" if one.good and one.expect else one.verdict.value for one in results
    )
    words = ", ".join(f"{number} {word}" for word, number in counts.items())
    states = sum(one.states for one in results)
    seconds = sum(one.seconds for one in results)
    return f"{words}; {states} states in {seconds:.2f} s"


def render_check_json(
    results: Sequence[Result], *, exit_code: ExitCode, bad_inputs: Sequence[UserError] = ()
) -> str:
    """All results as one JSON document, with a final newline."""
    document = {
        "format": FORMAT,
        "rocqgen": __version__,
        "exit_code": int(exit_code),
        "results": [one.to_json() for one in results],
        "bad_inputs": [error_json(one) for one in bad_inputs],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
