# SPDX-License-Identifier: Apache-2.0
"""The command line: one module per command, each with ``register`` and ``run``."""

from __future__ import annotations

from rocqgen.cli.main import main

__all__ = ["main"]
