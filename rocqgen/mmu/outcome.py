# SPDX-License-Identifier: Apache-2.0
"""What a walk comes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rocqgen.models.resolve import FaultCode
    from rocqgen.models.vocabulary import Reason


@dataclass(frozen=True, slots=True)
class Step:
    """One level of a walk: the entry that was read, and what was decided."""

    level: int
    name: str
    index: int
    address: int
    """Of the entry."""
    entry: int | None
    """None if it is outside the image."""
    decision: str
    """`table`, `leaf`, `unbacked`, or the value of the `Reason` why the walk ends here."""
    target: int | None
    """The physical address of the next table, or of the page."""
    rights: int
    """What the entry grants (flags of `Right`)."""
    bits: tuple[tuple[str, int], ...]
    """Its bit fields that are not 0, by name."""
    detail: str = ""
    """The reserved condition that holds, and the like."""


# What follows are named tuples, not dataclasses: they are made a million times a second.


class EntryWrite(NamedTuple):
    """An entry as the processor writes it back, with its accessed and dirty bits set."""

    address: int
    value: int
    width: int


class Walked(NamedTuple):
    """The translation of `va` to `pa`."""

    va: int
    pa: int
    rights: int
    """What all entries of the path grant (flags of `Right`)."""
    size: int
    """The bytes that the leaf maps."""
    level: int
    """The leaf's level, 0 at the root."""
    key: int | None
    """The page's protection key; None where the model has none."""
    updates: tuple[EntryWrite, ...]
    """The entries that the processor would write back."""
    steps: tuple[Step, ...] = ()


class Faulted(NamedTuple):
    """The access faults."""

    va: int
    reason: Reason
    level: int
    """Where the walk ended, 0 at the root."""
    report: FaultCode
    """What the architecture reports."""
    detail: str = ""
    steps: tuple[Step, ...] = ()

    @property
    def name(self) -> str:
        """The exception, such as `#PF`."""
        return self.report.name

    @property
    def code(self) -> int:
        """The error code."""
        return self.report.code


class Unbacked(NamedTuple):
    """A table is outside the image: nothing can be said about the access."""

    va: int
    level: int
    address: int
    """Of the entry that could not be read."""
    steps: tuple[Step, ...] = ()
