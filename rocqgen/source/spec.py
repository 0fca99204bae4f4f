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
    ARRAY = "array"
    """A function from an index, a word, to a word."""


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


@dataclass(frozen=True, slots=True)
class Select:
    """`array[index]`: a word of a parameter of sort array."""

    array: str
    index: Expr
    location: Location


Expr = Var | Lit | Label | Bin | Select


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
    """`va ~>{frac} pa`: the space translates the 8 bytes at `va` to those at `pa`.

    With `page` it is `page va ~>{frac} pa`: the claim of the 4 KiB page at `va`, which has 512
    words: `frac` is a share of all of it, 512 times that of a word.
    """

    va: Expr
    pa: Expr
    frac: Frac
    writable: bool
    location: Location
    page: bool = False


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


class Level(enum.IntEnum):
    """The size of a page, as the number of address bits inside it (SDM vol. 3, 5.5.4)."""

    K4 = 12
    M2 = 21
    G1 = 30


@dataclass(frozen=True, slots=True)
class Everywhere:
    """`all`: every page of every space."""

    location: Location


@dataclass(frozen=True, slots=True)
class Page:
    """`va in root level L`: the page of that size around `va` in the space rooted at `root`."""

    va: Expr
    root: Expr
    level: Level
    location: Location


Pages = tuple[Everywhere | Page, ...]
"""Which translations something is said of; `none` is the empty one."""


@dataclass(frozen=True, slots=True)
class Entry:
    """`addr |->e{frac} value`: 8 bytes of physical memory that are an entry of a page table.

    The translations that may go through the entry are among those that it `answers`; of these,
    `claims` are claimed, and `owes` wait for the TLB to be flushed.
    """

    addr: Expr
    value: Expr
    frac: Frac
    answers: Pages
    claims: Pages
    owes: Pages
    location: Location


@dataclass(frozen=True, slots=True)
class AnyWords:
    """`_` as the content of a block: words that nobody knows."""

    location: Location


@dataclass(frozen=True, slots=True)
class Fill:
    """An expression as the content of a block: every word of it is `value`."""

    value: Expr
    location: Location


@dataclass(frozen=True, slots=True)
class Elements:
    """`array from start` as the content of a block: word i of it is `array[start + i]`."""

    array: str
    start: Expr
    location: Location


Content = AnyWords | Fill | Elements


@dataclass(frozen=True, slots=True)
class Block:
    """`addr[count] |->v{frac} content`: `count` words from `addr` on.

    Addresses are those of the space if `virtual` (and then `writable` is false for `|->vr`), else
    physical ones (`|->p`; `writable` is true).
    """

    virtual: bool
    addr: Expr
    count: Expr
    content: Content
    frac: Frac
    writable: bool
    location: Location


@dataclass(frozen=True, slots=True)
class Walk:
    """`walk va in root level depth from table`: the slots that a walk to `va` goes through.

    `table` is the physical address of the table that the walk reads at `depth` (4 is the PML4, 1
    the page table); below it, tables are there as far as entries are present.
    """

    va: Expr
    root: Expr
    depth: int
    table: Expr
    location: Location


Assertion = RegPt | VirtPt | PhysPt | Claim | Code | Pure | At | Entry | Block | Walk


@dataclass(frozen=True, slots=True)
class Exit:
    """An exit: when control reaches `address`, in the space `space`, the assertion holds."""

    address: Expr
    space: Expr
    exists: tuple[Name, ...]
    post: tuple[Assertion, ...]
    location: Location


@dataclass(frozen=True, slots=True)
class Invariant:
    """What holds whenever control reaches the instruction at `offset` (from the entry).

    `exists` are words and roots that each arrival chooses anew.  `label` is the label behind the
    annotation, and None in a `.spec` file.
    """

    offset: int
    space: Expr
    exists: tuple[Name, ...]
    holds: tuple[Assertion, ...]
    location: Location
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Platform:
    """`platform la57 maxphyaddr N`: what a processor says about page tables.

    `la57` is CR4.LA57, five levels instead of four; `maxphyaddr` the width of physical addresses
    in bits (SDM vol. 3, 5.1.4).
    """

    la57: bool
    maxphyaddr: int
    location: Location


