# SPDX-License-Identifier: Apache-2.0
"""``rocqgen prove``: turn annotated fragments into theorems and have them checked."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rocqgen.cli.inputs import make_theory, read_fragments
from rocqgen.cli.progress import progress_bar
from rocqgen.errors import UserError
from rocqgen.exits import ExitCode
from rocqgen.prove.check import blank_outcome
from rocqgen.prove.files import write_theories
from rocqgen.prove.outcome import Status
from rocqgen.prove.precheck import Prechecked, precheck, witness_of
from rocqgen.prove.run import Report, default_jobs, exit_code
from rocqgen.prove.run import run as run_theories
from rocqgen.prove.setup import checker
from rocqgen.prove.store import Store
from rocqgen.prove.workers import mapped
from rocqgen.report.json import render_json, write_json
from rocqgen.report.table import Table
from rocqgen.rocq.library import LOGICAL_ROOT, ensure_library
from rocqgen.rocq.limits import Limits
from rocqgen.rocq.server import LoadPath
from rocqgen.rocq.toolchain import require_toolchain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocqgen.check.witness import Witness
    from rocqgen.cli.parser import Subparsers
    from rocqgen.emit.theory import Theory
    from rocqgen.source.spec import Fragment

_LIMITS = Limits()


def register(subparsers: Subparsers) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "prove",
        help="generate theories and check them",
        description="Assembles, decodes, generates and checks every annotated fragment in PATHS; "
        "folders are searched for *.s and *.S. One line is printed for each theorem, and for each "
        "failure the assembly line, the instruction and the goal.",
        epilog="Exit codes, the gravest first: 2 interrupted, 3 nothing could be checked, 4 wrong "
        "input, 5 nothing found, 1 something is not proved (or a wrong twin did not fail at its "
        "line), 0 all proved.",
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    parser.add_argument(
        "-j",
        "--jobs",
        type=_positive,
        default=default_jobs(),
        metavar="N",
        help="theories that are checked at the same time (default: %(default)s)",
    )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=_LIMITS.theory,
        metavar="S",
        help="seconds for one theory, in the session and again in coqc (default: %(default)g)",
    )
    parser.add_argument(
        "--sentence-timeout",
        type=_seconds,
        metavar="S",
        help="seconds for one sentence of a theory (default: as many as for the theory)",
    )
    parser.add_argument(
        "--memory",
        type=_positive,
        default=_LIMITS.memory,
        metavar="MB",
        help="resident memory of one prover, library included (default: %(default)s)",
    )
    parser.add_argument(
        "--keep-going",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="go on behind a failing proof and with the other fragments (the default)",
    )
    parser.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="AXIOM",
        help="an axiom that a theorem may use; may be given several times",
    )
    parser.add_argument(
        "--check",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="first look for a counterexample on concrete states (the default)",
    )
    parser.add_argument("--no-cache", action="store_true", help="check again what is known already")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the outcomes as JSON too")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="write the theories there")
    parser.add_argument(
        "--force", action="store_true", help="with -o: replace theories that were changed by hand"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prove everything in ``args.paths``; the exit code is the gravest that applies."""
    found = read_fragments(args.paths)
    work, report = _Work(found.fragments, args), Report(())
    for error in found.errors:
        work.refuse(error)
    if found.fragments:
        report = work.run()
    # A file without annotations is wrong input among others; alone, it is nothing found.
    bare = () if found.fragments else (ExitCode.NOTHING_FOUND,)
    bad = [one for one in work.errors if one.exit_code not in bare]
    code = exit_code(report.outcomes, bad_inputs=len(bad), interrupted=report.interrupted)
    if args.json is not None:
        text = render_json(report.outcomes, exit_code=code, bad_inputs=work.errors)
        write_json(text, args.json)
    if code is ExitCode.NOTHING_FOUND and not work.errors:
        searched = ", ".join(str(path) for path in args.paths)
        raise UserError(
            f"no annotated fragment in {searched}",
            expected="*.s or *.S files with annotations (docs/annotations.md)",
            exit_code=ExitCode.NOTHING_FOUND,
        )
    if report.interrupted:
        print("rocqgen: interrupted; the results so far are kept", file=sys.stderr)
    return code


