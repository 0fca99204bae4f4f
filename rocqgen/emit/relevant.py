# SPDX-License-Identifier: Apache-2.0
"""Which hypotheses a fact needs: as few as random values let one believe.

A lemma about four words takes the prover many times as long as one about two.  So hypotheses are
taken in by degrees: those about the words of the fact alone, then those that have some of these,
and so on, until no values are found at which they hold and the fact does not.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from rocqgen.emit.entail import solve
from rocqgen.emit.normal import (
    EAdd,
    ECst,
    EOp,
    ESel,
    EVar,
    Term,
    evaluate,
    mk_add,
    subst,
    uwrap,
    variables,
)
from rocqgen.source.spec import Rel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rocqgen.emit.symbolic import Fact

TRIALS = 160
"""Random values that a fact is tried on."""
ENOUGH = 40
"""As many of them have to satisfy the hypotheses for the answer to count."""

_AIMED = 0.5
"""How often values are sought at which the fact is false."""


def follows(fact: Fact, hypotheses: Sequence[Fact], values: Mapping[int, Term]) -> bool | None:
    """Whether a fact seems to follow; None where the hypotheses were hardly ever satisfied.

    `values` are those of names that a run has given.
    """
    trial = _Trial(fact, hypotheses, values)
    satisfied = 0
    for _ in range(TRIALS):
        words = trial.words()
        if words is not None:
            if not _holds(fact, words):
                return False
            satisfied += 1
            if satisfied == ENOUGH:
                return True
    return None


class _Trial:
    """Draws values at which hypotheses hold."""

    def __init__(self, fact: Fact, hypotheses: Sequence[Fact], values: Mapping[int, Term]) -> None:
        self.random = Random(0)  # noqa: S311 -- no secret
        named = [(EVar(x), term) for x, term in values.items()]
        self.equations = named + [(one.a, one.b) for one in hypotheses if one.rel is Rel.EQ]
        self.others = [one for one in hypotheses if one.rel is not Rel.EQ]
        self.aims = _aims(fact)
        terms = [part for one in (fact, *hypotheses) for part in (one.a, one.b)]
        self.over = sorted(set().union(*map(variables, terms), values.keys()))
        self.pool = sorted({z + k for term in terms for z in _constants(term) for k in (-1, 0, 1)})

    def words(self) -> dict[int, int] | None:
        """Values of all variables, or none if these do not satisfy the hypotheses."""
        words: dict[int, int] = {}
        equations = self.random.sample(self.equations, len(self.equations))
        if self.aims and self.random.random() < _AIMED:
            equations.insert(0, self.random.choice(self.aims))
        for a, b in equations:
            self._solve(a, b, words)
        for x in self.over:
            self._draw(x, words)
        good = all(evaluate(a, words) == evaluate(b, words) for a, b in self.equations)
        return words if good and all(_holds(one, words) for one in self.others) else None

    def _solve(self, a: Term, b: Term, words: dict[int, int]) -> None:
        """Choose values for an equation: all but one at will, and that one so that it holds."""
        unknown = sorted((variables(a) | variables(b)) - words.keys())
        if not unknown:
            return
        last = self.random.choice(unknown)
        for x in unknown:
            if x != last:
                self._draw(x, words)
        known: dict[int, Term] = {x: ECst(word) for x, word in words.items()}
        left, right = subst(a, known), subst(b, known)
        if variables(left):
            left, right = right, left
        found: dict[int, Term] = {}
        if not variables(left):
            solve(right, ECst(evaluate(left, words)), found, {last})
        match found.get(last):
            case ECst(z):
                words[last] = z
            case _:
                self._draw(last, words)

    def _draw(self, x: int, words: dict[int, int]) -> None:
        if x not in words:
            draw = self.random
            kinds = [draw.getrandbits(64), draw.getrandbits(12), draw.randrange(4)]
            near = [draw.choice(self.pool)] if self.pool else []
            words[x] = uwrap(draw.choice(kinds + near))


def _aims(fact: Fact) -> list[tuple[Term, Term]]:
    """Equations at which a fact that is hardly ever false might be."""
    a, b = fact.a, fact.b
    match fact.rel:
        case Rel.EQ:
            return []
        case Rel.NE:
            return [(a, b)]
        case _:
            return [(a, b), (a, mk_add(b, 1)), (a, mk_add(b, -1))]


def _constants(term: Term) -> Iterable[int]:
    match term:
        case ECst(z):
            yield z
        case EAdd(inner, z):
            yield from (z, -z)
            yield from _constants(inner)
        case ESel(_, i):
            yield from _constants(i)
        case EOp(_, a, b):
            yield from _constants(a)
            yield from _constants(b)
        case _:
            pass


def _holds(fact: Fact, words: Mapping[int, int]) -> bool:
    a, b = evaluate(fact.a, words), evaluate(fact.b, words)
    return {Rel.EQ: a == b, Rel.NE: a != b, Rel.LT: a < b, Rel.LE: a <= b}[fact.rel]
