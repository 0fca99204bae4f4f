# SPDX-License-Identifier: Apache-2.0
"""Gives an expression a value by one of its names, through operations that lose bits, too."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from rocqgen.check.words import MASK, names, value
from rocqgen.source.spec import Bin, BinOp, Expr, Var


def aim(
    expr: Expr,
    target: int,
    words: dict[str, int],
    fixed: Collection[str],
    defined: Mapping[str, Expr],
) -> bool:
    """Make `expr` equal `target` by a name that is neither fixed nor an entry's address.

    A name that an equation defines is made so by the names in its definition.  Whether it worked;
    where not, `words` are as they were.
    """
    candidates = _candidates(expr, defined)
    for name in candidates:
        if name in fixed or name in defined or not name:
            continue
        trial = dict(words)
        if not _aim(expr, target, trial, name, defined):
            continue
        for known, meaning in defined.items():
            trial[known] = value(meaning, trial)
        if value(expr, trial) == target:
            words.update(trial)
            return True
    return value(expr, words) == target


def _candidates(expr: Expr, defined: Mapping[str, Expr]) -> list[str]:
    found: dict[str, None] = {}
    todo = list(names(expr))
    while todo:
        name = todo.pop(0)
        if name in found:
            continue
        found[name] = None
        if name in defined:
            todo += names(defined[name])
    return list(found)


def _aim(
    expr: Expr, target: int, words: dict[str, int], name: str, defined: Mapping[str, Expr]
) -> bool:
    """Invert one operation after another down to the name."""
    while True:
        if isinstance(expr, Var):
            if expr.ident == name:
                words[name] = target & MASK
                return True
            if expr.ident not in defined:
                return False
            expr = defined[expr.ident]
            continue
        if not isinstance(expr, Bin):
            return False
        left = name in _candidates(expr.left, defined)
        if left == (name in _candidates(expr.right, defined)):
            return False
        inner, outer = (expr.left, expr.right) if left else (expr.right, expr.left)
        known = value(outer, words)
        found = _invert(expr.op, target, known, value(inner, words), left=left)
        if found is None:
            return False
        expr, target = inner, found


def _invert(op: BinOp, target: int, known: int, old: int, *, left: bool) -> int | None:
    """The operand that gives `target` beside one that is known; bits that are free stay."""
    match op:
        case BinOp.ADD:
            return (target - known) & MASK
        case BinOp.SUB:
            return (target + known if left else known - target) & MASK
        case BinOp.XOR:
            return target ^ known
        case BinOp.AND:
            return (target & known) | (old & ~known & MASK)
        case BinOp.OR:
            return target & ~known & MASK
        case BinOp.SHL if left:
            count = known & 63
            return target >> count | (old >> (64 - count) << (64 - count) if count else 0)
        case BinOp.SHR if left:
            count = known & 63
            return ((target << count) | (old & ((1 << count) - 1))) & MASK
    return None
