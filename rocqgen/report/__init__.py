# SPDX-License-Identifier: Apache-2.0
"""Shows outcomes: a table for people, JSON for programs."""

from __future__ import annotations
