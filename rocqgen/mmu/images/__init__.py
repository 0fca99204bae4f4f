# SPDX-License-Identifier: Apache-2.0
"""Reads images of physical memory, and what some of them tell of the machine, from files."""

from __future__ import annotations

from rocqgen.mmu.images.about import Cpu, Machine
from rocqgen.mmu.images.format import Format
from rocqgen.mmu.images.open import open_image
from rocqgen.mmu.images.segments import Image

__all__ = ["Cpu", "Format", "Image", "Machine", "open_image"]
