# SPDX-License-Identifier: Apache-2.0
"""Which hypotheses a lemma gets: all that it needs, and few that it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rocqgen.emit.normal import Alu, ECst, EOp, EVar, mk_add
from rocqgen.emit.relevant import follows
from rocqgen.emit.symbolic import Fact
from rocqgen.source.spec import Rel

if TYPE_CHECKING:
    from rocqgen.emit.normal import Term

X, Y, Z, W = map(EVar, (1, 2, 3, 4))


def eq(a: Term, b: Term) -> Fact:
    return Fact(Rel.EQ, a, b)


def ne(a: Term, b: Term) -> Fact:
    return Fact(Rel.NE, a, b)


def lt(a: Term, b: Term) -> Fact:
    return Fact(Rel.LT, a, b)


def le(a: Term, b: Term) -> Fact:
    return Fact(Rel.LE, a, b)


TOTAL = EOp(Alu.ADD, X, Y)


@pytest.mark.parametrize(
    ("fact", "needed", "missing"),
    [
        (eq(X, Z), [eq(X, Y), eq(Y, Z)], 0),
        (eq(X, W), [eq(X, Y), eq(Y, Z), eq(Z, W)], 1),
        (ne(X, ECst(5)), [eq(X, Y), ne(Y, ECst(5))], 1),
        (ne(mk_add(X, -1), ECst(0)), [ne(X, ECst(1))], 0),
        (lt(X, Z), [le(X, Y), lt(Y, Z)], 1),
        (lt(X, Y), [le(X, Y), ne(X, Y)], 1),
        (le(X, ECst(7)), [lt(X, ECst(8))], 0),
        (eq(mk_add(X, 1), Z), [eq(TOTAL, Z), eq(Y, ECst(1))], 1),
        (eq(EOp(Alu.AND, X, ECst(7)), ECst(0)), [eq(EOp(Alu.AND, X, ECst(15)), ECst(0))], 0),
    ],
)
def test_what_is_needed_is_missed(fact: Fact, needed: list[Fact], missing: int) -> None:
    assert follows(fact, needed, {}) is not False
    assert follows(fact, needed[:missing] + needed[missing + 1 :], {}) is False


def test_names_have_their_values() -> None:
    assert follows(eq(Z, mk_add(X, 3)), [], {3: mk_add(X, 3)}) is True
    assert follows(eq(Z, mk_add(X, 3)), [], {3: mk_add(X, 4)}) is False


def test_what_is_never_so_tells_nothing() -> None:
    assert follows(eq(X, Y), [lt(Z, ECst(0))], {}) is None
