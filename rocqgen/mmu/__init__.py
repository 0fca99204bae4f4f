# SPDX-License-Identifier: Apache-2.0
"""The page-walk evaluator: translates addresses through tables in a memory image by a model."""

from __future__ import annotations

from rocqgen.mmu.memory import PhysicalMemory, SparseMemory
from rocqgen.mmu.outcome import EntryWrite, Faulted, Step, Unbacked, Walked
from rocqgen.mmu.walk import walk
from rocqgen.mmu.walker import Walker

__all__ = [
    "EntryWrite",
    "Faulted",
    "PhysicalMemory",
    "SparseMemory",
    "Step",
    "Unbacked",
    "Walked",
    "Walker",
    "walk",
]
