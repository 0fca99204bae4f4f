# SPDX-License-Identifier: Apache-2.0
"""Checks theories, several at a time, and keeps an `Outcome` for each."""

from __future__ import annotations
