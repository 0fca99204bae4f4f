# SPDX-License-Identifier: Apache-2.0
"""A sertop that has loaded the library once and is cloned for each theory.

SerAPI's ``Fork`` copies the whole process, copy-on-write, and moves the copy's conversation to two
FIFOs that it makes itself.  So a theory starts from the loaded library in milliseconds, and
whatever becomes of its prover leaves the others alone.  The parent never checks anything else.
Where forking doesn't work, each theory gets a process of its own that loads the library anew.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from rocqgen.rocq.limits import (
    Cancelled,
    Limits,
    ProverDiedError,
    ProverError,
    ProverUnavailableError,
)
from rocqgen.rocq.process import Process, limit_cpu
from rocqgen.rocq.session import Session
from rocqgen.rocq.sexp import Symbol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

_START_SECONDS = 30.0
_FORK_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class LoadPath:
    """A folder of compiled theories and the logical name of its root."""

    folder: Path
    logical: str


class Server:
    """Makes sessions in which the library is loaded; safe to share between threads.

    ``preload`` are sentences such as ``From rocqgen.auto Require tactics.``; one that fails is left
    for the theory that wants it to report.  ``load_seconds`` and ``can_fork`` tell what was found.
    """

    def __init__(
        self,
        sertop: Path,
        environ: Mapping[str, str],
        load_paths: tuple[LoadPath, ...] = (),
        preload: tuple[str, ...] = (),
        *,
        limits: Limits | None = None,
        cancel: threading.Event | None = None,
    ) -> None:
        """Nothing is started before the first session is asked for."""
        self.load_seconds = 0.0
        self.can_fork = True
        self.starts = 0
        self._sertop = sertop
        self._environ = dict(environ)
        self._load_paths = load_paths
        self._preload = preload
        self._limits = limits or Limits()
        self._cancel = cancel or threading.Event()
        self._lock = threading.Lock()
        self._parent: Session | None = None
        self._folder: Path | None = None
        self._numbers = itertools.count()
        self._sessions: weakref.WeakSet[Session] = weakref.WeakSet()

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
        """End the parent and every session, and remove the FIFOs; their owners must be done."""
        with self._lock:
            self._stop()
            for session in list(self._sessions):
                session.close()
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder = None

    def session(self) -> Session:
        """A fresh session with the library loaded; ProverUnavailableError when none can be had.

        A parent that has died, or is killed while it forks, is started again once.
        """
        with self._lock:
            for attempt in (1, 2):
                try:
                    return self._session()
                except ProverError as error:
                    self._stop()
                    if attempt == 2:
                        raise ProverUnavailableError(
                            f"no prover can be started: {error}"
                        ) from error
        raise AssertionError

    def _session(self) -> Session:
        if not self.can_fork:
            return self._start()
        if self._parent is None:
            self._parent = self._start()
        forked = self._fork(self._parent)
        if forked is not None:
            return forked
        self.can_fork = False
        session, self._parent = self._parent, None
        return session

    def _start(self) -> Session:
        """Start a sertop of its own process group and load the library."""
        began = time.monotonic()
        arguments = [str(self._sertop), "--printer=sertop", "--print0"]
        for path in self._load_paths:
            arguments += ["-Q", f"{path.folder},{path.logical}"]
        try:
            child = subprocess.Popen(
                arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=self._environ,
                start_new_session=True,
                bufsize=0,
            )
        except OSError as error:
            raise ProverUnavailableError(
                f"{self._sertop} cannot be started: {error.strerror or error}"
            ) from error
        assert child.stdin is not None  # noqa: S101 - Popen's promise for PIPE
        assert child.stdout is not None  # noqa: S101
        pipes = os.dup(child.stdin.fileno()), os.dup(child.stdout.fileno())
        child.stdin.close()
        child.stdout.close()
        session = self._watch(child.pid, *pipes, reap=_reaper(child))
        self.starts += 1
        try:
            session.command(Symbol("Noop"), _START_SECONDS)
            for sentence in self._preload:
                self._load(session, sentence)
        except (ProverError, Cancelled):
            session.close()
            raise
        self.load_seconds = time.monotonic() - began
        return session

    def _load(self, session: Session, sentence: str) -> None:
        added, error, _ = session.add(sentence, self._limits.theory)
        if error is None and added:
            error, _ = session.execute(added[-1].sid, self._limits.theory)
        if error is not None and added:
            session.cancel(added[0].sid)

    def _fork(self, parent: Session) -> Session | None:
        """Clone the parent; None when the clone doesn't speak."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="rocqgen-"))
        number = next(self._numbers)
        fifos = self._folder / f"in{number}", self._folder / f"out{number}"
        command = (
            Symbol("Fork"),
            (Symbol("fifo_in"), str(fifos[0])),
            (Symbol("fifo_out"), str(fifos[1])),
        )
        deadline = time.monotonic() + _FORK_SECONDS
        reply = parent.raw(command, "Forked", _FORK_SECONDS)
        pid = int(str(reply[1]))
        opened: list[int] = []
        try:
            for fifo, flags in zip(fifos, (os.O_WRONLY, os.O_RDONLY), strict=True):
                descriptor = self._open_fifo(fifo, flags, pid, deadline)
                if descriptor is None:
                    break
                opened.append(descriptor)
            else:
                to_prover, from_prover = opened
                opened = []
                session = self._watch(pid, to_prover, from_prover)
                session.command(Symbol("Noop"), _FORK_SECONDS)
                pid = 0
                return session
        finally:
            for descriptor in opened:
                os.close(descriptor)
            if pid:  # it would wait for its FIFO for ever
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for fifo in fifos:
                fifo.unlink(missing_ok=True)
        return None

    def _open_fifo(self, fifo: Path, flags: int, pid: int, deadline: float) -> int | None:
        """Open a FIFO that the clone is about to make, without ever blocking on it."""
        while time.monotonic() < deadline:
            if self._cancel.is_set():
                raise Cancelled
            try:
                return os.open(fifo, flags | os.O_NONBLOCK | os.O_CLOEXEC)
            except FileNotFoundError:
                pass  # not made yet
            except OSError:
                pass  # ENXIO: made, but not opened at the other end yet
            if not Path(f"/proc/{pid}").exists():
                raise ProverDiedError("the prover's clone ended unexpectedly")
            time.sleep(0.001)
        return None

    def _watch(
        self,
        pid: int,
        to_prover: int,
        from_prover: int,
        reap: Callable[[], int | None] = lambda: None,
    ) -> Session:
        # An interrupted prover has its grace; the kernel's limit is for when nobody else is left.
        limit_cpu(pid, 2 * self._limits.theory + 60)
        process = Process(
            pid,
            to_prover,
            from_prover,
            reap=reap,
            memory=self._limits.memory,
            cancel=self._cancel,
        )
        session = Session(process)
        self._sessions.add(session)
        return session

    def _stop(self) -> None:
        """End the parent, and with it every clone of its process group, known or not: one may have
        been made of which we have not heard."""
        if self._parent is not None:
            if not self._parent.process.closed:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._parent.process.pid, signal.SIGKILL)
            self._parent.close()
            self._parent = None


def _reaper(child: subprocess.Popen[bytes]) -> Callable[[], int | None]:
    def reap() -> int | None:
        try:
            return child.wait(5)
        except subprocess.TimeoutExpired:
            return None

    return reap
