# SPDX-License-Identifier: Apache-2.0
"""Keeps two processes from doing the same work in the same place."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rocqgen.userdirs import ensure_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@contextmanager
def locked(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[int]:
    """Hold an exclusive lock on the file ``path``, which is made and never removed.

    ``waiting`` is called once if somebody else holds it. Yields the file descriptor: the kernel
    drops the lock when its last copy is closed, however the process ends, so a child that is given
    the descriptor (``pass_fds``) keeps the lock for as long as it outlives its parent.
    """
    ensure_dir(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)
