# SPDX-License-Identifier: Apache-2.0
"""Bulk walks by numba: the walk of one address, compiled, over the same look-ups as with NumPy.

The compiled code is kept by numba in a cache on disk; where that cannot be written, it is compiled
anew in each process, which takes some seconds.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rocqgen.mmu import bulk_kernel as kernel
from rocqgen.mmu.bulk import UNBACKED, Walks, columns, empty
from rocqgen.mmu.decide import KEY, decisions, fault_codes
from rocqgen.mmu.entries import (
    CLEAN,
    FRESH,
    LEAF,
    RIGHTS_MASK,
    STATE,
    TABLE,
    lookups,
    reason_number,
)
from rocqgen.models.vocabulary import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from rocqgen.mmu.flat import Flat
    from rocqgen.models.resolve import Rules
    from rocqgen.models.vocabulary import Access, Privilege

_PER_THREAD: Final = 1 << 16
"""A thread more pays from so many addresses on."""


def available() -> bool:
    """Whether numba is installed."""
    return find_spec("numba") is not None


def can_walk(rules: Rules) -> bool:
    """Whether numba is installed and every level of the model is looked up."""
    return available() and all(
        lookup.table is not None and len(lookup.runs) <= kernel.RUNS for lookup in lookups(rules)
    )


def walk(
    rules: Rules,
    memory: Flat,
    root: int,
    addresses: NDArray[np.uint64],
    access: Access,
    privilege: Privilege,
    keys: int,
) -> Walks:
    """As `walk_many`, for a root register that is valid."""
    walks = empty(len(addresses))
    levels, tables = _arrays(rules)
    if not len(memory.starts):
        # The kernel relies on one piece; this one backs nothing.
        none = np.zeros(1, dtype=np.uint64)
        memory = replace(memory, starts=none, sizes=none, places=none)
    fixed = (
        memory.words,
        memory.starts,
        memory.sizes,
        memory.places,
        levels,
        tables,
        _shape(rules, root),
        decisions(rules, access, privilege, keys),
        np.ascontiguousarray(fault_codes(rules, access, privilege).T),
    )
    walk_all = _compiled()
    threads = min(_processors(), len(addresses) // _PER_THREAD) or 1
    bounds = np.linspace(0, len(addresses), threads + 1).astype(int)
    parts = [slice(begin, end) for begin, end in pairwise(bounds.tolist())]

    def run(part: slice) -> None:
        walk_all(addresses[part], *fixed, *(column[part] for column in columns(walks)))

    if threads == 1:
        run(parts[0])
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(run, parts))
    return walks


def _processors() -> int:
    """Those that this process may use, as far as the system tells."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _shape(rules: Rules, root: int) -> NDArray[np.uint64]:
    """What holds of all levels, in the places that the kernel names."""
    widths = rules.model.address
    shift = rules.address.low - rules.address.bits.low
    shape = np.zeros(kernel.PLACES, dtype=np.uint64)
    shape[kernel.ROOT] = rules.model.root.address.get(root)
    shape[kernel.WIDTH] = rules.entry_bytes.bit_length() - 1
    shape[kernel.ADDRESS] = rules.address.bits.mask
    shape[kernel.LEFT], shape[kernel.RIGHT] = max(shift, 0), max(-shift, 0)
    if rules.above_reason is not None:
        shape[kernel.ABOVE_REASON] = reason_number(rules.above_reason)
    if not rules.accessed_by_hardware:
        shape[kernel.FRESH] = FRESH
    if rules.keys is not None:
        shape[kernel.KEY_SHIFT] = rules.keys.low
        shape[kernel.KEY_MASK] = (1 << rules.keys.width) - 1
    shape[kernel.UPPER : kernel.UPPER + 3] = _canonical(
        widths.virtual, widths.pointer, widths.canonical
    )
    shape[kernel.MORE] = any(len(lookup.runs) > 2 for lookup in lookups(rules))
    return shape


def _canonical(virtual: int, pointer: int, rule: str | None) -> tuple[int, int, int]:
    """A shift, and the two values of the address above it that are valid."""
    ones = (1 << (pointer - virtual)) - 1
    if virtual == 64:
        return 63, 0, 1
    if rule == "sign-extended":
        return virtual - 1, 0, ones << 1 | 1
    return (virtual, ones, ones) if rule == "ones" else (virtual, 0, 0)


def _arrays(rules: Rules) -> tuple[NDArray[np.uint64], NDArray[np.uint16]]:
    """The levels as rows of numbers, and their tables one after the other."""
    found = lookups(rules)
    levels = np.zeros((len(found), kernel.COLUMNS), dtype=np.uint64)
    tables = []
    offset = 0
    for row, lookup in zip(levels, found, strict=True):
        assert lookup.table is not None  # noqa: S101 - `can_walk` has asked
        level = lookup.level
        wrong = Reason.ROOT if level.loaded_with_root else Reason.RESERVED
        row[kernel.SHIFT] = level.shift
        row[kernel.INDEX] = level.index_mask
        row[kernel.OFFSET] = offset
        row[kernel.LEAF_SIZE] = level.leaf_size - 1
        row[kernel.FRAME] = lookup.frame_mask
        row[kernel.TABLE_MASK] = lookup.table_mask
        row[kernel.LEAF_MASK] = lookup.leaf_mask
        row[kernel.TABLE_RESERVED] = level.table.reserved_mask
        row[kernel.LEAF_RESERVED] = level.leaf.reserved_mask
        row[kernel.RESERVED] = reason_number(wrong)
        for number, (shift, mask, place) in enumerate(lookup.runs):
            first = kernel.FIRST_RUN + 2 * number
            row[first : first + 2] = shift - place, mask << place
        tables.append(lookup.table)
        offset += len(lookup.table)
    return levels, np.concatenate(tables)


@cache
def _compiled() -> Callable[..., None]:
    """The compiled walk."""
    numba: Any = import_module("numba")  # an extra, and without types
    walk_all = kernel.make_walk(
        kernel.Numbers(
            leaf=LEAF,
            table=TABLE,
            state=STATE,
            rights=RIGHTS_MASK,
            clean=CLEAN,
            key=KEY,
            unbacked=UNBACKED,
            noncanonical=reason_number(Reason.NONCANONICAL),
            accessed=reason_number(Reason.ACCESSED),
        )
    )
    compiled: Callable[..., None]
    try:
        compiled = numba.njit(walk_all, cache=True, nogil=True)
    except RuntimeError:
        # There is no folder in which numba could keep it.
        compiled = numba.njit(walk_all, nogil=True)
    return compiled
