# SPDX-License-Identifier: Apache-2.0
"""Makes false facts true by changing one word each: bounds, alignment, equations.

It guesses, like all drawing: what it gets wrong is drawn again.
"""

from __future__ import annotations

from random import Random

from rocqgen.check.existentials import invert
from rocqgen.check.words import MASK, holds, names, value
from rocqgen.source.spec import Bin, BinOp, Expr, Pure, Rel

TRIES = 6
"""Changes that are tried for one fact; the one that leaves the fewest facts false is made."""


def mend(facts: tuple[Pure, ...], words: dict[str, int], fixed: set[str], random: Random) -> None:
    """Change words, but those in `fixed`, for each fact that is false."""
    for fact in facts:
        if holds(fact, words):
            continue
        best, fewest = words, len(facts) + 1
        for _ in range(TRIES):
            trial = dict(words)
            if _change(fact, trial, fixed, random):
                false = sum(not holds(one, trial) for one in facts)
                if false < fewest:
                    best, fewest = trial, false
        words.update(best)


def _change(fact: Pure, words: dict[str, int], fixed: set[str], random: Random) -> bool:
    """Make one fact true by one word."""
    sides = [(fact.left, True), (fact.right, False)]
    random.shuffle(sides)
    for side, is_left in sides:
        other = value(fact.right if is_left else fact.left, words)
        target = _target(fact.rel, other, is_left, random)
        if target is not None and _set(side, target, words, fixed, random):
            return True
    return False


def _target(rel: Rel, other: int, is_left: bool, random: Random) -> int | None:
    """A value for one side of a relation: as often at the bound as somewhere behind it."""
    if rel is Rel.EQ:
        return other
    if rel is Rel.NE:
        return random.getrandbits(64)
    low, high = 0, MASK
    strict = int(rel is Rel.LT)
    if is_left:
        high = other - strict
    else:
        low = other + strict
    if low > high:
        return None
    near = min(high, low + 64) if not is_left else max(low, high - 64)
    if random.random() < 0.5:
        return random.randint(min(near, high), high) if is_left else random.randint(low, near)
    return random.randint(low, high)


def _set(expr: Expr, target: int, words: dict[str, int], fixed: set[str], random: Random) -> bool:
    """Give an expression this value by one of its names; whether it has it then."""
    candidates = [name for name in dict.fromkeys(names(expr)) if name and name not in fixed]
    random.shuffle(candidates)
    for name in candidates:
        trial = {one: word for one, word in words.items() if one != name}
        invert(expr, target, trial, frozenset({name}))
        if name not in trial:
            trial[name] = _masked(expr, target, words[name], name, trial)
        if value(expr, trial) == target:
            words[name] = trial[name]
            return True
    return False


def _masked(expr: Expr, target: int, old: int, name: str, words: dict[str, int]) -> int:
    """`name & mask`: the bits of the mask as they must be, the others as they are."""
    if isinstance(expr, Bin) and expr.op is BinOp.AND:
        for one, mask in ((expr.left, expr.right), (expr.right, expr.left)):
            if name not in names(mask):
                bits = value(mask, words)
                trial = dict(words)
                invert(one, (old & ~bits) | (target & bits), trial, frozenset({name}))
                if name in trial:
                    return trial[name]
    if (
        isinstance(expr, Bin)
        and expr.op in {BinOp.SHL, BinOp.SHR}
        and name not in names(expr.right)
    ):
        count = value(expr.right, words) & 63
        trial = dict(words)
        moved = target >> count if expr.op is BinOp.SHL else (target << count) & MASK
        invert(expr.left, moved, trial, frozenset({name}))
        return trial.get(name, old)
    return old
