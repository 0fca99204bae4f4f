# SPDX-License-Identifier: Apache-2.0
"""Words as fields side by side: what masks, shifts by constants and `|` make of other words.

A slice of a word has `width` bits from `to` on, which are those of another word from `low` on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rocqgen.emit.normal import WORD, WORD_BITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Key = tuple[object, ...]
"""Names a word that is not looked into; the constant 1 is ()."""
Linear = dict[Key, int]
"""Coefficients of atoms; the constant is that of the atom ()."""

FIELD = "field"
"""The atom `(FIELD, key, low, width)` is that part of the word `key`."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Bits `low` to `low + width` of the word `key`, at the place `to`."""

    to: int
    width: int
    key: Key
    low: int

    @property
    def mask(self) -> int:
        """The bits that it may set."""
        return ((1 << self.width) - 1) << self.to


@dataclass(frozen=True, slots=True)
class Known:
    """Bits of a word that are known: those in `mask` are as in `value`."""

    mask: int = 0
    value: int = 0


@dataclass(frozen=True, slots=True)
class Fields:
    """A constant and slices, which have no place in common."""

    constant: int
    slices: tuple[Slice, ...]

    @property
    def mask(self) -> int:
        """The bits that may be set."""
        total = self.constant
        for one in self.slices:
            total |= one.mask
        return total

    def masked(self, mask: int) -> Fields:
        """The conjunction with a constant."""
        kept: list[Slice] = []
        for one in self.slices:
            kept += _cut(one, mask)
        return Fields(self.constant & mask, tuple(kept))

    def shifted(self, count: int) -> Fields:
        """Shifted to the left, or by a negative count to the right, without what falls out."""
        constant = (self.constant << count) % WORD if count >= 0 else self.constant >> -count
        moved: list[Slice] = []
        for one in self.slices:
            low, high = max(0, one.to + count), min(WORD_BITS, one.to + count + one.width)
            if low < high:
                moved.append(Slice(low, high - low, one.key, one.low + low - one.to - count))
        return Fields(constant, tuple(moved))

    def joined(self, other: Fields) -> Fields | None:
        """The disjunction, which is the sum, where no place is taken twice."""
        if self.mask & other.mask:
            return None
        return Fields(self.constant | other.constant, self.slices + other.slices)

    def linear(self) -> Linear:
        """The same as a sum; a field may be in it at several places."""
        form: Linear = {(): self.constant} if self.constant else {}
        for one in merged(self.slices):
            whole_word = one.low == 0 and one.width == WORD_BITS
            atom = one.key if whole_word else (FIELD, one.key, one.low, one.width)
            form[atom] = form.get(atom, 0) + (1 << one.to)
        return form


def fields(form: Linear, known: Mapping[Key, Known]) -> Fields | None:
    """A sum as fields, if its parts have no place in common."""
    total = Fields(form.get((), 0), ())
    for key, count in form.items():
        if not key:
            continue
        if count & (count - 1):
            return None
        more = total.joined(whole(key, known).shifted(count.bit_length() - 1))
        if more is None:
            return None
        total = more
    return total


def whole(key: Key, known: Mapping[Key, Known]) -> Fields:
    """An atom as fields; bits that are known are constant."""
    match key:
        case (str(kind), tuple(source), int(low), int(width)) if kind == FIELD:
            return whole(source, known).shifted(-low).masked((1 << width) - 1)
        case _:
            bits = known.get(key, Known())
            rest = Fields(0, (Slice(0, WORD_BITS, key, 0),)).masked(WORD - 1 - bits.mask)
            return Fields(bits.value, rest.slices)


def merged(slices: Iterable[Slice]) -> tuple[Slice, ...]:
    """Neighbours that are neighbours in their word, too, as one; in order."""
    result: list[Slice] = []
    for one in sorted(slices, key=lambda one: one.to):
        if result:
            last = result[-1]
            if (
                last.key == one.key
                and last.to + last.width == one.to
                and last.low + last.width == one.low
            ):
                result[-1] = Slice(last.to, last.width + one.width, last.key, last.low)
                continue
        result.append(one)
    return tuple(result)


def _cut(one: Slice, mask: int) -> list[Slice]:
    """The parts of a slice that a mask leaves."""
    parts: list[Slice] = []
    start: int | None = None
    for bit in range(one.to, one.to + one.width + 1):
        inside = bit < one.to + one.width and mask >> bit & 1 == 1
        if inside and start is None:
            start = bit
        elif not inside and start is not None:
            parts.append(Slice(start, bit - start, one.key, one.low + start - one.to))
            start = None
    return parts
