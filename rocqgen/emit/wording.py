# SPDX-License-Identifier: Apache-2.0
"""Says what the engine knows in the words of the annotation, for messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rocqgen.emit.normal import Alu, EAdd, ECst, EOp, ESel, EVar
from rocqgen.emit.symbolic import FDiv, FOne

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rocqgen.emit.normal import Term
    from rocqgen.emit.symbolic import Region, Share

_SIGNS = {
    Alu.ADD: "+",
    Alu.SUB: "-",
    Alu.AND: "&",
    Alu.OR: "|",
    Alu.XOR: "^",
    Alu.SHL: "<<",
    Alu.SHR: ">>",
}
_SMALL = 64


@dataclass(frozen=True, slots=True)
class Wording:
    """Words by the names of their variables; what has none is `?`."""

    names: Mapping[int, str] = field(default_factory=dict)
    arrays: Mapping[int, str] = field(default_factory=dict)

    def term(self, term: Term) -> str:
        """A word, with parentheses around what is composed inside."""
        match term:
            case EVar(x):
                return self.names.get(x, "?")
            case ECst(z):
                return str(z) if z < _SMALL else hex(z)
            case EAdd(inner, z):
                sign = "+" if z > 0 else "-"
                return f"{self._inner(inner)} {sign} {self.term(ECst(abs(z)))}"
            case EOp(op, a, b):
                sign = _SIGNS.get(op, op.name.lower())
                return f"{self._inner(a)} {sign} {self._inner(b)}"
            case ESel(x, i):
                return f"{self.arrays.get(x, '?')}[{self.term(i)}]"
            case _:
                return "?"

    def _inner(self, term: Term) -> str:
        text = self.term(term)
        return text if isinstance(term, EVar | ECst) else f"({text})"

    def region(self, region: Region | None) -> str:
        """A page of a space."""
        if region is None:
            return "all"
        level = {12: "", 21: " level 2m", 30: " level 1g"}.get(
            region.shift, f" (2^{region.shift} bytes)"
        )
        return f"{self.term(region.va)} in {self.term(region.root)}{level}"

    def share(self, share: Share) -> str:
        """A share in braces, or nothing for the whole."""
        match share:
            case FOne():
                return ""
            case FDiv(n, d):
                return f"{{{n}/{d}}}" if d > 1 else f"{{{n}}}"
            case _:
                return "{..}"
