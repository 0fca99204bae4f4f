# SPDX-License-Identifier: Apache-2.0
"""`rep stosq` fills a block: a mirror of `theories/auto/string.v`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocqgen.emit.access import claim_facts, is_page_share
from rocqgen.emit.blocks import the_block
from rocqgen.emit.cells import PAGE_SHIFT, owe
from rocqgen.emit.normal import Alu, ECst, Term, mk_and, mk_op
from rocqgen.emit.paths import StuckError
from rocqgen.emit.symbolic import Fact, FOne, IClaim
from rocqgen.source.spec import Rel

if TYPE_CHECKING:
    from rocqgen.emit.paths import Path
    from rocqgen.emit.symbolic import HAt, Share

_PAGE = ECst(1 << PAGE_SHIFT)
_WORDS = ECst((1 << PAGE_SHIFT) >> 3)
_OFFSET = ECst((1 << PAGE_SHIFT) - 1)


def past(addr: Term, count: Term) -> Term:
    """The address behind so many words."""
    return mk_op(Alu.ADD, addr, mk_op(Alu.SHL, count, ECst(3)))


def covered(addr: Term, count: Term, share: Share) -> list[Fact]:
    """What makes the words from `addr` on those that a claim reaches, of a word or of a page."""
    if not is_page_share(share):
        return owe(Rel.LE, count, ECst(1))
    end = past(mk_and(addr, _OFFSET), count)
    return [*owe(Rel.LE, count, _WORDS), *owe(Rel.LE, end, _PAGE)]


def string_place(path: Path, addr: Term, count: Term, hint: HAt) -> tuple[int, list[Fact]]:
    """The block that is filled from `addr` on, and what is owed for it."""
    n = hint.item if hint.data is None else hint.data
    block, item = the_block(path, n), path.items[hint.item]
    if hint.data is None:
        if block.root is None:
            raise StuckError("the hint names physical memory")
        writable = bool(block.writable)
        facts = owe(Rel.EQ, addr, block.addr) + owe(Rel.EQ, count, block.count)
        facts += owe(Rel.EQ, path.root, block.root)
    else:
        if block.root is not None or not isinstance(item, IClaim):
            raise StuckError("the hint names no claim, or no physical memory")
        writable = item.writable
        facts = [
            *claim_facts(path, addr, item, block.addr),
            *owe(Rel.EQ, count, block.count),
            *covered(addr, count, item.share),
        ]
    if not writable:
        raise StuckError("a store through a mapping that is read-only")
    if not isinstance(path.items[n].share, FOne):
        raise StuckError("a store into what is owned in part")
    return n, facts
