# SPDX-License-Identifier: Apache-2.0
"""One run of ``coqc -time``: the seconds of each sentence, and the peak of memory."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rocqgen.rocq.library_build import FLAGS

if TYPE_CHECKING:
    from pathlib import Path

    from rocqgen.rocq.library import Library
    from rocqgen.rocq.toolchain import Toolchain

_LINE = re.compile(
    r"^Chars (?P<start>\d+) - (?P<end>\d+) .*? "
    r"(?P<wall>[\d.]+) secs \((?P<user>[\d.]+)u,(?P<system>[\d.]+)s\)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence and the seconds of processor time that it took, in steps of 0.001 s."""

    text: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Run:
    """A run of coqc.

    ``seconds`` are by the clock; ``peak_mb`` is the largest resident set, in 10^6 bytes. A run that
    failed or was ended for its time has a ``problem``.
    """

    sentences: tuple[Sentence, ...]
    seconds: float
    peak_mb: float
    problem: str = ""


def compile_file(file: Path, toolchain: Toolchain, library: Library, limit: float) -> Run:
    """Compile ``file``, for at most ``limit`` seconds by the clock."""
    output = file.with_suffix(".time")
    began = time.monotonic()
    with output.open("wb") as sink:
        child = subprocess.Popen(
            [toolchain.coqc, *FLAGS, "-noglob", "-time", *library.coqc_options, file],
            env=toolchain.environ(),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
        over = threading.Event()

        def end() -> None:
            over.set()
            os.kill(child.pid, signal.SIGKILL)

        timer = threading.Timer(limit, end)
        timer.start()
        try:
            # wait4, for the resources of just this child.
            _, status, used = os.wait4(child.pid, 0)
        except BaseException:
            child.kill()
            raise
        finally:
            timer.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - began
    said = output.read_text(encoding="utf-8", errors="replace")
    problem = ""
    if over.is_set():
        problem = f"not done in {limit:g} s"
    elif child.returncode != 0:
        problem = " ".join(said[said.rfind("Error") :].split())[:200] or f"coqc: {child.returncode}"
    sentences = _read(file.read_bytes(), said)
    return Run(sentences, seconds, used.ru_maxrss * 1024 / 1e6, problem)


def _read(source: bytes, said: str) -> tuple[Sentence, ...]:
    """The sentences with their times; coqc counts bytes."""
    return tuple(
        Sentence(
            source[int(one["start"]) : int(one["end"])].decode("utf-8", "replace"),
            float(one["user"]) + float(one["system"]),
        )
        for one in _LINE.finditer(said)
    )
