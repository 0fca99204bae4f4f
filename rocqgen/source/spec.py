# SPDX-License-Identifier: Apache-2.0
"""The typed form of an annotation: what a fragment needs and what it gives.

Every node carries the position at which it was written.  Names are checked identifiers, sorts have
been checked, and no text of the annotation survives outside these nodes: what is emitted is printed
from them alone.  Words, assertions and steps have modules of their own; they are handed out here.
"""

from __future__ import annotations

from dataclasses import dataclass

from rocqgen.source.assertions import (
    AnyWords,
    Assertion,
    At,
    Block,
    Claim,
    Code,
    Content,
    Elements,
    Entry,
    Everywhere,
    Fill,
    Level,
    Page,
    Pages,
    PhysPt,
    Pure,
    RegPt,
    Rel,
    VirtPt,
    Walk,
    Window,
)
from rocqgen.source.location import Location
from rocqgen.source.machine import Instr
from rocqgen.source.steps import (
    Action,
    AnswerPage,
    ClaimPage,
    Drop,
    FoldWalk,
    Forget,
    Ghost,
    Hint,
    JoinBlocks,
    MapCode,
    NewEntry,
    OpenEntry,
    PayElsewhere,
    SplitBlock,
    ToBlock,
    ToWord,
    UnclaimPage,
    UnfoldWalk,
)
from rocqgen.source.words import (
    Bin,
    BinOp,
    Expr,
    Frac,
    FracLit,
    FracVar,
    Label,
    Lit,
    Name,
    Select,
    Sort,
    Var,
)

__all__ = [
    "Action",
    "AnswerPage",
    "AnyWords",
    "Assertion",
    "At",
    "Bin",
    "BinOp",
    "Block",
    "Callee",
    "Claim",
    "ClaimPage",
    "Code",
    "Content",
    "Contract",
    "Drop",
    "Elements",
    "Entry",
    "Everywhere",
    "Exit",
    "Expectation",
    "Expr",
    "Fill",
    "FoldWalk",
    "Forget",
    "Frac",
    "FracLit",
    "FracVar",
    "Fragment",
    "Ghost",
    "Hint",
    "Invariant",
    "JoinBlocks",
    "Label",
    "Level",
    "Lit",
    "MapCode",
    "Name",
    "NewEntry",
    "OpenEntry",
    "Page",
    "Pages",
    "PayElsewhere",
    "PhysPt",
    "Platform",
    "Pure",
    "RegPt",
    "Rel",
    "Select",
    "Sort",
    "Spec",
    "SplitBlock",
    "ToBlock",
    "ToWord",
    "UnclaimPage",
    "UnfoldWalk",
    "Var",
    "VirtPt",
    "Walk",
    "Window",
]


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
