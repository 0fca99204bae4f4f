# SPDX-License-Identifier: Apache-2.0
"""Finds the word of a block that an address is that of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocqgen.emit.blocks import block_of
from rocqgen.emit.fields import fields
from rocqgen.emit.linear import add
from rocqgen.source.spec import Rel

if TYPE_CHECKING:
    from rocqgen.emit.aliases import Aliases
    from rocqgen.emit.blocks import Block
    from rocqgen.emit.fields import Linear
    from rocqgen.emit.linear import Rewriting
    from rocqgen.emit.normal import Term
    from rocqgen.emit.paths import Path

WORD_SHIFT = 3


def virtual_element(
    aliases: Aliases, path: Path, root: Term, addr: Term
) -> tuple[int, Term] | None:
    """The block of a space that has a word at `addr`, and the number of the word."""
    rewriting = aliases.rewriting(path)
    found = []
    for n, item in enumerate(path.items):
        block = block_of(item)
        if block is None or block.root is None or not rewriting.equal(block.root, root):
            continue
        index = _index(rewriting, block, rewriting.linear(addr))
        if index is not None:
            found.append((_rank(aliases, path, index, block.count), n, index))
    return _best(found)


def physical_element(aliases: Aliases, path: Path, where: Linear) -> tuple[int, Term] | None:
    """The block of physical memory that has a word at an address."""
    rewriting = aliases.rewriting(path)
    found = []
    for n, item in enumerate(path.items):
        block = block_of(item)
        if block is None or block.root is not None:
            continue
        index = _index(rewriting, block, where)
        if index is not None:
            found.append((_rank(aliases, path, index, block.count), n, index))
    return _best(found)


def _best(found: list[tuple[int, int, Term]]) -> tuple[int, Term] | None:
    inside = [one for one in found if one[0] < _OUTSIDE]
    if not inside:
        return None
    _, n, index = min(inside, key=lambda one: one[:2])
    return n, index


def _index(rewriting: Rewriting, block: Block, where: Linear) -> Term | None:
    distance = rewriting.canonical(add(where, rewriting.linear(block.addr), -1))
    return rewriting.quotient(distance, WORD_SHIFT)


_OUTSIDE = 3


def _rank(aliases: Aliases, path: Path, index: Term, count: Term) -> int:
    """How likely it is that the index is below the count; `_OUTSIDE` where it is not."""
    rewriting = aliases.rewriting(path)
    one, bound = rewriting.number(index), rewriting.number(count)
    if one is not None and bound is not None:
        return 0 if one < bound else _OUTSIDE
    if rewriting.equal(index, count):
        return _OUTSIDE
    parts = fields(rewriting.linear(index), rewriting.known)
    if bound is not None and parts is not None and parts.mask < bound:
        return 0
    for fact in (*path.assumed, *aliases.given):
        if fact.rel in {Rel.LT, Rel.LE} and rewriting.equal(fact.a, index):
            top = rewriting.number(fact.b)
            if rewriting.equal(fact.b, count) and fact.rel is Rel.LT:
                return 0
            if bound is not None and top is not None and top + (fact.rel is Rel.LE) <= bound:
                return 0
    return 1 if one is not None else 2
