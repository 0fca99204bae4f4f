# SPDX-License-Identifier: Apache-2.0
"""What a residual fact is about, as in `theories/auto/state.v`."""

from __future__ import annotations

from dataclasses import dataclass

from rocqgen.source.machine import Reg


@dataclass(frozen=True, slots=True)
class TInstr:
    """An address of the instruction at `offset`."""

    offset: int


@dataclass(frozen=True, slots=True)
class TRoot:
    """The space at the exit."""


@dataclass(frozen=True, slots=True)
class TReg:
    """A register of the postcondition."""

    reg: Reg


@dataclass(frozen=True, slots=True)
class TItem:
    """An item of the postcondition, from 0; code counts after the items."""

    n: int


@dataclass(frozen=True, slots=True)
class TFact:
    """A pure fact of the postcondition, from 0."""

    n: int


Tag = TInstr | TRoot | TReg | TItem | TFact
