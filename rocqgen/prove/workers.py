# SPDX-License-Identifier: Apache-2.0
"""A function of many values, in several processes at once.

For work in Python itself, which threads would do one after the other: the check of a fragment on
concrete states, and the text of its theory.
"""

from __future__ import annotations

import multiprocessing
import signal
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

A = TypeVar("A")
B = TypeVar("B")

_FEW = 8
"""For fewer values, starting processes takes longer than it saves."""

_PRELOAD = ["rocqgen.check.closing", "rocqgen.check.search", "rocqgen.emit"]


def mapped(function: Callable[[A], B], values: Sequence[A], jobs: int) -> Generator[B, None, None]:
    """The results in order, each as soon as it and those before it are there.

    `function` is one that another process can import.  When the iteration ends early, by Ctrl-C or
    otherwise, what was not begun is dropped, and what was begun is ended.
    """
    if jobs < 2 or len(values) < _FEW:
        yield from map(function, values)
        return
    # Copies of a process that has imported what takes long, and not of this one, which may have
    # threads: what they hold would be held for ever in a copy.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOAD)
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_leave_interrupts)
    try:
        yield from pool.map(function, values)
    except BaseException:
        for process in list(pool._processes.values()):  # noqa: SLF001 - there is no other way
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _leave_interrupts() -> None:
    """Ctrl-C reaches all processes of a terminal; the first one ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
