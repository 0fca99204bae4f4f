# SPDX-License-Identifier: Apache-2.0
"""The image that is translated: 5 MiB of x86-64 tables, and addresses in what they map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

PAGE: Final = 4096
_SLOTS: Final = 512
_TABLE: Final = 0x27  # present, writable, user, accessed


@dataclass(frozen=True, slots=True)
class Tables:
    """Tables of 4 levels from physical address 0 on, as bytes; ``root`` is CR3.

    ``pages`` are the virtual addresses of all mapped pages, sorted. Frames lie in ``memory`` bytes.
    """

    image: bytes
    root: int
    pages: NDArray[np.uint64]
    memory: int


def make_tables(leaf_tables: int, *, frames: int, seed: int, filled: float = 1.0) -> Tables:
    """A space of ``leaf_tables`` full page tables, of which a part ``filled`` of slots is present.

    Each maps pages with random rights to random frames of so many, above the tables. Upper tables
    are spread over the address space as those of a process and a kernel are: few, and full.
    """
    random = np.random.default_rng(seed)
    directories = -(-leaf_tables // _SLOTS)
    # Page 0 is the root, 1 to n the PDPTs, then the PDs, then the page tables.
    uppers = min(directories, 4)
    total = 1 + uppers + directories + leaf_tables
    words = np.zeros((total, _SLOTS), dtype="<u8")
    slots = np.array([0, 170, 256, 511])[:uppers]
    words[0, slots] = ((1 + np.arange(uppers)) << 12) | _TABLE
    pd = np.arange(directories)
    words[1 + pd % uppers, 7 + pd // uppers] = ((1 + uppers + pd) << 12) | _TABLE
    pt = np.arange(leaf_tables)
    first = 1 + uppers + directories
    words[1 + uppers + pt // _SLOTS, pt % _SLOTS] = ((first + pt) << 12) | _TABLE
    present = random.random((leaf_tables, _SLOTS)) < filled
    leaves = random.integers(total, total + frames, present.shape, dtype=np.uint64) << np.uint64(12)
    leaves |= random.choice(
        np.array([0x01, 0x03, 0x05, 0x07, 0x63], dtype=np.uint64), present.shape
    )
    leaves |= random.integers(0, 2, present.shape, dtype=np.uint64) << np.uint64(63)
    words[first:] = np.where(present, leaves, 0)
    table, slot = np.nonzero(present)
    directory = table // _SLOTS
    va = slots[directory % uppers].astype(np.uint64) << np.uint64(39)
    va |= (7 + directory // uppers).astype(np.uint64) << np.uint64(30)
    va |= (table % _SLOTS).astype(np.uint64) << np.uint64(21)
    va |= slot.astype(np.uint64) << np.uint64(12)
    va[va >= 1 << 47] |= np.uint64(0xFFFF << 48)
    return Tables(words.tobytes(), 0, np.sort(va), (total + frames) * PAGE)


def random_addresses(tables: Tables, count: int, seed: int) -> NDArray[np.uint64]:
    """Addresses within mapped pages, in no order."""
    random = np.random.default_rng(seed)
    return random.choice(tables.pages, count) + random.integers(0, PAGE, count, dtype=np.uint64)
