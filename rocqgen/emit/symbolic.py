# SPDX-License-Identifier: Apache-2.0
"""The data of the engine, as in `theories/auto/state.v`, `run.v` and `spec.v`."""

from __future__ import annotations

from dataclasses import dataclass

from rocqgen.emit.normal import Term
from rocqgen.source.machine import Instr, Reg
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
    """A rational below 1, in lowest terms."""

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


Item = IVirt | IPhys | IClaim


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
    """A specification as the engine takes it."""

    base: Term
    code: tuple[Instr, ...]
    pre: SState
    posts: tuple[Post, ...]
    next: int


# -- what a residual fact is about -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TInstr:
    """An address of the instruction at `offset`."""

    offset: int


@dataclass(frozen=True, slots=True)
class TRoot:
    """The space at the exit."""


@dataclass(frozen=True, slots=True)
class TReg:
    """A register of the postcondition."""

    reg: Reg


@dataclass(frozen=True, slots=True)
class TItem:
    """An item of the postcondition, from 0; code counts after the items."""

    n: int


@dataclass(frozen=True, slots=True)
class TFact:
    """A pure fact of the postcondition, from 0."""

    n: int


Tag = TInstr | TRoot | TReg | TItem | TFact


@dataclass(frozen=True, slots=True)
class Owe:
    """A fact that is left, under the conditions of the branches on the way to it, latest first."""

    path: tuple[Fact, ...]
    tag: Tag
    fact: Fact


@dataclass(frozen=True, slots=True)
class Residual:
    """The fragment meets its specification if the facts hold."""

    defs: Defs
    facts: tuple[Owe, ...]


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
