# SPDX-License-Identifier: Apache-2.0
"""Random states, with a liking for the values at which flags change."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from bench.agreement.encodings import Encoding
from bench.agreement.layout import FLAG_BITS, WINDOW, WINDOW_BYTES, WORDS
from rocqgen.cpu import Flags, Memory, State
from rocqgen.source.machine import GENERAL, Op, Reg

_MASK: Final = (1 << 64) - 1
_REGS: Final = GENERAL
CONTROLS: Final = {Reg.CR0: 0x8005_0033, Reg.CR4: 0x30_0020}
"""PG, AM, WP, NE, ET, MP and PE; SMAP, SMEP and PAE."""

INDEX: Final = {reg: k for k, reg in enumerate(_REGS)}

BOUNDARIES: Final = tuple(
    {0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 63, 64, 65, 255}
    | {(1 << n) + k & _MASK for n in (7, 8, 15, 16, 31, 32, 63, 64) for k in (-2, -1, 0, 1)}
    | {_MASK - (1 << n) + k for n in (7, 15, 31) for k in (0, 1, 2)}
)
"""Where carries, signs, overflows and shift counts change."""

FLAGS: Final = tuple(
    Flags(*(bool(number >> k & 1) for k in range(len(FLAG_BITS)))) for number in range(32)
)
"""All flags that are defined."""


def to_rflags(flags: Flags) -> int:
    """The register; a flag that is undefined is 0, and bit 1 is always set."""
    return 2 | sum(1 << bit for bit, flag in zip(FLAG_BITS, flags, strict=True) if flag)


@dataclass(frozen=True, slots=True)
class Vector:
    """What a run begins with: registers in their order, flags, and the words of the window."""

    regs: tuple[int, ...]
    flags: Flags
    words: tuple[int, ...]

    def state(self, rip: int) -> State:
        """The interpreter's state."""
        memory = Memory()
        memory.write(WINDOW, b"".join(word.to_bytes(8, "little") for word in self.words))
        regs = dict(zip(_REGS, self.regs, strict=True)) | CONTROLS
        return State(regs, rip, self.flags, memory)


def vector(encoding: Encoding, rng: random.Random, target: int | None = None) -> Vector:
    """A random state for `encoding`; its memory operand is at `target`, or in the window."""
    random64, pick, below = rng.getrandbits, rng.choice, rng.random
    regs = [pick(BOUNDARIES) if below() < 0.6 else random64(64) for _ in _REGS]
    for _ in range(3):
        # Operands that are equal, opposite or complementary.
        value = regs[random64(4)]
        regs[random64(4)] = (value, -value & _MASK, ~value & _MASK, value + 1 & _MASK)[random64(2)]
    words = [pick(BOUNDARIES) if below() < 0.6 else random64(64) for _ in range(WORDS)]
    for reg, values in encoding.pins.items():
        regs[INDEX[reg]] = pick(values)
    place(encoding, regs, rng, target)
    if encoding.form.op is Op.CMPXCHG and below() < 0.5:
        _make_equal(encoding, regs, words)
    return Vector(tuple(regs), pick(FLAGS), tuple(words))


def address(encoding: Encoding, regs: list[int]) -> int | None:
    """Where the memory operand is; `pop` computes it behind what it pops."""
    memory = encoding.memory
    if memory is None:
        return None
    total = memory.disp
    if memory.rip:
        total += encoding.address + encoding.instr.length
    if memory.base is not None:
        total += regs[INDEX[memory.base]]
        total += 8 if encoding.form.op is Op.POP and memory.base is Reg.RSP else 0
    if memory.index is not None:
        total += regs[INDEX[memory.index]] * memory.scale
    return total & _MASK


def place(
    encoding: Encoding, regs: list[int], rng: random.Random, target: int | None = None
) -> bool:
    """Let the base point at the window or at `target`; whether there is a base that is free."""
    memory = encoding.memory
    if memory is None or memory.base is None:
        return False
    if memory.base in encoding.pins or memory.index is memory.base:
        return False
    if target is None:
        target = WINDOW + rng.randrange(WINDOW_BYTES - 8 + 1)
    regs[INDEX[memory.base]] = 0
    offset = address(encoding, regs)
    regs[INDEX[memory.base]] = (target - (offset or 0)) & _MASK
    return True


def _make_equal(encoding: Encoding, regs: list[int], words: list[int]) -> None:
    """Let the accumulator be what the destination holds, unless it is part of the address."""
    memory = encoding.memory
    size = encoding.form.width
    if memory is None:
        destination = encoding.instr.operands[0]
        if isinstance(destination, Reg):
            low = (1 << size) - 1
            regs[0] = regs[0] & ~low | regs[INDEX[destination]] & low
    elif Reg.RAX not in {memory.base, memory.index}:
        data = bytearray(b"".join(word.to_bytes(8, "little") for word in words))
        at = (address(encoding, regs) or 0) - WINDOW
        if 0 <= at <= len(data) - size // 8:
            data[at : at + size // 8] = regs[0].to_bytes(8, "little")[: size // 8]
            words[:] = [int.from_bytes(data[8 * k : 8 * k + 8], "little") for k in range(WORDS)]
