# SPDX-License-Identifier: Apache-2.0
"""``python -m bench.proofs``: whether a wrong program can be proved right.

Faults are put into the right examples, one at a time, and the prover is asked for the theorem of
each.  A mutant without a proof is killed.  Of one that is proved, the behaviour is compared with
the specification: where that is met, the mutant is equivalent, with the reason; else it survived,
and the prover has a hole.  Nothing may survive.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
import tomllib
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.behaviour import behaviour
from bench.faults import Fault, choose, code_of, faults, readable, right_examples
from rocqgen.check.search import Options, check
from rocqgen.emit import emit_theory
from rocqgen.emit.regions import read_proofs
from rocqgen.errors import UserError
from rocqgen.prove.run import default_jobs
from rocqgen.prove.setup import checker
from rocqgen.rocq.document import check as check_theory
from rocqgen.rocq.library import LOGICAL_ROOT, ensure_library
from rocqgen.rocq.limits import Limits
from rocqgen.rocq.server import LoadPath
from rocqgen.rocq.toolchain import require_toolchain
from rocqgen.source import load_fragments
from rocqgen.source.reserved import theory_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rocqgen.prove.check import Checker
    from rocqgen.source.spec import Fragment

MUTANTS: Final = 275
"""Mutants of all examples together, unless more are asked for: as many of each."""

REASONS: Final = Path(__file__).with_name("equivalent.toml")
"""Why a mutant is equivalent, where the comparison cannot tell: by its key."""

LIMITS: Final = Limits(sentence=20, theory=120)
_CHECK: Final = Options(states=20, seconds=3, simplify=False)
COLUMNS: Final = ("killed", "by the prover alone", "equivalent", "survived", "refused")


@dataclass(slots=True)
class Tally:
    """What became of the mutants of one example.

    ``killed`` are those without a proof; ``by the prover alone`` of these, those in which the
    pre-check found nothing. ``refused`` are no programs, or no other ones. ``notes`` has the proved
    ones, each with the reason why it is equivalent, or how it survived.
    """

    name: str
    counts: Counter[str] = field(default_factory=Counter)
    notes: list[tuple[str, Fault, str]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def total(self) -> int:
        """All mutants that were judged."""
        return self.counts["killed"] + self.counts["equivalent"] + self.counts["survived"]

    def cells(self) -> list[str]:
        """The row of a table."""
        return [
            self.name,
            str(self.total),
            *(str(self.counts[name]) for name in COLUMNS),
            f"{self.seconds:.0f}",
        ]

    def document(self) -> dict[str, object]:
        """JSON values."""
        notes = [
            {"verdict": verdict, "kind": fault.kind, "fault": fault.key, "reason": reason}
            for verdict, fault, reason in self.notes
        ]
        return {"name": self.name, **self.counts, "seconds": self.seconds, "proved": notes}


HEADS: Final = ("example", "mutants", *COLUMNS, "s")


@dataclass(frozen=True, slots=True)
class Prover:
    """Asks for the theorem of a fragment, as `rocqgen prove` does, without its closed instance."""

    checker: Checker

    def proves(self, fragment: Fragment, file: Path) -> bool:
        """Whether the prover accepts it; proofs by hand are those of the example."""
        name = theory_name(str(file), fragment.name)
        proofs = read_proofs(file.parent / "proofs" / f"{name}.v")
        try:
            text = emit_theory(fragment, proofs=proofs).text
        except UserError:
            return False
        with self.checker.server.session() as session:
            checked = check_theory(text, session, LIMITS, keep_going=False)
        return not checked.failures and not checked.assumed and checked.finished


@contextmanager
def prover(files: Sequence[Path]) -> Iterator[Prover]:
    """A prover with the library loaded."""
    toolchain = require_toolchain()
    library = ensure_library(toolchain)
    theories = [emit_theory(load_fragments(files[0])[0])]
    place = LoadPath(library.path, LOGICAL_ROOT)
    with checker(toolchain, theories, library=place, limits=LIMITS) as ready:
        yield Prover(ready)


@dataclass(frozen=True, slots=True)
class _Case:
    """A mutant: the fragments with the fault in them."""

    fault: Fault
    fragments: tuple[Fragment, ...]


def judge(file: Path, prover: Prover, each: int | None, pool: ThreadPoolExecutor) -> Tally:
    """Judge the mutants of an example, `each` of them at most."""
    tally, began = Tally(file.name), time.monotonic()
    originals = load_fragments(file)
    if not all(prover.proves(one, file) for one in originals):
        raise UserError("the example itself is not proved", file=str(file))
    cases = _cases(file, originals, each, tally)
    waiting: list[tuple[_Case, Future[bool]]] = [
        (case, pool.submit(_proved, prover, case, file)) for case in cases
    ]
    known = reasons()
    for case, answer in waiting:
        found = any(check(one, _CHECK).failed for one in case.fragments)
        if not answer.result():
            tally.counts["killed"] += 1
            tally.counts["by the prover alone"] += not found
            continue
        verdict, why = _equivalent(originals, case, known)
        tally.counts[verdict] += 1
        tally.notes.append((verdict, case.fault, why))
    tally.seconds = time.monotonic() - began
    return tally


def _proved(prover: Prover, case: _Case, file: Path) -> bool:
    return all(prover.proves(one, file) for one in case.fragments)


def _cases(
    file: Path, originals: Sequence[Fragment], each: int | None, tally: Tally
) -> list[_Case]:
    """The mutants that are programs, and others than the original."""
    cases: list[_Case] = []
    seen = {code_of(originals)}
    found = list(faults(file))
    for fault in choose(found, len(found), file.name):
        if each is not None and len(cases) >= each:
            break
        with tempfile.TemporaryDirectory(prefix="rocqgen-proofs-") as folder:
            fragments = readable(fault, Path(folder))
        code = None if fragments is None else code_of(fragments)
        if fragments is None or code is None or code in seen:
            tally.counts["refused"] += 1
            continue
        seen.add(code)
        cases.append(_Case(fault, fragments))
    return cases


def _equivalent(
    originals: Sequence[Fragment], case: _Case, known: dict[str, str]
) -> tuple[str, str]:
    """Whether a proved mutant is equivalent, and why."""
    whys = []
    for original, mutant in zip(originals, case.fragments, strict=True):
        if code_of([original]) == code_of([mutant]):
            continue
        seen = behaviour(original, mutant)
        if seen.meets is False:
            return "survived", seen.reason
        if seen.meets is None and case.fault.key not in known:
            return "survived", f"nothing is known of its behaviour: {seen.reason}"
        whys.append(seen.reason if seen.meets else known[case.fault.key])
    return "equivalent", "; ".join(whys)


def reasons() -> dict[str, str]:
    """The reasons that a person gave, by the faults' keys."""
    if not REASONS.exists():
        return {}
    return dict(tomllib.loads(REASONS.read_text(encoding="utf-8"))["equivalent"])


