# SPDX-License-Identifier: Apache-2.0
"""Shows the measurements as tables, which are Markdown as well, and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from rich import box
from rich.console import Console
from rich.table import Table

from bench import examples, proofs
from bench.measure import ENGINE_PARTS, RESOLUTION, SCRIPT_PARTS
from bench.precheck import HEADS, lines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.examples import Cost
    from bench.measure import Row, Sample
    from bench.precheck import Checked
    from bench.proofs import Tally
    from bench.whole import LibraryBuild, Prove

FORMAT: Final = 1
"""Rises when a field of the JSON document changes its meaning or goes."""

_BLOCK: Final = ("block", "instr", "facts")
_WAYS: Final = ("engine", "script", "ratio")
_HEADS: Final[Mapping[str, str]] = {"run_qed": "Qed", "proof_qed": "Qed", "qed": "Qed"}


class Report:
    """Prints on standard output; tables are as wide as they must be."""

    def __init__(self) -> None:
        """Print without colours, so that the text may go into a file."""
        self._console = Console(width=160, highlight=False, no_color=True)

    def blocks(self, rows: Sequence[Row]) -> None:
        """What the engine and the script cost, part by part, and side by side."""
        self._parts("engine: seconds of processor time", ENGINE_PARTS, rows, lambda row: row.engine)
        self._parts("script: seconds of processor time", SCRIPT_PARTS, rows, lambda row: row.script)
        self._table(
            "side by side: ms for an instruction (run or steps, and their Qed), s for the block",
            [*_BLOCK, *(f"{way} {unit}" for unit in ("ms", "s") for way in _WAYS)],
            [_side(row) for row in rows],
        )

    def library(self, build: LibraryBuild) -> None:
        """The compilation of the library."""
        self._table(
            "library, compiled from nothing",
            ["files", "lines", "seconds", "processor seconds", "MB (largest coqc)"],
            [
                [
                    str(build.files),
                    str(build.lines),
                    f"{build.seconds:.0f}",
                    f"{build.processor_seconds:.0f}",
                    f"{build.peak_mb:.0f}",
                ]
            ],
        )

    def prove(self, runs: Sequence[Prove]) -> None:
        """The examples, from end to end."""
        self._table(
            "rocqgen prove examples/",
            ["", "theorems", "as they should be", "seconds", "exit code", "problem"],
            [
                [
                    run.name,
                    str(run.theorems),
                    str(run.good),
                    f"{run.seconds:.1f}",
                    str(run.code),
                    run.problem,
                ]
                for run in runs
            ],
        )

    def checked(self, rows: Sequence[Checked]) -> None:
        """The examples by the pre-check alone."""
        self._table("rocqgen check examples/: milliseconds of processor time", HEADS, lines(rows))

    def costs(self, costs: Sequence[Cost], script: Sample) -> None:
        """What each example costs, beside a script."""
        self._table(
            "examples: lines by a person; ms for an instruction (run and Qed) and seconds for the "
            "theorem, each with its ratio to the script",
            examples.HEADS,
            examples.lines(costs, script),
        )

    def mutants(self, tallies: Sequence[Tally]) -> None:
        """What became of the mutants of each example, and why some are equivalent."""
        self._table(
            "mutants of the examples, and the prover",
            proofs.HEADS,
            [one.cells() for one in tallies],
        )
        self._console.print()
        for line in proofs.summary(tallies):
            self._console.print(line, markup=False)

    def goals(self, lines: Sequence[tuple[str, bool]]) -> None:
        """Each goal, and whether it is reached."""
        self._console.print()
        for text, reached in lines:
            self._console.print(f"{'reached' if reached else 'MISSED '}  {text}", markup=False)

    def _parts(
        self, title: str, names: Sequence[str], rows: Sequence[Row], sample: Callable[[Row], Sample]
    ) -> None:
        lines = []
        for row in rows:
            one = sample(row)
            if not one.problem:
                parts = [_seconds(one.parts[name]) for name in names]
                lines.append([*_block(row), *parts, _seconds(one.total), f"{one.peak_mb:.0f}"])
        if lines:
            heads = [_HEADS.get(name, name) for name in names]
            self._table(title, [*_BLOCK, *heads, "all", "MB"], lines)

    def _table(self, title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        table = Table(box=box.MARKDOWN)
        for n, head in enumerate(heads):
            table.add_column(head, justify="left" if n == 0 else "right", no_wrap=True)
        for row in rows:
            table.add_row(*row)
        self._console.print(f"\n{title}\n", markup=False)
        self._console.print(table)


def _block(row: Row) -> list[str]:
    return [row.kind, str(row.length), str(row.facts)]


def _seconds(value: float) -> str:
    if value < RESOLUTION / 2:
        return f"<{RESOLUTION:.3f}"
    return f"{value:.3f}" if value < 1 else f"{value:.2f}"


def _side(row: Row) -> list[str]:
    if row.engine.problem:
        return [*_block(row), row.engine.problem, "", "", "", "", ""]
    below = row.engine_steps < RESOLUTION
    engine = "<" * below + f"{1000 * max(row.engine_steps, RESOLUTION) / row.length:.3f}"
    if row.script.problem:
        return [*_block(row), engine, row.script.problem, "", _seconds(row.engine.total), "", ""]
    return [
        *_block(row),
        engine,
        f"{1000 * row.script_steps / row.length:.0f}",
        ">" * below + _times(row.ratio_steps),
        _seconds(row.engine.total),
        _seconds(row.script.total),
        _times(row.ratio_total),
    ]


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.0f}"


def document(
    rows: Sequence[Row],
    build: LibraryBuild | None,
    runs: Sequence[Prove],
    checked: Sequence[Checked],
    goals: Sequence[tuple[str, bool]],
    machine: Mapping[str, object],
    costs: Sequence[Cost] = (),
    tallies: Sequence[Tally] = (),
) -> str:
    """All measurements as JSON, with a final newline."""
    content = {
        "format": FORMAT,
        "machine": machine,
        "blocks": [
            {**asdict(row), "ratio_steps": row.ratio_steps, "ratio_total": row.ratio_total}
            for row in rows
        ],
        "library": None if build is None else asdict(build),
        "prove": [asdict(run) for run in runs],
        "check": [{**asdict(row), "ms_per_state": row.ms_per_state} for row in checked],
        "examples": [
            {**asdict(one), "ms_per_instruction": one.ms_per_instruction} for one in costs
        ],
        "mutants": [one.document() for one in tallies],
        "goals": [{"goal": text, "reached": reached} for text, reached in goals],
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
