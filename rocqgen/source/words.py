# SPDX-License-Identifier: Apache-2.0
"""Names, expressions over 64-bit words, and shares."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from rocqgen.source.location import Location


class Sort(enum.Enum):
    """The sort of a name."""

    WORD = "word"
    ROOT = "root"
    FRACTION = "fraction"
    ARRAY = "array"
    """A function from an index, a word, to a word."""


@dataclass(frozen=True, slots=True)
class Name:
    """A bound name with its sort."""

    ident: str
    sort: Sort
    location: Location


# -- expressions over 64-bit words -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Var:
    """A parameter or an existential of sort word or root."""

    ident: str
    location: Location


@dataclass(frozen=True, slots=True)
class Lit:
    """A literal, already reduced to [0, 2**64)."""

    value: int
    location: Location


@dataclass(frozen=True, slots=True)
class Label:
    """The address of a label of the fragment: its entry plus `offset` bytes."""

    ident: str
    offset: int
    location: Location


class BinOp(enum.Enum):
    """Operations on words, all modulo 2**64; shifts take their count modulo 64."""

    ADD = "+"
    SUB = "-"
    AND = "&"
    OR = "|"
    XOR = "^"
    SHL = "<<"
    SHR = ">>"


@dataclass(frozen=True, slots=True)
class Bin:
    """A binary operation."""

    op: BinOp
    left: Expr
    right: Expr
    location: Location


@dataclass(frozen=True, slots=True)
class Select:
    """`array[index]`: a word of a parameter of sort array."""

    array: str
    index: Expr
    location: Location


Expr = Var | Lit | Label | Bin | Select


@dataclass(frozen=True, slots=True)
class FracVar:
    """A fraction parameter."""

    ident: str
    location: Location


@dataclass(frozen=True, slots=True)
class FracLit:
    """A positive rational literal at most 1; `1/1` is full ownership."""

    numerator: int
    denominator: int
    location: Location


Frac = FracVar | FracLit