def each_of(files: Sequence[Path]) -> int:
    """How many mutants of each example are as many as are asked for."""
    return math.ceil(MUTANTS / max(1, len(files)))


def run(files: Iterable[Path], each: int | None) -> Iterator[Tally]:
    """Judge the mutants of the examples, one after another; None: all mutants."""
    files = list(files)
    with prover(files) as ready, ThreadPoolExecutor(default_jobs()) as pool:
        for file in files:
            yield judge(file, ready, each, pool)


def summary(tallies: Sequence[Tally]) -> list[str]:
    """The proved mutants, each with its reason, and the sums."""
    lines = [
        f"{verdict}: {fault.key} ({fault.kind}): {reason}"
        for tally in tallies
        for verdict, fault, reason in tally.notes
    ]
    total = sum((tally.counts for tally in tallies), Counter[str]())
    judged = sum(tally.total for tally in tallies)
    parts = ", ".join(f"{total[name]} {name}" for name in COLUMNS if name != "refused")
    return [*lines, f"{judged} mutants: {parts}"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 where a mutant survived."""
    parser = argparse.ArgumentParser(prog="python -m bench.proofs", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="examples (default: all)")
    parser.add_argument("--each", type=int, help=f"of each example (default: {MUTANTS} of all)")
    parser.add_argument("--all", action="store_true", help="all of them")
    args = parser.parse_args(arguments)
    say = partial(print, flush=True)
    tallies = []
    say(f"{HEADS[0]:<28}" + "".join(f"{one:>21}" for one in HEADS[1:]))
    files = args.files or right_examples()
    for tally in run(files, None if args.all else args.each or each_of(files)):
        tallies.append(tally)
        name, *cells = tally.cells()
        say(f"{name:<28}" + "".join(f"{one:>21}" for one in cells))
    for line in summary(tallies):
        say(line)
    return 1 if any(tally.counts["survived"] for tally in tallies) else 0


if __name__ == "__main__":
    sys.exit(main())
