# SPDX-License-Identifier: Apache-2.0
"""Results and flags of arithmetic in every width, as the SDM's vol. 2 defines them.

Operands and results are numbers from 0 to 2**width - 1.
"""

from __future__ import annotations

from collections.abc import Callable

from rocqgen.cpu.state import Flags
from rocqgen.source.machine import Op

Result = tuple[int, Flags]

_PARITY = tuple(number.bit_count() % 2 == 0 for number in range(256))


def signed(value: int, width: int) -> int:
    """`value` in two's complement."""
    return value - (1 << width) if value >> (width - 1) else value


def _flags(value: int, width: int, cf: bool | None, of: bool | None) -> Flags:
    return Flags(cf, _PARITY[value & 0xFF], value == 0, bool(value >> (width - 1)), of)


def add(a: int, b: int, carry: int, width: int) -> Result:
    """ADD, ADC, XADD."""
    total = a + b + carry
    value = total & ((1 << width) - 1)
    overflow = (~(a ^ b) & (a ^ value)) >> (width - 1) & 1
    return value, _flags(value, width, bool(total >> width), bool(overflow))


def sub(a: int, b: int, borrow: int, width: int) -> Result:
    """SUB, SBB, CMP, CMPXCHG, NEG (from 0)."""
    total = a - b - borrow
    value = total & ((1 << width) - 1)
    overflow = ((a ^ b) & (a ^ value)) >> (width - 1) & 1
    return value, _flags(value, width, total < 0, bool(overflow))


def logic(value: int, width: int) -> Result:
    """AND, OR, XOR, TEST."""
    return value, _flags(value, width, False, False)


def increment(a: int, delta: int, width: int, flags: Flags) -> Result:
    """INC and DEC (`delta` is 1 or -1), which keep CF."""
    value, new = add(a, 1, 0, width) if delta > 0 else sub(a, 1, 0, width)
    return value, new._replace(cf=flags.cf)


def imul(a: int, b: int, width: int) -> Result:
    """IMUL with two or three operands: SF, ZF and PF are undefined."""
    product = signed(a, width) * signed(b, width)
    value = product & ((1 << width) - 1)
    overflow = signed(value, width) != product
    return value, Flags(cf=overflow, of=overflow)


def count_of(count: int, width: int) -> int:
    """The count of a shift or a rotation that the processor uses."""
    return count & (63 if width == 64 else 31)


def shl(a: int, count: int, width: int, flags: Flags) -> Result:
    """SHL.  CF is undefined from a count of `width` on, OF for all counts but 1."""
    if count == 0:
        return a, flags
    value = (a << count) & ((1 << width) - 1)
    cf = bool(a >> (width - count) & 1) if count < width else None
    return value, _flags(value, width, cf, bool(value >> (width - 1)) != cf if count == 1 else None)


def shr(a: int, count: int, width: int, flags: Flags) -> Result:
    """SHR.  CF is undefined from a count of `width` on, OF for all counts but 1."""
    if count == 0:
        return a, flags
    value = a >> count
    cf = bool(a >> (count - 1) & 1) if count < width else None
    return value, _flags(value, width, cf, bool(a >> (width - 1)) if count == 1 else None)


def sar(a: int, count: int, width: int, flags: Flags) -> Result:
    """SAR.  CF is always defined, OF for a count of 1 alone."""
    if count == 0:
        return a, flags
    number = signed(a, width)
    value = (number >> count) & ((1 << width) - 1)
    return value, _flags(
        value, width, bool(number >> (count - 1) & 1), False if count == 1 else None
    )


def rol(a: int, count: int, width: int, flags: Flags) -> Result:
    """ROL: CF is the last bit moved, OF defined for a count of 1; the others stay."""
    if count == 0:
        return a, flags
    by = count % width
    value = (a << by | a >> (width - by)) & ((1 << width) - 1)
    cf = bool(value & 1)
    of = bool(value >> (width - 1)) != cf if count == 1 else None
    return value, flags._replace(cf=cf, of=of)


def ror(a: int, count: int, width: int, flags: Flags) -> Result:
    """ROR: CF is the last bit moved, OF defined for a count of 1; the others stay."""
    if count == 0:
        return a, flags
    by = count % width
    value = (a >> by | a << (width - by)) & ((1 << width) - 1)
    top = bool(value >> (width - 1))
    of = top != bool(value >> (width - 2) & 1) if count == 1 else None
    return value, flags._replace(cf=top, of=of)


SHIFTS: dict[Op, Callable[[int, int, int, Flags], Result]] = {
    Op.SHL: shl,
    Op.SHR: shr,
    Op.SAR: sar,
    Op.ROL: rol,
    Op.ROR: ror,
}


def bit_test(op: Op, a: int, index: int, width: int, flags: Flags) -> Result:
    """BT, BTS, BTR, BTC: CF is the bit, ZF stays, and SF, OF and PF are undefined."""
    bit = 1 << (index % width)
    new = Flags(cf=bool(a & bit), zf=flags.zf)
    match op:
        case Op.BTS:
            return a | bit, new
        case Op.BTR:
            return a & ~bit, new
        case Op.BTC:
            return a ^ bit, new
        case _:
            return a, new
