# SPDX-License-Identifier: Apache-2.0
"""Physical memory that lies in pieces in one buffer, most often a file that is mapped.

All formats come down to this: the bytes at the physical addresses ``[start, start + size)`` are
those at ``offset`` of the buffer.  Nothing is copied until it is read.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Self

import numpy as np

from rocqgen.mmu.images.about import Machine
from rocqgen.mmu.memory import FRAME

if TYPE_CHECKING:
    import mmap
    from types import TracebackType

    from numpy.typing import NDArray

    from rocqgen.mmu.images.format import Format


class Image:
    """An image of physical memory; a context manager that lets go of the file at its end.

    ``starts``, ``sizes`` and ``offsets`` are arrays of one shape ``(n,)``, in bytes, sorted by
    ``starts`` and not overlapping; every piece lies within ``buffer``.  ``mapping`` is what to
    close where the buffer is a mapped file.
    """

    def __init__(
        self,
        buffer: NDArray[np.uint8],
        starts: NDArray[np.uint64],
        sizes: NDArray[np.uint64],
        offsets: NDArray[np.uint64],
        *,
        path: str,
        format: Format,  # noqa: A002 - what the command line calls it
        mapping: mmap.mmap | None = None,
        machine: Machine | None = None,
    ) -> None:
        self.path = path
        self.format = format
        self.machine = machine or Machine()
        self._mapping = mapping
        self._bytes = buffer
        self._starts, self._sizes, self._offsets = _joined(starts, sizes, offsets)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; what is read afterwards is not in the image."""
        self._bytes = np.zeros(0, dtype=np.uint8)
        self._starts = self._sizes = self._offsets = np.zeros(0, dtype=np.uint64)
        if self._mapping is not None:
            # Somebody may still hold an array over it; then it goes with that.
            with suppress(BufferError):
                self._mapping.close()

    def ranges(self) -> tuple[tuple[int, int], ...]:
        """What the image holds, as `PhysicalMemory.ranges`: (start, end), `end` excluded."""
        found: list[tuple[int, int]] = []
        for start, size in zip(self._starts.tolist(), self._sizes.tolist(), strict=True):
            if found and found[-1][1] == start:
                found[-1] = (found[-1][0], start + size)
            else:
                found.append((start, start + size))
        return tuple(found)

    def pieces(
        self,
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64]]:
        """The buffer, and the starts, sizes and offsets of the pieces, as the class has them."""
        return self._bytes, self._starts, self._sizes, self._offsets

    def frame(self, address: int) -> memoryview | None:
        """The frame that holds `address`, as `PhysicalMemory.frame`: a view of the file."""
        first = address & -FRAME
        if not 0 <= first < 2**64:
            return None
        piece = int(np.searchsorted(self._starts, np.uint64(first), side="right")) - 1
        if piece < 0:
            return None
        inside = first - int(self._starts[piece])
        if inside + FRAME > int(self._sizes[piece]):
            data = self.read(first, FRAME)
            return None if data is None else memoryview(data)
        begin = int(self._offsets[piece]) + inside
        return self._bytes.data[begin : begin + FRAME].toreadonly()

    def read(self, address: int, size: int) -> bytes | None:
        """As `PhysicalMemory.read`: None unless the image has all of the bytes."""
        if address < 0 or size < 0 or address + size > 2**64:
            return None
        parts = []
        while size:
            piece = int(np.searchsorted(self._starts, np.uint64(address), side="right")) - 1
            if piece < 0:
                return None
            inside = address - int(self._starts[piece])
            length = min(size, int(self._sizes[piece]) - inside)
            if length <= 0:
                return None
            begin = int(self._offsets[piece]) + inside
            parts.append(self._bytes[begin : begin + length].tobytes())
            address += length
            size -= length
        return b"".join(parts)

    def gather(
        self, addresses: NDArray[np.uint64], width: int
    ) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
        """As `PhysicalMemory.gather`."""
        flat = np.ascontiguousarray(addresses, dtype=np.uint64).ravel()
        values = np.zeros(flat.shape, dtype=np.uint64)
        if not len(self._starts):
            return values.reshape(addresses.shape), np.zeros(addresses.shape, dtype=np.bool_)
        if len(self._starts) == 1:
            piece = np.zeros(flat.shape, dtype=np.intp)
            known = flat >= self._starts[0]
        else:
            piece = np.searchsorted(self._starts, flat, side="right") - 1
            known = piece >= 0
            piece[~known] = 0
        inside = flat - self._starts[piece]
        size = self._sizes[piece]
        begun = known & (inside < size)
        whole = begun & (size - inside >= np.uint64(width))
        if whole.any():
            position = self._offsets[piece] + inside
            position[~whole] = 0
            found = self._numbers(width)[position.astype(np.intp)]
            np.copyto(values, found, where=whole)
        # An entry that begins in one piece and ends in the next: rare, and then one by one.
        for index in np.flatnonzero(begun & ~whole).tolist():
            data = self.read(int(flat[index]), width)
            if data is not None:
                values[index] = int.from_bytes(data, "little")
                whole[index] = True
        return values.reshape(addresses.shape), whole.reshape(addresses.shape)

    def _numbers(self, width: int) -> NDArray[np.uint64]:
        """The number that begins at each byte of the buffer: a view, whatever the alignment."""
        kind = np.dtype(f"<u{width}")
        count = len(self._bytes) - width + 1
        view: NDArray[np.uint64] = np.ndarray((count,), kind, self._bytes.data, 0, (1,))
        return view


def _joined(
    starts: NDArray[np.uint64], sizes: NDArray[np.uint64], offsets: NDArray[np.uint64]
) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64]]:
    """The same pieces, those that go on in memory and in the buffer alike made one."""
    if len(starts) < 2:
        return starts, sizes, offsets
    # Arithmetic modulo 2^64: the last piece may end at the end of the address space.
    goes_on = (starts[:-1] + sizes[:-1] == starts[1:]) & (offsets[:-1] + sizes[:-1] == offsets[1:])
    first = np.flatnonzero(np.concatenate(([True], ~goes_on)))
    return starts[first], np.add.reduceat(sizes, first), offsets[first]
