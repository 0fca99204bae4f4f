# SPDX-License-Identifier: Apache-2.0
"""Matches the final state of a run with a postcondition: a mirror of `match_state` in `spec.v`.

The values of existentials, which the engine takes as given, are found here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocqgen.emit.items import content, place, place_names, same_kind, subst_item
from rocqgen.emit.normal import (
    Alu,
    EAdd,
    ECst,
    EOp,
    EVar,
    Term,
    mk_add,
    mk_op,
    subst,
    variables,
)
from rocqgen.emit.symbolic import Fact, Item, Missing, SState
from rocqgen.emit.tags import Tag, TFact, TItem, TReg, TRoot
from rocqgen.source.spec import Rel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rocqgen.emit.paths import Path

Values = dict[int, Term]


def find_witnesses(run: Path, want: SState, names: Sequence[int]) -> Values:
    """Values of `names` with which `want` holds in the final state, as far as they can be seen.

    A name that nothing determines is 0.
    """
    values: Values = {}
    open_names = set(names)
    while open_names:
        before = len(open_names)
        _from_values(run, want, values, open_names)
        if len(open_names) == before and not _from_addresses(run, want, values, open_names):
            break
    return {name: values.get(name, ECst(0)) for name in names}


def _from_values(run: Path, want: SState, values: Values, open_names: set[int]) -> None:
    """Read names off registers, off the values of items at known addresses, and off equations."""
    solve(want.root, run.root, values, open_names)
    for reg, term in want.regs:
        if reg in run.regs:
            solve(term, run.regs[reg], values, open_names)
    have: list[Item | None] = list(run.items)
    for wanted in (subst_item(item, values) for item in want.items):
        if open_names.isdisjoint(place_names(wanted)):
            n = _take(wanted, have)
            if n is not None:
                have[n] = None
                _from_content(wanted, run.items[n], values, open_names)
    for fact in want.facts:
        if fact.rel is Rel.EQ:
            left, right = subst(fact.a, values), subst(fact.b, values)
            if open_names.isdisjoint(variables(right)):
                solve(left, right, values, open_names)
            elif open_names.isdisjoint(variables(left)):
                solve(right, left, values, open_names)


def _from_content(wanted: Item, found: Item, values: Values, open_names: set[int]) -> None:
    for pattern, value in zip(content(wanted), content(found), strict=True):
        solve(pattern, value, values, open_names)


def _from_addresses(run: Path, want: SState, values: Values, open_names: set[int]) -> bool:
    """Read names off the address of the first item that could be meant."""
    have: list[Item | None] = list(run.items)
    wanted = [subst_item(item, values) for item in want.items]
    for item in wanted:
        n = _take(item, have)
        if n is not None:
            have[n] = None
    for item in wanted:
        if open_names.isdisjoint(place_names(item)):
            continue
        for candidate in have:
            if candidate is None or not same_kind(candidate, item):
                continue
            before = len(open_names)
            *spaces, wanted_at = place(item)
            *others, at = place(candidate)
            if spaces == others:
                solve(wanted_at, at, values, open_names)
            if len(open_names) < before:
                return True
    return False


def solve(pattern: Term, value: Term, values: Values, open_names: set[int]) -> None:
    """Find values of names in `pattern` that make it `value`, where it has one such name."""
    pattern = subst(pattern, values)
    while not open_names.isdisjoint(variables(pattern)):
        match pattern, value:
            case EVar(x), _:
                values[x] = value
                open_names.discard(x)
                return
            case EAdd(inner, z), _:
                pattern, value = inner, mk_add(value, -z)
            case EOp(op, a, b), EOp(op2, c, d) if op is op2 and a == c:
                pattern, value = b, d
            case EOp(op, a, b), EOp(op2, c, d) if op is op2 and b == d:
                pattern, value = a, c
            case EOp(op, a, b), _:
                if open_names.isdisjoint(variables(b)):
                    inverse = _LEFT.get(op)
                    if inverse is None:
                        return
                    pattern, value = a, mk_op(inverse, value, b)
                elif open_names.isdisjoint(variables(a)) and op in _RIGHT:
                    left, right = (a, value) if op is Alu.SUB else (value, a)
                    pattern, value = b, mk_op(_RIGHT[op], left, right)
                else:
                    return
            case _:
                return


_LEFT = {Alu.ADD: Alu.SUB, Alu.SUB: Alu.ADD, Alu.XOR: Alu.XOR}
"""How to find the left operand from the result and the right one."""
_RIGHT = {Alu.ADD: Alu.SUB, Alu.SUB: Alu.SUB, Alu.XOR: Alu.XOR}
"""How to find the right operand from the result and the left one; from the left one for SUB."""


# -- the mirror ------------------------------------------------------------------------------------

Matched = tuple[tuple[Tag, Fact], ...] | Missing


def match_state(run: Path, post: SState, values: Mapping[int, Term]) -> tuple[Matched, list[int]]:
    """The residual facts, and the items of the run that those of `post` were matched with."""
    want = subst_state(post, values)
    facts: list[tuple[Tag, Fact]] = []
    facts += ((TRoot(), fact) for fact in _equate(run.root, want.root))
    taken: list[int] = []
    for reg, term in want.regs:
        if reg not in run.regs:
            return Missing(TReg(reg)), taken
        facts += ((TReg(reg), fact) for fact in _equate(run.regs[reg], term))
    have: list[Item | None] = list(run.items)
    for k, item in enumerate(want.items):
        n = _take(item, have)
        if n is None:
            return Missing(TItem(k)), taken
        have[n] = None
        taken.append(n)
        for left, right in zip(content(run.items[n]), content(item), strict=True):
            facts += ((TItem(k), fact) for fact in _equate(left, right))
    code = list(run.code)
    for k, one in enumerate(want.code):
        if one not in code:
            return Missing(TItem(len(want.items) + k)), taken
        code.remove(one)
    for k, fact in enumerate(want.facts):
        if fact.rel is not Rel.EQ or fact.a != fact.b:
            facts.append((TFact(k), fact))
    return tuple(facts), taken


def _equate(a: Term, b: Term) -> tuple[Fact, ...]:
    return () if a == b else (Fact(Rel.EQ, a, b),)


def _take(want: Item, have: Sequence[Item | None]) -> int | None:
    for n, item in enumerate(have):
        if item is not None and same_kind(item, want) and _same_place(item, want):
            return n
    return None


def _same_place(have: Item, want: Item) -> bool:
    return place(have) == place(want)


def similar_item(run: Path, want: Item) -> int | None:
    """An item at the address of one that could not be matched: the share or the rights differ."""
    for n, item in enumerate(run.items):
        if type(item) is type(want) and _same_place(item, want):
            return n
    return None


def subst_state(s: SState, values: Mapping[int, Term]) -> SState:
    """A state with existentials replaced (`subst_state`)."""
    return SState(
        subst(s.root, values),
        tuple((reg, subst(term, values)) for reg, term in s.regs),
        tuple(subst_item(item, values) for item in s.items),
        tuple((subst(root, values), share) for root, share in s.code),
        tuple(Fact(fact.rel, subst(fact.a, values), subst(fact.b, values)) for fact in s.facts),
    )
