# SPDX-License-Identifier: Apache-2.0
"""Walks of many addresses at once.

Two engines give the same results: NumPy goes down level by level with all addresses together, and
numba, where it is installed (the extra ``fast``), compiles the walk of one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from rocqgen.errors import UserError
from rocqgen.mmu.entries import reason_number
from rocqgen.mmu.flat import flatten
from rocqgen.models.vocabulary import REASONS, Access, Privilege, Reason

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rocqgen.mmu.memory import PhysicalMemory
    from rocqgen.models.resolve import Rules

Engine = Literal["auto", "numpy", "numba"]

UNBACKED: Final = 255
"""Stands for a reason where a table is not in the memory image: nothing is known then."""
_MANY: Final = 256
"""From so many addresses on, it pays to have the memory as one array."""
_COPIED: Final = 1 << 12
"""Bytes of memory that are copied for one address more: a page takes no longer than a walk or two
that are not by array."""
NO_LEAF: Final = 255
"""Stands for a shift where the walk found no leaf."""


@dataclass(frozen=True, slots=True)
class Walks:
    """How each access ended: arrays of one shape, that of the addresses.

    ``pa`` is the physical address where ``ok``, else 0. ``reason`` is 0 where ``ok``, else the
    number of a `Reason` or `UNBACKED`; ``code`` is the fault's code as the architecture defines it.
    ``level`` is the number of the level where the walk ended, 0 at the root. ``rights`` are those
    of the path, combined; ``shift`` says the size of the leaf, ``2 ** shift``. Where there was no
    leaf, ``rights`` is 0 and ``shift`` is `NO_LEAF`.
    """

    pa: NDArray[np.uint64]
    reason: NDArray[np.uint8]
    code: NDArray[np.uint64]
    level: NDArray[np.uint8]
    rights: NDArray[np.uint8]
    shift: NDArray[np.uint8]

    @property
    def ok(self) -> NDArray[np.bool_]:
        """Which accesses are let through."""
        ok: NDArray[np.bool_] = self.reason == 0
        return ok

    def reason_of(self, index: int) -> Reason | None:
        """Why one access faults; None where it does not, or where nothing is known."""
        number = int(self.reason.flat[index])
        return None if number in {0, UNBACKED} else REASONS[number - 1]


def walk_many(
    rules: Rules,
    memory: PhysicalMemory,
    root: int,
    addresses: NDArray[np.uint64],
    access: Access = Access.READ,
    privilege: Privilege = Privilege.SUPERVISOR,
    *,
    keys: int = 0,
    engine: Engine = "auto",
) -> Walks:
    """Translate virtual addresses as the access of this kind at each of them would.

    ``root`` is the root register's value, ``keys`` that of the register of protection keys. The
    engine `auto` is numba where it is installed and can read ``memory``, else NumPy. `UserError` if
    an address has more bits than a pointer.
    """
    from rocqgen.mmu import bulk_numba, bulk_numpy  # noqa: PLC0415 - they use what is defined here

    flat = np.ascontiguousarray(addresses, dtype=np.uint64).ravel()
    pointer = rules.model.address.pointer
    if pointer < 64 and (too_long := flat >> np.uint64(pointer) != 0).any():
        raise UserError(f"the address {flat[too_long][0]:#x} does not fit in {pointer} bits")
    problem = _root_problem(rules, root)
    if problem is not None:
        walks = _all_fault(len(flat), rules, problem, access, privilege)
    else:
        words = None
        if len(flat) >= _MANY:
            words = flatten(memory, rules.entry_bytes, _COPIED * len(flat))
        if engine != "numpy" and words is not None and bulk_numba.can_walk(rules):
            walks = bulk_numba.walk(rules, words, root, flat, access, privilege, keys)
        else:
            walks = bulk_numpy.walk(rules, words or memory, root, flat, access, privilege, keys)
    if addresses.shape == flat.shape:
        return walks
    return Walks(*(column.reshape(addresses.shape) for column in columns(walks)))


def columns(walks: Walks) -> tuple[NDArray[Any], ...]:
    """The columns in the order of the fields."""
    return walks.pa, walks.reason, walks.code, walks.level, walks.rights, walks.shift


def empty(size: int) -> Walks:
    """Columns to be filled; no leaf found yet.

    They lie in one piece of memory, which the system then gives in large pages: with a million
    addresses, to touch pages of 4 KiB for the first time takes a quarter of the whole walk.
    """
    memory = np.zeros(20 * size, dtype=np.uint8)
    long, short = memory[: 16 * size].view(np.uint64), memory[16 * size :]
    pa, code = long[:size], long[size:]
    reason, level, rights, shift = (short[begin * size :][:size] for begin in range(4))
    shift[:] = NO_LEAF
    return Walks(pa, reason, code, level, rights, shift)


def _root_problem(rules: Rules, root: int) -> Reason | None:
    """Why nothing can be translated with this value of the root register."""
    if rules.root_problem(root) is not None:
        return Reason.ROOT
    table = rules.model.root.address.get(root)
    if rules.above_reason is not None and table >> rules.max_physical:
        return Reason.ROOT if rules.above_reason is Reason.RESERVED else rules.above_reason
    return None


def _all_fault(
    size: int, rules: Rules, reason: Reason, access: Access, privilege: Privilege
) -> Walks:
    walks = empty(size)
    walks.reason[:] = reason_number(reason)
    walks.code[:] = rules.fault(reason, access, privilege, 0).code
    return walks
