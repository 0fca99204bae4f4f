# SPDX-License-Identifier: Apache-2.0
"""Checks a fragment: runs it on one state after another until something is wrong."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from rocqgen.check.cases import cases
from rocqgen.check.choice import Choice
from rocqgen.check.ends import Halted, Run, Undecided, Wrong
from rocqgen.check.limits import INSTRUCTIONS, SECONDS, STATES
from rocqgen.check.machine import Machine
from rocqgen.check.parts import UnsupportedError, refuse_features
from rocqgen.check.resident import Conflict, Resident, reside
from rocqgen.check.result import Result, Verdict, Why
from rocqgen.check.run import run
from rocqgen.check.shrink import shrink
from rocqgen.check.states import NoStateError, States
from rocqgen.check.story import tell
from rocqgen.check.subject import Subject
from rocqgen.check.tables import BlockedError
from rocqgen.errors import UserError
from rocqgen.source.location import refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocqgen.source.spec import Fragment

UNDECIDED: Final = 5
"""Runs that come to no end after which no more are tried."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a fragment is checked.

    It ends behind so many `states`, `seconds` or `instructions`.  `oracle` compares each run with
    another machine and says what differs, empty if nothing does.  A failing state is made simple
    where `simplify`.
    """

    states: int = STATES
    seed: int = 0
    seconds: float = SECONDS
    instructions: int = INSTRUCTIONS
    oracle: Callable[[Machine, Run], str] | None = None
    simplify: bool = True


def check(fragment: Fragment, options: Options | None = None) -> Result:
    """Run a fragment on states that satisfy its precondition.

    Where that has walks, on some of each way in which their entries may lead.
    """
    options = options or Options()
    several = cases(fragment)
    if len(several) == 1:
        return _Check(several[0], options).check()
    results: list[Result] = []
    for number, one in enumerate(several):
        own = options.states * (number + 1) // len(several) - options.states * number // len(
            several
        )
        seconds = max(0.0, options.seconds - sum(done.seconds for done in results))
        share = seconds / (len(several) - number)
        done = _Check(one, replace(options, states=own, seconds=share)).check()
        if done.oracle or (done.story is not None and (fragment.expect is None or done.good)):
            return _total(done, results)
        results.append(done)
    return _worst(results)


_ORDER: Final = (
    *(Verdict.COUNTEREXAMPLE, Verdict.FAULT),
    *(Verdict.OK, Verdict.UNKNOWN, Verdict.VACUOUS),
)
"""Which of several cases tells most: one that has no state matters where none has."""


def _worst(results: list[Result]) -> Result:
    """The result of all cases together."""
    ran = [one for one in results if one.states]
    undecided = [one for one in ran if one.verdict is Verdict.UNKNOWN]
    failed = [one for one in ran if one.story is not None]
    found = (failed or undecided or [min(results, key=lambda one: _ORDER.index(one.verdict))])[0]
    return _total(found, [one for one in results if one is not found])


def _total(result: Result, others: list[Result]) -> Result:
    """A result with the states and the time of others, too."""
    return replace(
        result,
        states=result.states + sum(one.states for one in others),
        seconds=round(result.seconds + sum(one.seconds for one in others), 3),
    )


def replay(fragment: Fragment, choice: dict[str, Any], options: Options | None = None) -> Result:
    """Run a fragment on one saved choice; UserError where that is no state of it."""
    options = options or Options()
    began = time.monotonic()
    try:
        refuse_features(fragment)
        chosen = Choice.from_json(choice)
        for one in cases(fragment):
            subject = Subject(one)
            resident = reside(subject, chosen)
            if not isinstance(resident, Conflict):
                break
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        ArithmeticError,
        UnsupportedError,
    ) as error:
        raise UserError(
            f"the saved state does not fit `{fragment.name}`: {type(error).__name__}: {error}",
            file=fragment.source,
            line=fragment.location.line,
            expected="a state that was saved for this fragment, with the same parameters",
        ) from error
    if isinstance(resident, Conflict):
        where = resident.location or fragment.location
        raise refused(
            f"the saved state does not satisfy the precondition: {resident.reason}",
            where,
            expected="the precondition for which the state was saved",
        )
    machine = _stand(subject, chosen, resident)
    done = run(machine)
    oracle = options.oracle(machine, done) if options.oracle else ""
    seconds = round(time.monotonic() - began, 3)
    return _result(machine, done, 1, options, seconds, oracle)


def _stand(subject: Subject, choice: Choice, resident: Resident) -> Machine:
    """The machine of a saved choice; UserError where its tables do not satisfy the precondition."""
    try:
        machine = Machine(subject, choice, resident)
    except BlockedError:
        machine = None
    if machine is None or not machine.stands:
        where = subject.fragment.location
        raise refused(
            "the saved state does not satisfy the precondition: its page tables do not map what is"
            " claimed",
            where,
            expected="the precondition for which the state was saved",
        )
    return machine


def _result(
    machine: Machine, done: Run, states: int, options: Options, seconds: float, oracle: str = ""
) -> Result:
    """The result of a fragment whose last run was this one."""
    fragment = machine.subject.fragment
    expect = None if fragment.expect is None else fragment.expect.location
    story = tell(machine, done) if isinstance(done.end, Halted | Wrong) else None
    undecided = done.end.why if isinstance(done.end, Undecided) else ""
    verdict = story.verdict if story else Verdict.UNKNOWN if undecided else Verdict.OK
    return Result(
        fragment.name,
        fragment.source,
        fragment.digest,
        verdict,
        states,
        options.seed,
        seconds,
        expect,
        story,
        machine.choice.to_json() if story or oracle else None,
        reason=undecided,
        oracle=oracle,
    )


class _Check:
    def __init__(self, fragment: Fragment, options: Options) -> None:
        self.fragment, self.options = fragment, options
        self.began = time.monotonic()
        self.subject = Subject(fragment)
        self.undecided: Counter[str] = Counter()
        self.failing: tuple[Machine, Run] | None = None

    def check(self) -> Result:
        try:
            refuse_features(self.fragment)
            deadline = self.began + self.options.seconds
            return self._check(States(self.subject, self.options.seed, deadline=deadline))
        except UnsupportedError as error:
            return self._plain(Verdict.UNKNOWN, 0, f"no states are made for {error}")

    def _check(self, states: States) -> Result:
        done, executed, reason = 0, 0, ""
        while done < self.options.states and not reason:
            try:
                machine = states.next(done)
            except NoStateError as error:
                if not done:
                    return self._nothing(error)
                reason = error.why
                break
            ended = run(machine)
            done += 1
            executed += len(ended.steps)
            said = self.options.oracle(machine, ended) if self.options.oracle else ""
            if said:
                return _result(machine, ended, done, self.options, self._seconds(), said)
            if self._settles(machine, ended) or self.undecided.total() >= UNDECIDED:
                break
            if executed > self.options.instructions:
                reason = f"{executed} instructions were run"
            if time.monotonic() > states.deadline:
                reason = "the time for the check was up"
        return self._conclude(done, reason, states)

    def _conclude(self, done: int, reason: str, states: States) -> Result:
        """The result behind the last run."""
        if self.failing:
            if self.options.simplify:
                self.failing = shrink(states, *self.failing)
            return _result(*self.failing, done, self.options, self._seconds())
        if self.undecided:
            why, count = self.undecided.most_common(1)[0]
            return self._plain(Verdict.UNKNOWN, done, f"{count} of {done} states: {why}")
        return self._plain(Verdict.OK, done, reason)

    def _settles(self, machine: Machine, ended: Run) -> bool:
        """Note how a run ended; whether no more are needed."""
        if isinstance(ended.end, Undecided):
            self.undecided[ended.end.why] += 1
            return False
        if not isinstance(ended.end, Halted | Wrong):
            return False
        expect = self.fragment.expect
        if expect is None:
            self.failing = (machine, ended)
            return True
        # Of the failures of a wrong twin, the one at its line is wanted.
        line = expect.location
        at = tell(machine, ended).location
        here = (at.file, at.line) == (line.file, line.line)
        if here or self.failing is None:
            self.failing = (machine, ended)
        return here

    def _nothing(self, error: NoStateError) -> Result:
        if error.contradiction is None:
            return self._plain(Verdict.UNKNOWN, 0, error.why)
        core = tuple(Why(one.location, one.text) for one in error.contradiction.reasons)
        return self._plain(Verdict.VACUOUS, 0, error.why, core)

    def _plain(
        self, verdict: Verdict, states: int, reason: str, core: tuple[Why, ...] = ()
    ) -> Result:
        expect = self.fragment.expect
        return Result(
            self.fragment.name,
            self.fragment.source,
            self.fragment.digest,
            verdict,
            states,
            self.options.seed,
            self._seconds(),
            None if expect is None else expect.location,
            core=core,
            reason=reason,
        )

    def _seconds(self) -> float:
        return round(time.monotonic() - self.began, 3)
