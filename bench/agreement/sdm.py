# SPDX-License-Identifier: Apache-2.0
"""Which flags an instruction leaves undefined, as its page of the SDM's vol. 2 says.

AF is not modelled and does not appear.  An operation that is missing here leaves none undefined.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rocqgen.source.machine import Op


@dataclass(frozen=True, slots=True)
class Row:
    """The operations of one page, and the flags that are undefined from a masked count on.

    `counts` are pairs (first count, undefined flags); a count of -1 stands for the operand's size.
    The last pair that applies decides.
    """

    page: str
    ops: tuple[Op, ...]
    counts: tuple[tuple[int, str], ...]


SIZE: Final = -1

ROWS: Final = (
    Row("IMUL, Flags Affected: SF, ZF, AF and PF", (Op.IMUL,), ((0, "pf zf sf"),)),
    Row("BT, Flags Affected: OF, SF, AF and PF", (Op.BT,), ((0, "pf sf of"),)),
    Row("BTS, Flags Affected: OF, SF, AF and PF", (Op.BTS,), ((0, "pf sf of"),)),
    Row("BTR, Flags Affected: OF, SF, AF and PF", (Op.BTR,), ((0, "pf sf of"),)),
    Row("BTC, Flags Affected: OF, SF, AF and PF", (Op.BTC,), ((0, "pf sf of"),)),
    Row(
        "SAL/SAR/SHL/SHR, Flags Affected: CF from the operand's size on, OF but for a count of 1",
        (Op.SHL, Op.SHR),
        ((0, ""), (2, "of"), (SIZE, "cf of")),
    ),
    Row(
        "SAL/SAR/SHL/SHR, Flags Affected: CF of SAR is defined, OF but for a count of 1",
        (Op.SAR,),
        ((0, ""), (2, "of")),
    ),
    Row(
        "RCL/RCR/ROL/ROR, Flags Affected: OF but for a count of 1, of the masked count",
        (Op.ROL, Op.ROR),
        ((0, ""), (2, "of")),
    ),
)

_BY_OP: Final = {op: row for row in ROWS for op in row.ops}


def undefined(op: Op, width: int, count: int) -> frozenset[str]:
    """The flags that are undefined after `op`; `count` is that of a shift, else anything."""
    row = _BY_OP.get(op)
    if row is None:
        return frozenset()
    masked = count & (0x3F if width == 64 else 0x1F) if len(row.counts) > 1 else 0
    flags = ""
    for first, names in row.counts:
        if masked >= (width if first == SIZE else first):
            flags = names
    return frozenset(flags.split())
