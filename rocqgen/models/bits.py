# SPDX-License-Identifier: Apache-2.0
"""Ranges of bits, written as manuals write them: `63`, `"51:12"`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, InstanceOf


class SpecError(ValueError):
    """Something in a spec is wrong: the sentence, what is allowed, and what to write instead."""

    def __init__(
        self, message: str, *, expected: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.expected = expected
        self.hint = hint


@dataclass(frozen=True, slots=True, order=True)
class Bits:
    """The bits `high` down to `low` of a word, both included."""

    high: int
    low: int

    @property
    def width(self) -> int:
        """How many bits."""
        return self.high - self.low + 1

    @property
    def mask(self) -> int:
        """Ones where the bits stand."""
        return ((1 << self.width) - 1) << self.low

    def get(self, word: int) -> int:
        """Their value in `word`."""
        return (word & self.mask) >> self.low

    def put(self, value: int) -> int:
        """A word that holds `value` there and zeros elsewhere."""
        return (value << self.low) & self.mask

    def overlaps(self, other: Bits) -> bool:
        """Some bit belongs to both."""
        return self.low <= other.high and other.low <= self.high

    @property
    def text(self) -> str:
        """As a sentence says it: `bit 5`, `bits 51:12`."""
        return f"bit{'s' if self.width > 1 else ''} {self}"

    def __str__(self) -> str:
        return str(self.low) if self.high == self.low else f"{self.high}:{self.low}"


_RANGE = re.compile(r"([0-9]{1,3})(?::([0-9]{1,3}))?", re.ASCII)
_EXPECTED = 'a bit such as `5`, or a range such as `"51:12"`, high bit first'


def parse_bits(value: object) -> Bits:
    """Read a bit or a range; raises `SpecError`."""
    if isinstance(value, Bits):
        return value
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str):
        raise SpecError("this is not a range of bits", expected=_EXPECTED)
    match = _RANGE.fullmatch(text.strip())
    if match is None:
        raise SpecError(f"`{text}` is not a range of bits", expected=_EXPECTED)
    high = int(match[1])
    low = high if match[2] is None else int(match[2])
    if low > high:
        raise SpecError(
            f"the range `{text}` is the wrong way round", expected=_EXPECTED, hint=f'"{low}:{high}"'
        )
    if high > 63:
        raise SpecError(f"there is no bit {high}", expected="bits 0 to 63")
    return Bits(high, low)


BitRange = Annotated[InstanceOf[Bits], BeforeValidator(parse_bits)]
"""The type of a key whose value is a bit or a range of bits."""
