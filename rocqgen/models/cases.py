# SPDX-License-Identifier: Apache-2.0
"""Conditions over the bits of a word, as alternatives of the form `word & mask == value`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from rocqgen.models.bits import Bits, SpecError
from rocqgen.models.conditions import And, Constant, Field, Named, Not, Or, Term

_MOST = 256


@dataclass(frozen=True, slots=True, order=True)
class Match:
    """True of a word if `word & mask == value`."""

    mask: int
    value: int

    def of(self, word: int) -> bool:
        """Whether it is true of `word`."""
        return word & self.mask == self.value


Cases: TypeAlias = tuple[Match, ...]
"""One of the alternatives is true: `()` never, `(Match(0, 0),)` always."""

ALWAYS_CASES: Cases = (Match(0, 0),)


def matches(cases: Cases, word: int) -> bool:
    """Whether one of the alternatives is true of `word`."""
    return any(word & case.mask == case.value for case in cases)


def to_cases(term: Term) -> Cases:
    """The alternatives of a term without names; a `SpecError` if they are too many."""
    return _simplified(_cases(term, wanted=True))


def _cases(term: Term, *, wanted: bool) -> list[Match]:
    match term:
        case Constant(value):
            return [Match(0, 0)] if value == wanted else []
        case Field(bits, equals):
            return _field(bits, equals, wanted=wanted)
        case Not(of):
            return _cases(of, wanted=not wanted)
        case And(parts) if wanted:
            return _product(parts, wanted=wanted)
        case Or(parts) if not wanted:
            return _product(parts, wanted=wanted)
        case And(parts) | Or(parts):
            return _bounded([case for part in parts for case in _cases(part, wanted=wanted)])
        case Named(name):
            raise SpecError(f"unknown name `{name}`")


def _field(bits: Bits, equals: int | None, *, wanted: bool) -> list[Match]:
    if equals is None:
        if wanted:
            return [Match(1 << bit, 1 << bit) for bit in range(bits.low, bits.high + 1)]
        return [Match(bits.mask, 0)]
    value = bits.put(equals)
    if wanted:
        return [Match(bits.mask, value)]
    return [Match(1 << bit, ~value & (1 << bit)) for bit in range(bits.low, bits.high + 1)]


def _product(parts: tuple[Term, ...], *, wanted: bool) -> list[Match]:
    found = [Match(0, 0)]
    for part in parts:
        found = _bounded(
            [
                Match(a.mask | b.mask, a.value | b.value)
                for b in _cases(part, wanted=wanted)
                for a in found
                if (a.value ^ b.value) & a.mask & b.mask == 0
            ]
        )
    return found


def _bounded(cases: list[Match]) -> list[Match]:
    if len(cases) <= 8 * _MOST:
        kept = list(_simplified(cases))
        if len(kept) <= _MOST:
            return kept
    raise SpecError(
        "this condition has too many alternatives", expected=f"{_MOST} alternatives at most"
    )


def _simplified(cases: list[Match]) -> Cases:
    """Without alternatives that are true only where another one is."""
    kept: list[Match] = []
    for case in sorted(set(cases), key=lambda one: (one.mask.bit_count(), one)):
        if not any(case.mask & k.mask == k.mask and case.value & k.mask == k.value for k in kept):
            kept.append(case)
    return tuple(kept)
