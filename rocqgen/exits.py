# SPDX-License-Identifier: Apache-2.0
"""What the process says with its exit code."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The six exit codes of every ``rocqgen`` command; they are pytest's, in the same order."""

    OK = 0
    """Everything that was asked for was proved or done."""
    FAILED = 1
    """Something was not proved, or used an axiom that is not on the allow-list."""
    INTERRUPTED = 2
    """Ended by the user; the results so far are kept."""
    INTERNAL = 3
    """A defect in rocqgen, or no prover that works: nothing could be checked."""
    USAGE = 4
    """The command line or an input file is wrong."""
    NOTHING_FOUND = 5
    """No fragment was found in what was given."""
