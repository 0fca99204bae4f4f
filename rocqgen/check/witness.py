# SPDX-License-Identifier: Apache-2.0
"""A concrete state that satisfies a precondition, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self

from rocqgen.source.machine import Reg

Memory = tuple[tuple[int, tuple[int, ...]], ...]
"""64-bit words at and behind physical addresses."""


@dataclass(frozen=True, slots=True)
class Witness:
    """A state of the bare machine in which the precondition of a fragment holds.

    `words` and `fractions` are the values of the parameters, where an array has the word from which
    on its own count (`rocqgen.check.words.element`); `entry` is the address of the code and
    `frame` the physical address of its first byte, with the rest behind it.  `tables` and `data`
    are physical memory.  With `la57` there are five levels.  `flags` are CF, PF, ZF, SF and OF.
    After `steps` steps the machine is at an exit, where the names that it binds have the values
    `bound`; None where the run depends on what is assumed of functions that are not here.
    """

    entry: int
    frame: int
    words: Mapping[str, int]
    fractions: Mapping[str, Fraction]
    registers: Mapping[Reg, int]
    root: int
    tables: Memory
    data: Memory
    flags: tuple[bool, bool, bool, bool, bool]
    max_physical: int
    steps: int | None
    bound: Mapping[str, int]
    la57: bool = False

    def to_json(self) -> dict[str, Any]:
        """JSON values; `from_json` reads them back."""
        return {
            "entry": self.entry,
            "frame": self.frame,
            "words": dict(self.words),
            "fractions": {name: str(one) for name, one in self.fractions.items()},
            "registers": {reg.value: word for reg, word in self.registers.items()},
            "root": self.root,
            "tables": self.tables,
            "data": self.data,
            "flags": self.flags,
            "max_physical": self.max_physical,
            "steps": self.steps,
            "bound": dict(self.bound),
            "la57": self.la57,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave; KeyError, TypeError or ValueError for anything else."""
        cf, pf, zf, sf, of = map(bool, data["flags"])
        return cls(
            int(data["entry"]),
            int(data["frame"]),
            {str(name): int(word) for name, word in data["words"].items()},
            {str(name): Fraction(one) for name, one in data["fractions"].items()},
            {Reg(name): int(word) for name, word in data["registers"].items()},
            int(data["root"]),
            _memory(data["tables"]),
            _memory(data["data"]),
            (cf, pf, zf, sf, of),
            int(data["max_physical"]),
            None if data["steps"] is None else int(data["steps"]),
            {str(name): int(word) for name, word in data["bound"].items()},
            bool(data["la57"]),
        )


def _memory(data: Any) -> Memory:
    return tuple((int(at), tuple(map(int, words))) for at, words in data)
