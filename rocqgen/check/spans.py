# SPDX-License-Identifier: Apache-2.0
"""Blocks of words, spread into their words where their length is known.

A block whose words nobody knows is that of an array without a name: its words are drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from rocqgen.check.parts import Cell, Parts
from rocqgen.check.words import value
from rocqgen.source.location import Location
from rocqgen.source.spec import (
    AnyWords,
    Bin,
    BinOp,
    Block,
    Elements,
    Expr,
    Fill,
    Lit,
    PhysPt,
    Select,
    VirtPt,
)

LONGEST: Final = 4096
"""Words of a block; states with longer ones are not looked at."""

UNKNOWN: Final = "?"
"""How the names of arrays without a name begin."""


class TooLongError(Exception):
    """A block has more words than states are made with."""


def spread(parts: Parts, words: Mapping[str, int]) -> tuple[tuple[Cell, ...], tuple[PhysPt, ...]]:
    """The points-tos of an assertion, virtual and physical, with those in its blocks."""
    if not parts.spans:
        return parts.cells, parts.phys
    cells, phys = list(parts.cells), list(parts.phys)
    for root, block in parts.spans:
        inside = _words(block, value(block.count, words))
        for one in inside:
            if isinstance(one, VirtPt):
                cells.append(Cell(root, one))
            else:
                phys.append(one)
    return tuple(cells), tuple(phys)


def unknown(expr: Expr) -> bool:
    """Whether this is a word of a block that nobody knows."""
    return isinstance(expr, Select) and expr.array.startswith(UNKNOWN)


def unknown_array(block: Block) -> str:
    """The name of the array of which the words of a block are drawn."""
    return f"{UNKNOWN}{block.location.line}:{block.location.column}"


@lru_cache(maxsize=64)
def _words(block: Block, count: int) -> tuple[VirtPt | PhysPt, ...]:
    if count > LONGEST:
        raise TooLongError(f"{count} words")
    return tuple(_word(block, number) for number in range(count))


def _word(block: Block, number: int) -> VirtPt | PhysPt:
    where = block.location
    addr, content = _plus(block.addr, 8 * number, where), _content(block, number)
    if block.virtual:
        return VirtPt(addr, content, block.frac, block.writable, where)
    return PhysPt(addr, content, block.frac, where)


def _content(block: Block, number: int) -> Expr:
    content, where = block.content, block.location
    match content:
        case Fill():
            return content.value
        case Elements():
            return Select(content.array, _plus(content.start, number, where), where)
        case AnyWords():
            return Select(unknown_array(block), Lit(number, where), where)


def _plus(expr: Expr, number: int, where: Location) -> Expr:
    return Bin(BinOp.ADD, expr, Lit(number, where), where) if number else expr
