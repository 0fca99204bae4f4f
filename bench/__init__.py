# SPDX-License-Identifier: Apache-2.0
"""Measures what rocqgen costs: the engine beside a proof-mode script, the library, the examples."""

from __future__ import annotations
