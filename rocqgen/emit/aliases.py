# SPDX-License-Identifier: Apache-2.0
"""Finds what an access goes to where the engine, which compares syntactically, needs a hint.

Words are compared as sums of atoms with coefficients, modulo 2**64, after rewriting with the
equations of the precondition.  A wrong hint does no harm: it leaves an equation that is false.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from rocqgen.emit.normal import WORD, Alu, EAdd, ECst, EOp, EVar, Term
from rocqgen.emit.symbolic import IPhys
from rocqgen.source.machine import Instr, Mem, Op
from rocqgen.source.spec import Rel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rocqgen.emit.symbolic import SState

Key = tuple[object, ...]
Linear = dict[Key, int]
"""Coefficients of atoms; the constant is that of the atom ()."""

_COMMUTATIVE = {Alu.AND, Alu.OR, Alu.XOR}


class Rewriting:
    """Linear forms up to equations."""

    def __init__(self) -> None:
        self.rules: dict[Key, Linear] = {}

    def equate(self, a: Term, b: Term) -> None:
        """Use `a = b`, solved for its largest atom."""
        difference = _add(self.linear(a), self.linear(b), -1)
        atoms = [key for key, count in difference.items() if key and count in {1, WORD - 1}]
        atoms.sort(key=lambda key: (_size(key), repr(key)), reverse=True)
        for atom in atoms:
            rest = {key: count for key, count in difference.items() if key != atom}
            if any(_occurs(atom, key) for key in rest):
                continue
            solution = _scale(rest, -1 if difference[atom] == 1 else 1)
            for key, form in self.rules.items():
                if atom in form:
                    factor = form[atom]
                    kept = {one: count for one, count in form.items() if one != atom}
                    self.rules[key] = _add(kept, solution, factor)
            self.rules[atom] = solution
            return

    def linear(self, term: Term) -> Linear:
        """The linear form of `term`."""
        match term:
            case ECst(z):
                return _trim({(): z})
            case EVar(x):
                return self._atom(("var", x))
            case EAdd(inner, z):
                return _add(self.linear(inner), {(): z % WORD}, 1)
            case EOp(Alu.ADD | Alu.SUB as op, a, b):
                return _add(self.linear(a), self.linear(b), 1 if op is Alu.ADD else -1)
            case EOp(Alu.SHL, a, ECst(count)):
                return _scale(self.linear(a), 1 << count % 64)
            case EOp(op, a, b):
                left, right = _key(self.linear(a)), _key(self.linear(b))
                if op in _COMMUTATIVE and repr(right) < repr(left):
                    left, right = right, left
                return self._atom((op.value, left, right))

    def _atom(self, key: Key) -> Linear:
        return self.rules.get(key, {key: 1})


def _trim(form: Linear) -> Linear:
    return {key: count % WORD for key, count in form.items() if count % WORD}


def _add(a: Linear, b: Linear, factor: int) -> Linear:
    total = dict(a)
    for key, count in b.items():
        total[key] = total.get(key, 0) + factor * count
    return _trim(total)


def _scale(form: Linear, factor: int) -> Linear:
    return _trim({key: count * factor for key, count in form.items()})


def _key(form: Linear) -> Key:
    return tuple(sorted(form.items(), key=repr))


def _size(key: object) -> int:
    return 1 + sum(map(_size, key)) if isinstance(key, tuple) else 1


def _occurs(atom: Key, key: object) -> bool:
    return key == atom or (isinstance(key, tuple) and any(_occurs(atom, one) for one in key))


class Aliases:
    """Hints for the accesses of a fragment; implements `FindAlias`.

    `given` has what the user wrote: addresses by the offset of the instruction, in the order of its
    accesses.
    """

    def __init__(self, pre: SState, given: Mapping[int, Sequence[Term]]) -> None:
        self.pre = pre
        self.given = given
        self.known: dict[tuple[Term, Term], int | None] = {}

    @cached_property
    def rewriting(self) -> Rewriting:
        """The equations of the precondition."""
        rewriting = Rewriting()
        for fact in self.pre.facts:
            if fact.rel is Rel.EQ:
                rewriting.equate(fact.a, fact.b)
        return rewriting

    def __call__(self, instr: Instr, root: Term, addr: Term, found: int | None) -> int | None:
        """The item's index."""
        given = self.given.get(instr.offset)
        if given:
            # The engine's hint is for the memory operand, and `pop m` accesses that one second.
            second = instr.op is Op.POP and isinstance(instr.operands[0], Mem)
            return self._at(root, given[-1 if second else 0], exact=False)
        return found if found is not None else self._at(root, addr, exact=True)

    def _at(self, root: Term, addr: Term, *, exact: bool) -> int | None:
        """The first item at `addr` in the space `root`; not `exact`: else in any space."""
        if (root, addr) in self.known:
            return self.known[root, addr]
        linear = self.rewriting.linear
        where, space = linear(addr), linear(root)
        here = [
            (n, item)
            for n, item in enumerate(self.pre.items)
            if not isinstance(item, IPhys) and linear(item.addr) == where
        ]
        ranked = [n for n, item in here if item.root == root]
        ranked += [n for n, item in here if linear(item.root) == space]
        if not exact:
            ranked += [n for n, _ in here]
        result = ranked[0] if ranked else None
        self.known[root, addr] = result
        return result
