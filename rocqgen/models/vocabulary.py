# SPDX-License-Identifier: Apache-2.0
"""The words that every memory model uses: accesses, privileges, rights, reasons of faults."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Access(IntEnum):
    """What is done at an address."""

    READ = 0
    WRITE = 1
    FETCH = 2

    @property
    def word(self) -> str:
        """As specs write it."""
        return self.name.lower()


class Privilege(IntEnum):
    """Who does it: user is CPL 3, U-mode, EL0; supervisor is CPL 0 to 2, S-mode, EL1."""

    SUPERVISOR = 0
    USER = 1

    @property
    def word(self) -> str:
        """As specs write it."""
        return self.name.lower()


class Right(StrEnum):
    """What the entries of a path may grant; what an access needs, `[allow]` says."""

    READ = "read"
    WRITE = "write"
    USER = "user"
    EXEC = "exec"
    USER_EXEC = "user-exec"

    @property
    def flag(self) -> int:
        """Its bit where rights are one number."""
        return 1 << RIGHTS.index(self)


RIGHTS = tuple(Right)
"""In the order of their bits: a set of rights is a number below 32."""
ALL_RIGHTS = (1 << len(RIGHTS)) - 1


class Reason(StrEnum):
    """Why a translation fails, in the order in which it is found out."""

    ROOT = "root"
    """The root register holds what may not be loaded into it."""
    NONCANONICAL = "noncanonical"
    """The upper bits of the address are not what they must be."""
    ABSENT = "absent"
    """An entry is not present."""
    RESERVED = "reserved"
    """A present entry has a reserved bit set, or a combination of bits that is reserved."""
    ADDRESS_SIZE = "address-size"
    """A present entry holds an address above the physical addresses that there are."""
    ACCESSED = "accessed"
    """The accessed bit is clear, and software sets it."""
    KEY = "key"
    """The page's protection key forbids the access."""
    PROTECTION = "protection"
    """The rights of the path do not allow the access."""
    DIRTY = "dirty"
    """A write, the dirty bit is clear, and software sets it."""


REASONS = tuple(Reason)


def rights_names(rights: int) -> tuple[str, ...]:
    """The rights in a number, by name."""
    return tuple(right.value for right in RIGHTS if rights & right.flag)
