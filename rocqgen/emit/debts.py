# SPDX-License-Identifier: Apache-2.0
"""What entries owe to the TLB, and what pays it: mirrors `auto/flush.v`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rocqgen.emit.cells import (
    cell_of,
    high_mask,
    owe,
    put_cell,
    same_page,
    whole_cell,
)
from rocqgen.emit.normal import Term, mk_and
from rocqgen.emit.symbolic import Fact, FOne
from rocqgen.source.spec import Rel

if TYPE_CHECKING:
    from rocqgen.emit.paths import Path
    from rocqgen.emit.symbolic import Regions


def pay_elsewhere(n: int, path: Path) -> list[Fact]:
    """What an entry owes in other spaces is paid; gives what is owed for it."""
    cell = whole_cell(path, n)
    paid = [one for one in cell.owed if one is not None and one.root != path.root]
    put_cell(path, n, replace(cell, owed=tuple(one for one in cell.owed if one not in paid)))
    return [fact for one in paid for fact in owe(Rel.NE, one.root, path.root)]


def pay(path: Path, va: Term, hint: int | None) -> list[Fact]:
    """`invlpg` of `va`: cells that are owned whole no longer owe its page."""
    facts: list[Fact] = []
    for n, item in enumerate(path.items):
        cell = cell_of(item)
        if cell is None or not isinstance(item.share, FOne):
            continue
        if n == hint:
            for one in cell.owed:
                if one is not None:
                    facts += owe(Rel.EQ, one.root, path.root)
                    facts += owe(
                        Rel.EQ,
                        mk_and(one.va, high_mask(one.shift)),
                        mk_and(va, high_mask(one.shift)),
                    )
            rest: Regions = tuple(one for one in cell.owed if one is None)
        else:
            rest = tuple(
                one
                for one in cell.owed
                if one is None or one.root != path.root or same_page(one, va)
            )
        if rest != cell.owed:
            put_cell(path, n, replace(cell, owed=rest))
    return facts


def pay_all(path: Path) -> None:
    """A load of cr3: cells that are owned whole owe nothing."""
    for n, item in enumerate(path.items):
        cell = cell_of(item)
        if cell is not None and cell.owed and isinstance(item.share, FOne):
            put_cell(path, n, replace(cell, owed=()))
