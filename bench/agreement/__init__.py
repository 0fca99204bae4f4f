# SPDX-License-Identifier: Apache-2.0
"""The interpreter and the decoder against unicorn, an emulator that others wrote."""

from __future__ import annotations
