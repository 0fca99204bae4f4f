# SPDX-License-Identifier: Apache-2.0
"""Renders a fragment as a Rocq theory that knows which assembly line each part stems from."""

from __future__ import annotations

from rocqgen.emit.heading import heading
from rocqgen.emit.render import emit_theory
from rocqgen.emit.theory import Mark, Role, Step, Theory

__all__ = ["Mark", "Role", "Step", "Theory", "emit_theory", "heading"]
