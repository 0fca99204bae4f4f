# SPDX-License-Identifier: Apache-2.0
"""The walk of one address after the other, in the part of Python that numba compiles.

All numbers are unsigned and of 64 bits, for numba makes floating point of signed and unsigned ones
together. Columns of ``levels`` and places in ``shape`` are named here and filled in `bulk_numba`.
"""

# ruff: noqa: C901, PLR0912, PLR0915 - one loop, so that nothing is called within it
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Words = NDArray[np.uint64]
    Bytes = NDArray[np.uint8]

RUNS: Final = 4
"""Pieces of an index, in which every level must find place."""

BLOCK: Final = 256
"""So many walks go down a level together: their loads overlap, and what they keep stays close."""

# Columns of ``levels``. Two for each piece of the index follow: shift, mask.
SHIFT, INDEX, OFFSET, LEAF_SIZE, FRAME = 0, 1, 2, 3, 4
TABLE_MASK, LEAF_MASK, TABLE_RESERVED, LEAF_RESERVED, RESERVED = 5, 6, 7, 8, 9
FIRST_RUN: Final = 10
COLUMNS: Final = FIRST_RUN + 2 * RUNS

# Places in ``shape``: the rules of all levels.
ROOT, WIDTH, ADDRESS, LEFT, RIGHT, ABOVE_REASON, FRESH, KEY_SHIFT, KEY_MASK = range(9)
UPPER, LOWEST, HIGHEST = 9, 10, 11
MORE: Final = 12
"""Not 0 if some index has more than two pieces."""
PLACES: Final = 13

CACHED: Final = 4096
"""Last tables that are remembered, as a processor's paging-structure cache does (SDM vol. 3A,
4.10.3). Memory does not change meanwhile, so that nothing can be stale."""
_SPREAD = np.uint64(0x9E37_79B9_7F4A_7C15)
"""An odd number whose upper bits of products look random: 2 ** 64 over the golden ratio."""
_SPREAD_SHIFT = np.uint64(64 - 12)
_NOWHERE = np.uint64((1 << 64) - 1)
_ZERO = np.uint64(0)
_ONE = np.uint64(1)


@dataclass(frozen=True, slots=True)
class Numbers:
    """What numbers stand for, which `entries`, `decide` and `bulk` say."""

    leaf: int
    table: int
    state: int
    rights: int
    clean: int
    key: int
    unbacked: int
    noncanonical: int
    accessed: int


