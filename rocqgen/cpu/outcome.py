# SPDX-License-Identifier: Apache-2.0
"""What an instruction can come to, and the accesses to virtual memory that it makes.

It mirrors `result` of `theories/machine/paging.v`: a fault is what the processor reports; stuck is
where the model says nothing.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass


class Access(enum.Enum):
    """What an access is translated for.  The read half of a read-modify-write is a `WRITE`."""

    READ = "read"
    WRITE = "write"
    FETCH = "fetch"


@dataclass(frozen=True, slots=True)
class Ok:
    """The instruction is done, and the state is the next one."""


@dataclass(frozen=True, slots=True)
class PageFault:
    """#PF.  `code` is the error code (SDM vol. 3, 4.7) and `va` what `%cr2` gets."""

    code: int
    va: int


@dataclass(frozen=True, slots=True)
class GeneralProtection:
    """#GP, and #SS where the stack's address is not canonical."""


class Unmodelled(enum.Enum):
    """Why the model says nothing; the constructors of `unmodelled`."""

    UNBACKED_TABLE = "a page table that is not in memory"
    UNBACKED_MEMORY = "a physical address that is not in memory"
    NO_CODE = "a physical address where no instruction starts"
    SPLIT_CODE = "an instruction over two pages whose frames are not adjacent"
    NO_REGISTER = "a register without a value"
    BAD_OPERAND = "an operand that no encoding has"
    UNDEFINED_FLAG = "a flag that the manual leaves undefined"
    MODE_CHANGE = "a control register that would not agree with the constant mode"


@dataclass(frozen=True, slots=True)
class Stuck:
    """The model says nothing.  `at` is the address that it is about, if it is about one."""

    why: Unmodelled
    at: int | None = None


Fault = PageFault | GeneralProtection
Outcome = Ok | Fault | Stuck
OK = Ok()

Translate = Callable[[Access, int], int | Fault | Stuck]
"""Gives the physical address of one byte.  Within one instruction it is a function."""


@dataclass(frozen=True, slots=True)
class Accessed:
    """One access to memory: a read or a `write` of `value`, little-endian, at `va`.

    `access` is what it was translated for, `pas` the physical address of each byte.
    """

    write: bool
    access: Access
    va: int
    pas: tuple[int, ...]
    value: int
