# SPDX-License-Identifier: Apache-2.0
"""What the template needs of specifications, plans and verdicts, as Gallina."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocqgen.emit import gallina
from rocqgen.emit.hints import hint_data
from rocqgen.emit.instruction import integer
from rocqgen.emit.symbolic import HCall, HNone, Residual

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rocqgen.emit.contract import Called
    from rocqgen.emit.goal import Specified
    from rocqgen.emit.names import Scope
    from rocqgen.emit.normal import Term
    from rocqgen.emit.plan import Plan
    from rocqgen.emit.symbolic import Defs, Goal, Owe, Post, Told
    from rocqgen.source.spec import Platform


def specification(spec: Specified, scope: Scope, code: str) -> dict[str, object]:
    """A specification as data, the values of its parameters, and as a statement.

    `code` is the code that it speaks of.
    """
    name, printer, goal = scope.theory, scope.printer, spec.goal
    return {
        "name": name,
        "code": code,
        "env": gallina.fill(scope.binders, f"Definition {name}_env ", "    "),
        "words": _trie(enumerate(scope.params, start=1)),
        "constants": _constants(scope),
        "arguments": gallina.fill(scope.arguments, f"({name}_env ", "       ") + ")",
        "abbreviations": _abbreviations(printer),
        "base": scope.params[0],
        "pre": printer.state_data(goal.pre),
        "posts": [_post(post, printer) for post in goal.posts],
        "cuts": [_post(post, printer) for post in goal.cuts],
        "next": goal.next,
        "platform": "None" if spec.platform is None else f"Some ({platform(spec.platform)})",
        "mode": mode(spec.platform),
        "statement": _statement(goal, scope, code),
    }


def platform(one: Platform) -> str:
    """A platform, without parentheses."""
    return f"Platform {str(one.la57).lower()} {one.maxphyaddr}"


def mode(one: Platform | None) -> str:
    """What has to hold of the machine."""
    return "kernel_mode M" if one is None else f"m_config M = platform_config ({platform(one)})"


def _constants(scope: Scope) -> str:
    """The values of fractions and, if there are any, of arrays."""
    shares = _trie(enumerate(scope.shares, start=1))
    if not scope.arrays:
        return shares
    arrays = _trie(enumerate(scope.arrays, start=1))
    return f"    (Consts\n{shares}\n{arrays})"


def _trie(entries: enumerate[str]) -> str:
    return gallina.fill(gallina.trie(dict(entries)).split(" "), "    (", "     ") + ")"


def _post(post: Post, printer: gallina.Printer) -> dict[str, object]:
    return {
        "exit": printer.data(post.exit),
        "witness": _witness(post.witness, printer),
        "state": printer.state_data(post.state),
    }


def _statement(goal: Goal, scope: Scope, code: str) -> dict[str, object]:
    """The conjuncts of the precondition, and those of each exit."""
    printer, base = scope.printer, scope.params[0]
    exits = [
        {
            "address": printer.word(post.exit),
            "exists": f"∃ {' '.join(bound)} : word," if bound else "",
            "parts": printer.conjuncts(post.state, base, code),
        }
        for post, bound in zip(goal.posts, scope.bound, strict=False)
    ]
    return {"pre": printer.conjuncts(goal.pre, base, code), "exits": exits}


# -- what the check is told, and says --------------------------------------------------------------


def contract(called: Called, printer: gallina.Printer) -> str:
    """A contract that may be called."""
    fixed = "; ".join(f"(EVar {n}, {printer.data(term)})" for n, term in called.fixed)
    return f"Contract {called.name}_spec [{fixed}]"


def premises(assuming: Sequence[str], spec: Specified, scope: Scope) -> list[dict[str, str]]:
    """What a theorem assumes, of an environment and of its parameters; and the names of it."""
    found = []
    for pointer in assuming:
        number = spec.names.words[pointer]
        found.append(
            {
                "name": premise(pointer),
                "of": f"spec_assumed {pointer}_spec (env_word ρ {number})",
                "at": f"spec_assumed {pointer}_spec {scope.printer.words[number]}",
            }
        )
    return found


def premise(pointer: str) -> str:
    """The name of a hypothesis in a proof."""
    return f"assumed_{pointer}"


def holds(
    called: Sequence[Called],
    assuming: Mapping[str, Sequence[str]],
    caller: Platform | None,
) -> list[str]:
    """Proofs that the contracts hold, one for each.

    `assuming` has what callees assume; `caller` is the caller's platform.
    """
    proofs = []
    for one in called:
        if one.own:
            proofs.append("- left. split; [reflexivity|vm_compute; reflexivity].")
        elif one.assumed is not None:
            proofs.append(f"- right. exact {premise(one.name)}.")
        else:
            # Of the platform, a callee may say nothing.
            known = "Hmode"
            if caller is not None and one.contract.platform is None:
                known = "(eq_trans (f_equal cfg_user Hmode) eq_refl)"
            pointers = assuming[one.name]
            equations = [f"E{k + 1}" for k in range(len(pointers))]
            given = "".join(
                f" (eq_ind_r (spec_assumed {pointer}_spec) {premise(pointer)} {equation})"
                for pointer, equation in zip(pointers, equations, strict=True)
            )
            names = " ".join(["ρ'", *equations])
            proofs.append(f"- right. exact (λ {names}, {one.name}_holds {known} ρ'{given}).")
    return proofs


def told_data(hint: Told, printer: gallina.Printer) -> str:
    """A hint as Gallina, without parentheses."""
    match hint:
        case HNone():
            return "HNone"
        case HCall(contract, words, shares):
            values = "; ".join(f"({n}%positive, {printer.data(e)})" for n, e in words.items())
            parts = "; ".join(f"({n}%positive, {printer.share_data(q)})" for n, q in shares.items())
            return f"HCall {contract} [{values}] [{parts}]"
        case _:
            return hint_data(hint, printer)


def plans(made: Plan, printer: gallina.Printer) -> list[dict[str, object]]:
    """What each segment is told; nothing where there is nothing to tell."""
    plans: list[dict[str, object]] = []
    for one in made.segments:
        usual = all(leaf.usual for leaf in one.leaves)
        plans.append(
            {
                "hints": [
                    f"({integer(offset)}, {told_data(hint, printer)})" for offset, hint in one.hints
                ],
                "leaves": []
                if usual
                else [
                    f"LeafPlan {leaf.end} [{'; '.join(_witness(leaf.witness, printer))}]"
                    for leaf in one.leaves
                ],
            }
        )
    while plans and not any(plans[-1].values()):
        plans.pop()
    return plans


def _abbreviations(printer: gallina.Printer) -> list[str]:
    known = [(f"EVar {number}", name) for number, name in sorted(printer.words.items())]
    known += [(f"FVar {number}", name) for number, name in sorted(printer.fractions.items())]
    return [f"Local Notation {name} := ({term}) (only parsing)." for term, name in known]


def residual(made: Plan, printer: gallina.Printer) -> list[dict[str, object]] | None:
    """What the run is said to leave; None where it should leave nothing, and where it is stuck."""
    verdict = made.verdict
    if not isinstance(verdict, Residual) or not verdict.facts:
        return None
    return [
        {
            "names": [_name(n, term, printer) for n, term in segment.names],
            "facts": [_owe(one, printer) for one in segment.facts],
        }
        for segment in verdict.segments
    ]


def _name(number: int, term: Term | None, printer: gallina.Printer) -> str:
    value = "None" if term is None else f"Some {printer.data(term)}"
    return f"({number}%positive, {value})"


def _owe(one: Owe, printer: gallina.Printer) -> str:
    path = "; ".join(map(printer.fact_data, one.path))
    return f"Owe [{path}] ({gallina.tag(one.tag)}) ({printer.fact_data(one.fact)})"


def _witness(values: Defs, printer: gallina.Printer) -> list[str]:
    return [f"({n}%positive, {printer.data(term)})" for n, term in values]