def make_walk(numbers: Numbers) -> Callable[..., None]:
    """The walk, to be compiled.

    The numbers are its closure: numba's cache tells closures apart by what they hold, but it does
    not see when a global of another module changes.
    """
    leaf_state = np.uint64(numbers.leaf)
    state_shift = np.uint64(numbers.state)
    table_state = np.uint64(numbers.table)
    any_state = np.uint64(0xFFFF >> numbers.state << numbers.state)
    usual_table = np.uint64(numbers.table << numbers.state)
    all_rights = np.uint64(numbers.rights)
    clean_flag = np.uint64(numbers.clean)
    key_place = np.uint64(numbers.key)
    unbacked = np.uint64(numbers.unbacked)
    noncanonical = np.uint64(numbers.noncanonical)
    unaccessed = np.uint64(numbers.accessed)

    def walk_all(
        addresses: Words,
        words: Words | NDArray[np.uint32],
        starts: Words,
        sizes: Words,
        places: Words,
        levels: Words,
        tables: NDArray[np.uint16],
        shape: Words,
        decided: Bytes,
        codes: Words,
        out_pa: Words,
        out_reason: Bytes,
        out_code: Words,
        out_level: Bytes,
        out_rights: Bytes,
        out_shift: Bytes,
    ) -> None:
        """Walk for every address; the columns of results are as `bulk.empty` gives them."""
        width = shape[WIDTH]
        address_mask, left, right = shape[ADDRESS], shape[LEFT], shape[RIGHT]
        key_shift, key_mask = shape[KEY_SHIFT], shape[KEY_MASK]
        ends = shape[FRESH]
        usual_leaf = leaf_state << state_shift
        usual = any_state | ends
        upper, lowest, highest = shape[UPPER], shape[LOWEST], shape[HIGHEST]
        more = shape[MORE] != _ZERO
        start, size, place = starts[0], sizes[0], places[0]
        # Indices are unsigned where they can be: of others it is asked whether they are negative.
        # The walks of a block that go on: their rows, next tables, rights, and what was read. From
        # the other end: those whose last table is known, with their entries' places for tables.
        rows = np.empty(BLOCK, dtype=np.uint64)
        next_table = np.empty(BLOCK, dtype=np.uint64)
        path_rights = np.empty(BLOCK, dtype=np.uint64)
        found = np.empty(BLOCK, dtype=np.uint64)
        backed = np.empty(BLOCK, dtype=np.bool_)
        # Last tables that were found: by the upper bits of the addresses that they translate.
        last = len(levels) - 1
        above = levels[max(last - 1, 0), SHIFT]
        cached = np.full(CACHED, _NOWHERE, dtype=np.uint64)
        cached_place = np.empty(CACHED, dtype=np.uint64)
        cached_rights = np.empty(CACHED, dtype=np.uint64)
        last_shift, last_mask = levels[last, SHIFT], levels[last, INDEX]
        last_bytes = (last_mask + _ONE) << width
        block = np.uint64(BLOCK)
        for begin in range(0, len(addresses), BLOCK):
            active = 0
            known = block
            for i in range(np.uint64(begin), np.uint64(min(begin + BLOCK, len(addresses)))):
                va = addresses[i]
                top = va >> upper
                if top != lowest and top != highest:  # noqa: PLR1714 - numba has no membership here
                    out_reason[i] = noncanonical
                    out_code[i] = codes[0, noncanonical]
                    continue
                upper_bits = va >> above
                slot = (upper_bits * _SPREAD) >> _SPREAD_SHIFT
                if cached[slot] == upper_bits and last > 0:
                    known -= _ONE
                    rows[known] = i
                    next_table[known] = cached_place[slot] + ((va >> last_shift) & last_mask)
                    path_rights[known] = cached_rights[slot]
                else:
                    rows[active] = i
                    next_table[active] = shape[ROOT]
                    path_rights[active] = all_rights
                    active += 1
            for number in range(len(levels)):
                shift, mask = levels[number, SHIFT], levels[number, INDEX]
                level_codes = codes[number]
                table_mask, leaf_mask = levels[number, TABLE_MASK], levels[number, LEAF_MASK]
                offset, frame_mask = levels[number, OFFSET], levels[number, FRAME]
                leaf_size = levels[number, LEAF_SIZE]
                shift_0, mask_0 = levels[number, FIRST_RUN], levels[number, FIRST_RUN + 1]
                shift_1, mask_1 = levels[number, FIRST_RUN + 2], levels[number, FIRST_RUN + 3]
                # Loads alone, for while some of them wait for memory, others can be under way.
                for at in range(active):
                    address = next_table[at] + (((addresses[rows[at]] >> shift) & mask) << width)
                    inside = address - start
                    if inside >= size:
                        low, high = 0, len(starts)
                        while low + 1 < high:
                            middle = (low + high) >> 1
                            if starts[middle] <= address:
                                low = middle
                            else:
                                high = middle
                        start, size, place = starts[low], sizes[low], places[low]
                        inside = address - start
                    if number == last:
                        first = next_table[at] - start
                        if first < size and size - first >= last_bytes:
                            upper_bits = addresses[rows[at]] >> above
                            slot = (upper_bits * _SPREAD) >> _SPREAD_SHIFT
                            cached[slot] = upper_bits
                            cached_place[slot] = place + (first >> width)
                            cached_rights[slot] = path_rights[at]
                    backed[at] = inside < size
                    found[at] = words[place + (inside >> width)] if inside < size else _ZERO
                if number == last:
                    for at in range(known, block):
                        found[at] = words[next_table[at]]
                    # What is usual, with little to keep at hand; what is not goes to the others.
                    for at in range(known, block):
                        i = rows[at]
                        word = found[at]
                        index = offset + (
                            ((word >> shift_0) & mask_0) | ((word >> shift_1) & mask_1)
                        )
                        meaning = np.uint64(tables[index])
                        if more or (meaning & usual) != usual_leaf or (word & leaf_mask) != _ZERO:
                            rows[active] = i
                            found[active] = word
                            path_rights[active] = path_rights[at]
                            backed[active] = True
                            active += 1
                            continue
                        rights = path_rights[at] & meaning
                        key = (word >> key_shift) & key_mask
                        why = decided[rights | (meaning & clean_flag) | (key << key_place)]
                        target = ((word & address_mask) << left) >> right
                        pa = (target & frame_mask) | (addresses[i] & leaf_size)
                        out_pa[i] = pa if why == 0 else _ZERO
                        out_rights[i] = rights
                        out_shift[i] = shift
                        out_reason[i] = why
                        out_code[i] = level_codes[why]
                        out_level[i] = number
                going = 0
                for at in range(active):
                    i = rows[at]
                    if not backed[at]:
                        out_reason[i] = unbacked
                        out_code[i] = _ZERO
                        out_level[i] = number
                        continue
                    word = found[at]
                    index = offset + (((word >> shift_0) & mask_0) | ((word >> shift_1) & mask_1))
                    if more:
                        index += (
                            (word >> levels[number, FIRST_RUN + 4]) & levels[number, FIRST_RUN + 5]
                        ) | (
                            (word >> levels[number, FIRST_RUN + 6]) & levels[number, FIRST_RUN + 7]
                        )
                    meaning = np.uint64(tables[index])
                    target = ((word & address_mask) << left) >> right
                    rights = path_rights[at] & meaning
                    if (meaning & usual) == usual_table and (word & table_mask) == _ZERO:
                        rows[going] = i
                        next_table[going] = target
                        path_rights[going] = rights
                        going += 1
                        continue
                    state = meaning >> state_shift
                    leaf = state == leaf_state
                    if leaf and (word & leaf_mask) == _ZERO and (meaning & ends) == _ZERO:
                        key = (word >> key_shift) & key_mask
                        why = np.uint64(
                            decided[rights | (meaning & clean_flag) | (key << key_place)]
                        )
                        pa = (target & frame_mask) | (addresses[i] & leaf_size)
                        # A choice of values, not a branch: which ones fault is hard to foresee.
                        out_pa[i] = pa if why == _ZERO else _ZERO
                        out_rights[i] = rights
                        out_shift[i] = shift
                    elif not leaf and state != table_state:
                        why = state - _ONE
                    elif word & (leaf_mask if leaf else table_mask):
                        why = shape[ABOVE_REASON]
                        if word & levels[number, LEAF_RESERVED if leaf else TABLE_RESERVED]:
                            why = levels[number, RESERVED]
                    else:
                        why = unaccessed
                    out_reason[i] = why
                    out_code[i] = level_codes[why]
                    out_level[i] = number
                active = going

    return walk_all
