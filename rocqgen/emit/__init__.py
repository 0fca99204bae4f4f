# SPDX-License-Identifier: Apache-2.0
"""Renders a fragment as a Rocq theory that knows which assembly line each part stems from."""

from __future__ import annotations
