# SPDX-License-Identifier: Apache-2.0
"""How long work tells what it is doing; the bar itself is drawn in ``rocqgen/cli/``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called as ``progress(step, done, total)``; ``total`` 0 means that the end is not known.

``step`` is a short phrase ("unpacking"); a new phrase starts a new step. Within a step the unit is
the same throughout, and ``done`` never falls. Calls come from the thread that started the work.
"""


def silent(_step: str, _done: int, _total: int) -> None:
    """Show nothing."""
