# SPDX-License-Identifier: Apache-2.0
"""What differs between two spaces: mappings that came, went, changed their rights or frames."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from rocqgen.mmu.ranges import Content

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rocqgen.mmu.ranges import Range, Ranges

    Rows = NDArray[np.intp]


class Kind(StrEnum):
    """What happened to a range of addresses."""

    ADDED = "added"
    REMOVED = "removed"
    RIGHTS = "rights"
    """Mapped before and after, with other rights; perhaps to other frames too."""
    FRAMES = "frames"
    """The same rights, other frames."""
    CONTENT = "content"
    """Something else than a change of mappings: entries that fault, tables that are not there."""


@dataclass(frozen=True, slots=True)
class Side:
    """What a range was before, or is after: ``pa`` is the physical address of its first byte."""

    content: Content
    rights: int
    pa: int


@dataclass(frozen=True, slots=True)
class Change:
    """A difference, for the addresses ``first`` to ``last``, both included."""

    kind: Kind
    first: int
    last: int
    before: Side | None
    after: Side | None


def diff_spaces(before: Ranges, after: Ranges) -> list[Change]:
    """The changes from one space to another, by address, neighbours of one kind made one.

    Both must be sorted and have been enumerated with frames kept apart. Pages that were split or
    joined without changing what any address means are no change.
    """
    cuts = _cuts(before, after)
    old, new = _row_at(before, cuts), _row_at(after, cuts)
    changed = (old >= 0) != (new >= 0)
    both = (old >= 0) & (new >= 0)
    a, b = old[both], new[both]
    differs = (before.content[a] != after.content[b]) | (before.rights[a] != after.rights[b])
    mapped = before.content[a] == Content.MAPPED
    offset_a = before.pa[a] + (cuts[both] - before.first[a])
    offset_b = after.pa[b] + (cuts[both] - after.first[b])
    changed[both] = differs | (mapped & (offset_a != offset_b))
    found: list[Change] = []
    for index in np.flatnonzero(changed).tolist():
        first = int(cuts[index])
        last = int(cuts[index + 1]) - 1 if index + 1 < len(cuts) else 2**64 - 1
        one = _side(before, int(old[index]), first)
        other = _side(after, int(new[index]), first)
        ends = [
            int(side.last[row])
            for side, row in ((before, old[index]), (after, new[index]))
            if row >= 0
        ]
        change = Change(_kind(one, other), first, min([last, *ends]), one, other)
        if found and _goes_on(found[-1], change):
            found[-1] = replace(found[-1], last=change.last)
        else:
            found.append(change)
    return found


def _cuts(before: Ranges, after: Ranges) -> NDArray[np.uint64]:
    """The addresses at which a range of either space begins, or has just ended."""
    one = np.uint64(1)
    ends = np.concatenate([before.last, after.last]) + one  # 0 for the very last address
    return np.unique(np.concatenate([before.first, after.first, ends[ends != 0]]))


def _row_at(ranges: Ranges, addresses: NDArray[np.uint64]) -> Rows:
    """The row that holds each address, or -1."""
    if not len(ranges):
        return np.full(len(addresses), -1, dtype=np.intp)
    row = np.searchsorted(ranges.first, addresses, side="right") - 1
    row[(row < 0) | (addresses > ranges.last[row])] = -1
    return row


def _side(ranges: Ranges, row: int, first: int) -> Side | None:
    if row < 0:
        return None
    found: Range = ranges.row(row)
    pa = found.pa + first - found.first if found.content is Content.MAPPED else 0
    return Side(found.content, found.rights, pa)


def _kind(before: Side | None, after: Side | None) -> Kind:
    match before, after:
        case Side(content=Content.MAPPED), Side(content=Content.MAPPED):
            return Kind.RIGHTS if before.rights != after.rights else Kind.FRAMES
        case None, Side(content=Content.MAPPED):
            return Kind.ADDED
        case Side(content=Content.MAPPED), None:
            return Kind.REMOVED
    return Kind.CONTENT


def _goes_on(one: Change, other: Change) -> bool:
    """Whether the second change is the first one's, further on."""
    if one.kind is not other.kind or one.last + 1 != other.first:
        return False
    by = other.first - one.first if one.kind is Kind.FRAMES else None
    return _alike(one.before, other.before, by) and _alike(one.after, other.after, by)


def _alike(one: Side | None, other: Side | None, by: int | None) -> bool:
    """The same content and rights; with `by`, the second one's frame is so much further on."""
    if one is None or other is None:
        return one is other
    same = (one.content, one.rights) == (other.content, other.rights)
    return same and (by is None or one.pa + by == other.pa)