class _Work:
    """The pre-check, then the theories of what it leaves, each made once, and the prover."""

    def __init__(self, fragments: Sequence[Fragment], args: argparse.Namespace) -> None:
        self.fragments, self.args = fragments, args
        self.errors: list[UserError] = []
        self.store = Store()
        self.headings: list[Theory] = []

    def refuse(self, error: UserError) -> None:
        """Report an input that is no good."""
        print(error.render(), file=sys.stderr)
        self.errors.append(error)

    def run(self) -> Report:
        """What became of each fragment, in order."""
        from rocqgen.emit import heading  # noqa: PLC0415 - slow to import

        self.headings = [heading(one) for one in self.fragments]
        table = Table([one.theorem for one in self.headings])
        checked = self._check(table)
        outcomes = dict(checked.settled)
        for outcome in outcomes.values():
            self.store.append(outcome)
        ended = checked.interrupted or bool(outcomes and not self.args.keep_going)
        theories = self._make(checked)
        left = {number: one for number, one in theories.items() if number not in outcomes}
        if ended:
            status = Status.CANCELLED if checked.interrupted else Status.SKIPPED
            report = Report(tuple(blank_outcome(one, status) for one in left.values()))
            for outcome in report.outcomes:
                table.row(outcome)
        elif left:
            checks = {
                place: checked.checks[number]
                for place, number in enumerate(left)
                if number in checked.checks
            }
            report = _prove(list(left.values()), checks, self.store, self.args, table)
        else:
            report = Report(())
        outcomes |= dict(zip(left, report.outcomes, strict=True))
        ordered = tuple(outcomes[number] for number in sorted(outcomes))
        table.finish(ordered)
        return Report(ordered, checked.interrupted or report.interrupted)

    def _check(self, table: Table) -> Prechecked:
        if not self.args.check:
            return Prechecked()
        return precheck(
            self.fragments,
            self.headings,
            known={} if self.args.no_cache else self.store.checks(),
            keep_going=self.args.keep_going,
            jobs=self.args.jobs,
            on_outcome=table.row,
        )

    def _make(self, checked: Prechecked) -> dict[int, Theory]:
        """The theories by their numbers; of what is settled, only if they are to be written."""
        made: dict[int, Theory] = {}
        wanted = {
            number: (fragment, witness_of(checked.checks.get(number)))
            for number, fragment in enumerate(self.fragments)
            if number not in checked.settled or self.args.output is not None
        }
        theories = mapped(_theory, list(wanted.values()), self.args.jobs)
        for number, theory in zip(wanted, theories, strict=True):
            if isinstance(theory, UserError):
                self.refuse(theory)
            else:
                made[number] = theory
        if self.args.output is not None:
            write_theories(list(made.values()), self.args.output, force=self.args.force)
        return made


def _theory(fragment: tuple[Fragment, Witness | None]) -> Theory | UserError:
    return make_theory(*fragment)


def _prove(
    theories: Sequence[Theory],
    checks: dict[int, dict[str, Any]],
    store: Store,
    args: argparse.Namespace,
    table: Table,
) -> Report:
    try:
        with progress_bar() as progress:
            toolchain = require_toolchain()
            library = ensure_library(toolchain, progress)
    except UserError as error:
        print(error.render(), file=sys.stderr)
        outcomes = tuple(
            replace(blank_outcome(theory, Status.ERROR, error.message), check=checks.get(number))
            for number, theory in enumerate(theories)
        )
        for outcome in outcomes:
            store.append(outcome)
            table.row(outcome)
        return Report(outcomes)
    limits = Limits(
        sentence=args.sentence_timeout or args.timeout, theory=args.timeout, memory=args.memory
    )
    prepared = checker(
        toolchain,
        theories,
        library=LoadPath(library.path, LOGICAL_ROOT),
        limits=limits,
        allow=frozenset(args.allow),
        keep_going=args.keep_going,
    )
    with prepared as ready, table:
        return run_theories(
            theories,
            ready,
            store,
            jobs=args.jobs,
            use_cache=not args.no_cache,
            checks=checks,
            on_outcome=table.row,
        )


def _positive(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return value


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return value
