# SPDX-License-Identifier: Apache-2.0
"""States of a precondition, one after another: drawn, and where that fails, solved for."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from fractions import Fraction
from random import Random
from typing import TYPE_CHECKING, Final

from rocqgen.check.choice import STRATEGIES
from rocqgen.check.machine import Machine
from rocqgen.check.resident import Conflict, Resident, reside
from rocqgen.check.sample import Sampler
from rocqgen.check.subject import Subject
from rocqgen.check.tables import BlockedError

if TYPE_CHECKING:
    from collections.abc import Collection

    from rocqgen.check.choice import Choice
    from rocqgen.check.solve import Contradiction, Repaired, Solver

_WILD: Final = (1.0, 1.0, 0.9, 0.8, 0.6, 0.4, 0.2, 0.0, 0.0, *(1.0, 0.9, 0.7, 0.4) * 20)
"""How wild each attempt at one state is: all of them cost less than one question to the solver."""

MISSES: Final = 3
"""States for which all attempts failed, after which one attempt is made for each."""

SMALL: Final = Fraction(1, 1 << 20)
"""A share beside which nearly all others fit."""

LESSONS: Final = 200
"""Candidates of the solver for one state."""


class NoStateError(Exception):
    """There is no state: with the contradiction, or for a reason that tells nothing."""

    def __init__(self, why: str, contradiction: Contradiction | None = None) -> None:
        super().__init__(why)
        self.why, self.contradiction = why, contradiction


@dataclass(slots=True)
class States:
    """Makes machines that satisfy the precondition; the same ones from the same seed."""

    subject: Subject
    seed: int
    maxphyaddr: int = 40
    deadline: float = float("inf")
    sampler: Sampler = field(init=False)
    solver: Solver | None = None
    _misses: int = 0

    def __post_init__(self) -> None:
        self.sampler = Sampler(self.subject, Random(self.seed), self.maxphyaddr)

    def next(self, number: int) -> Machine:
        """The state of this number; NoStateError where there is none."""
        strategy = STRATEGIES[number % len(STRATEGIES)]
        attempts = _WILD if self._misses < MISSES else _WILD[:1]
        for wild in attempts:
            choice = self.sampler.draw(wild, strategy)
            machine = self.machine(choice)
            if machine is not None:
                return machine
        self._misses += 1
        return self.solve(choice)

    def machine(self, choice: Choice) -> Machine | None:
        """The machine of a choice; None where it does not satisfy the precondition."""
        resident = reside(self.subject, choice)
        if isinstance(resident, Conflict):
            return None
        return self._stand(choice, resident)

    def _stand(self, choice: Choice, resident: Resident) -> Machine | None:
        try:
            machine = Machine(self.subject, choice, resident)
        except BlockedError:
            return None
        return machine if machine.stands else None

    def solve(self, choice: Choice, keep: Collection[str] = ()) -> Machine:
        """A machine near a choice, by z3; the words of `keep` stay before all others."""
        from rocqgen.check.solve import Contradiction, Solver  # noqa: PLC0415 - slow to import

        if self.solver is None:
            self.solver = Solver(self.subject, self.seed, self.deadline)
        for _ in range(LESSONS):
            if time.monotonic() > self.deadline:
                raise NoStateError("the time for the check is up")
            found = self.solver.repair(choice, keep)
            if found is None:
                raise NoStateError("the solver gave up")
            if isinstance(found, Contradiction):
                raise NoStateError("no state satisfies the precondition", found)
            repaired, resident = self._complete(found, choice)
            if isinstance(resident, Conflict):
                if not self.solver.learn(resident):
                    raise NoStateError(f"no state was found: {resident.reason}")
                continue
            machine = self._stand(repaired, resident)
            if machine is not None:
                return machine
            choice = self.sampler.draw(0.5, choice.strategy)
        raise NoStateError("no state was found")

    def _complete(self, found: Repaired, choice: Choice) -> tuple[Choice, Resident | Conflict]:
        """What the solver found with the shares of the choice, or with small ones."""
        for fractions in (choice.fractions, dict.fromkeys(choice.fractions, SMALL)):
            repaired = self.sampler.complete(
                found.words, fractions, found.mode, 0.0, choice.strategy, found.frames
            )
            resident = reside(self.subject, repaired)
            if not isinstance(resident, Conflict):
                break
        return repaired, resident
