# SPDX-License-Identifier: Apache-2.0
"""Finds values for the existentials of a postcondition by matching it against the final state.

A register, a word of memory or an equation determines a name that stands in it once, under
operations that can be inverted.  Where only an address is left, the addresses of the precondition
are tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from rocqgen.check.parts import Cell, Parts
from rocqgen.check.spans import TooLongError, spread
from rocqgen.check.words import MASK, holds, names, value
from rocqgen.cpu import State
from rocqgen.source.spec import Bin, BinOp, Entry, Expr, Fill, PhysPt, Rel, Var

Read = Callable[[int, int], tuple[int, int] | None]
"""From a root and an address to the word there and its physical address."""

TRIES = 4096
"""Assignments to addresses that are tried."""

Words = dict[str, int]


def solve(
    parts: Parts, wanted: tuple[str, ...], words: Words, state: State, read: Read
) -> Words | None:
    """`words` with values for `wanted`; None where none were found that are determined.

    What is determined need not satisfy the assertion: then nothing does.
    """
    matcher = _Matcher(parts, frozenset(wanted), state, read)
    known = matcher.propagate(dict(words))
    missing = [name for name in wanted if name not in known]
    if not missing:
        return known
    for tried, candidate in enumerate(matcher.search(known, missing)):
        if matcher.plausible(candidate):
            return candidate
        if tried >= TRIES:
            break
    return None


class _Matcher:
    def __init__(self, parts: Parts, wanted: frozenset[str], state: State, read: Read) -> None:
        self.parts, self.wanted, self.state, self.read = parts, wanted, state, read

    def propagate(self, words: Words) -> Words:
        """Add all that is determined."""
        size = -1
        while size != len(words):
            size = len(words)
            for expr, found in self._observed(words):
                invert(expr, found, words, self.wanted)
        return words

    def _observed(self, words: Words) -> Iterator[tuple[Expr, int]]:
        """Expressions and the words that the state has for them."""
        yield from self._registers()
        yield from self._memory(words)
        for fact in self.parts.facts:
            if fact.rel is Rel.EQ:
                for side, other in ((fact.left, fact.right), (fact.right, fact.left)):
                    if self._known(side, words):
                        yield other, value(side, words)

    def _registers(self) -> Iterator[tuple[Expr, int]]:
        for one in self.parts.regs:
            if one.reg in self.state.regs:
                yield one.value, self.state.regs[one.reg]

    def _memory(self, words: Words) -> Iterator[tuple[Expr, int]]:
        cells, phys = self._spread(words)
        for root, cell in cells:
            found = self._at(root, cell.addr, words)
            if found is not None:
                yield cell.value, found[0]
        for root, claim in self.parts.claims:
            found = self._at(root, claim.va, words)
            if found is not None:
                yield claim.pa, found[1]
        physical: tuple[PhysPt | Entry, ...] = (*phys, *self.parts.entries)
        for one in physical:
            if self._known(one.addr, words):
                word = self.state.memory.read(value(one.addr, words), 8)
                if word is not None:
                    yield one.value, word

    def _spread(self, words: Words) -> tuple[tuple[Cell, ...], tuple[PhysPt, ...]]:
        """The points-tos, with the words of blocks that may tell something."""
        known = tuple(
            span
            for span in self.parts.spans
            if self._known(span.item.count, words)
            and isinstance(span.item.content, Fill)
            and not self.wanted.isdisjoint(names(span.item.content.value))
        )
        if not known:
            return self.parts.cells, self.parts.phys
        try:
            return spread(replace(self.parts, spans=known), words)
        except TooLongError:
            return self.parts.cells, self.parts.phys

    def _at(self, root: str, address: Expr, words: Words) -> tuple[int, int] | None:
        if root not in words or not self._known(address, words):
            return None
        return self.read(words[root], value(address, words))

    def _known(self, expr: Expr, words: Words) -> bool:
        return all(name in words for name in names(expr))

    def search(self, known: Words, missing: list[str]) -> Iterator[Words]:
        """Assignments to what is left: words that occur in the state, and small ones."""
        pool = list(dict.fromkeys([*known.values(), *self.state.regs.values(), 0, 1]))
        name = missing[0]
        for candidate in pool:
            for word in dict.fromkeys((candidate, *self._bases(name, candidate, known))):
                words = self.propagate({**known, name: word})
                left = [one for one in missing if one not in words]
                if left:
                    yield from self.search(words, left)
                else:
                    yield words

    def _bases(self, name: str, candidate: int, known: Words) -> Iterator[int]:
        """The values of `name` with which an address is `candidate`."""
        for _, cell in self.parts.cells:
            trial = dict(known)
            invert(cell.addr, candidate, trial, frozenset({name}))
            if name in trial and name not in known:
                yield trial[name]

    def plausible(self, words: Words) -> bool:
        """Whether facts hold, addresses are mapped, and observed values agree."""
        placed = [(one.root, one.item.addr) for one in self.parts.cells]
        placed += [(one.root, one.item.va) for one in self.parts.claims]
        return (
            all(holds(fact, words) for fact in self.parts.facts)
            and all(self._at(root, address, words) is not None for root, address in placed)
            and all(
                self._known(expr, words) and value(expr, words) == found
                for expr, found in self._observed(words)
            )
        )


def invert(expr: Expr, found: int, words: Words, wanted: frozenset[str]) -> None:
    """Set the one name in `expr` that has no value such that `expr` is `found`, if that is how."""
    while True:
        if isinstance(expr, Var):
            if expr.ident in wanted:
                words.setdefault(expr.ident, found)
            return
        if not isinstance(expr, Bin) or expr.op not in {BinOp.ADD, BinOp.SUB, BinOp.XOR}:
            return
        left_known = all(name in words for name in names(expr.left))
        right_known = all(name in words for name in names(expr.right))
        if left_known == right_known:
            return
        other = value(expr.left if left_known else expr.right, words)
        match expr.op:
            case BinOp.ADD:
                found = (found - other) & MASK
            case BinOp.SUB:
                found = (other - found if left_known else found + other) & MASK
            case _:
                found ^= other
        expr = expr.right if left_known else expr.left
