# SPDX-License-Identifier: Apache-2.0
"""A fragment with its assertions sorted, and with the code of what it calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from rocqgen.check.parts import Parts, UnsupportedError, root_name, split
from rocqgen.source.location import Location
from rocqgen.source.machine import Instr, Reg
from rocqgen.source.spec import Callee, Contract, Expr, Fragment, Name, Sort, Walk


@dataclass(frozen=True, slots=True)
class Goal:
    """What must hold somewhere: at an exit, or at a label with an invariant."""

    parts: Parts
    space: Expr
    exists: tuple[Name, ...]
    location: Location
    called: str = "the exit"


@dataclass(frozen=True, slots=True)
class Agreed:
    """A contract with its assertions sorted."""

    contract: Contract
    pre: Parts
    posts: tuple[Parts, ...]


@dataclass(frozen=True)
class Subject:
    """A fragment with its assertions sorted."""

    fragment: Fragment

    @cached_property
    def pre(self) -> Parts:
        """The precondition."""
        return split(self.fragment.spec.pre, self.fragment.spec.space)

    @cached_property
    def posts(self) -> tuple[Parts, ...]:
        """The postcondition of each exit."""
        return tuple(split(one.post, one.space) for one in self.fragment.spec.exits)

    @cached_property
    def goals(self) -> tuple[Goal, ...]:
        """What must hold at each exit, behind these at each invariant, then at each contract."""
        spec = self.fragment.spec
        exits = (
            Goal(parts, one.space, one.exists, one.location)
            for parts, one in zip(self.posts, spec.exits, strict=True)
        )
        cuts = (
            Goal(
                split(one.holds, one.space),
                one.space,
                one.exists,
                one.location,
                f"the invariant of {one.label}"
                if one.label
                else f"the invariant at {one.offset:+#x}",
            )
            for one in spec.invariants
        )
        calls = (
            Goal(
                one.pre,
                one.contract.space,
                tuple(name for name in one.contract.params if name.sort is not Sort.FRACTION),
                one.contract.location,
                f"the call of {one.contract.name}",
            )
            for one in self.contracts
        )
        return (*exits, *cuts, *calls)

    @cached_property
    def contracts(self) -> tuple[Agreed, ...]:
        """The contracts of what is called and is not here.

        UnsupportedError where a callee calls something by a contract of its own.
        """
        known = {one.name for one in self.fragment.assumes}
        for callee in self._callees:
            for one in callee.fragment.assumes:
                if one.name not in known:
                    where = callee.fragment.location.line
                    raise UnsupportedError(f"a call of `{one.name}` by a callee (line {where})")
        return tuple(
            Agreed(
                one,
                split(one.pre, one.space),
                tuple(split(exit_.post, exit_.space) for exit_ in one.exits),
            )
            for one in self.fragment.assumes
        )

    @cached_property
    def all_parts(self) -> tuple[Parts, ...]:
        """All assertions."""
        agreed = (part for one in self.contracts for part in one.posts)
        return (self.pre, *(one.parts for one in self.goals), *agreed)

    @cached_property
    def walks(self) -> tuple[Walk, ...]:
        """The walks that must be there somewhere."""
        return tuple(walk for one in self.all_parts for walk in one.walks)

    @cached_property
    def edits(self) -> bool:
        """Whether translations may change while the code runs: it may have entries of tables."""
        platform = self.fragment.spec.platform
        return platform is not None or any(one.entries for one in self.all_parts)

    @cached_property
    def entry_root(self) -> str:
        """The name of the root on entry."""
        return root_name(self.fragment.spec.space)

    @cached_property
    def registers(self) -> frozenset[Reg]:
        """The registers that the precondition describes."""
        return frozenset(one.reg for one in self.pre.regs)

    @cached_property
    def instrs(self) -> tuple[Instr, ...]:
        """The instructions by their offsets, those of annotated callees among them."""
        parts = [(0, self.fragment), *((one.distance, one.fragment) for one in self._callees)]
        return tuple(
            replace(instr, offset=instr.offset + distance) if distance else instr
            for distance, fragment in parts
            for instr in fragment.instrs
        )

    @property
    def _callees(self) -> Iterator[Callee]:
        yield from (one for one in self.fragment.callees if one.distance)

    @cached_property
    def at(self) -> dict[int, Instr]:
        """The instructions by their offsets from the entry, modulo 2**64."""
        return {instr.offset % (1 << 64): instr for instr in self.instrs}

    @cached_property
    def stretches(self) -> tuple[tuple[int, int], ...]:
        """Where the code lies: offsets from the entry, with the bytes behind each."""
        return tuple(
            (distance, _size(fragment))
            for distance, fragment in (
                (0, self.fragment),
                *((one.distance, one.fragment) for one in self._callees),
            )
        )

    @cached_property
    def size(self) -> int:
        """The bytes of the fragment's own code."""
        return _size(self.fragment)

    @cached_property
    def roots(self) -> tuple[str, ...]:
        """The names of the roots of which the precondition claims something."""
        return tuple(dict.fromkeys(one.root for one in self.pre.placed))


def _size(fragment: Fragment) -> int:
    last = fragment.instrs[-1]
    return last.offset + last.length
