# SPDX-License-Identifier: Apache-2.0
"""An assertion sorted by what its parts own, each with the space that it is said of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from rocqgen.source.features import Feature, features
from rocqgen.source.location import Location
from rocqgen.source.machine import Instr, Reg
from rocqgen.source.print import print_item
from rocqgen.source.spec import (
    Assertion,
    At,
    Block,
    Callee,
    Claim,
    Code,
    Contract,
    Entry,
    Expr,
    Frac,
    Fragment,
    Name,
    PhysPt,
    Pure,
    RegPt,
    Sort,
    Var,
    VirtPt,
)


class Cell(NamedTuple):
    """A virtual points-to and the name of its space's root."""

    root: str
    item: VirtPt


class Mapped(NamedTuple):
    """A claim and the name of its space's root."""

    root: str
    item: Claim


class Span(NamedTuple):
    """A block of words, and the name of its space's root."""

    root: str
    item: Block


class Fetched(NamedTuple):
    """`code` and the name of its space's root."""

    root: str
    item: Code


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of an assertion, in the order in which they are written."""

    regs: tuple[RegPt, ...]
    cells: tuple[Cell, ...]
    claims: tuple[Mapped, ...]
    code: tuple[Fetched, ...]
    phys: tuple[PhysPt, ...]
    facts: tuple[Pure, ...]
    entries: tuple[Entry, ...] = ()
    spans: tuple[Span, ...] = ()

    @property
    def placed(self) -> tuple[Cell | Mapped | Fetched | Span, ...]:
        """What is said of a space."""
        virtual = (one for one in self.spans if one.item.virtual)
        return (*self.cells, *self.claims, *self.code, *virtual)

    @property
    def shares(self) -> Iterator[Frac]:
        """The shares that are written."""
        for mark in (self.cells, self.claims, self.code, self.spans):
            for one in mark:
                yield one.item.frac
        yield from (one.frac for one in self.phys)
        yield from (one.frac for one in self.entries)


class UnsupportedError(Exception):
    """An assertion that says what concrete states are not made for."""


KNOWN = frozenset(Feature) - {Feature.WALK}
"""The parts of the annotation language, beyond the first ones, that fragments are run with."""


def refuse_features(fragment: Fragment) -> None:
    """Raise UnsupportedError if there is a part of the annotation that is not known here."""
    for feature, where in features(fragment):
        if feature not in KNOWN:
            raise UnsupportedError(f"{feature.value} yet (line {where.line})")


def split(items: tuple[Assertion, ...], space: Expr) -> Parts:
    """Sort the parts of an assertion that is read in `space`; UnsupportedError for others."""
    flat = list(_flat(items, root_name(space)))
    for _, one in flat:
        if not isinstance(one, RegPt | VirtPt | Claim | Code | PhysPt | Pure | Entry | Block):
            raise UnsupportedError(f"`{print_item(one)}` (line {one.location.line})")
    return Parts(
        tuple(one for _, one in flat if isinstance(one, RegPt)),
        tuple(Cell(root, one) for root, one in flat if isinstance(one, VirtPt)),
        tuple(Mapped(root, one) for root, one in flat if isinstance(one, Claim)),
        tuple(Fetched(root, one) for root, one in flat if isinstance(one, Code)),
        tuple(one for _, one in flat if isinstance(one, PhysPt)),
        tuple(one for _, one in flat if isinstance(one, Pure)),
        tuple(one for _, one in flat if isinstance(one, Entry)),
        tuple(Span(root, one) for root, one in flat if isinstance(one, Block)),
    )


def _flat(items: tuple[Assertion, ...], root: str) -> Iterator[tuple[str, Assertion]]:
    for item in items:
        if isinstance(item, At):
            yield from _flat(item.items, root_name(item.root))
        else:
            yield root, item


def root_name(space: Expr) -> str:
    """The name of a root: the scope check lets nothing else stand for a space."""
    if not isinstance(space, Var):
        raise TypeError(f"not the name of a root: {space!r}")
    return space.ident


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
        """The contracts of what is called and is not here."""
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
    def edits(self) -> bool:
        """Whether translations may change while the code runs: it has entries of tables."""
        return any(one.entries for one in self.all_parts)

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
