# SPDX-License-Identifier: Apache-2.0
"""Calls by contract in a run: what a contract requires is compared with the state, then played."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from rocqgen.check.ends import Step, Undecided, Wrong
from rocqgen.check.parts import root_name
from rocqgen.check.post import false_parts
from rocqgen.check.subject import Subject
from rocqgen.source.spec import Sort

if TYPE_CHECKING:
    from rocqgen.check.ending import Ending
    from rocqgen.check.play import Player
    from rocqgen.check.stale import Watch


@dataclass(frozen=True, slots=True)
class Calls:
    """The contracts of a subject by the addresses of their functions, which `words` has.

    `ending` gives what there is to compare a goal of the subject with.
    """

    subject: Subject
    words: dict[str, int]
    ending: Callable[[int], Ending]
    player: Player
    watch: Watch | None

    def at(self, rip: int) -> int | None:
        """The number of the contract of the function at an address, if there is one."""
        for number, one in enumerate(self.subject.contracts):
            if self.words[one.contract.name] == rip:
                return number
        return None

    def call(self, number: int, last: Step) -> Step | Wrong | Undecided:
        """Play a function that is not here, or say what is wrong with its call by the last step."""
        agreed = self.subject.contracts[number]
        name, state = agreed.contract.name, self.player.state
        goal = len(self.subject.goals) - len(self.subject.contracts) + number
        ending = self.ending(goal)
        ending.words = {name: self.words[name], root_name(agreed.contract.space): state.cr3}
        least = Fraction(1, self.player.resident.owned.unit)
        sorts = ((one.ident, one.sort) for one in agreed.contract.params)
        ending.fractions = {ident: least for ident, sort in sorts if sort is Sort.FRACTION}
        parts = false_parts(ending)
        if parts is None or ending.left is None:
            return Undecided(f"the values with which {name} is called were not found")
        if parts:
            return Wrong(goal, parts)
        before, root = dict(state.regs), state.cr3
        if not self.player.play(agreed, ending.solved, ending.fractions, ending.left):
            return Undecided(f"no values for what {name} gives were found")
        if self.watch is not None:
            self.watch.called(root != state.cr3)
        changed = tuple(
            (reg, before.get(reg, 0), word)
            for reg, word in state.regs.items()
            if before.get(reg) != word
        )
        new_root = state.cr3 if root != state.cr3 else None
        note = f"as is assumed of {name}"
        return Step(last.instr, self.words[name], root, (), changed, new_root, note)
