# SPDX-License-Identifier: Apache-2.0
"""A prover's process and its two pipes, watched: time, memory, death, and a cancelled run.

The memory limit is enforced by reading the resident set from /proc, not by RLIMIT_AS: OCaml 5
reserves 256 MB of address space for domains that are never started, and maps the library besides,
so that address space says little.  A forked sertop is no child of ours; a pidfd tells its death all
the same, and signals through it can't reach another process that was given the same number.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import time
from typing import TYPE_CHECKING

from rocqgen.rocq.limits import (
    Cancelled,
    ProverDiedError,
    ProverMemoryError,
    describe_exit,
)

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

_PAGE = os.sysconf("SC_PAGE_SIZE")
TICK = 0.05
"""Seconds between two looks at memory and at the cancel flag."""


def resident_mb(pid: int) -> float:
    """Resident memory of a process in MB; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:  # noqa: PTH123 - read 20 times a second
            return int(file.read().split()[1]) * _PAGE / 1e6
    except (OSError, IndexError, ValueError):
        return 0.0


def limit_cpu(pid: int, seconds: float) -> None:
    """Let the kernel end the process after so much CPU time, should we be killed ourselves."""
    whole = max(1, int(seconds) + 1)
    with contextlib.suppress(OSError, ValueError):
        resource.prlimit(pid, resource.RLIMIT_CPU, (whole, whole + 5))


class Process:
    """One running prover with the pipes to speak to it."""

    def __init__(
        self,
        pid: int,
        to_prover: int,
        from_prover: int,
        *,
        reap: Callable[[], int | None] = lambda: None,
        memory: int,
        cancel: threading.Event,
    ) -> None:
        """Own the two file descriptors; ``reap`` gives the exit code where we are the parent."""
        self.pid = pid
        self.peak_mb = 0.0
        self._write_fd = to_prover
        self._read_fd = from_prover
        self._reap = reap
        self._memory = memory
        self._cancel = cancel
        self._buffer = bytearray()
        self._scanned = 0
        self._next_look = 0.0
        self._closed = False
        os.set_blocking(to_prover, False)
        os.set_blocking(from_prover, False)
        try:
            self._pidfd = os.pidfd_open(pid)
        except OSError as error:
            os.close(to_prover)
            os.close(from_prover)
            self._closed = True
            raise ProverDiedError(f"the prover {describe_exit(reap())}") from error

    def write(self, data: bytes, deadline: float) -> bool:
        """Send all of ``data``; False when the deadline passed before the prover had read it."""
        self._insist_open()
        view = memoryview(data)
        while view:
            self._look()
            if time.monotonic() >= deadline:
                return False
            if not self._wait(deadline, writing=True):
                continue
            try:
                view = view[os.write(self._write_fd, view) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise self._death() from error
        return True

    def read_message(self, deadline: float) -> bytes | None:
        """The next message, without its final NUL; None when the deadline passed before it came."""
        self._insist_open()
        while True:
            end = self._buffer.find(b"\0", self._scanned)
            if end >= 0:
                message = bytes(self._buffer[:end])
                del self._buffer[: end + 1]
                self._scanned = 0
                return message
            self._scanned = len(self._buffer)
            self._look()
            if time.monotonic() >= deadline:
                return None
            if self._wait(deadline, writing=False):
                try:
                    chunk = os.read(self._read_fd, 1 << 18)
                except BlockingIOError:
                    continue
                if not chunk:
                    raise self._death()
                self._buffer += chunk

    @property
    def closed(self) -> bool:
        """Whether the process was ended or found dead, and its number may be another's by now."""
        return self._closed

    def interrupt(self) -> None:
        """Send SIGINT, which the prover answers with the error ``Sys.Break``."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGINT)

    def close(self) -> None:
        """Kill the process and give back the pipes; does nothing the second time."""
        if not self._closed:
            self._release()
            self._reap()

    def _wait(self, deadline: float, *, writing: bool) -> bool:
        """Sleep until the pipe is ready or the next tick; raises ProverDiedError on a death."""
        poll = select.poll()
        descriptor = self._write_fd if writing else self._read_fd
        poll.register(descriptor, select.POLLOUT if writing else select.POLLIN)
        poll.register(self._pidfd, select.POLLIN)
        seconds = max(0.0, min(TICK, deadline - time.monotonic()))
        ready = dict(poll.poll(seconds * 1000))
        if descriptor in ready:
            return True
        if self._pidfd in ready:
            raise self._death()
        return False

    def _look(self) -> None:
        """Check the cancel flag and, now and then, the memory."""
        if self._cancel.is_set():
            raise Cancelled
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + TICK
        used = resident_mb(self.pid)
        self.peak_mb = max(self.peak_mb, used)
        if used > self._memory:
            self.close()
            raise ProverMemoryError(f"the prover used more than {self._memory} MB of memory")

    def _death(self) -> ProverDiedError:
        self._release()
        return ProverDiedError(f"the prover {describe_exit(self._reap())}")

    def _release(self) -> None:
        self._closed = True
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        for descriptor in (self._write_fd, self._read_fd, self._pidfd):
            os.close(descriptor)

    def _insist_open(self) -> None:
        if self._closed:
            raise ProverDiedError("the prover has been closed")
