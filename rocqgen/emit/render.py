# SPDX-License-Identifier: Apache-2.0
"""Renders a plan as a theory.

The template gets strings that are safe already: checked names, printed data, escaped comments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocqgen import __version__
from rocqgen.emit import gallina, lemmas
from rocqgen.emit.escape import comment, comment_lines, identifier
from rocqgen.emit.instance import render_instance
from rocqgen.emit.instruction import instruction, integer
from rocqgen.emit.marks import CLOSE, Marks
from rocqgen.emit.names import Scope, binders
from rocqgen.emit.plan import Plan, plan
from rocqgen.emit.regions import DEFAULT, refuse_unused
from rocqgen.emit.symbolic import Defs, HAt, Hint, Owe, Residual
from rocqgen.emit.templates import load_template
from rocqgen.emit.theory import Role, Step, Theory
from rocqgen.source.reserved import theory_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rocqgen.check.witness import Witness
    from rocqgen.emit.lemmas import Lemma
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
    theory then says what the bare machine does from it.

    An instruction that the prover has no rule for is a UserError; so is a name that is no
    identifier of Rocq, though the front end refuses that before.
    """
    made = plan(fragment)
    marks = Marks()
    scope = Scope.of(fragment, made)
    text, found = marks.strip(
        load_template(TEMPLATE).render(
            _context(fragment, made, scope, marks, instance, proofs or {})
        )
    )
    return Theory(
        name=identifier(theory_name(fragment.source, fragment.name)),
        text=text,
        theorem=f"{scope.theory}_correct",
        source=fragment.source,
        digest=fragment.digest,
        marks=found,
        instrs=tuple(Step(one.location, one.text, one.offset) for one in fragment.instrs),
        words=tuple(scope.params),
        expect=None if fragment.expect is None else fragment.expect.location,
        closed=None if instance is None else f"{scope.theory}_adequate",
    )


def _context(
    fragment: Fragment,
    made: Plan,
    scope: Scope,
    marks: Marks,
    instance: Witness | None,
    proofs: Mapping[str, Proof],
) -> dict[str, object]:
    name, printer = scope.theory, scope.printer
    parts, uses = lemmas.residual_lemmas(made, scope)
    refuse_unused(proofs, [one.name for one in parts])
    entry = fragment.instrs[0]
    return {
        "version": comment(__version__),
        "template": TEMPLATE,
        "name": name,
        "source": comment(fragment.source),
        "digest": comment(fragment.digest),
        "doc": comment_lines(fragment.doc),
        "instrs": _code(fragment, marks),
        "env": gallina.fill(scope.binders, f"Definition {name}_env ", "    "),
        "words": _trie(enumerate(scope.params, start=1)),
        "shares": _trie(enumerate(scope.shares, start=1)),
        "at": gallina.fill(scope.binders, "    ", "    "),
        "arguments": gallina.fill(scope.arguments, f"({name}_env ", "       ") + ")",
        "abbreviations": _abbreviations(printer),
        "base": scope.params[0],
        "pre": printer.state_data(made.goal.pre),
        "posts": [
            {
                "exit": printer.data(post.exit),
                "witness": _witness(post.witness, printer),
                "state": printer.state_data(post.state),
            }
            for post in made.goal.posts
        ],
        "next": made.goal.next,
        "hints": [f"({integer(offset)}, {_item(one)})" for offset, one in made.hints],
        "witnesses": [f"[{'; '.join(_witness(one, printer))}]" for one in made.witnesses],
        "fuel": str(made.fuel) if made.fuel <= _LARGEST_NAT else f"(Z.to_nat {made.fuel})",
        "residual": _residual(made, printer),
        "lemmas": [_lemma(one, made, scope, marks, proofs.get(one.name)) for one in parts],
        "script": lemmas.script(uses, made, scope),
        "statement": _statement(made, scope),
        "parameters": gallina.fill(scope.binders, "Context ", "    "),
        "mark_spec": marks.open(Role.SPEC, fragment.spec.location, name),
        "mark_run": marks.blame(Role.BLOCK, made.block),
        "mark_theorem": marks.open(Role.THEOREM, fragment.location, entry.text),
        "mark_closed": marks.open(Role.CLOSED, fragment.spec.location, name),
        "instance": instance and render_instance(instance, made, scope),
        "end": CLOSE,
    }


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


def _item(hint: Hint) -> str:
    """What the engine takes as a hint so far."""
    return f"{hint.item}%nat" if isinstance(hint, HAt) else "0%nat"


def _trie(entries: enumerate[str]) -> str:
    return gallina.fill(gallina.trie(dict(entries)).split(" "), "    (", "     ") + ")"


def _abbreviations(printer: gallina.Printer) -> list[str]:
    known = [(f"EVar {number}", name) for number, name in sorted(printer.words.items())]
    known += [(f"FVar {number}", name) for number, name in sorted(printer.fractions.items())]
    return [f"Local Notation {name} := ({term}) (only parsing)." for term, name in known]


def _residual(made: Plan, printer: gallina.Printer) -> dict[str, object] | None:
    """What the run is said to leave; None where it should leave nothing, and where it is stuck."""
    verdict = made.verdict
    if not isinstance(verdict, Residual) or not verdict.facts:
        return None
    return {
        "defs": [f"({n}%positive, {printer.data(term)})" for n, term in verdict.defs],
        "facts": [_owe(one, printer) for one in verdict.facts],
    }


def _owe(one: Owe, printer: gallina.Printer) -> str:
    path = "; ".join(map(printer.fact_data, one.path))
    return f"Owe [{path}] ({gallina.tag(one.tag)}) ({printer.fact_data(one.fact)})"


def _witness(values: Defs, printer: gallina.Printer) -> list[str]:
    return [f"({n}%positive, {printer.data(term)})" for n, term in values]


def _lemma(
    one: Lemma, made: Plan, scope: Scope, marks: Marks, proof: Proof | None
) -> dict[str, object]:
    names = [scope.printer.words[x] for x in one.over]
    return {
        "name": one.name,
        "headline": gallina.fill(binders(names, "word"), f"Lemma {one.name} ", "    "),
        "lines": lemmas.lines(one, made, scope),
        "about": comment(f"{one.blame.instr.text}  {one.blame.about}".strip()),
        "mark": marks.blame(Role.RESIDUAL, one.blame),
        "user": marks.blame(Role.USER, one.blame),
        "proof": DEFAULT if proof is None else proof.text,
    }


def _statement(made: Plan, scope: Scope) -> dict[str, object]:
    """The theorem: the conjuncts of the precondition, and those of each exit."""
    printer, code = scope.printer, f"{scope.theory}_code"
    base = scope.params[0]
    exits = [
        {
            "address": printer.word(post.exit),
            "exists": f"∃ {' '.join(bound)} : word," if bound else "",
            "parts": printer.conjuncts(post.state, base, code),
        }
        for post, bound in zip(made.goal.posts, scope.bound, strict=True)
    ]
    return {"pre": printer.conjuncts(made.goal.pre, base, code), "exits": exits}
