# SPDX-License-Identifier: Apache-2.0
"""Renders a plan as a theory.

The template gets strings that are safe already: checked names, printed data, escaped comments.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rocqgen import __version__
from rocqgen.emit import gallina, lemmas
from rocqgen.emit.data import contract, holds, plans, premises, residual, specification
from rocqgen.emit.develop import assumptions, develop
from rocqgen.emit.escape import comment, comment_lines, identifier
from rocqgen.emit.instance import render_instance
from rocqgen.emit.instruction import instruction, integer
from rocqgen.emit.marks import CLOSE, Marks
from rocqgen.emit.names import ARRAY, Scope, binders
from rocqgen.emit.regions import DEFAULT, refuse_unused
from rocqgen.emit.templates import load_template
from rocqgen.emit.theory import Part, Role, Step, Theory
from rocqgen.source.reserved import theory_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rocqgen.check.witness import Witness
    from rocqgen.emit.develop import Assumption, Development
    from rocqgen.emit.lemmas import Lemma
    from rocqgen.emit.plan import Plan
    from rocqgen.emit.regions import Proof
    from rocqgen.source.spec import Fragment

TEMPLATE = "fragment.v.j2"

_LARGEST_NAT = 1000
"""Coq reads larger literals of `nat` slowly, or refuses them."""


def emit_theory(
    fragment: Fragment,
    instance: Witness | None = None,
    proofs: Mapping[str, Proof] | None = None,
) -> Theory:
    """Render `fragment` as a theory; the same fragment gives the same text.

    `proofs` are those that a person wrote for lemmas of it; of a lemma that it does not have, that
    is a `UserError`.

    With an `instance`, a state that satisfies the precondition, the theorem is closed there: the
    theory then says what the bare machine does from it.  Where something is assumed of functions
    that are called, it says that there is such a state.

    An instruction that the prover has no rule for is a UserError; so is a name that is no
    identifier of Rocq, though the front end refuses that before.
    """
    developments = develop(fragment)
    own = developments[-1]
    if own.assuming and instance is not None:
        # Nothing on a machine answers for what is assumed: no more is said than that it can begin.
        instance = replace(instance, steps=None)
    scope = own.scope
    marks = Marks()
    text, found = marks.strip(
        load_template(TEMPLATE).render(_context(developments, marks, instance, proofs or {}))
    )
    by_name = {one.fragment.name: one for one in developments}
    return Theory(
        name=identifier(theory_name(fragment.source, fragment.name)),
        text=text,
        theorem=f"{scope.theory}_correct",
        source=fragment.source,
        digest=fragment.digest,
        marks=tuple(mark for mark in found if mark.role is not Role.CALLEE),
        instrs=_steps(own),
        words=tuple(scope.params),
        foreseen=own.foreseen,
        callees=tuple(
            Part(mark.start, mark.end, _steps(one), tuple(one.scope.params), one.foreseen)
            for mark in found
            if mark.role is Role.CALLEE
            for one in [by_name[mark.text]]
        ),
        expect=None if fragment.expect is None else fragment.expect.location,
        closed=f"{scope.theory}_adequate" if instance and instance.steps is not None else None,
        assuming=tuple(one.name for one in own.assuming),
    )


def _steps(one: Development) -> tuple[Step, ...]:
    return tuple(Step(i.location, i.text, i.offset) for i in one.fragment.instrs)


def _context(
    developments: Sequence[Development],
    marks: Marks,
    instance: Witness | None,
    proofs: Mapping[str, Proof],
) -> dict[str, object]:
    own = developments[-1]
    fragment, made, scope = own.fragment, own.made, own.scope
    assuming = {one.fragment.name: [a.name for a in one.assuming] for one in developments}
    rendered = [_development(one, one is own, assuming, marks, proofs) for one in developments]
    refuse_unused(_needed(proofs, developments), [n for one in rendered for n in one.lemma_names])
    return {
        "version": comment(__version__),
        "template": TEMPLATE,
        "name": scope.theory,
        "source": comment(fragment.source),
        "digest": comment(fragment.digest),
        "assumptions": [_assumption(one) for one in assumptions(developments)],
        "developments": [one.context for one in rendered],
        "mark_closed": marks.open(Role.CLOSED, fragment.spec.location, scope.theory),
        "instance": instance and render_instance(instance, made, scope),
        "end": CLOSE,
    }


def _assumption(one: Assumption) -> dict[str, object]:
    name = one.scope.theory
    return specification(one.spec, one.scope, "[]") | {
        "doc": comment_lines(one.contract.doc),
        "title": comment(name),
        "parameters": gallina.fill(one.scope.binders, f"Lemma {name}_says ", "    "),
    }


def _needed(
    proofs: Mapping[str, Proof], developments: Sequence[Development]
) -> Mapping[str, Proof]:
    """The proofs without those of functions that might have been called, and are not."""
    there = {one.fragment.name for one in developments}
    callees = {one.fragment.name for one in developments[-1].fragment.callees}
    unused = tuple(f"{name}_fact_" for name in callees - there)
    return {name: one for name, one in proofs.items() if not name.startswith(unused)}


@dataclass(frozen=True, slots=True)
class _Rendered:
    """What the template needs of a development, and the names of its lemmas."""

    context: dict[str, object]
    lemma_names: list[str]


def _development(
    one: Development,
    own: bool,
    assuming: Mapping[str, Sequence[str]],
    marks: Marks,
    proofs: Mapping[str, Proof],
) -> _Rendered:
    """`own` is the fragment that the theory is for; `assuming` has what each one assumes."""
    fragment, made, scope = one.fragment, one.made, one.scope
    name, printer = scope.theory, scope.printer
    parts, uses = lemmas.residual_lemmas(made, scope)
    entry, names = fragment.instrs[0], assuming[fragment.name]
    context = specification(made.spec, scope, f"{name}_code") | {
        "called": "" if own else name,
        "begin": "" if own else marks.open(Role.CALLEE, fragment.location, fragment.name),
        "close": "" if own else CLOSE,
        "doc": comment_lines(fragment.doc),
        "instrs": _code(fragment, marks),
        "own": one.own,
        "pieces": _pieces(one),
        "at": gallina.fill(scope.binders, "    ", "    "),
        "contracts": [contract(called, printer) for called in made.called],
        "calls": f"{name}_contracts" if made.called else "[]",
        "plans": plans(made, printer),
        "fuel": str(made.fuel) if made.fuel <= _LARGEST_NAT else f"(Z.to_nat {made.fuel})",
        "residual": residual(made, printer),
        "lemmas": [_lemma(lemma, made, scope, marks, proofs.get(lemma.name)) for lemma in parts],
        "premises": premises(names, made.spec, scope),
        "script": [
            *holds(made.called, assuming, made.spec.platform),
            *lemmas.script(uses, made, scope),
        ],
        "parameters": gallina.fill(scope.binders, f"Lemma {name}_correct ", "    "),
        "mark_spec": marks.open(Role.SPEC, fragment.spec.location, name),
        "mark_run": marks.blame(Role.BLOCK, made.block),
        "mark_theorem": marks.open(Role.THEOREM, fragment.location, entry.text),
        "end": CLOSE,
    }
    return _Rendered(context, [lemma.name for lemma in parts])


def _code(fragment: Fragment, marks: Marks) -> list[str]:
    """The entries of the code image, each with its source line."""
    entries = [
        f"({integer(one.offset)}, ({instruction(one)}, {one.length}))" for one in fragment.instrs
    ]
    width = min(72, max(map(len, entries)) + 1)
    lines = []
    for k, (one, entry) in enumerate(zip(fragment.instrs, entries, strict=True)):
        code = entry + (";" if k + 1 < len(entries) else "")
        line = f"{code:{width}} (* {comment(one.text)} *)"
        lines.append(marks.wrap(line, Role.CODE, one.location, one.text))
    return lines


def _pieces(one: Development) -> str:
    """The definition of the whole code, if there is more than the fragment's own."""
    if not one.pieces:
        return ""
    parts = [one.own, *(f"code_moved {integer(d)} {name}" for d, name in one.pieces)]
    words = [f"{part} ++" for part in parts[:-1]] + [f"{parts[-1]}."]
    return gallina.fill(words, f"Definition {one.scope.theory}_code : code_list :=", "  ")


def _lemma(
    one: Lemma, made: Plan, scope: Scope, marks: Marks, proof: Proof | None
) -> dict[str, object]:
    names = [scope.printer.words[x] for x in one.over]
    arrays = [scope.printer.arrays[x] for x in one.arrays]
    over = [*binders(names, "word"), *binders(arrays, ARRAY)]
    return {
        "name": one.name,
        "headline": gallina.fill(over, f"Lemma {one.name} ", "    "),
        "lines": lemmas.lines(one, made, scope),
        "about": comment(f"{one.blame.instr.text}  {one.blame.about}".strip()),
        "mark": marks.blame(Role.RESIDUAL, one.blame),
        "user": marks.blame(Role.USER, one.blame),
        "proof": DEFAULT if proof is None else proof.text,
    }
