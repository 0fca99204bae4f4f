# SPDX-License-Identifier: Apache-2.0
"""Addresses up to the laws of addition, to tell when two texts name the same one."""

from __future__ import annotations

from collections import Counter

from rocqgen.source.spec import Bin, BinOp, Expr, Label, Lit, Select, Var

WORD = 1 << 64

Normal = tuple[tuple[tuple[object, int], ...], int]
"""A sum of keyed terms with their coefficients, and a constant, modulo 2**64."""


def normal(expr: Expr) -> Normal:
    """The normal form of `expr`: equal forms are equal words, whatever the names stand for."""
    terms, constant = _sum(expr)
    kept = sorted(((key, count % WORD) for key, count in terms.items() if count % WORD), key=repr)
    return tuple(kept), constant % WORD


def _sum(expr: Expr) -> tuple[Counter[object], int]:
    match expr:
        case Lit():
            return Counter(), expr.value
        case Var():
            return Counter({("var", expr.ident): 1}), 0
        case Label():
            return Counter({("entry",): 1}), expr.offset
        case Bin(op=BinOp.ADD | BinOp.SUB):
            sign = 1 if expr.op is BinOp.ADD else -1
            left, constant = _sum(expr.left)
            right, more = _sum(expr.right)
            total: Counter[object] = Counter(left)
            for key, count in right.items():
                total[key] += sign * count
            return total, constant + sign * more
        case Bin():
            return Counter({(expr.op.value, normal(expr.left), normal(expr.right)): 1}), 0
        case Select():
            return Counter({("select", expr.array, normal(expr.index)): 1}), 0
