# SPDX-License-Identifier: Apache-2.0
"""What a proved mutant does on the states of its precondition, beside the original.

A proved theorem says that the behaviour meets the specification.  Here that is asked anew, of
machines that have nothing to do with the proof: the interpreter of the pre-check, and an emulator
where one is installed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from rocqgen.check import Verdict
from rocqgen.check.cases import cases
from rocqgen.check.ends import Arrived, Endless, Run
from rocqgen.check.machine import Machine
from rocqgen.check.oracle import unicorn_oracle
from rocqgen.check.run import run
from rocqgen.check.search import Options, check
from rocqgen.check.states import States
from rocqgen.check.subject import Subject
from rocqgen.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocqgen.source.spec import Fragment

STATES: Final = 100
"""States on which a proved mutant is compared."""

INSTRUCTIONS: Final = 200_000
"""Enough for a loop over a page on more states than are needed."""

ENOUGH: Final = 20
"""With fewer, nothing is said of it."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What was seen: whether it meets the specification, None where nothing is known; and why."""

    meets: bool | None
    reason: str


@dataclass(slots=True)
class _Watch:
    """Collects the runs of a check, each beside that of the original if its states are given."""

    states: States | None
    emulator: Callable[[Machine, Run], str] | None
    runs: int = 0
    endless: int = 0
    elsewhere: int = 0
    differs: Counter[str] = field(default_factory=Counter)

    def __call__(self, machine: Machine, ended: Run) -> str:
        said = self.emulator(machine, ended) if self.emulator else ""
        if said:
            return said
        self.runs += 1
        self.endless += isinstance(ended.end, Endless)
        other = self.states.machine(machine.choice) if self.states else None
        if other is not None:
            self.differs.update(_differences(ended, run(other)))
        return ""


def _differences(one: Run, other: Run) -> set[str]:
    """What two runs leave in different ways."""
    found: set[str] = set()
    if isinstance(one.end, Arrived) and isinstance(other.end, Arrived):
        if one.end.exit != other.end.exit:
            found.add("the exit")
    elif type(one.end) is not type(other.end):
        found.add("the end")
    for reg, word in other.state.regs.items():
        if one.state.regs.get(reg) != word:
            found.add(f"%{reg.value}")
    if one.state.memory != other.state.memory:
        found.add("memory")
    if one.state.cr3 != other.state.cr3:
        found.add("%cr3")
    return found


def emulator() -> Callable[[Machine, Run], str] | None:
    """The comparison with unicorn, None where it is not installed."""
    try:
        return unicorn_oracle()
    except UserError:
        return None


def behaviour(original: Fragment, mutant: Fragment) -> Behaviour:
    """Compare a mutant with the original and with the specification."""
    # The check of a walk is one of each way in which its entries may lead, and these are not told.
    alone = len(cases(original)) == 1
    watch = _Watch(States(Subject(original), 0) if alone else None, emulator())
    options = Options(
        states=STATES,
        seed=1,
        seconds=60,
        instructions=INSTRUCTIONS,
        oracle=watch,
        simplify=False,
    )
    result = check(mutant, options)
    if result.oracle:
        return Behaviour(False, f"an emulator does something else: {result.oracle}")
    if result.failed:
        story = result.story
        said = "" if story is None else story.part or story.message
        return Behaviour(False, f"{result.verdict.value}: {said}")
    if result.verdict is not Verdict.OK or watch.runs < ENOUGH:
        return Behaviour(None, result.reason or f"{watch.runs} states")
    if watch.states is None:
        return Behaviour(True, f"meets the specification on {watch.runs} states")
    if not watch.differs:
        return Behaviour(True, f"the same behaviour on {watch.runs} states")
    leaves = ", ".join(sorted(watch.differs))
    ends = f"; {watch.endless} of them reach no exit" if watch.endless else ""
    return Behaviour(
        True, f"meets the specification on {watch.runs} states, with another {leaves}{ends}"
    )
