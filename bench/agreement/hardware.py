# SPDX-License-Identifier: Apache-2.0
"""The processor that this runs on, as a second oracle for what needs no privilege.

It decides where the emulator is wrong.  The instructions run in a process of their own, at the
addresses that they have in the emulator: `python -m bench.agreement.hardware` is that process.
"""

from __future__ import annotations

import ctypes
import mmap
import platform
import signal
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from bench.agreement.layout import (
    CODE,
    CODE_BYTES,
    DATA,
    DATA_END,
    INPUT,
    OUTPUT,
    RECORDS_BYTES,
    SCRATCH,
    STUBS,
    STUBS_BYTES,
)
from bench.agreement.records import RECORD, After, build_loop, pack, scratch, unpack
from bench.agreement.states import Vector

_NO_REPLACE: Final = 0x100000  # MAP_FIXED_NOREPLACE of <linux/mman.h>
_HEADER: Final = struct.Struct("<4Q")  # address, bytes of the instruction, states, their bytes


def available() -> bool:
    """Whether the instructions can run here."""
    return sys.platform == "linux" and platform.machine() == "x86_64"


class Hardware:
    """The processor, behind a process that may be lost."""

    def __init__(self) -> None:
        root = Path(__file__).parents[2]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.agreement.hardware"],
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        stdin, stdout = self._pipes()
        stdin.close()
        self._process.wait(timeout=10)
        stdout.close()

    def batch(self, at: int, data: bytes, vectors: Sequence[Vector]) -> list[After]:
        """Run the instruction `data` at `at` on each of the states."""
        records = pack(vectors)
        stdin, stdout = self._pipes()
        stdin.write(_HEADER.pack(at, len(data), len(vectors), len(records)) + data + records)
        stdin.flush()
        found = stdout.read(len(records))
        if len(found) != len(records):
            raise RuntimeError(f"the processor did not survive {data.hex(' ')}")
        return unpack(found)

    def _pipes(self) -> tuple[BinaryIO, BinaryIO]:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the process has no pipes")
        return stdin, stdout  # type: ignore[return-value]  # buffered, as no buffering was refused


def _map(start: int, size: int) -> None:
    """Map memory that can be executed at exactly this address."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [
        *(ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int),
        *(ctypes.c_int, ctypes.c_int, ctypes.c_long),
    ]
    rights = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NO_REPLACE
    if libc.mmap(start, size, rights, flags, -1, 0) != start:
        raise OSError(ctypes.get_errno(), f"no memory at {start:#x}")


def main() -> None:
    """Serve batches from the standard input until it ends."""
    for start, size in (
        (SCRATCH, 0x1000),
        (DATA, DATA_END - DATA),
        (CODE, CODE_BYTES),
        (STUBS, STUBS_BYTES),
        (INPUT, RECORDS_BYTES),
        (OUTPUT, RECORDS_BYTES),
    ):
        _map(start, size)
    loop = build_loop()
    ctypes.memmove(CODE, loop.code, len(loop.code))
    enter = ctypes.CFUNCTYPE(None)(loop.enter)
    # The stack pointer is under test, too: no handler may run on it.
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    while header := stdin.read(_HEADER.size):
        at, length, count, size = _HEADER.unpack(header)
        stub = loop.stub(at, stdin.read(length))
        records = stdin.read(size)
        ctypes.memmove(at, stub, len(stub))
        ctypes.memmove(INPUT, records, size)
        words = scratch(at, count)
        ctypes.memmove(SCRATCH, words, len(words))
        enter()
        stdout.write(ctypes.string_at(OUTPUT, RECORD * count))
        stdout.flush()


if __name__ == "__main__":
    main()
