# SPDX-License-Identifier: Apache-2.0
"""Residual facts as small lemmas over the parameters that they need, and the step that uses them.

A name that the run has given to a value is a variable with an equation in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rocqgen.emit.normal import Term, arrays, variables
from rocqgen.emit.relevant import follows
from rocqgen.emit.symbolic import Fact, Residual
from rocqgen.source.spec import Rel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rocqgen.emit.judge import Blame
    from rocqgen.emit.names import Scope
    from rocqgen.emit.plan import Plan
    from rocqgen.emit.symbolic import Owe, Segment


@dataclass(frozen=True, slots=True)
class Lemma:
    """A residual fact of a segment.

    It is over the words `params`, under the hypotheses `hypotheses`, which are facts given in the
    segment by number, and `assumed`, which are facts learned on the way by their place from its
    beginning; `defs` are the run's names in it, with their values.  It is over `arrays`, too.
    """

    name: str
    segment: int
    params: tuple[int, ...]
    hypotheses: tuple[int, ...]
    assumed: tuple[tuple[int, Fact], ...]
    defs: tuple[tuple[int, Term], ...]
    fact: Fact
    blame: Blame
    arrays: tuple[int, ...] = ()

    @property
    def over(self) -> tuple[int, ...]:
        """All variables: parameters, then names."""
        return (*self.params, *(number for number, _ in self.defs))


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A fact that is known already: the number of one given, or of one learned on the way."""

    number: int
    learned: bool


Uses = list[Lemma | Hypothesis | None]
"""What proves each residual fact of a segment; none where both sides are the same."""


def residual_lemmas(made: Plan, scope: Scope) -> tuple[list[Lemma], list[Uses]]:
    """The lemmas, and those that each segment uses."""
    if not isinstance(made.verdict, Residual):
        return [], []
    known: dict[tuple[int, Fact, tuple[Fact, ...]], Lemma] = {}
    blames = iter(made.blames)
    uses: list[Uses] = []
    for number, segment in enumerate(made.verdict.segments):
        uses.append([])
        for one in segment.facts:
            fact, blame = one.fact, next(blames)
            if fact.rel is Rel.EQ and fact.a == fact.b:
                uses[-1].append(None)
                continue
            hypothesis = _known(one, made)
            if hypothesis is not None:
                uses[-1].append(hypothesis)
                continue
            key = number, fact, one.path
            if key not in known:
                name = f"{scope.theory}_fact_{len(known) + 1}"
                known[key] = _lemma(name, number, one, blame, made)
            uses[-1].append(known[key])
    return list(known.values()), uses


def _known(owe: Owe, made: Plan) -> Hypothesis | None:
    if owe.fact in made.given:
        return Hypothesis(made.given.index(owe.fact), learned=False)
    path = owe.path[::-1]
    return Hypothesis(path.index(owe.fact), learned=True) if owe.fact in path else None


def _lemma(name: str, segment: int, owe: Owe, blame: Blame, made: Plan) -> Lemma:
    fact, path = owe.fact, owe.path[::-1]
    names = made.verdict.segments[segment].names if isinstance(made.verdict, Residual) else ()
    values = {number: term for number, term in names if term is not None}
    needed = _with_values(_names(fact.a, fact.b), values)
    everything = [*made.given, *path]
    over = [_names(one.a, one.b) for one in everything]
    while True:
        chosen = {n for n, here in enumerate(over) if here and here <= needed}
        own = {number: term for number, term in values.items() if number in needed}
        seen = follows(fact, [everything[n] for n in sorted(chosen)], own)
        if seen:
            break
        touched = [over[n] for n, one in enumerate(everything) if _leads(one, over[n], needed)]
        more = _with_values(needed.union(*touched), values)
        if more == needed:
            if seen is None or all(len(made.given) + n in chosen for n in range(len(path))):
                break
            # It does not follow: so the way to it must be impossible, for reasons of its own.
            more = _with_values(needed.union(*over[len(made.given) :]), values)
            if more == needed:
                break
        needed = more
    given = range(len(made.given))
    shown = [*(term for n, term in values.items() if n in needed)]
    for one in (fact, *(everything[n] for n in chosen)):
        shown += (one.a, one.b)
    return Lemma(
        name,
        segment,
        tuple(sorted(n for n in needed - set(values) if n > 0)),
        tuple(n for n in sorted(chosen) if n in given),
        tuple((n - len(given), everything[n]) for n in sorted(chosen) if n not in given),
        tuple((n, term) for n, term in values.items() if n in needed),
        fact,
        blame,
        tuple(sorted(set().union(*map(arrays, shown)))),
    )


