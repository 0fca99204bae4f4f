# SPDX-License-Identifier: Apache-2.0
"""Shares that are numbers."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from rocqgen.emit.symbolic import FDiv, FOne

if TYPE_CHECKING:
    from rocqgen.emit.symbolic import Share


def rational(share: Share) -> Fraction | None:
    """A share that is a number."""
    match share:
        case FOne():
            return Fraction(1)
        case FDiv(n, d):
            return Fraction(n, d)
        case _:
            return None


def share_of(value: Fraction) -> Share:
    """A number as a share."""
    return FOne() if value == 1 else FDiv(value.numerator, value.denominator)
