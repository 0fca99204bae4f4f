# SPDX-License-Identifier: Apache-2.0
"""``python -m bench.mmu``: the page-walk evaluator beside an emulator and two other tools."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich import box
from rich.console import Console
from rich.table import Table

from bench.mmu.agreement import MODELS, Agreement, agree, show
from bench.mmu.machines import MACHINES
from bench.mmu.others import Others, agree_others, show_others
from bench.mmu.speed import machine as busy
from bench.mmu.speed import measure
from rocqgen.models import load_model

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.mmu.speed import Speeds

SECTIONS: Final = ("speed", "agreement")
NUMPY_GOAL: Final = 8e6
NUMBA_GOAL: Final = 80e6
SCALAR_GOAL: Final = 1e6


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; 1 where answers differ."""
    args = _parser().parse_args(arguments)
    sections = args.only or list(SECTIONS)
    console = Console(width=160, highlight=False, no_color=True)
    console.print(busy(), markup=False)
    wrong = False
    content: dict[str, Any] = {}
    if "speed" in sections:
        speeds = measure(args.repeats)
        _show(console, speeds)
        content["speed"] = asdict(speeds)
        same = [row.same for row in speeds.walks] + [row.same for row in speeds.spaces]
        wrong |= not all(same)
    if "agreement" in sections:
        found = []
        for mode in MODELS:
            began = time.process_time()
            found.append(agree(mode, args.cases, args.seed))
            console.print(f"\n{show(found[-1:])}", markup=False)
            console.print(f"  {time.process_time() - began:.0f} s of processor time", markup=False)
        others = []
        for name, machine in MACHINES.items():
            others.append(agree_others(load_model(name), machine(), args.cases, args.seed))
            console.print(f"\n{show_others(others[-1])}", markup=False)
        every: list[Agreement | Others] = [*found, *others]
        content["agreement"] = [
            {"mode": one.mode, "cases": one.cases, "mismatches": len(one.mismatches)}
            | {"outcomes": dict(sorted(one.outcomes.items()))}
            for one in every
        ]
        wrong |= any(one.mismatches for one in every)
    if args.json is not None:
        args.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return int(wrong)


def _show(console: Console, speeds: Speeds) -> None:
    _table(
        console,
        "1,000,000 random addresses, 5 MiB of tables: millions of translations per second",
        ["", "of processor time", "by the clock", "checks", "same answers"],
        [
            [
                row.name,
                f"{row.per_second / 1e6:.2f}",
                f"{row.by_clock / 1e6:.2f}",
                row.checks,
                "yes" if row.same else "NO",
            ]
            for row in speeds.walks
        ],
    )
    _table(
        console,
        "all mappings of a space of 100,352 leaves",
        ["", "ranges", "seconds of processor time", "MB at most", "same answers"],
        [
            [
                row.name,
                str(row.ranges),
                f"{row.seconds:.3f}",
                f"{row.peak_mb:.0f}",
                "yes" if row.same else "NO",
            ]
            for row in speeds.spaces
        ],
    )
    for line in speeds.missing:
        console.print(f"not measured: {line}", markup=False)
    console.print()
    for text, goal, reached in _goals(speeds):
        verdict = "reached" if reached else "MISSED "
        console.print(f"{verdict}  {text}; goal {goal / 1e6:.0f} M/s", markup=False)


def _goals(speeds: Speeds) -> Iterator[tuple[str, float, bool]]:
    """What one thread does is judged by processor time, what several do by the clock."""
    for name, goal in (("one address", SCALAR_GOAL), ("numpy", NUMPY_GOAL)):
        best = max((row.per_second for row in speeds.walks if f", {name}" in row.name), default=0.0)
        yield f"{name}: {best / 1e6:.2f} M/s of processor time", goal, best >= goal
    numba = [row for row in speeds.walks if ", numba" in row.name]
    best = max((row.by_clock for row in numba), default=0.0)
    each = max((row.per_second for row in numba), default=0.0)
    text = f"numba: {best / 1e6:.1f} M/s by the clock, {each / 1e6:.1f} M/s of each processor"
    yield text, NUMBA_GOAL, best >= NUMBA_GOAL


def _table(
    console: Console, title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]
) -> None:
    table = Table(box=box.MARKDOWN)
    for number, head in enumerate(heads):
        table.add_column(head, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console.print(f"\n{title}\n", markup=False)
    console.print(table)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.mmu", description="Measures page walks, and compares their results."
    )
    parser.add_argument("--only", action="append", choices=SECTIONS, help="one of them")
    parser.add_argument("--cases", type=int, default=100_000, help="accesses in each mode")
    parser.add_argument("--seed", type=int, default=1, help="of the random tables")
    parser.add_argument("--repeats", type=int, default=7, help="runs of ours; the best counts")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything as JSON too")
    return parser


if __name__ == "__main__":
    sys.exit(main())
