# SPDX-License-Identifier: Apache-2.0
"""Steps of the proof alone, on symbolic data: a mirror of `sghost` (`auto/ghost.v`)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rocqgen.emit.blocks import apply_block, block_of
from rocqgen.emit.cells import (
    Paging,
    owe,
    put_cell,
    whole_cell,
)
from rocqgen.emit.claims import claim_page, reach, unclaim
from rocqgen.emit.debts import pay_elsewhere
from rocqgen.emit.entering import map_code
from rocqgen.emit.ghosts import (
    GArray,
    GAscend,
    GBlock,
    GClaim,
    GCode,
    GDescend,
    GDrop,
    GEmpty,
    GFold,
    GForget,
    GJoin,
    GJoinBlocks,
    GNew,
    GNothing,
    GOpen,
    GPayElsewhere,
    GReach,
    GReachElsewhere,
    GSplit,
    GSplitBlock,
    GUnclaim,
    GUnfold,
    GWord,
)
from rocqgen.emit.items import content, place, same_kind
from rocqgen.emit.normal import ECst, mk_and
from rocqgen.emit.paths import StuckError
from rocqgen.emit.shares import rational, share_of
from rocqgen.emit.symbolic import Fact, FOne, IPhys, IRes, KCell, Region
from rocqgen.emit.walks import apply_walk, walk_of
from rocqgen.source.spec import Rel

if TYPE_CHECKING:
    from rocqgen.emit.ghosts import Ghost
    from rocqgen.emit.paths import Path
    from rocqgen.source.machine import Instr

_ZERO = ECst(0)


Outcome = tuple[list[Fact], tuple[Fact, ...]]
"""What is owed, and what is learned."""
_Tables = GUnclaim | GClaim | GCode | GOpen | GReach | GReachElsewhere | GPayElsewhere | GNew


def apply(ghost: Ghost, path: Path, paging: Paging | None, writer: Instr | None) -> Outcome:
    """Do a step of the proof; gives what is owed and learned.

    What is new is blamed on `writer`.
    """
    match ghost:
        case GDrop(n):
            path.remove(n)
            return [], ()
        case GSplit():
            _split(ghost, path)
            return [], ()
        case GJoin():
            return [], _join(ghost, path)
        case GSplitBlock() | GJoinBlocks() | GWord() | GBlock():
            return apply_block(ghost, path), ()
        case GForget() | GArray() | GEmpty():
            return apply_block(ghost, path), ()
        case GUnfold() | GDescend() | GAscend() | GNothing() | GFold():
            return apply_walk(ghost, path), ()
    if paging is None:
        raise StuckError("page tables are changed, but the annotation has no `platform`")
    return _tables(ghost, path, paging, writer), ()


def _tables(ghost: _Tables, path: Path, paging: Paging, writer: Instr | None) -> list[Fact]:
    """A step with cells; gives what is owed."""
    match ghost:
        case GUnclaim():
            return unclaim(ghost, path)
        case GClaim():
            return claim_page(ghost, path, paging, writer)
        case GCode():
            return map_code(ghost, path, paging)
        case GOpen(n, regions):
            cell = whole_cell(path, n)
            put_cell(path, n, replace(cell, claimed=regions + cell.claimed))
            return []
        case GReach():
            return reach(ghost, path, paging)
        case GReachElsewhere(n, shift, root, va):
            cell = whole_cell(path, n)
            region = Region(shift, root, va)
            put_cell(path, n, replace(cell, reach=(region, *cell.reach)))
            return owe(Rel.NE, root, path.root)
        case GPayElsewhere(n):
            return pay_elsewhere(n, path)
        case GNew(n):
            return _new(n, path)


def _new(n: int, path: Path) -> list[Fact]:
    item = path.items[n]
    if not isinstance(item, IPhys) or not isinstance(item.share, FOne):
        raise StuckError("only a word of physical memory that is owned whole becomes an entry")
    before = path.item_writer.get(n)
    path.remove(n)
    path.add(IRes(KCell((), (), ()), FOne(), (item.addr, item.value)), before, at=n)
    return owe(Rel.EQ, mk_and(item.addr, ECst(7)), _ZERO)


# -- shares ----------------------------------------------------------------------------------------


def _split(ghost: GSplit, path: Path) -> None:
    item = path.items[ghost.item]
    if block_of(item) is not None or walk_of(item) is not None:
        raise StuckError("the share of a block or a walk is not divided")
    have, first, second = (rational(one) for one in (item.share, ghost.first, ghost.second))
    if have is None or first is None or second is None or have != first + second:
        raise StuckError("a share is split into others than its parts")
    path.put(ghost.item, replace(item, share=ghost.first), None)
    path.add(replace(item, share=ghost.second), path.item_writer.get(ghost.item))


def _join(ghost: GJoin, path: Path) -> tuple[Fact, ...]:
    one, other = path.items[ghost.item], path.items[ghost.other]
    a, b = rational(one.share), rational(other.share)
    alike = same_kind(replace(one, share=other.share), other) and place(one) == place(other)
    alike = alike and block_of(one) is None and walk_of(one) is None
    if ghost.item == ghost.other or a is None or b is None or not alike:
        raise StuckError("shares of different things cannot be joined")
    left, right = content(one), content(other)
    if left[1:] != right[1:]:
        raise StuckError("shares of entries that say different things cannot be joined")
    path.put(ghost.item, replace(one, share=share_of(a + b)), None)
    path.remove(ghost.other)
    return tuple(owe(Rel.EQ, left[0], right[0]))
