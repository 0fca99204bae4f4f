# SPDX-License-Identifier: Apache-2.0
"""An assertion sorted by what its parts own, each with the space that it is said of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from rocqgen.source.features import Feature, features
from rocqgen.source.machine import Instr, Reg
from rocqgen.source.print import print_item
from rocqgen.source.spec import (
    Assertion,
    At,
    Claim,
    Code,
    Expr,
    Fragment,
    PhysPt,
    Pure,
    RegPt,
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

    @property
    def placed(self) -> tuple[Cell | Mapped | Fetched, ...]:
        """What is said of a space."""
        return (*self.cells, *self.claims, *self.code)


class UnsupportedError(Exception):
    """An assertion that says what concrete states are not made for."""


KNOWN: frozenset[Feature] = frozenset()
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
        if not isinstance(one, RegPt | VirtPt | Claim | Code | PhysPt | Pure):
            raise UnsupportedError(f"`{print_item(one)}` (line {one.location.line})")
    return Parts(
        tuple(one for _, one in flat if isinstance(one, RegPt)),
        tuple(Cell(root, one) for root, one in flat if isinstance(one, VirtPt)),
        tuple(Mapped(root, one) for root, one in flat if isinstance(one, Claim)),
        tuple(Fetched(root, one) for root, one in flat if isinstance(one, Code)),
        tuple(one for _, one in flat if isinstance(one, PhysPt)),
        tuple(one for _, one in flat if isinstance(one, Pure)),
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
    def entry_root(self) -> str:
        """The name of the root on entry."""
        return root_name(self.fragment.spec.space)

    @cached_property
    def registers(self) -> frozenset[Reg]:
        """The registers that the precondition describes."""
        return frozenset(one.reg for one in self.pre.regs)

    @cached_property
    def at(self) -> dict[int, Instr]:
        """The instructions by their offsets from the entry."""
        return {instr.offset: instr for instr in self.fragment.instrs}

    @cached_property
    def size(self) -> int:
        """The bytes of code."""
        last = self.fragment.instrs[-1]
        return last.offset + last.length

    @cached_property
    def roots(self) -> tuple[str, ...]:
        """The names of the roots of which the precondition claims something."""
        return tuple(dict.fromkeys(one.root for one in self.pre.placed))
