# SPDX-License-Identifier: Apache-2.0
"""Physical memory as walks see it, and an implementation that holds what was written to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

FRAME = 4096


class PhysicalMemory(Protocol):
    """Bytes at physical addresses, little-endian where they are read as words."""

    def read(self, address: int, size: int) -> bytes | None:
        """The `size` bytes from `address` on; None if any of them is outside the image."""

    def ranges(self) -> Iterable[tuple[int, int]]:
        """What the image holds: (start, end) in ascending order, `end` excluded, not adjacent."""

    def frame(self, address: int) -> memoryview | None:
        """All 4096 bytes of the frame that holds `address`, as a view that later writes change.

        None if the image lacks some of them, or cannot give such a view.
        """

    def gather(
        self, addresses: NDArray[np.uint64], width: int
    ) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
        """The words of `width` bytes (4 or 8) at each of the addresses, and which are in the image.

        Both results have the shape of `addresses`; a word that is not in the image is 0.
        """


class SparseMemory:
    """Memory in frames of 4 KiB, each of which is there once something was written to it."""

    def __init__(self) -> None:
        self._frames: dict[int, bytearray] = {}

    def read(self, address: int, size: int) -> bytes | None:
        """As `PhysicalMemory.read`."""
        number, offset = divmod(address, FRAME)
        if offset + size <= FRAME:
            frame = self._frames.get(number)
            return None if frame is None else bytes(frame[offset : offset + size])
        head = self.read(address, FRAME - offset)
        tail = self.read((number + 1) * FRAME, size - (FRAME - offset))
        return None if head is None or tail is None else head + tail

    def write(self, address: int, data: bytes) -> None:
        """Write `data` from `address` on; what else a new frame holds is 0."""
        if address < 0 or address + len(data) > 1 << 64:
            raise ValueError("outside of physical memory")
        while data:
            number, offset = divmod(address, FRAME)
            part = data[: FRAME - offset]
            self._frames.setdefault(number, bytearray(FRAME))[offset : offset + len(part)] = part
            address += len(part)
            data = data[len(part) :]

    def write_word(self, address: int, value: int, width: int = 8) -> None:
        """Write a word of `width` bytes."""
        self.write(address, value.to_bytes(width, "little"))

    def ranges(self) -> Iterable[tuple[int, int]]:
        """As `PhysicalMemory.ranges`."""
        found: list[tuple[int, int]] = []
        for number in sorted(self._frames):
            start = number * FRAME
            if found and found[-1][1] == start:
                found[-1] = (found[-1][0], start + FRAME)
            else:
                found.append((start, start + FRAME))
        return found

    def frame(self, address: int) -> memoryview | None:
        """As `PhysicalMemory.frame`."""
        frame = self._frames.get(address // FRAME)
        return None if frame is None else memoryview(frame).toreadonly()

    def gather(
        self, addresses: NDArray[np.uint64], width: int
    ) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
        """As `PhysicalMemory.gather`."""
        flat = addresses.ravel()
        values = np.zeros(flat.shape, np.uint64)
        found = np.zeros(flat.shape, np.bool_)
        offsets = flat & np.uint64(FRAME - 1)
        # One step per frame that is touched: sort the words by frame, then read each run at once.
        numbers = flat >> np.uint64(12)
        order = np.argsort(numbers, kind="stable")
        _, starts = np.unique(numbers[order], return_index=True)
        for run in np.split(order, starts[1:]):
            if run.size == 0:
                continue
            frame = self._frames.get(int(numbers[run[0]]))
            if frame is not None:
                places = offsets[run]
                whole = places <= FRAME - width
                words = np.zeros((run.size, 8), np.uint8)
                cells = places[whole, None] + np.arange(width, dtype=np.uint64)
                words[whole, :width] = np.frombuffer(frame, np.uint8)[cells]
                values[run] = words.view("<u8")[:, 0]
                found[run] = whole
        for at in np.flatnonzero(offsets > FRAME - width):
            data = self.read(int(flat[at]), width)
            if data is not None:
                values[at] = int.from_bytes(data, "little")
                found[at] = True
        return values.reshape(addresses.shape), found.reshape(addresses.shape)
