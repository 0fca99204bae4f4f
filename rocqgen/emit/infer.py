# SPDX-License-Identifier: Apache-2.0
"""Finds what the engine has to be told: where accesses go, and which steps of the proof to do.

What is written in the annotation comes first.  Nothing that is found here decides anything: the
engine leaves facts to prove for it, or is stuck.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rocqgen.emit.access import is_page_share
from rocqgen.emit.aliases import Aliases
from rocqgen.emit.cells import PAGE_SHIFT, PAGE_WORDS, PRESENT, cell_of
from rocqgen.emit.ghost import rational
from rocqgen.emit.items import place, same_kind
from rocqgen.emit.normal import ECst
from rocqgen.emit.paths import FirstError, StuckError
from rocqgen.emit.symbolic import FOne, GJoin, GUnclaim, HAt, IClaim
from rocqgen.emit.wording import Wording
from rocqgen.source.machine import Mem, Op

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rocqgen.emit.cells import Cell, Paging
    from rocqgen.emit.normal import Term
    from rocqgen.emit.paths import Path
    from rocqgen.emit.symbolic import Fact, Ghost, Item, Region
    from rocqgen.source.machine import Instr


class Inference:
    """What the engine is told on the paths of a run; implements `Guide`.

    `given` are the facts that hold on all paths.  `at` has the addresses that the user wrote, by
    the offset of the instruction, in the order of its accesses; `wording` is for messages.
    """

    def __init__(
        self,
        given: Iterable[Fact],
        at: Mapping[int, Sequence[Term]],
        paging: Paging | None = None,
        wording: Wording | None = None,
    ) -> None:
        self.paging = paging
        self.aliases = Aliases(given)
        self.at = at
        self.wording = wording or Wording()

    def access(self, instr: Instr, path: Path, addr: Term, *, write: bool) -> HAt | None:
        """What an access goes to, or `None` where the engine sees it."""
        found = path.index().virtual.get((path.root, addr))
        given = self.at.get(instr.offset)
        if given:
            # The engine's hint is for the memory operand, and `pop m` accesses that one second.
            second = instr.op is Op.POP and isinstance(instr.operands[0], Mem)
            where = given[-1 if second else 0]
            n = self.aliases.translated(path, path.root, where, exact=False)
        elif found is not None:
            n = found
        else:
            n = self.aliases.translated(path, path.root, addr, exact=True)
        if n is None:
            return None
        item = path.items[n]
        if not isinstance(item, IClaim):
            return None if n == found else HAt(n)
        data = self.aliases.frame(path, item, addr)
        if data is None:
            return None if n == found else HAt(n)
        absent = write and self._writable(path, data)
        if path.index().physical.get(item.value) == data and not absent:
            if n == found:
                return None
            if not is_page_share(item.share):
                return HAt(n)
        return HAt(n, data, ECst(0) if absent else None)

    def first(self, _instr: Instr, _path: Path) -> Ghost | None:
        """A step of the proof to be done now, in front of the instruction."""
        return None

    def then(self, _instr: Instr, _path: Path, _done: int) -> Ghost | None:
        """The same behind the instruction, where so many have been done."""
        return None

    def leave(self, _path: Path) -> Ghost | None:
        """A step of the proof to be done where a path ends."""
        return None

    def flush(self, _instr: Instr, path: Path, va: Term) -> HAt | None:
        """The cell whose debts `invlpg` pays, where the engine does not see it."""
        for n, item in enumerate(path.items):
            cell = cell_of(item)
            if cell is None or not isinstance(item.share, FOne):
                continue
            pages = [one for one in cell.owed if one is not None]
            seen = [self.aliases.same_page(path, one, path.root, va) for one in pages]
            if pages and all(seen) and any(one.root != path.root or one.va != va for one in pages):
                return HAt(n)
        return None

    # -- stores to entries -------------------------------------------------------------------------

    def _writable(self, path: Path, n: int) -> bool:
        """Makes an entry ready to be written; gives whether it has to be said that it is absent."""
        item = path.items[n]
        cell = cell_of(item)
        if cell is None:
            return False
        if not isinstance(item.share, FOne):
            self._join(path, n, item)
        absent = self.aliases.rewriting(path).bits(cell.entry, PRESENT) == 0
        if cell.claimed and not absent:
            self._unclaim(path, n, cell)
        return absent and not cell.claimed and not isinstance(cell.entry, ECst)

    def _join(self, path: Path, n: int, item: Item) -> None:
        """Asks for the shares of an item to be joined, if there are others."""
        for m, other in enumerate(path.items):
            if m != n and joinable(item, other):
                raise FirstError(GJoin(min(m, n), max(m, n)))

    def _unclaim(self, path: Path, n: int, cell: Cell) -> None:
        """Asks for the claims of a page through an entry to be given back."""
        for region in cell.claimed:
            m = None if region is None else self._claim_of(path, region)
            if m is not None:
                if rational(path.items[m].share) != PAGE_WORDS:
                    self._join(path, m, path.items[m])
                else:
                    raise FirstError(GUnclaim(n, m))
            say = self.wording
            entry, page = say.term(cell.addr), say.region(region)
            raise StuckError(
                f"a store to the entry at {entry}, through which `{page}` is claimed: "
                f"{self._why_kept(region, m)}, and it is not known that the entry is absent"
            )

    def _why_kept(self, region: Region | None, m: int | None) -> str:
        if region is None:
            return "all pages may be claimed"
        if region.shift != PAGE_SHIFT:
            return "the claims of a large page cannot be given back"
        page = f"page {self.wording.term(region.va)} ~> ..` of that space"
        return f"`{page} is not owned whole" if m is not None else f"`{page} is not owned"

    def _claim_of(self, path: Path, region: Region) -> int | None:
        """The claim of a page of 4 KiB."""
        if region.shift != PAGE_SHIFT:
            return None
        rewriting = self.aliases.rewriting(path)
        for n, item in enumerate(path.items):
            if not isinstance(item, IClaim) or not is_page_share(item.share):
                continue
            same = rewriting.equal(item.root, region.root)
            if same and rewriting.same_above(PAGE_SHIFT, item.addr, region.va):
                return n
        return None


def joinable(one: Item, other: Item) -> bool:
    """Whether the shares of two items can be joined."""
    alike = same_kind(replace(one, share=other.share), other) and same_kind(
        replace(other, share=one.share), one
    )
    numbers = rational(one.share), rational(other.share)
    return alike and None not in numbers and place(one) == place(other)
