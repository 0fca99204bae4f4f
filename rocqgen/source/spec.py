# SPDX-License-Identifier: Apache-2.0
"""The typed form of an annotation: what a fragment needs and what it gives.

Every node carries the position at which it was written.  Names are checked identifiers, sorts have
been checked, and no text of the annotation survives outside these nodes: what is emitted is printed
from them alone.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from rocqgen.source.location import Location
from rocqgen.source.machine import Instr, Reg


class Sort(enum.Enum):
    """The sort of a name."""

    WORD = "word"
    ROOT = "root"
    FRACTION = "fraction"


@dataclass(frozen=True, slots=True)
class Name:
    """A bound name with its sort."""

    ident: str
    sort: Sort
    location: Location


# -- expressions over 64-bit words -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Var:
    """A parameter or an existential of sort word or root."""

    ident: str
    location: Location


@dataclass(frozen=True, slots=True)
class Lit:
    """A literal, already reduced to [0, 2**64)."""

    value: int
    location: Location


@dataclass(frozen=True, slots=True)
class Label:
    """The address of a label of the fragment: its entry plus `offset` bytes."""

    ident: str
    offset: int
    location: Location


class BinOp(enum.Enum):
    """Operations on words, all modulo 2**64; shifts take their count modulo 64."""

    ADD = "+"
    SUB = "-"
    AND = "&"
    OR = "|"
    XOR = "^"
    SHL = "<<"
    SHR = ">>"


@dataclass(frozen=True, slots=True)
class Bin:
    """A binary operation."""

    op: BinOp
    left: Expr
    right: Expr
    location: Location


Expr = Var | Lit | Label | Bin


@dataclass(frozen=True, slots=True)
class FracVar:
    """A fraction parameter."""

    ident: str
    location: Location


@dataclass(frozen=True, slots=True)
class FracLit:
    """A positive rational literal at most 1; `1/1` is full ownership."""

    numerator: int
    denominator: int
    location: Location


Frac = FracVar | FracLit


# -- assertions ------------------------------------------------------------------------------------


class Rel(enum.Enum):
    """Pure relations between words; the order is unsigned."""

    EQ = "="
    NE = "!="
    LT = "<"
    LE = "<="


@dataclass(frozen=True, slots=True)
class RegPt:
    """`reg |->r value`."""

    reg: Reg
    value: Expr
    location: Location


@dataclass(frozen=True, slots=True)
class VirtPt:
    """`addr |->v{frac} value`: 8 bytes; `writable` is false for the read-only form `|->vr`."""

    addr: Expr
    value: Expr
    frac: Frac
    writable: bool
    location: Location


@dataclass(frozen=True, slots=True)
class PhysPt:
    """`addr |->p{frac} value`: 8 bytes of physical memory."""

    addr: Expr
    value: Expr
    frac: Frac
    location: Location


@dataclass(frozen=True, slots=True)
class Claim:
    """`va ~>{frac} pa`: the space translates the 8 bytes at `va` to those at `pa`."""

    va: Expr
    pa: Expr
    frac: Frac
    writable: bool
    location: Location


@dataclass(frozen=True, slots=True)
class Code:
    """`code{frac}`: the fragment's own code is mapped executable at its addresses."""

    frac: Frac
    location: Location


@dataclass(frozen=True, slots=True)
class Pure:
    """A pure fact `left rel right`."""

    rel: Rel
    left: Expr
    right: Expr
    location: Location


@dataclass(frozen=True, slots=True)
class At:
    """`[root] { items }`: the items hold in the space rooted at `root` (an `Expr` of sort root)."""

    root: Expr
    items: tuple[Assertion, ...]
    location: Location


Assertion = RegPt | VirtPt | PhysPt | Claim | Code | Pure | At


@dataclass(frozen=True, slots=True)
class Exit:
    """An exit: when control reaches `address`, in the space `space`, the assertion holds."""

    address: Expr
    space: Expr
    exists: tuple[Name, ...]
    post: tuple[Assertion, ...]
    location: Location


@dataclass(frozen=True, slots=True)
class Hint:
    """`at address` on the line of the instruction at `offset`: its memory access goes to what the
    precondition has at `address` in the space that is current there, although the addresses are not
    syntactically equal.

    An instruction that accesses memory twice (`push m`, `pop m`, `call m`) has two hints in the
    order of the accesses, or none.
    """

    offset: int
    address: Expr
    location: Location


@dataclass(frozen=True, slots=True)
class Spec:
    """The whole annotation of a fragment.

    `params` are universally quantified; `space` is the current space on entry.
    """

    params: tuple[Name, ...]
    space: Expr
    pre: tuple[Assertion, ...]
    exits: tuple[Exit, ...]
    hints: tuple[Hint, ...]
    location: Location


@dataclass(frozen=True, slots=True)
class Expectation:
    """`expect failed` on an instruction's line: the fragment is wrong on purpose, and its proof
    must fail at the instruction at `offset`."""

    outcome: str
    offset: int
    location: Location


@dataclass(frozen=True, slots=True)
class Fragment:
    """Annotated machine code: the unit of proof.

    `name` is the entry label; `labels` maps the labels inside the fragment whose names are safe
    identifiers to their offsets from the entry; `source` is the path as the user gave it, `digest`
    the SHA-256 of its bytes in hex.
    `doc` is the comment above the annotation: free text, to be escaped wherever it is shown.
    """

    name: str
    source: str
    digest: str
    doc: str
    instrs: tuple[Instr, ...]
    labels: tuple[tuple[str, int], ...]
    spec: Spec
    location: Location
    expect: Expectation | None = None
