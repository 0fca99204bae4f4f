# SPDX-License-Identifier: Apache-2.0
"""The list of hints that the engine is given, from what a run was told at each of its steps.

The engine takes the first hint of its list where that is for the instruction at hand.  It would
take one that is meant for a later execution of the same instruction; `HNone` in front keeps it from
that.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rocqgen.emit.symbolic import HAt, HCall, HFirst, HNone, HThen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rocqgen.emit.symbolic import Hints, Told


class Moment(enum.Enum):
    """When the engine looks for hints."""

    BEFORE = 0
    """In front of an instruction: steps of the proof, and then what its access goes to."""
    BEHIND = 1
    """Behind it: steps of the proof, and then a call."""


@dataclass(slots=True)
class Script:
    """What a run is told, moment by moment."""

    moments: list[tuple[Moment, int, list[Told]]] = field(default_factory=list)

    def begin(self, moment: Moment, offset: int) -> None:
        """Begin a moment of the instruction at `offset`."""
        self.moments.append((moment, offset, []))

    def append(self, hint: tuple[int, Told]) -> None:
        """Add a hint to this moment."""
        self.moments[-1][2].append(hint[1])

    def hints(self) -> Hints:
        """The list for the engine."""
        reverse: list[tuple[int, Told]] = []
        for moment, offset, told in reversed(self.moments):
            ghost, last = _KINDS[moment]
            if told and isinstance(told[-1], last):
                reverse.append((offset, told[-1]))
            elif _takes(reverse, offset, (last, HNone)):
                reverse.append((offset, HNone()))
            if _takes(reverse, offset, (ghost,)):
                reverse.append((offset, HNone()))
            reverse += ((offset, one) for one in reversed(told) if isinstance(one, ghost))
        return tuple(reversed(reverse))


_KINDS: dict[Moment, tuple[type[HFirst | HThen], type[HAt | HCall]]] = {
    Moment.BEFORE: (HFirst, HAt),
    Moment.BEHIND: (HThen, HCall),
}


def _takes(reverse: list[tuple[int, Told]], offset: int, kinds: Iterable[type[Told]]) -> bool:
    """Whether the engine would take the hint that comes next."""
    if not reverse:
        return False
    there, hint = reverse[-1]
    return there == offset and isinstance(hint, tuple(kinds))
