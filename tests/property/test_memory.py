# SPDX-License-Identifier: Apache-2.0
"""Sparse memory: what was written is what is read, by all ways of reading."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rocqgen.mmu import SparseMemory

ADDRESSES = st.integers(0, 5 * 4096) | st.integers(0, 40).map(lambda n: 3 * 4096 - 20 + n)
WRITES = st.lists(st.tuples(ADDRESSES, st.binary(min_size=1, max_size=20)), max_size=8)


@given(WRITES, st.lists(ADDRESSES, max_size=12), st.sampled_from([4, 8]))
def test_every_way_of_reading_agrees(
    writes: list[tuple[int, bytes]], addresses: list[int], width: int
) -> None:
    memory = SparseMemory()
    plain: dict[int, int] = {}
    for address, data in writes:
        memory.write(address, data)
        for frame in {address // 4096, (address + len(data) - 1) // 4096}:
            for at in range(frame * 4096, frame * 4096 + 4096):
                plain.setdefault(at, 0)
        plain.update({address + n: byte for n, byte in enumerate(data)})
    held = [at for start, end in memory.ranges() for at in range(start, end)]
    assert held == sorted(plain)
    values, found = memory.gather(np.array(addresses, np.uint64), width)
    for address, value, good in zip(addresses, values, found, strict=True):
        cells = [plain.get(address + n) for n in range(width)]
        expected = None if None in cells else bytes(cell or 0 for cell in cells)
        assert memory.read(address, width) == expected
        assert bool(good) == (expected is not None)
        assert int(value) == int.from_bytes(expected or b"", "little")
        frame = memory.frame(address)
        assert (frame is not None) == (address in plain)
        if frame is not None:
            assert frame[address % 4096] == plain[address]


def test_frames_are_live_views() -> None:
    memory = SparseMemory()
    memory.write(0x1000, b"a")
    frame = memory.frame(0x1FFF)
    assert frame is not None
    memory.write(0x1000, b"b")
    assert bytes(frame[:1]) == b"b"
    assert len(frame) == 4096
