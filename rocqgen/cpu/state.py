# SPDX-License-Identifier: Apache-2.0
"""The state of one processor and its physical memory: a mirror of `theories/machine/state.v`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from rocqgen.cpu.outcome import Translate
from rocqgen.source.machine import Instr, Reg

__all__ = ["CodeImage", "Config", "Flags", "Leaf", "Memory", "State", "TlbEntry", "Translate"]

CodeImage = Mapping[int, tuple[Instr, int]]
"""The instruction that starts at a physical address, with its length in bytes."""


class Flags(NamedTuple):
    """The flags that are modelled; `None` where the manual leaves one undefined.  AF is not."""

    cf: bool | None = None
    pf: bool | None = None
    zf: bool | None = None
    sf: bool | None = None
    of: bool | None = None


@dataclass(frozen=True, slots=True)
class Leaf:
    """A translation of `2**shift` bytes to the physical address `frame`, with combined rights."""

    frame: int
    shift: int
    write: bool
    user: bool
    execute: bool

    def translate(self, va: int) -> int:
        """The physical address of `va`, which lies in the page."""
        return self.frame + (va & ((1 << self.shift) - 1))


@dataclass(frozen=True, slots=True)
class TlbEntry:
    """A cached translation of the current root: the page's number among those of its size."""

    page: int
    leaf: Leaf

    def covers(self, va: int) -> bool:
        """Whether the entry translates `va`."""
        return va >> self.leaf.shift == self.page


class Memory:
    """Physical memory by bytes; a byte may be absent, which is not the same as being zero."""

    __slots__ = ("_bytes",)

    def __init__(self, data: Mapping[int, int] | None = None) -> None:
        self._bytes: dict[int, int] = dict(data) if data else {}

    def __contains__(self, pa: object) -> bool:
        return pa in self._bytes

    def __iter__(self) -> Iterator[int]:
        return iter(self._bytes)

    def __len__(self) -> int:
        return len(self._bytes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Memory) and self._bytes == other._bytes

    __hash__ = None  # type: ignore[assignment]  # it is mutable

    def __repr__(self) -> str:
        return f"Memory({self._bytes!r})"

    def copy(self) -> Memory:
        """A memory of its own with the same bytes."""
        return Memory(self._bytes)

    def get(self, pa: int) -> int | None:
        """The byte at `pa`, or `None` where memory has none."""
        return self._bytes.get(pa)

    def read(self, pa: int, size: int) -> int | None:
        """The little-endian number in `size` bytes from `pa`, or `None` where one is absent."""
        value = 0
        for k in range(size):
            byte = self._bytes.get(pa + k)
            if byte is None:
                return None
            value |= byte << (8 * k)
        return value

    def write(self, pa: int, data: bytes) -> None:
        """Put `data` at `pa`, whether or not bytes are there."""
        self._bytes.update(zip(range(pa, pa + len(data)), data, strict=True))

    def gather(self, pas: Iterable[int]) -> int:
        """The little-endian number in the bytes at `pas`; a `KeyError` where one is absent."""
        value, shift = 0, 0
        for pa in pas:
            value |= self._bytes[pa] << shift
            shift += 8
        return value

    def scatter(self, pas: Iterable[int], value: int) -> None:
        """Put the little-endian bytes of `value` at `pas`, one after another."""
        for pa in pas:
            self._bytes[pa] = value & 0xFF
            value >>= 8


@dataclass(slots=True)
class State:
    """Registers (0 to 2**64-1), `rip`, flags, control registers, memory, and what the TLB holds.

    `execute` and `step` change it in place, and leave it as it was where they end in a fault or
    are stuck.  `copy` keeps one.
    """

    regs: dict[Reg, int]
    rip: int = 0
    flags: Flags = field(default_factory=Flags)
    memory: Memory = field(default_factory=Memory)
    cr3: int = 0
    tlb: list[TlbEntry] = field(default_factory=list)

    def copy(self) -> State:
        """A state of its own that is equal."""
        return State(
            dict(self.regs),
            self.rip,
            self.flags,
            self.memory.copy(),
            self.cr3,
            list(self.tlb),
        )


def any_root(root: int) -> bool:
    """A root that a processor with 52 bits of physical address takes: SDM vol. 3, 4.5."""
    return root >> 52 == 0


@dataclass(frozen=True, slots=True)
class Config:
    """What is constant while code runs: CPL 3 or not, what may be loaded into `%cr3`, and the bits
    of `%cr0` and `%cr4` that decide about translations: which they are, and their values."""

    user: bool = False
    root_ok: Callable[[int], bool] = any_root
    fixed: tuple[tuple[Reg, int, int], ...] = ()


KERNEL = Config()
