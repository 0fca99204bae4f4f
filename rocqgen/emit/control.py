# SPDX-License-Identifier: Apache-2.0
"""Moves to and from `%cr0` and `%cr4`: a mirror of `theories/auto/control.v`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rocqgen.cpu.control import CR0_FREE, CR4_FREE
from rocqgen.emit.cells import owe
from rocqgen.emit.normal import Alu, ECst, mk_and, mk_op
from rocqgen.source.machine import Reg
from rocqgen.source.spec import Rel

if TYPE_CHECKING:
    from rocqgen.emit.normal import Term
    from rocqgen.emit.symbolic import Fact

_ALL: Final = (1 << 64) - 1
_FIXED: Final = {Reg.CR0: (0x8001_0001, 0x8001_0001), Reg.CR4: (0x1F2_00A0, 0x30_0020)}
"""The bits that the platform fixes, and their values: PG, WP and PE; SMAP, SMEP and PAE."""
_FREE: Final = {Reg.CR0: CR0_FREE, Reg.CR4: CR4_FREE}


def control_facts(control: Reg, value: Term) -> list[Fact]:
    """That a control register's value is one of the platform's."""
    bits, wanted = _FIXED[control]
    return owe(Rel.EQ, mk_and(value, ECst(bits)), ECst(wanted))


def kept_facts(control: Reg, old: Term, value: Term) -> list[Fact]:
    """That no bit changes but those that code may change."""
    changed = mk_op(Alu.XOR, value, old)
    return owe(Rel.EQ, mk_and(changed, ECst(_ALL & ~_FREE[control])), ECst(0))
