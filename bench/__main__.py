# SPDX-License-Identifier: Apache-2.0
"""``python -m bench``: every measurement, side by side in one run."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.blocks import KINDS
from bench.examples import BASELINE, measure_examples
from bench.faults import right_examples
from bench.goals import judge
from bench.measure import Lab, Row, Sample
from bench.precheck import check_examples
from bench.proofs import each_of
from bench.proofs import run as run_mutants
from bench.table import Report, document
from bench.whole import build_library, prove_examples
from rocqgen.errors import UserError
from rocqgen.rocq.library import ensure_library
from rocqgen.rocq.toolchain import require_toolchain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.blocks import Kind
    from bench.examples import Cost
    from bench.precheck import Checked
    from bench.proofs import Tally
    from bench.whole import Prove
    from rocqgen.rocq.library import Library
    from rocqgen.rocq.toolchain import Toolchain

LENGTHS: Final = (10, 100, 1000)
FACTS: Final = (10, 30, 100)
SECTIONS: Final = ("engine", "script", "library", "prove", "check", "examples", "mutants")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for and print it.

    Gives 1 where a mutant survived: a program was proved to do what it does not. Goals that are
    missed are no error.
    """
    args = _parser().parse_args(arguments)
    sections = args.only or list(SECTIONS)
    report = Report()
    toolchain = require_toolchain()
    _tell(f"Coq {toolchain.version}, {os.cpu_count()} processors")
    # First, so that the peak of memory of all children is that of its coqc.
    build = None
    if "library" in sections:
        _tell("compiling the library from nothing")
        build = build_library(toolchain)
        report.library(build)
    library = ensure_library(toolchain)
    rows: list[Row] = []
    if {"engine", "script"} & set(sections):
        with _lab(toolchain, library, args) as lab:
            rows = list(_rows(lab, quick=args.quick, scripts="script" in sections))
        report.blocks(rows)
    runs: tuple[Prove, ...] = ()
    if "prove" in sections:
        _tell("rocqgen prove examples/, cold and warm")
        runs = prove_examples()
        report.prove(runs)
    checked: tuple[Checked, ...] = ()
    if "check" in sections:
        _tell("rocqgen check examples/")
        checked = check_examples()
        report.checked(checked)
    costs: list[Cost] = []
    if "examples" in sections:
        _tell("each example: its annotation, and the prover's time for it")
        with _lab(toolchain, library, args) as lab:
            script = lab.script(*BASELINE)
            costs = list(measure_examples(lab))
        report.costs(costs, script)
    tallies: list[Tally] = []
    if "mutants" in sections:
        files = right_examples()
        for tally in run_mutants(files, each_of(files)):
            _tell(f"mutants of {tally.name}: {tally.total} in {tally.seconds:.0f} s")
            tallies.append(tally)
        report.mutants(tallies)
    goals = judge(rows, build, runs, checked, costs, tallies)
    report.goals(goals)
    if args.json is not None:
        machine = {
            "processors": os.cpu_count(),
            "architecture": platform.machine(),
            "python": platform.python_version(),
            "coq": toolchain.version,
        }
        text = document(rows, build, runs, checked, goals, machine, costs, tallies)
        args.json.write_text(text, encoding="utf-8")
    return 1 if any(tally.counts["survived"] for tally in tallies) else 0


@contextmanager
def _lab(toolchain: Toolchain, library: Library, args: argparse.Namespace) -> Iterator[Lab]:
    with tempfile.TemporaryDirectory(prefix="rocqgen-bench-") as scratch:
        folder = args.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        yield Lab(toolchain, library, folder, args.limit, args.repeats)


def _rows(lab: Lab, *, quick: bool, scripts: bool) -> Iterator[Row]:
    for kind, facts in _series(quick=quick):
        before: Row | None = None
        for length in LENGTHS[: 2 if quick else 3]:
            _tell(f"{kind}, {length} instructions, {facts} facts")
            engine = lab.engine(kind, length, facts)
            script = Sample({}, problem="not asked for")
            if scripts:
                reason = _out_of_reach(before, length, lab.limit)
                script = Sample({}, problem=reason) if reason else lab.script(kind, length, facts)
            before = Row(kind, length, facts, engine, script)
            yield before


def _series(*, quick: bool) -> list[tuple[Kind, int]]:
    """Which blocks: every number of facts for the first kind, the middle one for the others."""
    if quick:
        return [("mixed", 10), ("mixed", 30)]
    return [("mixed", facts) for facts in FACTS] + [(kind, FACTS[1]) for kind in KINDS[1:]]


def _out_of_reach(before: Row | None, length: int, limit: float) -> str:
    """Why a script is not run: a shorter one shows that it would not end within the limit."""
    if before is None:
        return ""
    if before.script.problem:
        return "not run: as above"
    if before.script.total * length / before.length > limit:
        return f"not run: {before.length} took {before.script.total:.0f} s"
    return ""


def _tell(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)  # noqa: T201 - a command line prints


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Prints what rocqgen costs, measured in this run."
    )
    parser.add_argument(
        "--only", action="append", choices=SECTIONS, help="may be given several times"
    )
    parser.add_argument("--quick", action="store_true", help="two lengths, 10 and 30 facts")
    parser.add_argument(
        "--limit",
        type=float,
        default=200.0,
        metavar="S",
        help="seconds for one coqc; scripts that would take more are not run (default: 200)",
    )
    parser.add_argument(
        "--repeats",
        type=int,
        default=3,
        metavar="N",
        help="runs of each engine theory, of which the median counts (default: 3)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything as JSON too")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the theories there")
    return parser


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserError as error:
        sys.exit(error.render())
