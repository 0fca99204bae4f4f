# SPDX-License-Identifier: Apache-2.0
"""How long the pre-check looks, and the version of its luck; apart, for whoever only compares."""

from __future__ import annotations

from typing import Final

STATES: Final = 50
"""States that are run unless something else is asked for."""

SECONDS: Final = 20.0
"""Time for one fragment; what was found until then counts."""

INSTRUCTIONS: Final = 20_000
"""Instructions of all runs behind which no more states are run: loops take their time."""

VERSION: Final = 7
"""Rises when the same seed gives other states."""
