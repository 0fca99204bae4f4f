# SPDX-License-Identifier: Apache-2.0
"""The data of the engine, as in `theories/auto/state.v`, `run.v` and `spec.v`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rocqgen.emit.ghosts import Ghost
from rocqgen.emit.normal import Term
from rocqgen.emit.tags import Tag
from rocqgen.source.machine import Reg
from rocqgen.source.spec import Rel


@dataclass(frozen=True, slots=True)
class FOne:
    """The whole."""


@dataclass(frozen=True, slots=True)
class FVar:
    """A fraction parameter, numbered from 1 apart from the words."""

    x: int


@dataclass(frozen=True, slots=True)
class FDiv:
    """A rational other than 1, in lowest terms; it may be above 1."""

    n: int
    d: int


Share = FOne | FVar | FDiv


@dataclass(frozen=True, slots=True)
class IVirt:
    """A virtual points-to in the space `root`."""

    writable: bool
    root: Term
    addr: Term
    share: Share
    value: Term


@dataclass(frozen=True, slots=True)
class IPhys:
    """A physical points-to."""

    addr: Term
    share: Share
    value: Term


@dataclass(frozen=True, slots=True)
class IClaim:
    """A claim in the space `root`; `value` is the physical address."""

    writable: bool
    root: Term
    addr: Term
    share: Share
    value: Term


@dataclass(frozen=True, slots=True)
class KCell:
    """An entry of a page table.

    Each list has a page for each element, by the shift of its size; `None` is everywhere.
    """

    reach: tuple[int | None, ...]
    claimed: tuple[int | None, ...]
    owed: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class KBlock:
    """Words one behind another.

    They are in physical memory where `writable` is `None`, and else in a space.  Where `filled`,
    all of them are the same word, or with an `array` those of it; else nothing is known of them.
    """

    writable: bool | None
    filled: bool
    array: int | None = None


@dataclass(frozen=True, slots=True)
class KWalk:
    """The entries that a walk reads at levels with these shifts, as far as they lead to tables.

    It begins in a table, or `below` an entry.  `mapped`: its tables are mapped as pages.
    """

    below: bool
    shifts: tuple[int, ...]
    mapped: bool


Kind = KCell | KBlock | KWalk


@dataclass(frozen=True, slots=True)
class IRes:
    """A resource of a kind, over words: those that say where it is, then the rest.

    A cell has the physical address of its slot, the entry, and then the root and an address of
    each page in its lists that is not everywhere.  A block has the root, in a space, the address,
    the number of words, and where it is filled what they all are, or in an array the first's index.
    A walk has the root, the address that it is about, what leads to its table, an entry for each
    level and, where it is mapped, a root and how far behind.
    """

    kind: Kind
    share: Share
    terms: tuple[Term, ...]


Item = IVirt | IPhys | IClaim | IRes


@dataclass(frozen=True, slots=True)
class Region:
    """The page of `2 ** shift` bytes around the address `va` of the space `root`."""

    shift: int
    root: Term
    va: Term


Regions = tuple[Region | None, ...]
"""Pages; `None` is everywhere."""

# -- hints -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HAt:
    """What an access goes to: an item of translation, the item of its data, a place in that.

    `index` is the number of a word in a block.  With a cell as data it says that the entry is
    absent, and has no other meaning.
    """

    item: int
    data: int | None = None
    index: Term | None = None


@dataclass(frozen=True, slots=True)
class HFirst:
    """A step of the proof alone, in front of the instruction."""

    ghost: Ghost


@dataclass(frozen=True, slots=True)
class HThen:
    """A step of the proof alone, behind the instruction."""

    ghost: Ghost


Hint = HAt | HFirst | HThen


@dataclass(frozen=True, slots=True)
class Fact:
    """A relation between words."""

    rel: Rel
    a: Term
    b: Term


@dataclass(frozen=True, slots=True)
class SState:
    """A symbolic state."""

    root: Term
    regs: tuple[tuple[Reg, Term], ...]
    items: tuple[Item, ...]
    code: tuple[tuple[Term, Share], ...]
    facts: tuple[Fact, ...]


Defs = tuple[tuple[int, Term], ...]
"""Names with their values."""


@dataclass(frozen=True, slots=True)
class Post:
    """An exit: its address, the values of the names that it binds, and its assertion."""

    exit: Term
    witness: Defs
    state: SState


@dataclass(frozen=True, slots=True)
class Goal:
    """A specification as the engine takes it.

    `cuts` are the invariants: states at addresses inside, whose bound names are all new on arrival.
    """

    base: Term
    pre: SState
    posts: tuple[Post, ...]
    cuts: tuple[Post, ...]
    next: int

    @property
    def ends(self) -> tuple[Post, ...]:
        """Where a run may end: exits, then invariants."""
        return (*self.posts, *self.cuts)


# -- what the engine is told -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HCall:
    """A call by contract: the contract's number, and the values of its variables."""

    contract: int
    words: Mapping[int, Term]
    shares: Mapping[int, Share]


@dataclass(frozen=True, slots=True)
class HNone:
    """Nothing, where the hint that comes next would be taken by mistake."""


Told = Hint | HCall | HNone

Hints = tuple[tuple[int, Told], ...]
"""What the engine is told, by the offset of the instruction, in the order of the run."""


@dataclass(frozen=True, slots=True)
class LeafPlan:
    """The end that a path comes to, among all ends, and the values of the names bound there."""

    end: int
    witness: Defs
    usual: bool = False
    """Whether the engine does the same without being told."""


@dataclass(frozen=True, slots=True)
class SegmentPlan:
    """What the engine is told of one segment."""

    hints: Hints
    leaves: tuple[LeafPlan, ...]


# -- what a run leaves -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Owe:
    """A fact that is left, under the conditions of the branches on the way to it, latest first."""

    path: tuple[Fact, ...]
    tag: Tag
    fact: Fact


Telescope = tuple[tuple[int, Term | None], ...]
"""The names of a run in order, each with its value, or none where nobody knows it."""


@dataclass(frozen=True, slots=True)
class Segment:
    """What the run from the entry, or from an invariant, leaves to prove under its names."""

    names: Telescope
    facts: tuple[Owe, ...]


@dataclass(frozen=True, slots=True)
class Residual:
    """The fragment meets its specification if the facts of all segments hold."""

    segments: tuple[Segment, ...]

    @property
    def facts(self) -> tuple[Owe, ...]:
        """Those of all segments."""
        return tuple(one for segment in self.segments for one in segment.facts)

    @property
    def names(self) -> Telescope:
        """Those of all segments."""
        return tuple(one for segment in self.segments for one in segment.names)


@dataclass(frozen=True, slots=True)
class Stuck:
    """The instruction at `offset` cannot be executed; `why` is a sentence."""

    offset: int
    why: str


@dataclass(frozen=True, slots=True)
class Missing:
    """The postcondition names what the final state does not have."""

    tag: Tag


Verdict = Residual | Stuck | Missing
