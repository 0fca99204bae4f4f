# SPDX-License-Identifier: Apache-2.0
"""An assertion sorted by what its parts own, each with the space that it is said of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from rocqgen.source.features import Feature, features
from rocqgen.source.print import print_item
from rocqgen.source.spec import (
    Assertion,
    At,
    Block,
    Claim,
    Code,
    Entry,
    Expr,
    Frac,
    Fragment,
    PhysPt,
    Pure,
    RegPt,
    Var,
    VirtPt,
    Walk,
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
    walks: tuple[Walk, ...] = ()
    """Where something must hold; a precondition is taken case by case."""

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


KNOWN = frozenset(Feature)
"""The parts of the annotation language, beyond the first ones, that fragments are run with."""


def refuse_features(fragment: Fragment) -> None:
    """Raise UnsupportedError if there is a part of the annotation that is not known here."""
    for feature, where in features(fragment):
        if feature not in KNOWN:
            raise UnsupportedError(f"{feature.value} yet (line {where.line})")
    for contract in fragment.assumes:
        for one in contract.exits:
            for item in one.post:
                if isinstance(item, Walk):
                    where = item.location
                    raise UnsupportedError(f"walks that a contract gives (line {where.line})")


def split(items: tuple[Assertion, ...], space: Expr) -> Parts:
    """Sort the parts of an assertion that is read in `space`; UnsupportedError for others."""
    flat = list(_flat(items, root_name(space)))
    for _, one in flat:
        if not isinstance(
            one, RegPt | VirtPt | Claim | Code | PhysPt | Pure | Entry | Block | Walk
        ):
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
        tuple(one for _, one in flat if isinstance(one, Walk)),
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
