# SPDX-License-Identifier: Apache-2.0
"""Translations per second, and what enumerating a space costs: ours and others', one image."""

from __future__ import annotations

import os
import tempfile
import time
import tracemalloc
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from bench.mmu.image import PAGE, make_tables, random_addresses
from bench.mmu.peers import open_peers
from rocqgen.mmu import SparseMemory, Walker
from rocqgen.mmu.bulk import walk_many
from rocqgen.mmu.bulk_numba import available
from rocqgen.mmu.images import open_image
from rocqgen.mmu.space import enumerate_space
from rocqgen.models import load_model, resolve

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from bench.mmu.image import Tables
    from bench.mmu.peers import Peer
    from rocqgen.mmu.bulk import Engine, Walks

ADDRESSES: Final = 1_000_000
TABLES: Final = 1270
"""Page tables; with those above them 5 MiB."""
LEAF_TABLES: Final = 196
"""Page tables of the space that is enumerated: 100,352 leaves."""
FRAMES: Final = 1 << 14


@dataclass(frozen=True, slots=True)
class Speed:
    """Translations per second of processor time and by the clock; `same` as the scalar walk."""

    name: str
    checks: str
    per_second: float
    by_clock: float
    same: bool


@dataclass(frozen=True, slots=True)
class Enumeration:
    """What one enumeration of the space of 100,352 leaves took; peak in MB of memory."""

    name: str
    ranges: int
    seconds: float
    peak_mb: float
    same: bool


@dataclass(frozen=True, slots=True)
class Speeds:
    """All of one run."""

    walks: list[Speed]
    spaces: list[Enumeration]
    missing: list[str]


def measure(repeats: int) -> Speeds:
    """Measure ours and the tools that are installed; ours `repeats` times, of which the best."""
    with tempfile.TemporaryDirectory(prefix="rocqgen-bench-") as folder:
        tables = make_tables(TABLES, frames=FRAMES, seed=1)
        peers, missing = open_peers(tables, _file(tables, Path(folder) / "walks.raw"))
        walks = _walks(tables, Path(folder) / "walks.raw", peers, repeats)
        tables = make_tables(LEAF_TABLES, frames=FRAMES, seed=2)
        peers, _ = open_peers(tables, _file(tables, Path(folder) / "space.raw"))
        spaces = _spaces(tables, Path(folder) / "space.raw", peers, repeats)
    return Speeds(walks, spaces, missing)


def _file(tables: Tables, path: Path) -> Path:
    """The image as a raw file; its frames are a hole, which takes no room."""
    with path.open("wb") as file:
        file.write(tables.image)
        file.truncate(tables.memory)
    return path


def _timed(work: Callable[[], Any], repeats: int) -> tuple[Any, float, float]:
    """What it gives, and the least processor time and the least time by the clock."""
    spent, passed = [], []
    result = None
    for _ in range(repeats):
        began = time.process_time(), time.perf_counter()
        result = work()
        spent.append(time.process_time() - began[0])
        passed.append(time.perf_counter() - began[1])
    return result, min(spent), min(passed)


# -- translations


def _walks(tables: Tables, file: Path, peers: list[Peer], repeats: int) -> list[Speed]:
    # Without SMAP, a supervisor may read every page that is mapped: the tools ask no more.
    rules = resolve(load_model("x86-64-4level"), {"smap": False})
    addresses = random_addresses(tables, ADDRESSES, 3)
    listed = addresses.tolist()
    memory = SparseMemory()
    memory.write(0, tables.image)
    walker = Walker(rules)

    def scalar() -> list[object]:
        translate, root = walker.translate, tables.root
        return [translate(memory, root, va) for va in listed]

    found, spent, passed = _timed(scalar, min(repeats, 3))
    expected = np.array(found, dtype=np.uint64)
    full = "rights, reserved bits, keys, error code"
    rows = [_speed("rocqgen, one address at a time", full, spent, passed, same=True)]
    engines: list[Engine] = ["numpy", *(["numba"] if available() else [])]  # type: ignore[list-item]
    with open_image(file) as image:
        for engine in engines:
            for name, where in (("in memory", memory), ("a mapped file", image)):

                def bulk(engine: Engine = engine, where: Any = where) -> Walks:
                    return walk_many(rules, where, tables.root, addresses, engine=engine)

                bulk()  # compiles, and reads the file once
                walks, spent, passed = _timed(bulk, repeats)
                same = bool(walks.ok.all()) and np.array_equal(walks.pa, expected)
                label = f"rocqgen, {engine}, {name}"
                rows.append(_speed(label, full, spent, passed, same=same))
    for peer in peers:
        answers, spent, passed = _timed(lambda peer=peer: peer.translate(listed), 1)  # type: ignore[misc]
        same = np.array_equal(np.array(answers, dtype=np.int64).astype(np.uint64), expected)
        rows.append(_speed(peer.name, "presence", spent, passed, same=same))
    return rows


def _speed(name: str, checks: str, spent: float, passed: float, *, same: bool) -> Speed:
    return Speed(name, checks, ADDRESSES / spent, ADDRESSES / passed, same)


# -- spaces


def _spaces(tables: Tables, file: Path, peers: list[Peer], repeats: int) -> list[Enumeration]:
    rules = resolve(load_model("x86-64-4level"))
    rows = []
    with open_image(file) as image:
        for frames in (False, True):

            def ours(frames: bool = frames) -> Any:
                return enumerate_space(rules, image, tables.root, frames=frames)

            ranges, spent, _ = _timed(ours, repeats)
            peak = _peak(ours)
            pages = int(ranges.pages.sum())
            same = pages == len(tables.pages)
            if frames:
                pieces = np.stack((ranges.first, ranges.pa, ranges.last - ranges.first), axis=1)
                pieces[:, 2] += np.uint64(1)
                mapped = _pages(pieces)
                same = same and np.array_equal(mapped[:, 0], tables.pages)
            name = f"rocqgen, {'rights and frames' if frames else 'rights'}"
            rows.append(Enumeration(name, len(ranges), spent, peak, same))
    for peer in peers:
        began = time.process_time()
        found = peer.enumerate()
        spent = time.process_time() - began
        if found is not None:
            peak = _peak(peer.enumerate)
            same = np.array_equal(_pages(found), mapped)
            rows.append(Enumeration(f"{peer.name}, frames", len(found), spent, peak, same))
    return rows


def _pages(pieces: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Rows of virtual and physical address for each page, from rows with a size, sorted."""
    counts = (pieces[:, 2] // np.uint64(PAGE)).astype(np.intp)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    found = np.repeat(pieces[:, :2], counts, axis=0)
    found += (within.astype(np.uint64) * np.uint64(PAGE))[:, None]
    return found[np.argsort(found[:, 0])]


def _peak(work: Callable[[], object]) -> float:
    """The most memory that Python and NumPy held during one run, in MB."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def machine() -> str:
    """How busy the machine is: others' work shows in every figure."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return f"{os.cpu_count()} processors, load {load:.1f}"
