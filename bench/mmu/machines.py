# SPDX-License-Identifier: Apache-2.0
"""Which processor of unicorn's, besides the x86 one, knows which model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench.mmu.arm import Arm
from bench.mmu.riscv import RiscV

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.mmu.others import Machine

MACHINES: Final[dict[str, Callable[[], Machine]]] = {
    "riscv-sv39": RiscV,
    "riscv-sv48": RiscV,
    "riscv-sv57": RiscV,
    "aarch64-4k": Arm,
}
"""By the model's name."""
