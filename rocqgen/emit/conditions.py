# SPDX-License-Identifier: Apache-2.0
"""Prints the conditions of memory models as terms of `theories/machine/layout.v`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocqgen.models.conditions import And, Constant, Field, Named, Not, Or
from rocqgen.models.vocabulary import RIGHTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rocqgen.models.conditions import Term

_RIGHTS = {right.value: right.value.replace("-", "_") for right in RIGHTS}
_OR, _AND, _NOT = 0, 1, 2
"""How tightly the operators bind."""


def any_of(terms: Iterable[Term]) -> Term:
    """The condition that one of them holds."""
    return simplified(Or(tuple(terms)))


def simplified(term: Term) -> Term:
    """The term without constants inside, and without operators that have one part."""
    match term:
        case Not(of):
            inner = simplified(of)
            return Constant(not inner.value) if isinstance(inner, Constant) else Not(inner)
        case And(parts) | Or(parts):
            neutral = isinstance(term, And)
            rest = tuple(part for part in map(simplified, parts) if part != Constant(value=neutral))
            if Constant(value=not neutral) in rest:
                return Constant(value=not neutral)
            if not rest:
                return Constant(value=neutral)
            return rest[0] if len(rest) == 1 else type(term)(rest)
    return term


def condition(term: Term, outer: int = _OR) -> str:
    """A term of the library's type of conditions; names are rights, and else controls."""
    match term:
        case Constant(value):
            return "Always" if value else "Never"
        case Named(name):
            return _RIGHTS.get(name) or f"on {string(name)}"
        case Field(bits, None):
            return f"bit {bits.low}" if bits.width == 1 else f"any {bits.high} {bits.low}"
        case Field(bits, equals):
            return f"equal {bits.high} {bits.low} {equals}"
        case Not(of):
            return f"~~ {condition(of, _NOT)}"
        case And(parts):
            text = " && ".join(condition(part, _AND) for part in parts)
            return f"({text})" if outer > _AND else text
        case Or(parts):
            text = " || ".join(condition(part, _OR) for part in parts)
            return f"({text})" if outer > _OR else text


def string(text: str) -> str:
    """A string literal of Rocq, without what cannot be printed."""
    shown = "".join(char if char.isprintable() else "?" for char in text)
    return '"' + shown.replace('"', '""') + '"'
