# SPDX-License-Identifier: Apache-2.0
"""The list of what was compared, one row an operation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from bench.agreement.compare import Mismatch, Tally
from rocqgen.source.machine import Op

HEADER = "operation     forms    states  faults  on the processor  excused  mismatches"
_NAMES = {Op.MOV_TO_CR3: "mov to cr", Op.MOV_FROM_CR3: "mov from cr"}
"""One form each for all control registers."""


@dataclass(slots=True)
class Sum:
    """Several tallies together; `forms` counts them."""

    forms: int = 0
    states: int = 0
    faults: int = 0
    native: int = 0
    excused: int = 0
    mismatches: list[Mismatch] = field(default_factory=list)

    def add(self, tally: Tally) -> None:
        """Take one more form in."""
        self.forms += 1
        self.states += tally.states
        self.faults += tally.faults
        self.native += tally.native
        self.excused += tally.excused
        self.mismatches += tally.mismatches

    def row(self, name: str) -> str:
        """A line under `HEADER`."""
        return (
            f"{name:<12} {self.forms:>6} {self.states:>9} {self.faults:>7} {self.native:>17} "
            f"{self.excused:>8} {len(self.mismatches):>11}"
        )


def lines(tallies: Iterable[Tally]) -> list[str]:
    """The table: operations in the order of the enumeration, and all of them together."""
    by_op: dict[Op, Sum] = {}
    whole = Sum()
    for tally in tallies:
        by_op.setdefault(tally.op, Sum()).add(tally)
        whole.add(tally)
    rows = [by_op[op].row(_NAMES.get(op, op.value)) for op in Op if op in by_op]
    return [HEADER, *rows, whole.row("all")]
