# SPDX-License-Identifier: Apache-2.0
"""``python -m bench.precheck``: what a state costs in the pre-check, and how soon a bug shows."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

from bench.whole import EXAMPLES
from rocqgen.check.search import Options, check
from rocqgen.source import load_fragments

if TYPE_CHECKING:
    from collections.abc import Sequence

REPEATS: Final = 5


@dataclass(frozen=True, slots=True)
class Checked:
    """A fragment of the examples: the states that were run and seconds of processor time for all
    of them, the median of several runs; with a counterexample, that is made simple, too."""

    name: str
    verdict: str
    states: int
    seconds: float

    @property
    def ms_per_state(self) -> float:
        """Milliseconds for one state."""
        return 1000 * self.seconds / max(1, self.states)


def check_examples() -> tuple[Checked, ...]:
    """Check every example as ``rocqgen check`` does."""
    files = sorted(EXAMPLES.rglob("*.s"))
    fragments = [(file, one) for file in files for one in load_fragments(file)]
    # What is made only once is not counted: models, their rules.
    for _, fragment in fragments:
        check(fragment, Options(states=5))
    rows = []
    for file, fragment in fragments:
        taken = []
        for _ in range(REPEATS):
            began = time.process_time()
            result = check(fragment)
            taken.append(time.process_time() - began)
        name = str(file.relative_to(EXAMPLES))
        rows.append(Checked(name, result.verdict.value, result.states, median(taken)))
    return tuple(rows)


def lines(rows: Sequence[Checked]) -> list[list[str]]:
    """The cells of a table."""
    return [
        [
            row.name,
            row.verdict,
            str(row.states),
            f"{1000 * row.seconds:.0f}",
            f"{row.ms_per_state:.2f}" if row.verdict == "ok" else "",
        ]
        for row in rows
    ]


HEADS: Final = ("example", "verdict", "states", "ms", "ms/state")


def main() -> int:
    """Print a line for each example."""
    for cells in (HEADS, *lines(check_examples())):
        name, verdict, *numbers = cells
        row = f"{name:<40}{verdict:<16}" + "".join(f"{one:>10}" for one in numbers)
        sys.stdout.write(f"{row}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
