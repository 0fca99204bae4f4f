# SPDX-License-Identifier: Apache-2.0
"""Runs theories through a checker, several at a time, and keeps each verdict when it falls."""

from __future__ import annotations

import os
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rocqgen.exits import ExitCode
from rocqgen.prove.check import blank_outcome
from rocqgen.prove.outcome import Outcome, Status
from rocqgen.rocq.limits import Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rocqgen.emit.theory import Theory
    from rocqgen.prove.check import Checker
    from rocqgen.prove.store import Store


def default_jobs() -> int:
    """One worker for each processor, at most two: each holds the library in memory."""
    return min(2, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class Report:
    """The outcomes in the order of the theories, and whether the user ended the run."""

    outcomes: tuple[Outcome, ...]
    interrupted: bool = False


def run(
    theories: Sequence[Theory],
    checker: Checker,
    store: Store,
    *,
    jobs: int | None = None,
    use_cache: bool = True,
    checks: Mapping[int, dict[str, Any]] | None = None,
    on_outcome: Callable[[Outcome], None] = lambda _outcome: None,
) -> Report:
    """Check the theories in order with ``jobs`` workers, and store each outcome as it falls.

    ``on_outcome`` is called in this thread.  Ctrl-C ends the workers and gives a report in which
    what was not done is cancelled; nothing is raised.  With a checker that does not keep going,
    what had not begun when something failed is skipped.  ``checks`` are the pre-check's answers by
    the number of the theory; each outcome keeps its own.
    """
    scheduler = _Scheduler(theories, checker, store, on_outcome, checks or {})
    interrupted = False
    pool = ThreadPoolExecutor(jobs or default_jobs())
    try:
        scheduler.submit(pool, store.known() if use_cache else {})
        while scheduler.pending:
            scheduler.collect()
    except (KeyboardInterrupt, Cancelled):
        interrupted = True
    finally:
        # Whatever ended the loop, no worker and no prover outlives it.
        if scheduler.pending:
            checker.cancel.set()
        pool.shutdown(wait=True, cancel_futures=True)
    if interrupted:
        scheduler.salvage()
    outcomes = scheduler.close(Status.CANCELLED if interrupted else Status.SKIPPED)
    return Report(outcomes, interrupted)


class _Scheduler:
    """The theories of one run: those at work or waiting, and the outcomes of the others."""

    def __init__(
        self,
        theories: Sequence[Theory],
        checker: Checker,
        store: Store,
        on_outcome: Callable[[Outcome], None],
        checks: Mapping[int, dict[str, Any]],
    ) -> None:
        self.pending: dict[Future[Outcome], int] = {}
        self._theories = theories
        self._checker = checker
        self._store = store
        self._on_outcome = on_outcome
        self._checks = checks
        self._outcomes: dict[int, Outcome] = {}

    def submit(self, pool: ThreadPoolExecutor, known: Mapping[str, Outcome]) -> None:
        """Queue every theory whose verdict is not known already."""
        for number, theory in enumerate(self._theories):
            old = known.get(self._checker.key(theory))
            if old is None:
                self.pending[pool.submit(self._checker.check, number, theory)] = number
                continue
            path = blank_outcome(theory, old.status).path
            check = self._checks.get(number, old.check)
            # The same text elsewhere, say in another clone; or checked for the first time.
            if old.path != path or _key(old.check) != _key(check):
                old = replace(old, path=path, check=check)
                self._store.append(old)
            self._settle(number, replace(old, cached=True))

    def collect(self) -> None:
        """Wait a little and keep what is done."""
        done, _ = wait(self.pending, timeout=0.5, return_when=FIRST_COMPLETED)
        for future in sorted(done, key=self.pending.__getitem__):
            if not future.cancelled():
                outcome = self._with_check(self.pending[future], future.result())
                self._store.append(outcome)
                self._settle(self.pending[future], outcome)
                if not (outcome.good or self._checker.keep_going):
                    for waiting in self.pending:
                        waiting.cancel()
            # Only now, so that an interrupt in between leaves it to be salvaged.
            del self.pending[future]

    def salvage(self) -> None:
        """Keep what was decided between the last look and the end of the run."""
        for future, number in self.pending.items():
            undecided = future.cancelled() or future.exception() is not None
            if not undecided and number not in self._outcomes:
                outcome = self._with_check(number, future.result())
                self._store.append(outcome)
                self._settle(number, outcome)

    def close(self, status: Status) -> tuple[Outcome, ...]:
        """All outcomes in order; what has none gets ``status``, which is not stored."""
        for number, theory in enumerate(self._theories):
            if number not in self._outcomes:
                self._settle(number, blank_outcome(theory, status))
        return tuple(self._outcomes[number] for number in range(len(self._theories)))

    def _with_check(self, number: int, outcome: Outcome) -> Outcome:
        return replace(outcome, check=self._checks.get(number))

    def _settle(self, number: int, outcome: Outcome) -> None:
        self._outcomes[number] = outcome
        self._on_outcome(outcome)


def _key(check: dict[str, Any] | None) -> str:
    return "" if check is None else str(check.get("key", ""))


def exit_code(outcomes: Sequence[Outcome], *, bad_inputs: int, interrupted: bool) -> ExitCode:
    """The exit code of a run: the gravest that applies.

    That is, in this order: interrupted (2), nothing could be checked because every outcome is an
    error of the prover (3), a bad input file (4), nothing found (5), something is not as it should
    be (1), all proved (0).
    """
    if interrupted:
        return ExitCode.INTERRUPTED
    if outcomes and all(one.status is Status.ERROR for one in outcomes):
        return ExitCode.INTERNAL
    if bad_inputs:
        return ExitCode.USAGE
    if not outcomes:
        return ExitCode.NOTHING_FOUND
    if not all(one.good for one in outcomes):
        return ExitCode.FAILED
    return ExitCode.OK
