# SPDX-License-Identifier: Apache-2.0
"""What a run has: the state on each of its paths, and what all of them owe."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rocqgen.emit.flags import FlagsAny
from rocqgen.emit.symbolic import IClaim, IPhys, IRes, IVirt, KCell
from rocqgen.emit.tell import Script

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocqgen.emit.flags import Arms, Flags
    from rocqgen.emit.ghosts import Ghost
    from rocqgen.emit.normal import Term
    from rocqgen.emit.symbolic import Fact, Item, Share
    from rocqgen.source.machine import Instr, Reg


class StuckError(Exception):
    """The engine cannot go on; the text says why.

    `item` is what it lies at, and `ghost` a step of the proof that the engine stops at.
    """

    def __init__(self, why: str, *, item: int | None = None, ghost: Ghost | None = None) -> None:
        super().__init__(why)
        self.item = item
        self.ghost = ghost


class FirstError(Exception):
    """Something has to be done in front of the instruction."""

    def __init__(self, ghost: Ghost) -> None:
        super().__init__()
        self.ghost = ghost


@dataclass(frozen=True, slots=True)
class Index:
    """The first item at each address: of a space, and of physical memory, cells among it."""

    virtual: dict[tuple[Term, Term], int]
    physical: dict[Term, int]


@dataclass(slots=True)
class Path:
    """The state on one path of a run: under way, or at an exit.

    Items are changed by `put`, `remove` and `add`, which remember who wrote them.
    """

    root: Term
    regs: dict[Reg, Term]
    items: list[Item]
    code: tuple[tuple[Term, Share], ...]
    """The spaces in which the fragment's code is mapped."""
    text: tuple[Instr, ...] = ()
    """The fragment's code."""
    flags: Flags = FlagsAny()  # noqa: RUF009 -- immutable
    assumed: tuple[Fact, ...] = ()
    """What is known since the entry, latest first: the conditions of branches, for example."""
    steps: int = 0
    last: Instr | None = None
    ends: tuple[int, ...] = ()
    """Where it came to an end: all exits, and then invariants, that have this address."""
    chosen: int | None = None
    """That of them for which it is prepared."""
    folding: bool = False
    """Whether walks are being put together for what is wanted now."""
    reg_writer: dict[Reg, Instr] = field(default_factory=dict)
    item_writer: dict[int, Instr] = field(default_factory=dict)
    root_writer: Instr | None = None
    unsure: tuple[Term, ...] = ()
    """Entries that were written though nothing says whether they were present."""
    marks: int = 0
    """How many of the marks of an instruction have been followed."""
    lacking: list[tuple[str, Instr | None]] = field(default_factory=list)
    """Why steps of the proof that its end wants cannot be done, and who is to blame."""
    _index: Index | None = None

    def copy(self) -> Path:
        """The same, to be changed apart."""
        return replace(
            self,
            regs=dict(self.regs),
            items=list(self.items),
            reg_writer=dict(self.reg_writer),
            item_writer=dict(self.item_writer),
            lacking=[],
        )

    def index(self) -> Index:
        """Where items lie; it does not change with what they hold."""
        if self._index is None:
            found = Index({}, {})
            for n, item in enumerate(self.items):
                match item:
                    case IPhys():
                        found.physical.setdefault(item.addr, n)
                    case IVirt() | IClaim():
                        found.virtual.setdefault((item.root, item.addr), n)
                    case IRes(KCell()):
                        found.physical.setdefault(item.terms[0], n)
            self._index = found
        return self._index

    def mapped(self, root: Term) -> bool:
        """Whether the fragment's code is mapped in a space."""
        return any(space == root for space, _ in self.code)

    def put(self, n: int, item: Item, writer: Instr | None) -> None:
        """Replace an item by one at the same place."""
        self.items[n] = item
        if writer is not None:
            self.item_writer[n] = writer

    def remove(self, n: int) -> Item:
        """Take an item out: those behind it come forward."""
        self._index = None
        writers = self.item_writer.items()
        self.item_writer = {k - (k > n): writer for k, writer in writers if k != n}
        return self.items.pop(n)

    def add(self, item: Item, writer: Instr | None, at: int | None = None) -> int:
        """Put a new item in, at the end or before another; gives where it is."""
        self._index = None
        n = len(self.items) if at is None else at
        self.items.insert(n, item)
        self.item_writer = {k + (k >= n): who for k, who in self.item_writer.items()}
        if writer is not None:
            self.item_writer[n] = writer
        return n

    def lacks(self, error: StuckError) -> None:
        """Note why a step of the proof cannot be done."""
        writer = None if error.item is None else self.item_writer.get(error.item)
        self.lacking.append((str(error), writer))

    def append(self, item: Item) -> None:
        """Add an item behind the others, by the last instruction."""
        self.add(item, self.last)


@dataclass(slots=True)
class Run:
    """All paths of a run in order, as far as none is stuck.

    `facts` are owed under what was assumed before, by the instruction at an offset.  A name without
    a value is unknown.  `depth` is the length of the longest path, `steps` that of all together.
    """

    next_name: int
    paths: list[Path] = field(default_factory=list)
    defs: list[tuple[int, Term | None]] = field(default_factory=list)
    facts: list[tuple[tuple[Fact, ...], int, Fact]] = field(default_factory=list)
    hints: Script = field(default_factory=Script)
    titles: dict[int, str] = field(default_factory=dict)
    """What contracts call their unknown names."""
    depth: int = 0
    steps: int = 0
    stuck: tuple[int, str] | None = None
    blamed: dict[int, tuple[Instr, str]] = field(default_factory=dict)
    """Facts, by their places, that another instruction than that at the offset is to blame for:
    with what they are about."""


@dataclass(slots=True)
class Fork:
    """Two ways to go on; each changes the path's state, and gives where control goes."""

    arms: Arms
    ways: tuple[Callable[[], Term], Callable[[], Term]]
