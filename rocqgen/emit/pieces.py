# SPDX-License-Identifier: Apache-2.0
"""What has to be done to blocks before they are those that are wanted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rocqgen.emit.blocks import Block, Part, block_of
from rocqgen.emit.elements import physical_element, virtual_element
from rocqgen.emit.ghosts import GArray, GBlock, GEmpty, GForget, GJoinBlocks, GSplitBlock, GWord
from rocqgen.emit.normal import ECst
from rocqgen.emit.symbolic import FOne, IPhys, IRes, IVirt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocqgen.emit.actions import Steps
    from rocqgen.emit.aliases import Aliases
    from rocqgen.emit.blocks import Content
    from rocqgen.emit.ghosts import Ghost
    from rocqgen.emit.paths import Path
    from rocqgen.emit.symbolic import Item

_ZERO, _ONE = ECst(0), ECst(1)


@dataclass(frozen=True, slots=True)
class Pieces:
    """The blocks of a path that are not taken yet: `left` has their items."""

    steps: Steps
    path: Path
    left: Sequence[int]

    @property
    def aliases(self) -> Aliases:
        """What is equal."""
        return self.steps.aliases

    def step(self, item: Item) -> Ghost | None:
        """A step that brings what is left nearer to what is wanted."""
        want = block_of(item)
        if want is not None:
            return self._block(want) if isinstance(item.share, FOne) else None
        return self._word(item) if isinstance(item, IVirt | IPhys) else None

    def _block(self, want: Block) -> Ghost | None:
        rewriting = self.aliases.rewriting(self.path)
        here, change = self._here(want)
        if change is not None:
            return change
        if here is None or here[1].addr != want.addr:
            if here is None and rewriting.number(want.count) != 0:
                return self._of_word(want)
            fill = want.fill if here is None else here[1].fill
            empty = replace(want, count=_ZERO, fill=fill).item(FOne())
            return GEmpty(want.kind, empty.terms)
        n, have = here
        if rewriting.equal(have.count, want.count):
            return None
        counts = rewriting.number(have.count), rewriting.number(want.count)
        larger = None not in counts and (counts[0] or 0) > (counts[1] or 0)
        behind = None if larger else self._behind(n, have)
        if behind is not None:
            return GJoinBlocks(n, behind)
        forget = None if larger or want.fill is not None else self._behind(n, have, forget=True)
        if forget is not None:
            return GForget(forget)
        element = None if larger else self._element(n, have)
        if element is not None:
            return element
        word = None if larger else self._of_word(replace(have, addr=have.at(have.count)))
        return GSplitBlock(n, want.count) if word is None else word

    def _here(self, want: Block) -> tuple[tuple[int, Block] | None, Ghost | None]:
        """The block like that which is wanted that begins there; or what makes it one."""
        rewriting = self.aliases.rewriting(self.path)
        here: tuple[int, Block] | None = None
        for n in self.left:
            have = self._alike(n, want)
            if have is None or not rewriting.equal(have.addr, want.addr):
                continue
            if have.kind == want.kind and (here is None or have.addr == want.addr):
                here = n, have
            elif here is None and (change := self._change(n, have, want.fill)) is not None:
                return None, change
        return here, None

    def _change(self, n: int, have: Block, fill: Content | None) -> Ghost | None:
        """What is said of a block becomes what is wanted of it."""
        if fill is None:
            return None if have.fill is None else GForget(n)
        if have.fill is None or self.aliases.rewriting(self.path).number(have.count) != 1:
            return None
        return GArray(n, fill.array, fill.start) if isinstance(fill, Part) else GWord(n)

    def _element(self, n: int, block: Block) -> Ghost | None:
        """A block of one word behind one of an array becomes a part of the array."""
        fill, rewriting = block.fill_from(block.count), self.aliases.rewriting(self.path)
        if not isinstance(fill, Part):
            return None
        end = block.at(block.count)
        for m in self.left:
            other = self._alike(m, block)
            if m == n or other is None or other.kind == block.kind:
                continue
            if rewriting.equal(other.addr, end):
                return self._change(m, other, fill)
        return None

    def _alike(self, n: int, want: Block) -> Block | None:
        """A block that is owned whole, in the same memory."""
        item = self.path.items[n]
        have = block_of(item)
        if have is None or not isinstance(item.share, FOne):
            return None
        return have if (have.writable, have.root) == (want.writable, want.root) else None

    def _behind(self, n: int, block: Block, *, forget: bool = False) -> int | None:
        """The block like another that begins where it ends; `forget`: one that is filled."""
        rewriting = self.aliases.rewriting(self.path)
        end = block.at(block.count)
        for m in self.left:
            other = self._alike(m, block)
            if m == n or other is None:
                continue
            if other.fill is None if forget else other.kind != block.kind:
                continue
            if rewriting.equal(other.addr, end) and rewriting.number(other.count) != 0:
                return m
        return None

    def longer(self, n: int, have: Block) -> Ghost | None:
        """A step towards a block with more words, whatever they are."""
        rewriting = self.aliases.rewriting(self.path)
        end = have.at(have.count)
        for m in self.left:
            other = self._alike(m, have)
            if m == n or other is None or not rewriting.equal(other.addr, end):
                continue
            if rewriting.number(other.count) == 0:
                continue
            for filled in [k for k, block in ((n, have), (m, other)) if block.fill is not None]:
                return GForget(filled)
            return GJoinBlocks(n, m)
        return self._of_word(replace(have, addr=end))

    def _of_word(self, want: Block) -> Ghost | None:
        """A word becomes the beginning of a block."""
        rewriting = self.aliases.rewriting(self.path)
        for n in self.left:
            item = self.path.items[n]
            if not isinstance(item, IVirt | IPhys):
                continue
            root = item.root if isinstance(item, IVirt) else None
            writable = item.writable if isinstance(item, IVirt) else None
            if (writable, root) == (want.writable, want.root) and rewriting.equal(
                item.addr, want.addr
            ):
                return GBlock(n)
        return None

    def _word(self, item: IVirt | IPhys) -> Ghost | None:
        """A word is taken out of a block that is filled."""
        linear = self.aliases.rewriting(self.path).linear
        if isinstance(item, IVirt):
            element = virtual_element(self.aliases, self.path, item.root, item.addr)
        else:
            element = physical_element(self.aliases, self.path, linear(item.addr))
        if element is None or element[0] not in self.left:
            return None
        block = block_of(self.path.items[element[0]])
        return (
            None if block is None or block.fill is None else self.steps.alone(self.path, *element)
        )


def counted(aliases: Aliases, path: Path, have: Item, want: Item) -> bool:
    """Whether two items, if they are blocks, have as many words."""
    if not isinstance(have, IRes):
        return True
    one, two = block_of(have), block_of(want)
    return one is None or two is None or aliases.rewriting(path).equal(one.count, two.count)
