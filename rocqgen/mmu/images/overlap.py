# SPDX-License-Identifier: Apache-2.0
"""Pieces of memory that a core has twice, which is legal as long as both say the same.

QEMU with ``-p`` writes one PT_LOAD for each virtual mapping of a frame, all at the same offset; the
kernel's ``/proc/vmcore`` has its own image once by its text mapping and once by the direct one, at
different offsets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocqgen.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST = 2**32
"""So many bytes are compared at most; a kernel's image has under 2^28."""
_CHUNK = 2**20


def without_overlaps(
    buffer: NDArray[np.uint8],
    starts: NDArray[np.uint64],
    sizes: NDArray[np.uint64],
    offsets: NDArray[np.uint64],
    path: str,
) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64]]:
    """The pieces sorted and trimmed so that each address is in one of them.

    UserError where two pieces have different bytes for an address.
    """
    order = np.argsort(starts, kind="stable")
    starts, sizes, offsets = starts[order], sizes[order], offsets[order]
    last = np.maximum.accumulate(starts + (sizes - np.uint64(1)))
    if not (starts[1:] <= last[:-1]).any():
        return starts, sizes, offsets
    kept: list[tuple[int, int, int]] = []
    budget = _MOST
    for start, size, offset in zip(starts.tolist(), sizes.tolist(), offsets.tolist(), strict=True):
        end = start + size
        covered = kept[-1][0] + kept[-1][1] if kept else 0
        for other, length, there in reversed(kept):
            low, high = max(start, other), min(end, other + length)
            if other + length <= start:
                break
            same = offset + low - start == there + low - other
            # At least a page, so that many small pieces come to an end too.
            budget -= 4096 if same else max(high - low, 4096)
            if budget < 0:
                raise UserError(
                    f"its PT_LOADs overlap in more than {_MOST >> 30} GiB",
                    file=path,
                    expected="each physical address in one PT_LOAD, or in few",
                )
            if low < high and not same:
                _compare(buffer, offset + low - start, there + low - other, high - low, low, path)
        if end > covered:
            skip = max(0, covered - start)
            kept.append((start + skip, size - skip, offset + skip))
    columns = np.array(kept, dtype=np.uint64).T
    return columns[0].copy(), columns[1].copy(), columns[2].copy()


def _compare(
    buffer: NDArray[np.uint8], here: int, there: int, size: int, address: int, path: str
) -> None:
    for done in range(0, size, _CHUNK):
        count = min(_CHUNK, size - done)
        one = buffer[here + done : here + done + count]
        other = buffer[there + done : there + done + count]
        differ = np.flatnonzero(one != other)
        if len(differ):
            at = done + int(differ[0])
            raise UserError(
                f"two PT_LOADs contradict each other at the physical address {address + at:#x}: "
                f"{buffer[there + at]:#04x} at offset {there + at:#x}, "
                f"{buffer[here + at]:#04x} at offset {here + at:#x}",
                file=path,
                expected="each physical address in one PT_LOAD, or with the same bytes in all",
            )
