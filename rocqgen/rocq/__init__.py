# SPDX-License-Identifier: Apache-2.0
"""Everything that talks to the prover: toolchain, library, sessions, goals and assumptions."""

from __future__ import annotations
