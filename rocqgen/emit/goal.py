# SPDX-License-Identifier: Apache-2.0
"""A specification as the engine takes it, with what each part of it was written as."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rocqgen.emit.encode import BASE, Encoded, Numbering, encode, with_roots
from rocqgen.emit.normal import ECst, mk_add
from rocqgen.emit.symbolic import Goal, Post
from rocqgen.source.spec import Contract, Invariant

if TYPE_CHECKING:
    from rocqgen.emit.normal import Term
    from rocqgen.source.spec import Assertion, Exit, Expr, Name, Platform, Spec


@dataclass(frozen=True, slots=True)
class End:
    """Where a run may end: an exit or an invariant.

    `bound` are the numbers of the names that it binds, `names` numbers all names of its assertion.
    """

    address: Term
    bound: range
    names: Numbering
    holds: Encoded
    written: Exit | Invariant

    @property
    def post(self) -> Post:
        """The same for the engine."""
        witness = tuple((number, ECst(0)) for number in self.bound)
        return Post(self.address, witness, self.holds.state)

    @property
    def exists(self) -> tuple[Name, ...]:
        """The names that it binds, as they were written."""
        return self.written.exists


@dataclass(frozen=True, slots=True)
class Specified:
    """A specification: the numbers of its parameters, and its parts."""

    names: Numbering
    pre: Encoded
    exits: tuple[End, ...]
    cuts: tuple[End, ...]
    platform: Platform | None = None

    @property
    def ends(self) -> tuple[End, ...]:
        """Where a run may end: exits, then invariants."""
        return (*self.exits, *self.cuts)

    @property
    def goal(self) -> Goal:
        """The same for the engine."""
        return Goal(
            BASE,
            self.pre.state,
            tuple(end.post for end in self.exits),
            tuple(end.post for end in self.cuts),
            self.names.next,
        )


def specified(spec: Spec | Contract) -> Specified:
    """Number the names of `spec` and encode its parts.

    The parameters come first, then the names of invariants and those of exits.  What a run names
    may have the numbers of those behind the parameters again: values take their place there.
    """
    names = Numbering.of(spec.params)
    invariants: tuple[Invariant, ...] = ()
    platform: Platform | None = None
    if isinstance(spec, Contract):
        names = Numbering({spec.name: BASE.x, **names.words}, names.fractions, names.arrays)
    else:
        invariants, platform = spec.invariants, spec.platform
    pre = encode(spec.pre, spec.space, names, needed=True)
    pre = with_roots(pre, spec.params, names, platform)
    first = names.next

    def end(address: Term, space: Expr, holds: tuple[Assertion, ...], of: Exit | Invariant) -> End:
        nonlocal first
        bound = range(first, first + len(of.exists))
        first = bound.stop
        scope = names.extended(of.exists, bound.start)
        inside = isinstance(of, Invariant)
        return End(address, bound, scope, encode(holds, space, scope, needed=inside), of)

    cuts = tuple(end(mk_add(BASE, one.offset), one.space, one.holds, one) for one in invariants)
    exits = tuple(end(names.term(one.address), one.space, one.post, one) for one in spec.exits)
    return Specified(names, pre, exits, cuts, platform)
