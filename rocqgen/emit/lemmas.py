# SPDX-License-Identifier: Apache-2.0
"""Residual facts as small lemmas over the parameters that they need, and the step that uses them.

A name that the run has given to a value is a variable with an equation in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from rocqgen.emit.normal import Term, evaluate, variables
from rocqgen.emit.symbolic import Fact, Residual
from rocqgen.source.spec import Rel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rocqgen.emit.names import Scope
    from rocqgen.emit.plan import Blame, Plan
    from rocqgen.emit.symbolic import Owe


_TRIALS = 8
"""Random values that a fact is tried on."""


@dataclass(frozen=True, slots=True)
class Lemma:
    """A residual fact.

    It is over the words `params`, under the hypotheses `hypotheses`, which are facts of the
    precondition by number, and `assumed`, which are conditions of the branches on the way by their
    place from the entry; `defs` are the run's names in it, with their values.
    """

    name: str
    params: tuple[int, ...]
    hypotheses: tuple[int, ...]
    assumed: tuple[tuple[int, Fact], ...]
    defs: tuple[tuple[int, Term], ...]
    fact: Fact
    blame: Blame

    @property
    def over(self) -> tuple[int, ...]:
        """All variables: parameters, then names."""
        return (*self.params, *(number for number, _ in self.defs))


def residual_lemmas(made: Plan, scope: Scope) -> tuple[list[Lemma], list[Lemma | None]]:
    """The lemmas, and the one for each residual fact; none where both sides are the same."""
    if not isinstance(made.verdict, Residual):
        return [], []
    known: dict[tuple[Fact, tuple[Fact, ...]], Lemma] = {}
    uses: list[Lemma | None] = []
    for one, blame in zip(made.verdict.facts, made.blames, strict=True):
        fact = one.fact
        if fact.rel is Rel.EQ and fact.a == fact.b:
            uses.append(None)
            continue
        key = fact, one.path
        if key not in known:
            known[key] = _lemma(f"{scope.theory}_fact_{len(known) + 1}", one, blame, made)
        uses.append(known[key])
    return list(known.values()), uses


def _lemma(name: str, owe: Owe, blame: Blame, made: Plan) -> Lemma:
    fact = owe.fact
    needed = variables(fact.a) | variables(fact.b)
    defs = made.verdict.defs if isinstance(made.verdict, Residual) else ()
    values = dict(defs)
    given = [variables(one.a) | variables(one.b) for one in made.pre.state.facts]
    path = owe.path[::-1]
    on_path = [variables(one.a) | variables(one.b) for one in path]
    chosen: set[int] = set()
    assumed: set[int] = set()
    while True:
        before = len(needed), len(chosen), len(assumed)
        for number in [n for n in needed if n in values]:
            needed |= variables(values[number])
        chosen |= {n for n, over in enumerate(given) if over & needed}
        assumed |= {n for n, over in enumerate(on_path) if over & needed}
        needed = needed.union(*(given[n] for n in chosen), *(on_path[n] for n in assumed))
        if before == (len(needed), len(chosen), len(assumed)):
            known = [made.pre.state.facts[n] for n in chosen] + [path[n] for n in assumed]
            if len(assumed) == len(path) or not _fails(fact, values, known):
                break
            # It does not follow: so the way to it must be impossible, for reasons of its own.
            assumed = set(range(len(path)))
            needed = needed.union(*on_path)
    return Lemma(
        name,
        tuple(sorted(needed - set(values))),
        tuple(sorted(chosen)),
        tuple((n, path[n]) for n in sorted(assumed)),
        tuple((n, term) for n, term in defs if n in needed),
        fact,
        blame,
    )


def lines(lemma: Lemma, made: Plan, scope: Scope) -> list[str]:
    """The statement, a line for each hypothesis and equation."""
    printer = scope.printer
    hypotheses = [made.pre.state.facts[n] for n in lemma.hypotheses]
    return [
        *(f"{printer.relation(one)} →" for one in hypotheses),
        *(f"{printer.relation(one)} →" for _, one in lemma.assumed),
        *(f"stands_for {printer.words[n]} {printer.word(term)} →" for n, term in lemma.defs),
        f"{printer.relation(lemma.fact)}.",
    ]


def script(uses: list[Lemma | None], made: Plan, scope: Scope) -> list[str]:
    """Proves the residual facts from the facts of the precondition, both joined by `∧`."""
    if not uses:
        return []
    hypotheses = [scope.fresh(f"H{n + 1}") for n in range(len(made.pre.state.facts))]
    match hypotheses:
        case []:
            result = ["intros _."]
        case [one]:
            result = [f"intros {one}."]
        case _:
            result = [f"intros ({' & '.join(hypotheses)})."]
    equations: dict[int, str] = {}
    if isinstance(made.verdict, Residual) and made.verdict.defs:
        for number, _ in made.verdict.defs:
            equations[number] = scope.fresh(f"E{number}")
        names = " ".join(f"{scope.printer.words[n]} {one}" for n, one in equations.items())
        result.append(f"intros {names}.")
    paths = [one.path for one in made.verdict.facts] if isinstance(made.verdict, Residual) else []
    longest = max(map(len, paths), default=0)
    branches = [scope.fresh(f"B{n + 1}") for n in range(longest)]
    proofs = [
        _use(lemma, hypotheses, branches[: len(path)], equations, scope)
        for lemma, path in zip(uses, paths, strict=True)
    ]
    if len(proofs) == 1:
        return [*result, f"exact {proofs[0]}."]
    # Right-nested pairs, as the goal is.
    opened = "(Logic.conj "
    result += [f"exact {opened}{proofs[0]}"]
    result += [f"      {opened}{proof}" for proof in proofs[1:-1]]
    return [*result, f"      {proofs[-1]}{')' * (len(proofs) - 1)}."]


def _use(
    lemma: Lemma | None,
    hypotheses: list[str],
    branches: list[str],
    equations: dict[int, str],
    scope: Scope,
) -> str:
    """The proof of a residual fact from the conditions of the branches on the way to it."""
    proof = "eq_refl" if lemma is None else _applied(lemma, hypotheses, branches, equations, scope)
    return f"(λ {' '.join(branches)}, {proof})" if branches else proof


def _applied(
    lemma: Lemma,
    hypotheses: list[str],
    branches: list[str],
    equations: dict[int, str],
    scope: Scope,
) -> str:
    arguments = [scope.printer.words[x] for x in lemma.over]
    arguments += [hypotheses[n] for n in lemma.hypotheses]
    arguments += [branches[n] for n, _ in lemma.assumed]
    arguments += [equations[n] for n, _ in lemma.defs]
    return f"({' '.join([lemma.name, *arguments])})" if arguments else lemma.name


def _fails(fact: Fact, values: Mapping[int, Term], hypotheses: Sequence[Fact]) -> bool:
    """Whether random values show that a fact does not follow from others alone."""
    random = Random(0)  # noqa: S311 -- no secret
    for _ in range(_TRIALS):
        words: dict[int, int] = {}

        def value(term: Term, words: dict[int, int] = words) -> int:
            for x in sorted(variables(term) - words.keys()):
                words[x] = value(values[x]) if x in values else random.getrandbits(64)
            return evaluate(term, words)

        if all(_holds(one, value) for one in hypotheses) and not _holds(fact, value):
            return True
    return False


def _holds(fact: Fact, value: Callable[[Term], int]) -> bool:
    a, b = value(fact.a), value(fact.b)
    return {Rel.EQ: a == b, Rel.NE: a != b, Rel.LT: a < b, Rel.LE: a <= b}[fact.rel]
