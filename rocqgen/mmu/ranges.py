# SPDX-License-Identifier: Apache-2.0
"""Ranges of virtual addresses as arrays: what an enumeration gives, and what is merged on the way.

A `Ranges` is a table of columns. While an enumeration runs, ``first`` and ``last`` count from the
beginning of the table that a range belongs to; in its result they are virtual addresses.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from rocqgen.models.vocabulary import rights_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray


class Content(IntEnum):
    """What a range holds."""

    MAPPED = 0
    RESERVED = 1
    """Present entries that fault whatever the access: reserved bits, or an address too large."""
    UNBACKED = 2
    """The table that translates these addresses is not in the memory image."""


class Range(NamedTuple):
    """One row: the addresses ``first`` to ``last``, both included.

    ``pa`` is the physical address of ``first``, and that of what follows too where the enumeration
    kept frames apart; else it is that of the first page alone. ``sizes`` are the sizes of its
    pages in bytes, and ``pages`` their number. Of what is not mapped, all of these are 0 or empty.
    """

    first: int
    last: int
    content: Content
    rights: int
    pa: int
    pages: int
    sizes: tuple[int, ...]

    @property
    def rights_names(self) -> tuple[str, ...]:
        """The rights by name."""
        return rights_names(self.rights)


@dataclass(frozen=True, slots=True)
class Ranges:
    """Columns of one length: see `Range` for what they mean.

    ``shifts`` has bit `s` set where the range has pages of ``2 ** s`` bytes.
    """

    first: NDArray[np.uint64]
    last: NDArray[np.uint64]
    content: NDArray[np.uint8]
    rights: NDArray[np.uint8]
    pa: NDArray[np.uint64]
    pages: NDArray[np.uint64]
    shifts: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.first)

    def __iter__(self) -> Iterator[Range]:
        return map(self.row, range(len(self)))

    def row(self, index: int) -> Range:
        """One row as Python values."""
        shifts = int(self.shifts[index])
        return Range(
            int(self.first[index]),
            int(self.last[index]),
            Content(int(self.content[index])),
            int(self.rights[index]),
            int(self.pa[index]),
            int(self.pages[index]),
            tuple(1 << shift for shift in range(shifts.bit_length()) if shifts >> shift & 1),
        )

    @classmethod
    def concatenate(cls, parts: Sequence[Ranges]) -> Self:
        """The rows of all parts, one part after the other; there is at least one."""
        columns = zip(*(part.columns() for part in parts), strict=True)
        return cls(*(np.concatenate(column) for column in columns))

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Self:
        """Some of the rows, in the order given."""
        return type(self)(*(column[rows] for column in self.columns()))

    def columns(self) -> tuple[NDArray[Any], ...]:
        """All columns, in the order of the fields."""
        return (
            self.first,
            self.last,
            self.content,
            self.rights,
            self.pa,
            self.pages,
            self.shifts,
        )


def no_rows(size: int = 0) -> Ranges:
    """Rows of zeros, which stand for nothing."""
    long, short = np.zeros(size, dtype=np.uint64), np.zeros(size, dtype=np.uint8)
    return Ranges(long, long, short, short, long, long, long)


def merge(
    rows: Ranges, owner: NDArray[np.intp], *, frames: bool
) -> tuple[Ranges, NDArray[np.intp]]:
    """Make one of neighbouring rows of one owner that hold the same; rows are sorted.

    With ``frames``, mapped rows are the same only where their physical addresses go on too.
    Gives the rows and their owners.
    """
    if not len(rows):
        return rows, owner
    before, after = slice(None, -1), slice(1, None)
    same = owner[before] == owner[after]
    same &= rows.last[before] + np.uint64(1) == rows.first[after]
    same &= rows.content[before] == rows.content[after]
    same &= rows.rights[before] == rows.rights[after]
    if frames:
        goes_on = rows.pa[before] + (rows.first[after] - rows.first[before]) == rows.pa[after]
        same &= goes_on | (rows.content[after] != Content.MAPPED)
    begin = np.flatnonzero(np.concatenate(([True], ~same)))
    end = np.concatenate((begin[1:], [len(rows)])) - 1
    merged = Ranges(
        rows.first[begin],
        rows.last[end],
        rows.content[begin],
        rows.rights[begin],
        rows.pa[begin],
        np.add.reduceat(rows.pages, begin),
        np.bitwise_or.reduceat(rows.shifts, begin),
    )
    return merged, owner[begin]