def _names(*terms: Term) -> set[int]:
    """The variables of terms, and the arrays by their numbers below 0."""
    return {n for one in terms for n in (*variables(one), *(-x for x in arrays(one)))}


def _with_values(needed: set[int], values: Mapping[int, Term]) -> set[int]:
    """Variables, and those of the values that some of them stand for."""
    todo, found = list(needed), set(needed)
    while todo:
        more = _names(values[x]) - found if (x := todo.pop()) in values else set()
        found |= more
        todo += more
    return found


def _leads(hypothesis: Fact, over: set[int], needed: set[int]) -> bool:
    """Whether a hypothesis is a reason to look at more variables than those that are needed.

    That two words differ says nothing of one of them alone.
    """
    return hypothesis.rel is not Rel.NE and bool(over & needed)


def lines(lemma: Lemma, made: Plan, scope: Scope) -> list[str]:
    """The statement, a line for each hypothesis and equation."""
    printer = scope.printer
    return [
        *(f"{printer.relation(made.given[n])} →" for n in lemma.hypotheses),
        *(f"{printer.relation(one)} →" for _, one in lemma.assumed),
        *(f"stands_for {printer.words[n]} {printer.word(term)} →" for n, term in lemma.defs),
        f"{printer.relation(lemma.fact)}.",
    ]


def script(uses: list[Uses], made: Plan, scope: Scope) -> list[str]:
    """Proves the residual facts of each segment that leaves any, one goal after another.

    Each is under the parameters, the facts of the precondition, the names of the segment, and what
    was learned on the way to the fact.
    """
    if not isinstance(made.verdict, Residual):
        return []
    hypotheses = [scope.fresh(f"H{n + 1}") for n in range(len(made.given))]
    every = [segment for segment in made.verdict.segments if segment.facts]
    equations = {
        number: scope.fresh(f"E{number}")
        for number in sorted({n for segment in every for n, term in segment.names if term})
    }
    longest = max((len(one.path) for segment in every for one in segment.facts), default=0)
    branches = [scope.fresh(f"B{n + 1}") for n in range(longest)]
    result = []
    for segment, used in zip(made.verdict.segments, uses, strict=True):
        if segment.facts:
            first, *rest = _goal(segment, used, hypotheses, branches, equations, scope)
            result += [f"- {first}", *(f"  {line}" for line in rest)]
    return result


def _goal(
    segment: Segment,
    uses: Uses,
    hypotheses: list[str],
    branches: list[str],
    equations: dict[int, str],
    scope: Scope,
) -> list[str]:
    result = [f"intros {' '.join(scope.params)}."]
    if hypotheses:
        result.append(f"intros {' '.join(hypotheses)}.")
    names = [
        f"{scope.printer.words[n]} {equations[n]}" if term else scope.printer.words[n]
        for n, term in segment.names
    ]
    if names:
        result.append(f"intros {' '.join(names)}.")
    proofs = [
        _use(lemma, hypotheses, branches[: len(one.path)], equations, scope)
        for lemma, one in zip(uses, segment.facts, strict=True)
    ]
    # Whatever follows from all facts is shown by giving them, one after the other.
    goal, give = scope.fresh("Q"), scope.fresh("give")
    result.append(f"exact (λ {goal} {give}, {give}")
    result += [f"      {proof}" for proof in proofs]
    result[-1] += ")."
    return result


def _use(
    use: Lemma | Hypothesis | None,
    hypotheses: list[str],
    branches: list[str],
    equations: dict[int, str],
    scope: Scope,
) -> str:
    """The proof of a residual fact from what was learned on the way to it."""
    match use:
        case None:
            proof = "eq_refl"
        case Hypothesis(number, learned):
            proof = branches[number] if learned else hypotheses[number]
        case Lemma():
            proof = _applied(use, hypotheses, branches, equations, scope)
    return f"(λ {' '.join(branches)}, {proof})" if branches else proof


def _applied(
    lemma: Lemma,
    hypotheses: list[str],
    branches: list[str],
    equations: dict[int, str],
    scope: Scope,
) -> str:
    arguments = [scope.printer.words[x] for x in lemma.over]
    # The run's facts are of all arrays: which one it is, the fact says.
    arguments += ["_" for _ in lemma.arrays]
    arguments += [hypotheses[n] for n in lemma.hypotheses]
    arguments += [branches[n] for n, _ in lemma.assumed]
    arguments += [equations[n] for n, _ in lemma.defs]
    return f"({' '.join([lemma.name, *arguments])})" if arguments else lemma.name
