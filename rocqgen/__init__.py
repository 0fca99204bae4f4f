# SPDX-License-Identifier: Apache-2.0
"""Turns annotated x86-64 code that manages virtual memory into machine-checked Rocq theorems."""

from __future__ import annotations

__version__ = "0.1.0"
