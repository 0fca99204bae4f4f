# SPDX-License-Identifier: Apache-2.0
"""All mappings of a space, as ranges with their combined rights.

Tables form a graph, not a tree: they are shared, and may lead to themselves. So each table is read
once for each level at which it occurs. Going down finds these tables; going up, the ranges of every
table of a level are put together from those of its entries' tables, all tables of a level at once,
and neighbours that hold the same are merged before the next level sees them. A table all of whose
entries lead to itself maps ``512 ** 4`` pages, and its one range is found in no time; where ranges
do not merge, their number is bounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rocqgen.errors import UserError
from rocqgen.mmu.entries import LEAF, RIGHTS_MASK, STATE, TABLE, lookups, stop
from rocqgen.mmu.ranges import Content, Ranges, merge, no_rows
from rocqgen.models.vocabulary import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rocqgen.mmu.entries import Lookup
    from rocqgen.mmu.memory import PhysicalMemory
    from rocqgen.models.resolve import Rules

MOST_RANGES: Final = 1 << 22
MOST_TABLES: Final = 1 << 20
"""4 GiB of tables."""
_AT_ONCE: Final = 1 << 12
"""So many tables are read at a time, which are 16 MiB."""
_ROWS_AT_ONCE: Final = 1 << 20
_MOST_WORK: Final = 64
"""Ranges that are looked at while they are merged, as a multiple of those that may be left."""


def enumerate_space(
    rules: Rules,
    memory: PhysicalMemory,
    root: int,
    *,
    frames: bool = False,
    most: int = MOST_RANGES,
) -> Ranges:
    """The ranges of the space of a root register's value, sorted by virtual address.

    Ranges are as long as they can be: neighbours have other rights, or with ``frames`` other than
    consecutive frames. Only what is present is listed; entries that always fault, and tables that
    are not in the memory, are ranges of their own `Content`. Accessed and dirty bits and protection
    keys do not count. UserError if the root cannot be loaded, and where there are more than
    ``most`` ranges.
    """
    _check_root(rules, root)
    levels = _descend(rules, memory, rules.model.root.address.get(root))
    below = _Below(np.zeros(1, dtype=np.intp), no_rows())
    for level in reversed(levels):
        below = _ascend(level, below, frames=frames, most=most)
    return _to_addresses(rules, below.rows)


def _check_root(rules: Rules, root: int) -> None:
    problem = rules.root_problem(root)
    too_high = rules.model.root.address.get(root) >> rules.max_physical
    if problem is None and rules.above_reason is not None and too_high:
        problem = f"address above {rules.max_physical} bits"
    if problem is not None:
        name = rules.model.root.name
        raise UserError(
            f"{root:#x} cannot be loaded into {name}: {problem}", expected=f"a value of {name}"
        )


# -- down: the tables of each level


@dataclass(frozen=True, slots=True)
class _Level:
    """The entries of a level's ``count`` tables that are present, sorted by table and slot.

    ``table`` and ``slot`` say where an entry is, ``child`` which of the next level's tables it
    leads to, or -1; what the others hold is in the other columns.
    """

    lookup: Lookup
    count: int
    table: NDArray[np.intp]
    slot: NDArray[np.uint64]
    child: NDArray[np.intp]
    content: NDArray[np.uint8]
    rights: NDArray[np.uint8]
    target: NDArray[np.uint64]


def _descend(rules: Rules, memory: PhysicalMemory, root: int) -> list[_Level]:
    tables = np.array([root], dtype=np.uint64)
    levels = []
    for lookup in lookups(rules):
        level, tables = _read(rules, memory, lookup, tables)
        levels.append(level)
        if not len(tables):
            break
        if len(tables) > MOST_TABLES:
            raise UserError(
                f"{lookup.level.name} leads to more than {MOST_TABLES} tables",
                expected="a root register's value that leads to tables",
            )
    return levels


def _read(
    rules: Rules, memory: PhysicalMemory, lookup: Lookup, tables: NDArray[np.uint64]
) -> tuple[_Level, NDArray[np.uint64]]:
    """The present entries of some tables, and the tables that they lead to."""
    slots = lookup.level.index_mask + 1
    offsets = np.arange(slots, dtype=np.uint64) * np.uint64(rules.entry_bytes)
    kept = [
        _present(memory, lookup, tables[begin : begin + _AT_ONCE], offsets, begin)
        for begin in range(0, len(tables), _AT_ONCE)
    ]
    table, slot, words, numbers, known = (
        np.concatenate(parts) for parts in zip(*kept, strict=True)
    )
    state = numbers >> STATE
    address = lookup.addresses(words)
    leads = known & (state == TABLE)
    next_tables, inverse = np.unique(address[leads], return_inverse=True)
    child = np.full(len(table), -1, dtype=np.intp)
    child[leads] = inverse
    content = np.full(len(table), Content.RESERVED, dtype=np.uint8)
    content[(state == LEAF) | leads] = Content.MAPPED
    content[~known] = Content.UNBACKED
    rights = (numbers & RIGHTS_MASK).astype(np.uint8)
    mapped = content == Content.MAPPED
    level = _Level(
        lookup=lookup,
        count=len(tables),
        table=table,
        slot=slot.astype(np.uint64),
        child=child,
        content=content,
        rights=np.where(mapped, rights, np.uint8(0)),
        target=np.where(mapped, address & np.uint64(lookup.frame_mask), np.uint64(0)),
    )
    return level, next_tables


def _present(
    memory: PhysicalMemory,
    lookup: Lookup,
    tables: NDArray[np.uint64],
    offsets: NDArray[np.uint64],
    first: int,
) -> tuple[NDArray[Any], ...]:
    """Table, slot, word, number and whether it is known: of all entries but the absent ones."""
    width = lookup.rules.entry_bytes
    words, known = memory.gather(tables[:, None] + offsets[None, :], width)
    numbers = lookup.numbers(words)
    table, slot = np.nonzero(~known | (numbers != stop(Reason.ABSENT)))
    return (
        table + first,
        slot,
        words[table, slot],
        numbers[table, slot],
        known[table, slot],
    )


# -- up: the ranges of each table


@dataclass(frozen=True, slots=True)
class _Below:
    """The ranges of a level's tables: those of table `i` are ``begin[i]`` to ``begin[i + 1]``."""

    begin: NDArray[np.intp]
    rows: Ranges


