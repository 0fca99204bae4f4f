# SPDX-License-Identifier: Apache-2.0
"""``rocqgen check``: run annotated fragments on states that meet their preconditions."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rocqgen.cli.inputs import read_fragments
from rocqgen.errors import UserError
from rocqgen.exits import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rocqgen.check import Result
    from rocqgen.check.search import Options
    from rocqgen.cli.parser import Subparsers
    from rocqgen.source.spec import Fragment


def register(subparsers: Subparsers) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "check",
        help="look for counterexamples; needs no prover",
        description="Runs every annotated fragment in PATHS on concrete states that satisfy its "
        "precondition, every access translated by page tables, and evaluates the postcondition. A "
        "counterexample is shown with the state, the run, and what is false, and saved.",
        epilog="Exit codes: 0 nothing wrong was found (and wrong twins failed at their lines), 1 "
        "something is wrong, or nothing is known; 2 interrupted, 4 wrong input, 5 nothing found.",
    )
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH")
    parser.add_argument(
        "--states",
        type=_count,
        default=50,
        metavar="N",
        help="states for each fragment (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=_seed, default=0, metavar="N", help="other states (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="show how wrong twins fail, too"
    )
    parser.add_argument(
        "--save", type=Path, metavar="FILE", help="write all counterexamples to FILE"
    )
    parser.add_argument(
        "--replay", type=Path, metavar="FILE", help="run the saved counterexamples in FILE again"
    )
    parser.add_argument(
        "--oracle",
        choices=["unicorn"],
        help="repeat each run on another machine; a difference is a defect of rocqgen",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check everything in ``args.paths``, or run what was saved again."""
    # Reading and solving is slow to import, and no other command needs it.
    from rocqgen.report.check import CheckTable, render_check_json, summary  # noqa: PLC0415

    _one_of(args)
    errors: list[UserError] = []
    jobs = list(_replays(args.replay) if args.replay else _fragments(args.paths, errors))
    if not args.json:
        for error in errors:
            print(error.render(), file=sys.stderr)
    table = CheckTable([fragment.name for fragment, _ in jobs], quiet=args.json)
    results = []
    for result in _results(jobs, _options(args)):
        results.append(result)
        table.row(result)
    code = _exit_code(results, errors)
    if args.json:
        sys.stdout.write(render_check_json(results, exit_code=code, bad_inputs=errors))
    elif results:
        shown = args.verbose or args.replay
        for result in (one for one in results if shown or not one.good):
            table.details(result)
        table.say(summary(results))
    _save(results, args)
    if code is ExitCode.NOTHING_FOUND and not errors:
        searched = ", ".join(str(path) for path in args.paths)
        raise UserError(
            f"no annotated fragment in {searched}",
            expected="*.s, *.S or *.spec files with annotations (docs/annotations.md)",
            exit_code=ExitCode.NOTHING_FOUND,
        )
    return code


def _one_of(args: argparse.Namespace) -> None:
    """Paths or a file to replay, and not both."""
    if bool(args.paths) == bool(args.replay):
        raise UserError(
            "nothing to check" if not args.paths else "either paths or --replay",
            expected="rocqgen check PATH..., or rocqgen check --replay FILE",
        )


_Job = tuple["Fragment", "dict[str, object] | None"]


def _fragments(paths: Sequence[Path], errors: list[UserError]) -> Iterator[_Job]:
    inputs = read_fragments(paths)
    errors += inputs.errors
    for fragment in inputs.fragments:
        yield fragment, None


def _replays(path: Path) -> Iterator[_Job]:
    """The saved states, each with its fragment as it is now."""
    from rocqgen.check.saved import load  # noqa: PLC0415
    from rocqgen.source import load_fragments  # noqa: PLC0415

    for saved in load(path):
        source = saved.source if Path(saved.source).exists() else saved.path
        found = [one for one in load_fragments(source) if one.name == saved.fragment]
        if not found:
            raise UserError(
                f"there is no fragment `{saved.fragment}` any more",
                file=source,
                expected="the source for which the counterexample was saved",
            )
        if found[0].digest != saved.digest:
            print(f"rocqgen: {source} has changed since it was saved", file=sys.stderr)
        yield found[0], saved.choice


def _options(args: argparse.Namespace) -> Options:
    from rocqgen.check.search import Options  # noqa: PLC0415

    options = Options(states=args.states, seed=args.seed)
    if args.oracle:
        from rocqgen.check.oracle import unicorn_oracle  # noqa: PLC0415

        options = replace(options, oracle=unicorn_oracle())
    return options


def _results(jobs: Sequence[_Job], options: Options) -> Iterator[Result]:
    from rocqgen.check.search import check, replay  # noqa: PLC0415

    for fragment, choice in jobs:
        yield check(fragment, options) if choice is None else replay(fragment, choice, options)


def _save(results: Sequence[Result], args: argparse.Namespace) -> None:
    from rocqgen.check.saved import save  # noqa: PLC0415

    if args.save:
        path = save([one for one in results if one.choice is not None], args.save)
        if not args.json:
            print(f"saved: {path}; rocqgen check --replay {path}")
        return
    if args.replay:
        return
    for one in results:
        if one.choice is not None and not one.good:
            path = save([one])
            if not args.json:
                print(f"saved: rocqgen check --replay {path}")


def _exit_code(results: Sequence[Result], errors: Sequence[UserError]) -> ExitCode:
    # A file without annotations is wrong input among others; alone, it is nothing found.
    bare = () if results else (ExitCode.NOTHING_FOUND,)
    if any(one.exit_code not in bare for one in errors):
        return ExitCode.USAGE
    if not results:
        return ExitCode.NOTHING_FOUND
    return ExitCode.OK if all(one.good for one in results) else ExitCode.FAILED


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of states from 1 on")
    return int(text)


def _seed(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 on")
    return int(text)
