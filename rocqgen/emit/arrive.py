# SPDX-License-Identifier: Apache-2.0
"""Where a path ends: of several ends at one address that whose assertion holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rocqgen.emit.entail import Matched, find_witnesses, match_state, subst_state
from rocqgen.emit.flags import refuted
from rocqgen.emit.linear import Rewriting
from rocqgen.emit.normal import ECst, EVar
from rocqgen.emit.symbolic import Defs, Missing
from rocqgen.source.spec import Rel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocqgen.emit.goal import End, Specified
    from rocqgen.emit.normal import Term
    from rocqgen.emit.paths import Path
    from rocqgen.emit.symbolic import Fact

_APART = 1 << 32
"""Added to the names of an end while values for them are sought: a run has numbers of its own."""

_MISSING = 1 << 32
"""More than any number of facts."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A path that came to an end: its number among all ends, the values of what is bound there,
    what is left to prove, and the items of the path that those of the end were matched with."""

    path: Path
    number: int
    end: End
    values: dict[int, Term]
    matched: Matched
    taken: list[int]

    @property
    def witness(self) -> Defs:
        """The values in order."""
        return tuple(self.values.items())

    @property
    def usual(self) -> bool:
        """Whether it is the first end there is, with the values that the end has by itself."""
        return self.number == self.path.ends[0] and self.witness == self.end.post.witness


def arrive(path: Path, spec: Specified, given: Sequence[Fact]) -> Arrived:
    """The end of `path`: the first of those at its address of which the least is left to show."""
    candidates = [_at(path, number, spec.ends[number]) for number in path.ends]
    if len(candidates) == 1:
        return candidates[0]
    known = (*path.assumed, *given)
    rewriting = Rewriting(known)
    return min(candidates, key=lambda one: _left(one, known, rewriting))


def _at(path: Path, number: int, end: End) -> Arrived:
    apart: dict[int, Term] = {x: EVar(x + _APART) for x in end.bound}
    want = subst_state(end.holds.state, apart)
    found = find_witnesses(path, want, [x + _APART for x in end.bound])
    values = {x: found.get(x + _APART, ECst(0)) for x in end.bound}
    matched, taken = match_state(path, end.holds.state, values)
    return Arrived(path, number, end, values, matched, taken)


def _left(one: Arrived, known: Sequence[Fact], rewriting: Rewriting) -> tuple[int, int]:
    """What is missing, or known to be false, counts more than what is unknown."""
    if isinstance(one.matched, Missing):
        # Of those of which something is missing, that for which the path was prepared.
        return _MISSING, int(one.number != one.path.chosen)
    opinions = [opinion(fact, known, rewriting) for _, fact in one.matched]
    return opinions.count(False), opinions.count(None)


def opinion(fact: Fact, known: Sequence[Fact], rewriting: Rewriting) -> bool | None:
    """Whether a fact is true, as far as it is easy to see."""
    if fact in known:
        return True
    if refuted(known, fact):
        return False
    equal, apart = rewriting.equal(fact.a, fact.b), rewriting.apart(fact.a, fact.b)
    match fact.rel:
        case Rel.EQ:
            return True if equal else False if apart else None
        case Rel.NE:
            return True if apart else False if equal else None
        case _:
            return None
