# SPDX-License-Identifier: Apache-2.0
"""Blocks: words one behind another; and steps of the proof with them.

They are as in `theories/auto/state.v`, and travel as items of kind `KBlock`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rocqgen.emit.cells import owe
from rocqgen.emit.ghosts import GArray, GBlock, GEmpty, GForget, GJoinBlocks, GSplitBlock, GWord
from rocqgen.emit.normal import Alu, ECst, ESel, Term, mk_op
from rocqgen.emit.paths import StuckError
from rocqgen.emit.symbolic import Fact, FOne, IPhys, IRes, IVirt, KBlock
from rocqgen.source.spec import Rel

if TYPE_CHECKING:
    from rocqgen.emit.paths import Path
    from rocqgen.emit.symbolic import Item, Share

Blocks = GSplitBlock | GJoinBlocks | GWord | GBlock | GForget | GArray | GEmpty
_ZERO, _ONE, _THREE = ECst(0), ECst(1), ECst(3)


@dataclass(frozen=True, slots=True)
class Part:
    """Words of an array, from an index on."""

    array: int
    start: Term

    def behind(self, count: Term) -> Part:
        """The same from a later index on."""
        return Part(self.array, mk_op(Alu.ADD, self.start, count))


Content = Term | Part


@dataclass(frozen=True, slots=True)
class Block:
    """`count` words from `addr` on; in physical memory, where there is no root.

    All of them are `fill`, or part of an array, if that is known.
    """

    writable: bool | None
    root: Term | None
    addr: Term
    count: Term
    fill: Content | None

    @property
    def kind(self) -> KBlock:
        """The kind of the item that it is."""
        array = self.fill.array if isinstance(self.fill, Part) else None
        return KBlock(self.writable, self.fill is not None, array)

    def item(self, share: Share) -> IRes:
        """A share of it as an item."""
        fill = self.fill.start if isinstance(self.fill, Part) else self.fill
        terms = (self.root, self.addr, self.count, fill)
        return IRes(self.kind, share, tuple(one for one in terms if one is not None))

    def at(self, index: Term) -> Term:
        """Where a word of it is (`word_at`)."""
        return mk_op(Alu.ADD, self.addr, mk_op(Alu.SHL, index, _THREE))

    def word(self, index: Term) -> Term | None:
        """What a word of it is, if that is known (`fill_at`)."""
        if isinstance(self.fill, Part):
            part = self.fill.behind(index)
            return ESel(part.array, part.start)
        return self.fill

    def fill_from(self, index: Term) -> Content | None:
        """What it is filled with from a word on."""
        return self.fill.behind(index) if isinstance(self.fill, Part) else self.fill


def block_of(item: Item) -> Block | None:
    """The block that an item is, if it is one."""
    if not isinstance(item, IRes) or not isinstance(item.kind, KBlock):
        return None
    terms = list(item.terms)
    root = None if item.kind.writable is None else terms.pop(0)
    fill: Content | None = terms.pop() if item.kind.filled else None
    if item.kind.array is not None and fill is not None and not isinstance(fill, Part):
        fill = Part(item.kind.array, fill)
    addr, count = terms
    return Block(item.kind.writable, root, addr, count, fill)


def the_block(path: Path, n: int) -> Block:
    """The block that an item is."""
    block = block_of(path.items[n])
    if block is None:
        raise StuckError("this is no block")
    return block


def put_block(path: Path, n: int, block: Block) -> None:
    """Change a block; who wrote it stays."""
    path.put(n, block.item(path.items[n].share), None)


def apply_block(ghost: Blocks, path: Path) -> list[Fact]:
    """Do a step of the proof with blocks; gives what is owed."""
    match ghost:
        case GSplitBlock(n, index):
            return _split(path, n, index)
        case GJoinBlocks(n, other):
            return _join(path, n, other)
        case GWord(n):
            return _word(path, n)
        case GBlock(n):
            return _block(path, n)
        case GForget(n):
            put_block(path, n, replace(the_block(path, n), fill=None))
            return []
        case GArray(n, array, index):
            return _of_array(path, n, Part(array, index))
        case GEmpty(kind, terms):
            block = block_of(IRes(kind, FOne(), terms))
            if block is None:
                raise StuckError("this is no block")
            path.add(block.item(FOne()), None)
            return owe(Rel.EQ, block.count, ECst(0))


def _split(path: Path, n: int, index: Term) -> list[Fact]:
    block, share = the_block(path, n), path.items[n].share
    rest = mk_op(Alu.SUB, block.count, index)
    put_block(path, n, replace(block, count=index))
    behind = replace(block, addr=block.at(index), count=rest, fill=block.fill_from(index))
    path.add(behind.item(share), path.item_writer.get(n))
    return owe(Rel.LE, index, block.count)


def _join(path: Path, n: int, other: int) -> list[Fact]:
    one, two = the_block(path, n), the_block(path, other)
    alike = n != other and path.items[n].share == path.items[other].share
    if not alike or one.kind != two.kind or one.root != two.root:
        raise StuckError("blocks of different kinds cannot be joined")
    count = mk_op(Alu.ADD, one.count, two.count)
    facts = owe(Rel.EQ, two.addr, one.at(one.count)) + owe(Rel.LE, one.count, count)
    match one.fill_from(one.count), two.fill:
        case (Part(_, end), Part(_, start)):
            facts += owe(Rel.EQ, end, start)
        case (Part(), _) | (_, Part()) | (None, _) | (_, None):
            pass
        case (left, right):
            facts += owe(Rel.EQ, left, right)
    put_block(path, n, replace(one, count=count))
    path.remove(other)
    return facts


def _word(path: Path, n: int) -> list[Fact]:
    block, share = the_block(path, n), path.items[n].share
    word = _known_word(block)
    item: Item = IPhys(block.addr, share, word)
    if block.writable is not None and block.root is not None:
        item = IVirt(block.writable, block.root, block.addr, share, word)
    _replaced(path, n, item)
    return owe(Rel.EQ, block.count, _ONE)


def _known_word(block: Block) -> Term:
    """The first word of a block."""
    word = block.word(_ZERO)
    if word is None:
        raise StuckError("nothing is known of what this block holds")
    return word


def _of_array(path: Path, n: int, part: Part) -> list[Fact]:
    block = the_block(path, n)
    word = _known_word(block)
    put_block(path, n, replace(block, fill=part))
    return owe(Rel.EQ, block.count, _ONE) + owe(Rel.EQ, word, ESel(part.array, part.start))


def _block(path: Path, n: int) -> list[Fact]:
    item = path.items[n]
    match item:
        case IVirt():
            block = Block(item.writable, item.root, item.addr, _ONE, item.value)
        case IPhys():
            block = Block(None, None, item.addr, _ONE, item.value)
        case _:
            raise StuckError("only a word of memory becomes a block")
    _replaced(path, n, block.item(item.share))
    return []


def _replaced(path: Path, n: int, item: Item) -> None:
    writer = path.item_writer.get(n)
    path.remove(n)
    path.add(item, writer, at=n)
