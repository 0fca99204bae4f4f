# SPDX-License-Identifier: Apache-2.0
"""Steps of the proof that the annotation names, as steps on the items of a path."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rocqgen.emit import entering, walking
from rocqgen.emit.access import physical_address
from rocqgen.emit.blocks import block_of
from rocqgen.emit.cells import FRAME, PAGE_SHIFT, PRESENT, WRITABLE, Cell, cell_of, leaf_frame
from rocqgen.emit.elements import physical_element
from rocqgen.emit.ghosts import (
    GBlock,
    GClaim,
    GCode,
    GDrop,
    GEmpty,
    GFold,
    GForget,
    GJoinBlocks,
    GNew,
    GOpen,
    GPayElsewhere,
    GReach,
    GReachElsewhere,
    GSplitBlock,
    GUnclaim,
    GUnfold,
    GWord,
)
from rocqgen.emit.items import place
from rocqgen.emit.normal import ECst, EVar, mk_and, variables
from rocqgen.emit.paths import StuckError
from rocqgen.emit.symbolic import FOne, IPhys, Region
from rocqgen.emit.walks import walk_of
from rocqgen.source.spec import (
    AnswerPage,
    ClaimPage,
    Drop,
    FoldWalk,
    Forget,
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

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocqgen.emit.aliases import Aliases
    from rocqgen.emit.cells import Paging
    from rocqgen.emit.encode import Numbering
    from rocqgen.emit.ghosts import Ghost
    from rocqgen.emit.normal import Term
    from rocqgen.emit.paths import Path
    from rocqgen.emit.symbolic import Regions
    from rocqgen.emit.walks import Walk
    from rocqgen.emit.wording import Wording
    from rocqgen.source.spec import Action


_LAST: dict[type[Action], type[Ghost]] = {
    ClaimPage: GClaim,
    MapCode: GCode,
    NewEntry: GNew,
    UnfoldWalk: GUnfold,
    FoldWalk: GFold,
}
"""What others may have to come in front of, for what the annotation names."""


@dataclass(frozen=True, slots=True)
class Steps:
    """Makes steps of the proof for what is wanted; where something lacks, says what."""

    aliases: Aliases
    paging: Paging | None
    wording: Wording
    walks: Sequence[Walk] = ()
    """Those that ends of the run want."""

    def of_action(self, action: Action, names: Numbering, path: Path) -> tuple[Ghost, bool]:
        """The step that an annotation names, or one that comes first; whether it is the last."""
        ghost = self._of_action(action, names, path)
        last = _LAST.get(type(action))
        return ghost, last is None or isinstance(ghost, last)

    def _of_action(self, action: Action, names: Numbering, path: Path) -> Ghost:
        term = names.term
        match action:
            case ClaimPage() | MapCode():
                return self._of_page(action, names, path)
            case UnclaimPage():
                return self.unclaim(path, term(action.root), term(action.va))
            case OpenEntry():
                return GOpen(self.entry(path, term(action.addr)), names.pages(action.pages))
            case AnswerPage():
                page = action.page
                root, va = term(page.root), term(page.va)
                return self.answer(path, term(action.addr), root, va, int(page.level))
            case NewEntry():
                return self.new(path, term(action.addr))
            case PayElsewhere():
                return GPayElsewhere(self.entry(path, term(action.addr)))
            case Drop():
                return GDrop(self.anything(path, term(action.addr)))
            case UnfoldWalk():
                return walking.unfold_table(self, path, term(action.addr))
            case FoldWalk():
                return walking.fold_table(self, path, term(action.addr))
            case _:
                return self._of_block(action, names, path)

    def _of_page(self, action: ClaimPage | MapCode, names: Numbering, path: Path) -> Ghost:
        root, through = names.term(action.root), [*map(names.term, action.through)]
        if isinstance(action, MapCode):
            return entering.enter(self, path, root, through)
        return self.claim(path, root, names.term(action.va), through=through, opening=True)

    # -- blocks ------------------------------------------------------------------------------------

    def _of_block(
        self,
        action: SplitBlock | JoinBlocks | ToWord | ToBlock | Forget,
        names: Numbering,
        path: Path,
    ) -> Ghost:
        n = self.anything(path, names.term(action.addr))
        match action:
            case SplitBlock():
                return GSplitBlock(n, names.term(action.index))
            case JoinBlocks():
                return GJoinBlocks(n, self.behind(path, n))
            case ToWord():
                return GWord(n)
            case ToBlock():
                return GBlock(n)
            case Forget():
                return GForget(n)

    def alone(self, path: Path, n: int, index: Term, addr: Term | None = None) -> Ghost:
        """A step towards a word of a block as a word of its own; at `addr`, word for word."""
        block = block_of(path.items[n])
        if block is None or block.fill is None:
            raise StuckError("nothing is known of what this block holds", item=n)
        number = self.aliases.rewriting(path).number
        if number(index) != 0:
            return GSplitBlock(n, index)
        if number(block.count) != 1:
            return GSplitBlock(n, ECst(1))
        if addr is None or block.addr == addr:
            return GWord(n)
        # A block of no words at that address, and this one behind it.
        empty = replace(block, addr=addr, count=ECst(0))
        for m, item in enumerate(path.items):
            if block_of(item) == empty:
                return GJoinBlocks(m, n)
        return GEmpty(empty.kind, empty.item(FOne()).terms)

    def behind(self, path: Path, n: int) -> int:
        """The block that begins where another ends."""
        block = block_of(path.items[n])
        if block is None:
            raise StuckError("this is no block")
        equal = self.aliases.rewriting(path).equal
        end = block.at(block.count)
        for m, item in enumerate(path.items):
            other = block_of(item)
            if m == n or other is None or not equal(other.addr, end):
                continue
            if other.kind == block.kind and other.root == block.root:
                return m
        raise StuckError(f"no block like it begins at {self.wording.term(end)}")

    # -- claims ------------------------------------------------------------------------------------

    def claim(
        self,
        path: Path,
        root: Term,
        va: Term,
        *,
        through: Sequence[Term] = (),
        writable: bool | None = None,
        pa: Term | None = None,
        opening: bool = False,
        unfolding: bool = True,
    ) -> Ghost:
        """The claim of a page, through the entries on its way.

        Those in walks are taken out first, if that is `unfolding`.  Where `opening`, an entry comes
        first to answer for the page, if that is in another space, and is opened, if it leads to a
        table.
        """
        shifts = () if self.paging is None else self.paging.shifts
        page = f"`page {self.wording.term(va)} ~> ..` in {self.wording.term(root)}"
        if through:
            items = [self.entry(path, one) for one in through]
        else:
            items, lacking = self.aliases.walk(path, root, va, shifts)
            if lacking is not None:
                supply = self.supply(path, lacking, unfolding=unfolding)
                if supply is not None:
                    return supply
                where = self.wording.term(lacking)
                raise StuckError(f"{page} cannot be claimed: there is no `{where} |->e ..`")
        cells = [cell for n in items if (cell := cell_of(path.items[n])) is not None]
        ghost = self._claim(path, items, cells, Region(PAGE_SHIFT, root, va), writable, pa)
        for n, cell, shift in zip(items, cells, shifts, strict=False):
            marked, region = n == ghost.path[ghost.place], Region(shift, root, va)
            more = self.readied(path, n, region, marked=marked) if opening else None
            if more is not None:
                return more
            why = self.unusable(path, cell, region, marked=marked)
            if why:
                where = self.wording.term(cell.addr)
                text = f"{page} cannot be claimed: the entry at {where} {why}"
                raise StuckError(text, item=n, ghost=ghost)
        if not isinstance(path.items[ghost.path[ghost.place]].share, FOne):
            text = f"{page} cannot be claimed: no entry on its way is owned whole"
            raise StuckError(text, ghost=ghost)
        return ghost

    def _claim(
        self,
        path: Path,
        items: Sequence[int],
        cells: Sequence[Cell],
        page: Region,
        writable: bool | None,
        pa: Term | None,
    ) -> GClaim:
        """The step itself, whether it can be done or not."""
        if not cells or self.paging is None:
            raise StuckError("page tables are changed, but the annotation has no `platform`")
        rewriting = self.aliases.rewriting(path)
        if writable is None:
            writable = 0 not in [rewriting.bits(cell.entry, WRITABLE) for cell in cells]
        if pa is None:
            shift = self.paging.shifts[min(len(cells), len(self.paging.shifts)) - 1]
            pa = self._known(path, leaf_frame(shift, cells[-1].entry, page.va))
        whole = [k for k, n in enumerate(items) if isinstance(path.items[n].share, FOne)]
        place = whole[-1] if whole else len(items) - 1
        return GClaim(tuple(items), place, writable, page.root, page.va, pa)

    def readied(
        self, path: Path, n: int, region: Region, *, marked: bool
    ) -> GOpen | GReachElsewhere | None:
        """A step that lets a page be claimed through an entry: it answers for it, or is opened."""
        cell = cell_of(path.items[n])
        if cell is None or not isinstance(path.items[n].share, FOne) or self._barred(path, cell):
            return None
        root, shift = region.root, region.shift
        if not _answers(cell, region):
            elsewhere = not self.aliases.rewriting(path).equal(root, path.root)
            return GReachElsewhere(n, shift, root, region.va) if elsewhere else None
        return None if marked or _has(cell.claimed, root) else GOpen(n, cell.reach)

    def unusable(self, path: Path, cell: Cell, region: Region, *, marked: bool) -> str:
        """Why an entry on the way of a page does not let it be claimed; nothing where it does."""
        why = self._barred(path, cell)
        if why:
            return why
        if not _answers(cell, region):
            return f"does not answer for {self.wording.region(region)}"
        if marked:
            return self._taken(path, cell, region.root, region.va)
        return "" if _has(cell.claimed, region.root) else "`claims` no page around it"

    def _barred(self, path: Path, cell: Cell) -> str:
        """Why an entry lets no page be claimed, whatever it answers for; nothing where it does."""
        say = self.wording
        if self.aliases.rewriting(path).bits(cell.entry, PRESENT) == 0:
            return "is absent"
        if cell.owed:
            why = f"owes {', '.join(map(say.region, cell.owed))}, which is not flushed"
            unsure = cell.addr in path.unsure
            return f"{why} (nothing says that the entry was absent)" if unsure else why
        return ""

    def _taken(self, path: Path, cell: Cell, root: Term, va: Term) -> str:
        """Why no more can be claimed through the entry that is to have the claim noted."""
        for one in cell.claimed:
            if one is None or self.aliases.same_page(path, one, root, va):
                return f"`claims {self.wording.region(one)}` already, and would have it noted"
        return ""

    def _known(self, path: Path, term: Term) -> Term:
        """A word that the state names for the same, else the word itself."""
        rewriting = self.aliases.rewriting(path)
        form = rewriting.linear(term)
        names = [one for item in path.items if (one := physical_address(item)) is not None]
        for one in names:
            if rewriting.linear(one) == form:
                return one
        for x in sorted(variables(term)):
            if rewriting.linear(EVar(x)) == form:
                return EVar(x)
        return term

    def unclaim(self, path: Path, root: Term, va: Term) -> GUnclaim:
        """The claim of a page is given back to the entry that has it noted."""
        page = f"page {self.wording.term(va)} ~> ..` in {self.wording.term(root)}"
        claim = self.aliases.page_claim(path, root, va)
        if claim is None:
            raise StuckError(f"there is no `{page} to give back")
        for n, item in enumerate(path.items):
            cell = cell_of(item)
            for region in () if cell is None else cell.claimed:
                if (
                    region is not None
                    and region.shift == PAGE_SHIFT
                    and self.aliases.same_page(path, region, root, va)
                ):
                    return GUnclaim(n, claim)
        raise StuckError(f"no entry `claims` the page of `{page}, to give it back to")

    # -- entries -----------------------------------------------------------------------------------

    def entry(self, path: Path, pa: Term) -> int:
        """The entry at a physical address."""
        found = self.aliases.cell(path, pa)
        if found is None:
            raise StuckError(f"there is no `{self.wording.term(pa)} |->e ..`")
        return found[0]

    def answer(
        self, path: Path, pa: Term, root: Term, va: Term, shift: int
    ) -> GReach | GReachElsewhere:
        """An entry comes to answer for a page: below the end of its walk, or in another space."""
        n = self.entry(path, pa)
        if not self.aliases.rewriting(path).equal(root, path.root):
            return GReachElsewhere(n, shift, root, va)
        shifts = () if self.paging is None else self.paging.shifts
        cells, lacking = self.aliases.walk(path, path.root, va, shifts)
        if lacking is not None or not cells:
            where = (
                "" if lacking is None else f": there is no `{self.wording.term(lacking)} |->e ..`"
            )
            raise StuckError(
                f"it is not known where the walk of {self.wording.term(va)} ends{where}"
            )
        if n in cells:
            say = self.wording.term
            raise StuckError(
                f"the entry at {say(pa)} cannot come to answer for {say(va)}: its walk reads it"
            )
        last = cell_of(path.items[cells[-1]])
        if last is not None and self.aliases.large(path, last, shifts[len(cells) - 1]):
            raise StuckError(f"the walk of {self.wording.term(va)} ends in a large page")
        return GReach(tuple(cells), n, shift, va)

    def new(self, path: Path, pa: Term) -> Ghost:
        """A word of memory becomes an entry; it is taken out of its block first."""
        n = self.aliases.physical(path, pa)
        if n is None:
            element = physical_element(self.aliases, path, self.aliases.rewriting(path).linear(pa))
            if element is not None:
                return self.alone(path, *element, pa)
        if n is None or not isinstance(path.items[n], IPhys):
            raise StuckError(f"there is no `{self.wording.term(pa)} |->p ..`")
        return GNew(n)

    def supply(self, path: Path, pa: Term, *, unfolding: bool = True) -> Ghost | None:
        """A step towards an entry that is in a walk or still a word of memory, if it is."""
        where = self.aliases.rewriting(path).linear(pa)
        unfold = walking.unfold_slot(self.aliases, path, where)
        if unfold is not None and unfolding:
            return unfold
        n = self.aliases.physical(path, pa)
        element = physical_element(self.aliases, path, where) if n is None else None
        try:
            return self.alone(path, *element) if element is not None else self.new(path, pa)
        except StuckError:
            return None

    def anything(self, path: Path, addr: Term) -> int:
        """What lies at an address, virtual here or physical."""
        rewriting = self.aliases.rewriting(path)
        for n, item in enumerate(path.items):
            walk = walk_of(item)
            *space, where = place(item) if walk is None else (walk.table,)
            if walk is not None and rewriting.equal(where, mk_and(addr, ECst(FRAME))):
                return n
            if rewriting.equal(where, addr) and (not space or space[0] == path.root):
                return n
        raise StuckError(f"nothing is known of {self.wording.term(addr)}")


def _has(regions: Regions, root: Term) -> bool:
    """Whether there is a page of a space among them."""
    return any(one is None or one.root == root for one in regions)


def _answers(cell: Cell, page: Region) -> bool:
    """Whether an entry answers for pages of this size in this space."""
    return any(
        one is None or (one.shift == page.shift and one.root == page.root) for one in cell.reach
    )
