# SPDX-License-Identifier: Apache-2.0
"""Finds what an access goes to: a points-to, an entry or a word by a claim, a word of a block."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from rocqgen.emit.access import back, is_page_share
from rocqgen.emit.actions import Steps
from rocqgen.emit.aliases import Aliases
from rocqgen.emit.blocks import the_block
from rocqgen.emit.cells import PAGE_SHIFT, Paging, cell_of, page_of
from rocqgen.emit.editing import Editing
from rocqgen.emit.elements import physical_element, virtual_element
from rocqgen.emit.ghost import apply
from rocqgen.emit.ghosts import GBlock, GSplitBlock
from rocqgen.emit.normal import ECst
from rocqgen.emit.paths import FirstError, StuckError
from rocqgen.emit.pieces import Pieces
from rocqgen.emit.support import KNOWN
from rocqgen.emit.symbolic import HAt, IClaim, IVirt
from rocqgen.emit.walking import unfold_page, unfold_slot
from rocqgen.emit.walks import walk_of
from rocqgen.emit.written import Marks
from rocqgen.source.features import Feature
from rocqgen.source.machine import Mem, Op

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rocqgen.emit.ghosts import Ghost
    from rocqgen.emit.normal import Term
    from rocqgen.emit.paths import Path
    from rocqgen.emit.symbolic import Fact, SState
    from rocqgen.source.machine import Instr

_APART = 1 << 32
"""Added to the names of an end while values for them are sought: a run has numbers of its own."""


class Accesses:
    """Where the accesses of a run go; `ends` are the states that its ends want."""

    def __init__(
        self,
        given: Iterable[Fact],
        marks: Marks,
        paging: Paging | None = None,
        ends: Sequence[SState] = (),
    ) -> None:
        self.paging = paging
        self.aliases = Aliases(given)
        self.marks = marks
        self.wording = marks.names.wording
        self.usable = Feature.GHOST in KNOWN
        """Whether the engine takes steps of the proof."""
        wanted = [item for state in ends for item in state.items]
        walks = [walk for item in wanted if (walk := walk_of(item)) is not None]
        self.steps = Steps(self.aliases, paging, self.wording, walks)
        cells = [cell for item in wanted if (cell := cell_of(item)) is not None]
        self.editing = Editing(self.steps, cells)

    def part(self, instr: Instr, path: Path, addr: Term, offsets: Sequence[int]) -> int:
        """The offset, in a word that the state has, of an access below 64 bits at `addr`."""
        root, aliases = path.root, self.aliases
        if self.marks.at(instr.offset):
            n, _ = self._translated(instr, path, addr, None)
            item = None if n is None else path.items[n]
            if isinstance(item, IVirt | IClaim) and not is_page_share(item.share):
                equal = aliases.rewriting(path).equal
                return next((k for k in offsets if equal(back(addr, k), item.addr)), 0)
        virtual = path.index().virtual
        for k in offsets:
            if (root, back(addr, k)) in virtual:
                return k
        for k in offsets:
            if aliases.translated(path, root, back(addr, k), exact=True) is not None:
                return k
        for k in offsets:
            if virtual_element(aliases, path, root, back(addr, k)) is not None:
                return k
        return 0

    def access(self, instr: Instr, path: Path, addr: Term, *, write: bool) -> HAt | None:
        """What an access goes to, or `None` where the engine sees it."""
        found = path.index().virtual.get((path.root, addr))
        n, data = self._translated(instr, path, addr, found)
        if n is None:
            return self._element(instr, path, addr)
        item = path.items[n]
        if not isinstance(item, IClaim):
            return None if n == found else HAt(n)
        if data is None:
            data = self.aliases.frame(path, item, addr)
            if data is None:
                m, index = self._frame(path, item, addr)
                return HAt(n, m, index)
        absent = write and self.editing.ready(path, data)
        if path.index().physical.get(item.value) == data and not absent:
            if n == found:
                return None
            if not is_page_share(item.share):
                return HAt(n)
        return HAt(n, data, ECst(0) if absent else None)

    def _element(self, instr: Instr, path: Path, addr: Term) -> HAt:
        """The word of a block that an access goes to; else what it goes to has to be claimed."""
        where, page = self._marked(instr) or (addr, None)
        if page is None:
            element = virtual_element(self.aliases, path, path.root, where)
            if element is not None:
                return HAt(element[0], None, element[1])
            _first(unfold_page(self.aliases, path, addr))
            self._claim(path, addr)
        linear = self.aliases.rewriting(path).linear
        _first(unfold_slot(self.aliases, path, linear(where)))
        claim = self._page(path, page)
        element = physical_element(self.aliases, path, linear(where))
        if element is None:
            say = self.wording.term
            raise StuckError(f"there is no `{say(where)} |->p ..` and no `{say(where)} |->e ..`")
        return HAt(claim, *element)

    def string(self, instr: Instr, path: Path, addr: Term, count: Term) -> HAt:
        """The block of `count` words that `rep stosq` fills, once it is one."""
        found = path.index().virtual.get((path.root, addr))
        n, data = self._translated(instr, path, addr, found)
        if n is None:
            hint = self._element(instr, path, addr)
            item, block, index = hint.item, hint.data, hint.index
        else:
            translation = path.items[n]
            if not isinstance(translation, IClaim):
                raise FirstError(GBlock(n))
            word = self.aliases.frame(path, translation, addr) if data is None else data
            if word is not None:
                raise FirstError(GBlock(word))
            item, (block, index) = n, self._frame(path, translation, addr)
        self._cut(path, item if block is None else block, index, count)
        return HAt(item, block)

    def _cut(self, path: Path, n: int, index: Term | None, count: Term) -> None:
        """Splits and joins blocks until one has `count` words from a word of that at `n` on."""
        block, rewriting = the_block(path, n), self.aliases.rewriting(path)
        if index is not None and rewriting.number(index) != 0:
            raise FirstError(GSplitBlock(n, index))
        if rewriting.equal(block.count, count):
            return
        have, want = rewriting.number(block.count), rewriting.number(count)
        if have is None or want is None or have > want:
            raise FirstError(GSplitBlock(n, count))
        more = Pieces(self.steps, path, range(len(path.items))).longer(n, block)
        if more is not None:
            raise FirstError(more)

    def _marked(self, instr: Instr) -> tuple[Term, Term | None] | None:
        """What the user wrote at an instruction."""
        given = self.marks.at(instr.offset)
        # The engine's hint is for the memory operand, and `pop m` accesses that one second.
        second = instr.op is Op.POP and isinstance(instr.operands[0], Mem)
        return given[-1 if second else 0] if given else None

    def _frame(self, path: Path, item: IClaim, addr: Term) -> tuple[int, Term]:
        """The word of a physical block that is reached by a claim; or fails."""
        reached = self.aliases.reached(path, item, addr)
        _first(unfold_slot(self.aliases, path, reached))
        element = physical_element(self.aliases, path, reached)
        if element is None:
            say = self.wording.term
            page = "page " if is_page_share(item.share) else ""
            where = say(item.value)
            if item.addr != addr:
                where = f"{where} + ({say(addr)} - {say(item.addr)})"
            raise StuckError(
                f"`{page}{say(item.addr)} ~> {say(item.value)}` is there, but the physical word "
                f"behind it is not owned: neither `{where} |->p ..` nor `{where} |->e ..`"
            )
        return element

    def _claim(self, path: Path, addr: Term) -> NoReturn:
        """Asks for the claim of the page at an address that an entry answers for; or fails."""
        why = ""
        for va in self._claimable(path, addr) if self.usable else ():
            try:
                ghost = self.steps.claim(path, path.root, va, opening=True)
                apply(ghost, path.copy(), self.paging, None)
            except StuckError as error:
                why = f" ({error})"
            else:
                raise FirstError(ghost)
        say = self.wording.term
        raise StuckError(
            "nothing is known of this address in the current space: "
            f"`{say(addr)} |->v ..` in {say(path.root)}{why}"
        )

    def _claimable(self, path: Path, addr: Term) -> Iterator[Term]:
        """The page of 4 KiB at an address, where entries answer for it or one around it."""
        for item in path.items:
            cell = cell_of(item)
            for region in () if cell is None else cell.reach:
                if region is None or not self.aliases.same_page(path, region, path.root, addr):
                    continue
                if region.shift == PAGE_SHIFT:
                    yield region.va
                elif cell is not None and self.aliases.large(path, cell, region.shift):
                    yield self._page_at(path, addr, region.va)

    def _page_at(self, path: Path, addr: Term, near: Term) -> Term:
        """The first address of the page of 4 KiB at `addr`, by a name if it is one."""
        rewriting = self.aliases.rewriting(path)
        for one in (near, addr):
            begins = rewriting.bits(one, (1 << PAGE_SHIFT) - 1) == 0
            if begins and rewriting.same_above(PAGE_SHIFT, one, addr):
                return one
        return page_of(PAGE_SHIFT, addr)

    def _translated(
        self, instr: Instr, path: Path, addr: Term, found: int | None
    ) -> tuple[int | None, int | None]:
        """The item of translation of an access, and that of its data where it is given."""
        marked = self._marked(instr)
        if marked is not None:
            where, page = marked
            if page is None:
                return self.aliases.translated(path, path.root, where, exact=False), None
            data = self.aliases.physical(path, where)
            return (None, None) if data is None else (self._page(path, page), data)
        if found is not None:
            return found, None
        return self.aliases.translated(path, path.root, addr, exact=True), None

    def _page(self, path: Path, page: Term) -> int:
        """The claim of the page, or word, at `page`."""
        n = self.aliases.page_claim(path, path.root, page)
        if n is None:
            n = self.aliases.translated(path, path.root, page, exact=True)
        if n is None:
            raise StuckError(f"there is no `{self.wording.term(page)} ~> ..` in the current space")
        return n


def _first(ghost: Ghost | None) -> None:
    """Ask for a step of the proof in front of the access, if there is one."""
    if ghost is not None:
        raise FirstError(ghost)
