# SPDX-License-Identifier: Apache-2.0
"""What a run was: the instructions that were executed, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rocqgen.check.ending import False_
    from rocqgen.cpu import Accessed, Fault, State, Stuck
    from rocqgen.source.machine import Instr, Reg


@dataclass(frozen=True, slots=True)
class Step:
    """An instruction that was executed: where, its accesses, the registers that it changed.

    `root` is cr3 before it, `new_root` behind it where it loads cr3.  With a `note`, it is a call
    that was played by a contract.
    """

    instr: Instr
    rip: int
    root: int
    accesses: tuple[Accessed, ...]
    changed: tuple[tuple[Reg, int, int], ...]
    new_root: int | None = None
    note: str = ""

    @property
    def stores(self) -> bool:
        """Whether it wrote memory."""
        return any(one.write for one in self.accesses)


@dataclass(frozen=True, slots=True)
class Arrived:
    """Control is at the exit, and its postcondition holds with the existentials among `words`."""

    exit: int
    words: dict[str, int]


@dataclass(frozen=True, slots=True)
class Wrong:
    """Control is at this goal of the subject, and these parts of what must hold are false."""

    exit: int
    parts: tuple[False_, ...]


@dataclass(frozen=True, slots=True)
class Halted:
    """The instruction at `rip` faults, or leaves the model; `why` says so in a sentence.

    `outcome` is None where it does what the precondition gives no right to; `fetching` is true
    where it was not even fetched.
    """

    rip: int
    instr: Instr | None
    outcome: Fault | Stuck | None
    why: str
    fetching: bool = False


@dataclass(frozen=True, slots=True)
class Undecided:
    """Nothing is known of this run."""

    why: str


@dataclass(frozen=True, slots=True)
class Endless:
    """The state has come back: no exit is ever reached, and nothing ever goes wrong."""


End = Arrived | Endless | Wrong | Halted | Undecided


@dataclass(slots=True)
class Run:
    """The instructions that were executed, how it ended, and the last state."""

    steps: list[Step]
    end: End
    state: State
