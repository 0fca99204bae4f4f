# SPDX-License-Identifier: Apache-2.0
"""The page-walk evaluator beside others: an emulator's MMU for agreement, two tools for speed."""

from __future__ import annotations