@dataclass(frozen=True, slots=True)
class Contract:
    """`assume name ...`: what a function behind a pointer is taken to do.

    `name` is a parameter of sort word of the specs that call it, and within the contract the
    address of the function.  `doc` is the comment above it.
    """

    name: str
    params: tuple[Name, ...]
    space: Expr
    pre: tuple[Assertion, ...]
    exits: tuple[Exit, ...]
    location: Location
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Hint:
    """`at address` on the line of the instruction at `offset`: its memory access goes to what the
    precondition has at `address` in the space that is current there, although the addresses are not
    syntactically equal.

    With `index`, `address` is that of a block and `index` the number of the word in it.  With
    `via`, the access is translated by the claim of the page at `via`, and `address` is that of
    what lies there: a cell, a physical points-to or block.  An instruction that accesses memory
    twice (`push m`, `pop m`, `call m`) has two hints in the order of the accesses, or none.

    Names are those of the parameters, and those that an invariant of the fragment binds.
    """

    offset: int
    address: Expr
    location: Location
    index: Expr | None = None
    via: Expr | None = None


@dataclass(frozen=True, slots=True)
class ClaimPage:
    """`claim va in root through a, b`: claim the page at `va` through the entries at these
    physical addresses, from the top; none where they are to be found."""

    va: Expr
    root: Expr
    through: tuple[Expr, ...]
    location: Location


@dataclass(frozen=True, slots=True)
class UnclaimPage:
    """`unclaim va in root`: give the claim of the page at `va` back to its entries."""

    va: Expr
    root: Expr
    location: Location


@dataclass(frozen=True, slots=True)
class OpenEntry:
    """`open addr pages`: the entry at `addr` comes to answer these pages, too."""

    addr: Expr
    pages: Pages
    location: Location


@dataclass(frozen=True, slots=True)
class AnswerPage:
    """`answer addr for va in root level L`: the entry at `addr` answers this page alone."""

    addr: Expr
    page: Page
    location: Location


@dataclass(frozen=True, slots=True)
class NewEntry:
    """`cell addr`: the physical word at `addr` becomes an entry of no table yet."""

    addr: Expr
    location: Location


@dataclass(frozen=True, slots=True)
class Drop:
    """`drop addr`: what is known of `addr` (an entry, a points-to or a block) is given up."""

    addr: Expr
    location: Location


@dataclass(frozen=True, slots=True)
class SplitBlock:
    """`split addr at index`: the block at `addr` becomes two, the second from this word on."""

    addr: Expr
    index: Expr
    location: Location


@dataclass(frozen=True, slots=True)
class JoinBlocks:
    """`join addr`: the block at `addr` and the one that begins where it ends become one."""

    addr: Expr
    location: Location


Action = (
    ClaimPage | UnclaimPage | OpenEntry | AnswerPage | NewEntry | Drop | SplitBlock | JoinBlocks
)


@dataclass(frozen=True, slots=True)
class Ghost:
    """`first G` or `then G` on the line of the instruction at `offset`: a step of the proof alone,
    in front of the instruction or, with `after`, behind it."""

    offset: int
    after: bool
    action: Action
    location: Location


@dataclass(frozen=True, slots=True)
class Spec:
    """The whole annotation of a fragment.

    `params` are universally quantified; `space` is the current space on entry.  `invariants` are
    in the order of their offsets, with one for each offset at most.  `platform` is there when it
    was written or when the annotation speaks of page tables.
    """

    params: tuple[Name, ...]
    space: Expr
    pre: tuple[Assertion, ...]
    exits: tuple[Exit, ...]
    hints: tuple[Hint, ...]
    location: Location
    invariants: tuple[Invariant, ...] = ()
    platform: Platform | None = None
    ghosts: tuple[Ghost, ...] = ()


@dataclass(frozen=True, slots=True)
class Expectation:
    """`expect failed` on an instruction's line: the fragment is wrong on purpose, and its proof
    must fail at the instruction at `offset`."""

    outcome: str
    offset: int
    location: Location


@dataclass(frozen=True, slots=True)
class Callee:
    """An annotated function that a fragment calls by its contract.

    Its entry lies `distance` bytes behind the caller's (in front of it where negative), in the
    same section.  `fragment` is as it stands, but without callees of its own: those of the caller
    are closed under calls.
    """

    distance: int
    fragment: Fragment


@dataclass(frozen=True, slots=True)
class Fragment:
    """Annotated machine code: the unit of proof.

    `name` is the entry label; `labels` maps the labels inside the fragment whose names are safe
    identifiers to their offsets from the entry; `source` is the path as the user gave it, `digest`
    the SHA-256 of its bytes in hex.
    `doc` is the comment above the annotation: free text, to be escaped wherever it is shown.

    `assumes` are the contracts of the parameters that are function pointers.  `callees` are the
    annotated functions that a `call`, `jmp` or conditional jump of the fragment or of one of its
    callees goes to, those without callees first; the fragment itself is among them, at distance 0,
    if it is called again.  `instrs` has the fragment's own code alone.
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
    assumes: tuple[Contract, ...] = ()
    callees: tuple[Callee, ...] = ()