def _ascend(level: _Level, below: _Below, *, frames: bool, most: int) -> _Below:
    """The ranges of a level's tables, from those of the next level's."""
    counts = np.ones(len(level.table), dtype=np.intp)
    leads = level.child >= 0
    counts[leads] = np.diff(below.begin)[level.child[leads]]
    before = np.concatenate(([0], np.cumsum(counts)))
    if before[-1] > _MOST_WORK * most:
        raise _too_many(level.lookup, most)
    owner = _owner(level)
    parts, owners = [no_rows()], [np.zeros(0, dtype=np.intp)]
    found = 0
    for entries in _parts(level, before):
        if before[entries.stop] - before[entries.start] > 2 * most:
            raise _too_many(level.lookup, most)
        part, of = merge(*_join(level, below, counts, owner, entries), frames=frames)
        found += len(part)
        if found > most:
            raise _too_many(level.lookup, most)
        parts.append(part)
        owners.append(of)
    begin = np.searchsorted(np.concatenate(owners), np.arange(level.count + 1))
    return _Below(begin, Ranges.concatenate(parts))


def _owner(level: _Level) -> NDArray[np.intp]:
    """Whose entries may be merged with one another: those of a table.

    Of the root, those of a half, where sign extension sets the halves apart.
    """
    widths = level.lookup.rules.model.address
    if level.lookup.level.number or widths.canonical != "sign-extended":
        return level.table
    half = 1 << (widths.virtual - 1 - level.lookup.level.shift)
    return (level.slot >= half).astype(np.intp)


def _parts(level: _Level, before: NDArray[np.intp]) -> Iterator[slice]:
    """The entries in parts of whole tables, each with about so many ranges that it fits."""
    first = np.flatnonzero(np.diff(level.table, prepend=-1))  # where a table begins
    part = before[first] // _ROWS_AT_ONCE
    bounds = first[np.flatnonzero(np.diff(part, prepend=-1))].tolist()
    yield from map(slice, bounds, [*bounds[1:], len(level.table)])


def _join(
    level: _Level,
    below: _Below,
    counts: NDArray[np.intp],
    owner: NDArray[np.intp],
    entries: slice,
) -> tuple[Ranges, NDArray[np.intp]]:
    """The ranges of some entries, and their owners: an entry's own, or those of its table."""
    some = counts[entries]
    # Each entry once for each of its ranges: which entry, and which range of those below.
    entry = entries.start + np.repeat(np.arange(len(some)), some)
    within = np.arange(len(entry)) - np.repeat(np.cumsum(some) - some, some)
    child = level.child[entry]
    own = child < 0
    if len(below.rows):
        rows = below.rows.take(np.where(own, 0, below.begin[child] + within))
    else:
        rows = no_rows(len(entry))
    shift = level.lookup.level.shift
    start = level.slot[entry] << np.uint64(shift)
    content = level.content[entry]
    leaf = np.where(content == Content.MAPPED, np.uint64(1), np.uint64(0))
    joined = Ranges(
        start + np.where(own, np.uint64(0), rows.first),
        start + np.where(own, np.uint64((1 << shift) - 1), rows.last),
        np.where(own, content, rows.content),
        level.rights[entry] & np.where(own, np.uint8(0xFF), rows.rights),
        np.where(own, level.target[entry], rows.pa),
        np.where(own, leaf, rows.pages),
        np.where(own, leaf << np.uint64(shift), rows.shifts),
    )
    return joined, owner[entry]


def _too_many(lookup: Lookup, most: int) -> UserError:
    return UserError(
        f"the tables of {lookup.level.name} map more than {most} ranges that are not alike",
        expected="a space without tables that lead to themselves again and again",
        hint="a larger limit, or translate the addresses that matter",
    )


# -- what the addresses are


def _to_addresses(rules: Rules, rows: Ranges) -> Ranges:
    """With virtual addresses for what the tables translate: the bits above them put in."""
    widths = rules.model.address
    upper = ((1 << widths.pointer) - 1) >> widths.virtual << widths.virtual
    if widths.canonical == "ones":
        return _moved(rows, np.full(len(rows), upper, dtype=np.uint64))
    if widths.canonical != "sign-extended" or not upper:
        return rows
    negative = rows.first >> np.uint64(widths.virtual - 1) == 1
    return _moved(rows, np.where(negative, np.uint64(upper), np.uint64(0)))


def _moved(rows: Ranges, by: NDArray[np.uint64]) -> Ranges:
    return Ranges(rows.first | by, rows.last | by, *rows.columns()[2:])
