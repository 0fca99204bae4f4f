# SPDX-License-Identifier: Apache-2.0
"""Finds items by addresses that are equal, but not word for word.

Equations of the precondition and of the path count.  What is found wrongly does no harm: it leaves
an equation that is false.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocqgen.emit.access import is_page_share, physical_address
from rocqgen.emit.cells import LARGE, LEAF_SHIFTS, PAGE_SHIFT, PRESENT, Cell, cell_of, slot
from rocqgen.emit.linear import Rewriting, add
from rocqgen.emit.symbolic import IClaim, IVirt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rocqgen.emit.fields import Linear
    from rocqgen.emit.normal import Term
    from rocqgen.emit.paths import Path
    from rocqgen.emit.symbolic import Fact, Region

WORD_OFFSETS = (1 << PAGE_SHIFT) - 8
"""The bits that the offset of a word in its page may have."""


class Aliases:
    """Looks up items of a path; `given` are the facts that hold on all paths."""

    def __init__(self, given: Iterable[Fact]) -> None:
        self.given = tuple(given)
        self.known: dict[tuple[Fact, ...], Rewriting] = {}

    def rewriting(self, path: Path) -> Rewriting:
        """The equations that hold on a path."""
        learned = tuple(reversed(path.assumed))
        if learned not in self.known:
            self.known[learned] = Rewriting((*self.given, *learned))
        return self.known[learned]

    def translated(self, path: Path, root: Term, addr: Term, *, exact: bool) -> int | None:
        """The points-to or claim at a virtual address; not `exact`: else of any space."""
        linear = self.rewriting(path).linear
        where, space = linear(addr), linear(root)
        here = [
            (n, item)
            for n, item in enumerate(path.items)
            if isinstance(item, IVirt | IClaim) and linear(item.addr) == where
        ]
        ranked = [n for n, item in here if item.root == root]
        ranked += [n for n, item in here if linear(item.root) == space]
        if exact:
            pages = self._around(path, root, addr)
            ranked += [n for n, _ in pages]
        else:
            ranked += [n for n, _ in here]
        return ranked[0] if ranked else None

    def _page_claims(self, path: Path, root: Term) -> Iterator[tuple[int, IClaim]]:
        """The claims of whole pages of a space."""
        rewriting = self.rewriting(path)
        for n, item in enumerate(path.items):
            if (
                isinstance(item, IClaim)
                and is_page_share(item.share)
                and rewriting.equal(item.root, root)
            ):
                yield n, item

    def _around(self, path: Path, root: Term, addr: Term) -> Iterator[tuple[int, IClaim]]:
        """The claims of pages that have a word at `addr`."""
        rewriting = self.rewriting(path)
        for n, item in self._page_claims(path, root):
            bits = rewriting.offset(addr, item.addr)
            if bits is not None and not bits & ~WORD_OFFSETS:
                yield n, item

    def page_claim(self, path: Path, root: Term, va: Term) -> int | None:
        """The claim of the page at `va`."""
        rewriting = self.rewriting(path)
        claims = self._page_claims(path, root)
        return next((n for n, item in claims if rewriting.equal(item.addr, va)), None)

    def frame(self, path: Path, claim: IClaim, addr: Term) -> int | None:
        """The physical word or cell that an access to `addr` goes to by a claim."""
        if claim.addr == addr:
            return self.physical(path, claim.value)
        return self._at(path, self.reached(path, claim, addr))

    def reached(self, path: Path, claim: IClaim, addr: Term) -> Linear:
        """The physical address that a claim translates `addr` to."""
        rewriting = self.rewriting(path)
        distance = add(rewriting.linear(addr), rewriting.linear(claim.addr), -1)
        return rewriting.canonical(add(rewriting.linear(claim.value), distance, 1))

    def physical(self, path: Path, pa: Term) -> int | None:
        """The physical word or cell at an address."""
        found = path.index().physical.get(pa)
        return found if found is not None else self._at(path, self.rewriting(path).linear(pa))

    def _at(self, path: Path, where: Linear) -> int | None:
        rewriting = self.rewriting(path)
        for n, item in enumerate(path.items):
            pa = physical_address(item)
            if pa is not None and rewriting.canonical(rewriting.linear(pa)) == (
                rewriting.canonical(where)
            ):
                return n
        return None

    def cell(self, path: Path, pa: Term) -> tuple[int, Cell] | None:
        """The cell at a physical address."""
        n = self.physical(path, pa)
        cell = None if n is None else cell_of(path.items[n])
        return None if n is None or cell is None else (n, cell)

    def walk(
        self, path: Path, root: Term, va: Term, shifts: Iterable[int]
    ) -> tuple[list[int], Term | None]:
        """The cells that a walk reads, as far as they are there; and where the next one would be.

        A walk ends at an entry that is absent, or a large page.
        """
        rewriting = self.rewriting(path)
        found: list[int] = []
        table = root
        for shift in shifts:
            where = slot(table, va, shift)
            here = self.cell(path, where)
            if here is None:
                return found, where
            n, cell = here
            found.append(n)
            if rewriting.bits(cell.entry, PRESENT) == 0 or self.large(path, cell, shift):
                break
            table = cell.entry
        return found, None

    def large(self, path: Path, cell: Cell, shift: int) -> bool:
        """Whether an entry of a level is seen to be a leaf above the last."""
        leaf = PRESENT | LARGE
        return shift in LEAF_SHIFTS[1:] and self.rewriting(path).bits(cell.entry, leaf) == leaf

    def same_page(self, path: Path, region: Region, root: Term, va: Term) -> bool:
        """Whether a region is the page of its size around `va`."""
        rewriting = self.rewriting(path)
        return rewriting.equal(region.root, root) and rewriting.same_above(
            region.shift, region.va, va
        )
