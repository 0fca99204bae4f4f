# SPDX-License-Identifier: Apache-2.0
"""What a prover may use, and the ways in which it fails to answer."""

from __future__ import annotations

import signal
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one prover process.

    ``sentence`` and ``theory`` are seconds of wall-clock time, for one sentence and for a whole
    file; ``memory`` is resident memory in MB, of which the loaded library is a part.
    """

    sentence: float = 120.0
    theory: float = 300.0
    memory: int = 4096


class ProverError(Exception):
    """The prover gave no answer; the process is of no further use."""


class ProverDiedError(ProverError):
    """The process ended by itself or was killed by somebody else."""


class ProverHungError(ProverError):
    """The process went over its time and did not heed an interrupt."""


class ProverMemoryError(ProverError):
    """The process went over the limit of memory and was killed."""


class ProverUnavailableError(ProverError):
    """No prover can be started at all."""


class Cancelled(Exception):  # noqa: N818 - not an error: the user asked for it
    """The run was ended by the user while the prover was at work."""


def describe_exit(code: int | None) -> str:
    """How a process ended, in words that follow 'the prover'; None: nobody knows."""
    if code is None:
        return "ended unexpectedly"
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    if -code == signal.SIGKILL:
        return f"was killed ({name}), perhaps by the system for want of memory"
    return f"was killed ({name})"
