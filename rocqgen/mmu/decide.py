# SPDX-License-Identifier: Apache-2.0
"""How an access ends once its leaf is known, for every combination of rights and keys at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from rocqgen.mmu.entries import reason_number
from rocqgen.models.vocabulary import ALL_RIGHTS, REASONS, Access, Reason

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rocqgen.models.resolve import Rules
    from rocqgen.models.vocabulary import Privilege

KEY: Final = 6
"""An index of the table of decisions: 5 bits of rights, 1 of `CLEAN`, and from here on the key."""


def decisions(rules: Rules, access: Access, privilege: Privilege, keys: int) -> NDArray[np.uint8]:
    """For rights, a clean leaf or not, and its key: the number of the reason to fault, or 0.

    ``keys`` is the register of protection keys. The shape is ``(64 * number of keys,)``.
    """
    width = 0 if rules.keys is None else rules.keys.width
    index = np.arange(1 << (KEY + width))
    rights = index & ALL_RIGHTS
    found = np.zeros(index.shape, dtype=np.uint8)
    if access is Access.WRITE and rules.dirty is not None and not rules.dirty_by_hardware:
        found[index >> 5 & 1 == 1] = reason_number(Reason.DIRTY)
    allowed = np.array([rules.allow[privilege][access] >> one & 1 for one in range(32)])
    found[allowed[rights] == 0] = reason_number(Reason.PROTECTION)
    if rules.keys is not None:
        states = np.array([keys >> 2 * key & 3 for key in range(1 << width)])
        truths = rules.key_forbids[privilege][access]
        forbids = np.array([[one >> right & 1 for right in range(32)] for one in truths])
        found[forbids[states[index >> KEY], rights] == 1] = reason_number(Reason.KEY)
    return found


def fault_codes(rules: Rules, access: Access, privilege: Privilege) -> NDArray[np.uint64]:
    """The architecture's code by the number of the reason and the number of the level."""
    codes = np.zeros((1 + len(REASONS), len(rules.levels)), dtype=np.uint64)
    for reason in REASONS:
        for level in range(len(rules.levels)):
            codes[reason_number(reason), level] = rules.fault(reason, access, privilege, level).code
    return codes
