# SPDX-License-Identifier: Apache-2.0
"""Physical memory as one array of words, where it can be had as that: what bulk walks read fastest.

A memory that has a method ``pieces`` gives its buffer as it is, however large; it is not read here.
Of one without, a small one is copied.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rocqgen.mmu.memory import FRAME

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rocqgen.mmu.memory import PhysicalMemory

_MOST: Final = 64 << 20
"""Bytes that are copied at most."""


@dataclass(frozen=True, slots=True)
class Flat:
    """Words of ``width`` bytes; the piece `i` has the ``sizes[i]`` bytes from ``starts[i]`` on.

    They are the words from ``places[i]`` on. Pieces are sorted and do not overlap.
    """

    width: int
    words: NDArray[np.uint64] | NDArray[np.uint32]
    starts: NDArray[np.uint64]
    sizes: NDArray[np.uint64]
    places: NDArray[np.uint64]

    def gather(
        self, addresses: NDArray[np.uint64], width: int
    ) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
        """As `PhysicalMemory.gather`, for aligned addresses of words of this width."""
        assert width == self.width  # noqa: S101 - a caller's mistake
        shift = np.uint64(self.width.bit_length() - 1)
        if not len(self.starts):
            return np.zeros(addresses.shape, np.uint64), np.zeros(addresses.shape, np.bool_)
        if len(self.starts) == 1:
            inside = addresses - self.starts[0]  # wraps around below the start: then it is large
            known = inside < self.sizes[0]
            place = (inside >> shift) + self.places[0]
        else:
            piece = np.searchsorted(self.starts, addresses, side="right") - 1
            inside = addresses - self.starts[piece]
            known = (inside < self.sizes[piece]) & (piece >= 0)
            place = (inside >> shift) + self.places[piece]
        if known.all():
            return self._take(place), known
        words = np.zeros(addresses.shape, np.uint64)
        words[known] = self._take(place[known])
        return words, known

    def _take(self, place: NDArray[np.uint64]) -> NDArray[np.uint64]:
        return self.words.take(place.view(np.intp)).astype(np.uint64, copy=False)


def flatten(memory: PhysicalMemory, width: int, most: int = _MOST) -> Flat | None:
    """The memory as words of ``width`` bytes, or None if that is not to be had.

    That is: pieces that are not aligned, or memory that would be copied and has more than ``most``
    bytes, which are never more than 64 MiB.
    """
    kind = np.dtype(f"<u{width}")
    pieces = getattr(memory, "pieces", None)
    if pieces is not None:
        buffer, starts, sizes, offsets = pieces()
        if ((starts | sizes | offsets) & np.uint64(width - 1)).any():
            return None
        words = buffer[: len(buffer) // width * width].view(kind)
        return Flat(width, words, starts, sizes, offsets // np.uint64(width))
    ranges = list(memory.ranges())
    total = sum(end - start for start, end in ranges)
    if total > min(most, _MOST) or any((start | end) % FRAME for start, end in ranges):
        return None
    copy = bytearray()
    for start, end in ranges:
        for address in range(start, end, FRAME):
            frame = memory.frame(address) or memory.read(address, FRAME)
            if frame is None:
                return None
            copy += frame
    starts = np.array([start for start, _ in ranges], dtype=np.uint64)
    sizes = np.array([end - start for start, end in ranges], dtype=np.uint64)
    places = (np.cumsum(sizes, dtype=np.uint64) - sizes) // np.uint64(width)
    return Flat(width, np.frombuffer(copy, dtype=kind), starts, sizes, places)
