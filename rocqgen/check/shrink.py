# SPDX-License-Identifier: Apache-2.0
"""Makes a failing state simple, one decision after another, while it fails in the same way.

Words become small and different, objects lie on pages of their own, frames have one address each,
protections are on: what stays odd is what the failure needs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from random import Random
from typing import Final

from rocqgen.check.blame import blame
from rocqgen.check.choice import Choice, Mode
from rocqgen.check.ends import Halted, Run, Wrong
from rocqgen.check.machine import Machine
from rocqgen.check.roles import Roles, roles_of
from rocqgen.check.run import run
from rocqgen.check.sample import Sampler
from rocqgen.check.states import NoStateError, States
from rocqgen.check.subject import Subject
from rocqgen.check.words import ENTRY

SECONDS: Final = 2.0
"""Time for one failing state."""

Signature = tuple[object, ...]


def signature(subject: Subject, done: Run) -> Signature | None:
    """In which way a run failed; None if it did not."""
    match done.end:
        case Wrong(exit=exit_, parts=parts):
            return ("wrong", exit_, parts[0].part, blame(subject, done).offset)
        case Halted(outcome=outcome, fetching=fetching):
            kind = type(outcome).__name__
            return ("halted", kind, fetching, blame(subject, done).offset)
    return None


def shrink(states: States, machine: Machine, done: Run) -> tuple[Machine, Run]:
    """A simpler machine that fails in the same way, with its run."""
    return _Shrinker(states, machine, done).shrink()


@dataclass(slots=True)
class _Shrinker:
    states: States
    machine: Machine
    done: Run

    def shrink(self) -> tuple[Machine, Run]:
        subject = self.machine.subject
        wanted = signature(subject, self.done)
        deadline = time.monotonic() + SECONDS
        for _ in range(2):
            before = self.machine.choice
            for tried in self._proposals():
                if time.monotonic() > deadline:
                    return self.machine, self.done
                any(self._accept(one, wanted) for one in tried)
            if self.machine.choice == before:
                break
        return self.machine, self.done

    def _accept(self, proposal: _Proposal, wanted: Signature | None) -> bool:
        """Whether it fails in the same way with the proposal, which then is kept."""
        old = self.machine.choice
        words = {**old.words, **proposal.words}
        sampler = Sampler(self.machine.subject, Random(1), self.states.maxphyaddr, frame_bits=8)
        sampler.words.settle(words)
        sampler.words.place(words, proposal.mode or old.mode, 0.0, mended=True)
        fractions = {**old.fractions, **proposal.fractions}
        mode, strategy = proposal.mode or old.mode, proposal.strategy or old.strategy
        # The frames may be what matters: then they stay as they are.
        for frames in (None, old.frames):
            choice = sampler.complete(words, fractions, mode, 0.0, strategy, frames)
            choice = replace(choice, flags=proposal.flags or old.flags, tables=1, seed=old.seed)
            if choice == old:
                return True
            machine = self.states.machine(choice) or self._solved(choice, proposal)
            if machine is None:
                continue
            done = run(machine)
            if signature(machine.subject, done) == wanted:
                self.machine, self.done = machine, done
                return True
        return False

    def _solved(self, choice: Choice, proposal: _Proposal) -> Machine | None:
        """Where facts tie words together: a state near the choice that has what is proposed."""
        if self.states.solver is None or not proposal.words:
            return None
        try:
            machine = self.states.solve(choice, proposal.words)
        except NoStateError:
            return None
        words = machine.choice.words
        return machine if all(words[one] == word for one, word in proposal.words.items()) else None

    def _proposals(self) -> Iterator[tuple[_Proposal, ...]]:
        """Simpler decisions, one after another, each with what to try where it is not possible."""
        choice = self.machine.choice
        roles = roles_of(self.machine.subject)
        yield (_Proposal(mode=Mode(maxphyaddr=choice.mode.maxphyaddr)),)
        yield (_Proposal(strategy="walk"),)
        yield (_Proposal(flags=(False, False, False, False, False)),)
        for name in choice.fractions:
            yield (_Proposal(fractions={name: Fraction(1, 2)}),)
        yield self._address(ENTRY, 0x40_0000)
        for number, name in enumerate(roles.roots, 1):
            yield (_Proposal({name: 0x1000 * number}),)
        for number, name in enumerate(roles.pointers, 1):
            yield self._address(name, 0x1_0000 * number)
        physical = [name for name in roles.physical if name not in roles.pointers]
        for number, name in enumerate(physical, 1):
            yield self._address(name, 0x10_0000 * number)
        yield from self._values(roles)

    def _values(self, roles: Roles) -> Iterator[tuple[_Proposal, ...]]:
        for number, name in enumerate(roles.values, 1):
            word = 0x50_0000 if name in roles.exits else number
            yield (_Proposal({name: word}), _Proposal({name: 0x11 * word}))
        for name in sorted(roles.indices):
            yield (_Proposal({name: 0}),)

    def _address(self, name: str, word: int) -> tuple[_Proposal, ...]:
        """A round address, or one with a low part as it was, or at the end of its page."""
        low = self.machine.choice.words[name] & 0xFFF
        tried = (word, word | (low & 0xFF8), word | low, word + 0xFF8)
        return tuple(_Proposal({name: one}) for one in tried)


@dataclass(frozen=True, slots=True)
class _Proposal:
    words: dict[str, int] = field(default_factory=dict)
    fractions: dict[str, Fraction] = field(default_factory=dict)
    mode: Mode | None = None
    strategy: str | None = None
    flags: tuple[bool, bool, bool, bool, bool] | None = None
