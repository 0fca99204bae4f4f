# SPDX-License-Identifier: Apache-2.0
"""Prints which instruction forms were compared with the emulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from bench.agreement.compare import Tally

TALLIES = pytest.StashKey[list["Tally"]]()


@pytest.fixture(scope="session")
def tallies(pytestconfig: pytest.Config) -> list[Tally]:
    """What was compared so far; the summary prints it."""
    return pytestconfig.stash.setdefault(TALLIES, [])


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    found = config.stash.get(TALLIES, [])
    if found:
        from bench.agreement.table import lines

        terminalreporter.section("instruction forms against the emulator")
        for line in lines(found):
            terminalreporter.write_line(line)
