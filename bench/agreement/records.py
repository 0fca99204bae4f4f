# SPDX-License-Identifier: Apache-2.0
"""Many states of one instruction in one run, on whatever executes x86-64.

A loop loads each state from a record, executes the instruction, and stores what became of the
state.  So a state takes microseconds, on an emulator and on a processor.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.agreement.layout import CODE, INPUT, OUTPUT, SCRATCH, WINDOW, WORDS
from bench.agreement.states import Vector, to_rflags
from rocqgen.source.assemble import assemble
from rocqgen.source.machine import GENERAL, Reg
from rocqgen.source.object import read_object

RECORD: Final = 8 * (WORDS + 1 + len(GENERAL))
"""Bytes of a record: the window, the flags, and the registers, the stack pointer last."""

_REGS: Final = GENERAL
_ORDER: Final = [*(reg for reg in GENERAL if reg is not Reg.RSP), Reg.RSP]
_PUT: Final = tuple(_REGS.index(reg) for reg in _ORDER)
_PICK: Final = tuple(_ORDER.index(reg) for reg in GENERAL)

# Scratch words: next input, end of the next output, how many, the stack pointer, the instruction,
# and the stack pointer of who entered.
_IN, _OUT, _COUNT, _RSP, _STUB, _HOST = (SCRATCH + 8 * k for k in range(6))
_KEPT: Final = "rbx rbp r12 r13 r14 r15".split()
_LOOP: Final = "\n".join(
    [
        f"loop: movq {_IN}, %rsp",
        *(f"popq {WINDOW + 8 * k}" for k in range(WORDS)),
        "popfq",
        *(f"popq %{reg.value}" for reg in _ORDER[:-1]),
        "movq (%rsp), %rsp",
        f"jmp *{_STUB}",
        f"back: movq %rsp, {_RSP}",
        f"movq {_OUT}, %rsp",
        f"pushq {_RSP}",
        *(f"pushq %{reg.value}" for reg in reversed(_ORDER[:-1])),
        "pushfq",
        *(f"pushq {WINDOW + 8 * k}" for k in reversed(range(WORDS))),
        f"addq ${RECORD}, {_IN}",
        f"addq ${RECORD}, {_OUT}",
        f"decq {_COUNT}",
        "jnz loop",
        f"end: movq {_HOST}, %rsp",
        *(f"popq %{name}" for name in reversed(_KEPT)),
        "ret",
        "enter:",
        *(f"pushq %{name}" for name in _KEPT),
        f"movq %rsp, {_HOST}",
        "jmp loop",
        "",
    ]
)


@dataclass(frozen=True, slots=True)
class After:
    """What became of a state; `fault` is where memory was missing, if it was."""

    regs: tuple[int, ...]
    rflags: int
    words: tuple[int, ...]
    rip: int | None = None
    fault: int | None = None


@dataclass(frozen=True, slots=True)
class Loop:
    """The loop at `CODE`; the addresses of its labels."""

    code: bytes
    back: int
    end: int
    enter: int

    def stub(self, at: int, data: bytes) -> bytes:
        """The instruction `data` at `at`, with a jump back behind it."""
        return data + b"\xe9" + struct.pack("<i", self.back - (at + len(data) + 5))


def build_loop() -> Loop:
    """Assemble it."""
    with tempfile.TemporaryDirectory(prefix="rocqgen-") as folder:
        path = Path(folder) / "loop.s"
        path.write_text(_LOOP, encoding="utf-8")
        code = read_object(assemble(str(path)), str(path))
    back, end, enter = (CODE + code.symbols[name].offset for name in ("back", "end", "enter"))
    return Loop(code.text, back, end, enter)


def scratch(stub: int, count: int) -> bytes:
    """The scratch words with which a run of `count` records begins."""
    return struct.pack("<5Q", INPUT, OUTPUT + RECORD, count, 0, stub)


def pack(vectors: Sequence[Vector]) -> bytes:
    """The records of states."""
    words: list[int] = []
    for one in vectors:
        regs = one.regs
        words += one.words
        words.append(to_rflags(one.flags))
        words += [regs[k] for k in _PUT]
    return struct.pack(f"<{len(words)}Q", *words)


def unpack(data: bytes | bytearray) -> list[After]:
    """What records say that states became."""
    found = struct.unpack(f"<{len(data) // 8}Q", data)
    return [_after(found[k : k + RECORD // 8]) for k in range(0, len(found), RECORD // 8)]


def _after(record: Sequence[int]) -> After:
    registers = record[WORDS + 1 :]
    return After(tuple([registers[k] for k in _PICK]), record[WORDS], tuple(record[:WORDS]))
