# SPDX-License-Identifier: Apache-2.0
"""`coqc` on a file, watched."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from rocqgen.rocq.limits import (
    Cancelled,
    Limits,
    ProverDiedError,
    ProverMemoryError,
    ProverUnavailableError,
    describe_exit,
)
from rocqgen.rocq.process import TICK, limit_cpu, resident_mb

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

    from rocqgen.rocq.server import LoadPath

_REPORT = re.compile(
    r'^File "(?P<file>[^"]*)", line (?P<line>\d+), characters (?P<start>\d+)-\d+:\n(?=Error)',
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Compiled:
    """How `coqc` ended: without an error, or with ``message`` at a character of the text.

    ``timed_out`` tells that it was ended for its time; ``offset`` is None without a position.
    """

    message: str = ""
    offset: int | None = None
    timed_out: bool = False
    seconds: float = 0.0
    peak_mb: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the file was compiled."""
        return not self.message


@dataclass(frozen=True, slots=True)
class Coqc:
    """The batch compiler with its load paths and limits."""

    program: Path
    environ: Mapping[str, str]
    load_paths: tuple[LoadPath, ...]
    limits: Limits
    cancel: threading.Event

    def compile(self, file: Path) -> Compiled:
        """Compile ``file``; raises ProverError when it is killed, dies, or cannot be started."""
        code, out, errors, done = self._run(file)
        if done.timed_out or code == 0:
            return done
        text = file.read_text(encoding="utf-8")
        return Compiled(
            *_read_error(text, errors or out), seconds=done.seconds, peak_mb=done.peak_mb
        )

    def _run(self, file: Path) -> tuple[int, str, str, Compiled]:
        arguments = [str(self.program), "-q", "-noglob", "-w", "none"]
        for path in self.load_paths:
            arguments += ["-Q", str(path.folder), path.logical]
        began = time.monotonic()
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
            try:
                child = subprocess.Popen(
                    [*arguments, str(file)],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=errors,
                    env=dict(self.environ),
                    start_new_session=True,
                )
            except OSError as error:
                raise ProverUnavailableError(
                    f"{self.program} cannot be started: {error.strerror or error}"
                ) from error
            try:
                timed_out, peak = self._watch(child, began + self.limits.theory)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.wait()
            said, complaint = _contents(out), _contents(errors)
        seconds = time.monotonic() - began
        if timed_out:
            message = f"coqc was not done within the limit of {self.limits.theory:g} s"
            return -1, said, complaint, Compiled(message, None, True, seconds, peak)
        if child.returncode < 0:
            raise ProverDiedError(f"coqc {describe_exit(child.returncode)}")
        return child.returncode, said, complaint, Compiled(seconds=seconds, peak_mb=peak)

    def _watch(self, child: subprocess.Popen[bytes], deadline: float) -> tuple[bool, float]:
        """Wait for the end; whether it was the deadline, and the peak of memory in MB."""
        limit_cpu(child.pid, 2 * self.limits.theory + 60)
        peak = 0.0
        descriptor = os.pidfd_open(child.pid)
        try:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            while not poll.poll(TICK * 1000):
                if self.cancel.is_set():
                    raise Cancelled
                used = resident_mb(child.pid)
                peak = max(peak, used)
                if used > self.limits.memory:
                    raise ProverMemoryError(
                        f"coqc used more than {self.limits.memory} MB of memory"
                    )
                if time.monotonic() >= deadline:
                    return True, peak
        finally:
            os.close(descriptor)
        child.wait()
        return False, peak


def _contents(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode("utf-8", "replace")


def _read_error(text: str, said: str) -> tuple[str, int | None]:
    """The message of `coqc` without its ``File`` line, and the character of ``text`` meant."""
    found = list(_REPORT.finditer(said))
    if not found:
        return said.strip() or "coqc failed without a message", None
    last = found[-1]
    lines = text.split("\n")
    line = min(int(last["line"]), len(lines)) - 1
    before = lines[line].encode()[: int(last["start"])].decode("utf-8", "ignore")
    offset = sum(len(one) + 1 for one in lines[:line]) + len(before)
    message = said[last.end() :].removeprefix("Error:").strip()
    return message or "coqc failed without a message", offset
