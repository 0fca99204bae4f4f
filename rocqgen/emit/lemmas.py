# SPDX-License-Identifier: Apache-2.0
"""Residual facts as small lemmas over the parameters that they need, and the step that uses them.

A name that the run has given to a value is a variable with an equation in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rocqgen.emit.normal import Term, variables
from rocqgen.emit.symbolic import Fact, Residual
from rocqgen.source.spec import Rel

if TYPE_CHECKING:
    from rocqgen.emit.names import Scope
    from rocqgen.emit.plan import Blame, Plan


@dataclass(frozen=True, slots=True)
class Lemma:
    """A residual fact.

    It is over the words `params`, under the hypotheses `hypotheses`, which are facts of the
    precondition by number; `defs` are the run's names in it, with their values.
    """

    name: str
    params: tuple[int, ...]
    hypotheses: tuple[int, ...]
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
    known: dict[Fact, Lemma] = {}
    uses: list[Lemma | None] = []
    for (_, fact), blame in zip(made.verdict.facts, made.blames, strict=True):
        if fact.rel is Rel.EQ and fact.a == fact.b:
            uses.append(None)
            continue
        if fact not in known:
            known[fact] = _lemma(f"{scope.theory}_fact_{len(known) + 1}", fact, blame, made)
        uses.append(known[fact])
    return list(known.values()), uses


def _lemma(name: str, fact: Fact, blame: Blame, made: Plan) -> Lemma:
    needed = variables(fact.a) | variables(fact.b)
    defs = []
    if isinstance(made.verdict, Residual):
        # Each name is over earlier ones.
        for number, term in reversed(made.verdict.defs):
            if number in needed:
                defs.append((number, term))
                needed |= variables(term)
    needed -= {number for number, _ in defs}
    facts = [variables(one.a) | variables(one.b) for one in made.pre.state.facts]
    chosen: set[int] = set()
    grown = True
    while grown:
        new = {n for n, over in enumerate(facts) if n not in chosen and over & needed}
        chosen |= new
        needed |= {x for n in new for x in facts[n]}
        grown = bool(new)
    return Lemma(
        name, tuple(sorted(needed)), tuple(sorted(chosen)), tuple(reversed(defs)), fact, blame
    )


def lines(lemma: Lemma, made: Plan, scope: Scope) -> list[str]:
    """The statement, a line for each hypothesis and equation."""
    printer = scope.printer
    hypotheses = [made.pre.state.facts[n] for n in lemma.hypotheses]
    return [
        *(f"{printer.relation(one)} →" for one in hypotheses),
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
    proofs = [_use(lemma, hypotheses, equations, scope) for lemma in uses]
    if len(proofs) == 1:
        return [*result, f"exact {proofs[0]}."]
    # Right-nested pairs, as the goal is.
    opened = "(Logic.conj "
    result += [f"exact {opened}{proofs[0]}"]
    result += [f"      {opened}{proof}" for proof in proofs[1:-1]]
    return [*result, f"      {proofs[-1]}{')' * (len(proofs) - 1)}."]


def _use(
    lemma: Lemma | None, hypotheses: list[str], equations: dict[int, str], scope: Scope
) -> str:
    if lemma is None:
        return "eq_refl"
    arguments = [scope.printer.words[x] for x in lemma.over]
    arguments += [hypotheses[n] for n in lemma.hypotheses]
    arguments += [equations[n] for n, _ in lemma.defs]
    return f"({' '.join([lemma.name, *arguments])})" if arguments else lemma.name
