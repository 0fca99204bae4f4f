# SPDX-License-Identifier: Apache-2.0
"""A space comes to map the fragment's code: mirrors `auto/enter.v`, and finds the entries."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rocqgen.emit.cells import (
    LARGE,
    LEAF_SHIFTS,
    PAGE_SHIFT,
    PRESENT,
    cell_of,
    owe,
    put_cell,
    slot,
    the_cell,
    whole_cell,
)
from rocqgen.emit.claims import answered, leaf_facts, root_facts, walk_facts
from rocqgen.emit.ghosts import GCode
from rocqgen.emit.normal import ECst, EVar, mk_and
from rocqgen.emit.paths import StuckError
from rocqgen.emit.symbolic import Fact, FOne, Region
from rocqgen.source.spec import Rel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocqgen.emit.actions import Steps
    from rocqgen.emit.cells import Cell, Paging
    from rocqgen.emit.ghosts import Ghost
    from rocqgen.emit.normal import Term
    from rocqgen.emit.paths import Path

CODE = EVar(1)
"""The address of the fragment's code."""
_RIGHTS = ECst(0x8000000000000006)
"""The bits of an entry that say who may do what: writable, for users, no code."""
_PAGE = 1 << PAGE_SHIFT


# -- the step --------------------------------------------------------------------------------------


def map_code(ghost: GCode, path: Path, paging: Paging) -> list[Fact]:
    """The fragment's code is mapped in a space, too; gives what is owed."""
    named = (*ghost.path, *ghost.twin)
    fits = 1 <= len(ghost.twin) <= len(ghost.path) <= len(paging.shifts)
    if len(set(named)) != len(named) or not fits:
        raise StuckError("code is mapped through one entry of each level")
    size = paging.shifts[len(ghost.path) - 1]
    if size not in LEAF_SHIFTS:
        raise StuckError("code is mapped through entries down to that of a page")
    if not path.mapped(path.root):
        raise StuckError("the fragment's code is not mapped in the current space")
    cells = [the_cell(path, n) for n in ghost.path]
    twin = [the_cell(path, n) for n in ghost.twin]
    noted = whole_cell(path, ghost.path[ghost.place])
    end = _end(path)
    facts = owe(Rel.LE, mk_and(CODE, ECst(_PAGE - 1)), ECst(_PAGE - end))
    facts += root_facts(ghost.root, paging)
    facts += walk_facts(cells, ghost.root, CODE, paging)
    facts += leaf_facts(size, cells[-1].entry, paging)
    facts += answered(cells, ghost.place, ghost.root, CODE, paging)
    facts += _meet(cells, twin, path.root, paging)
    region = Region(PAGE_SHIFT, ghost.root, CODE)
    put_cell(path, ghost.path[ghost.place], replace(noted, claimed=(region, *noted.claimed)))
    path.code = (*path.code, (ghost.root, FOne()))
    return facts


def _end(path: Path) -> int:
    """How many bytes from the entry on the code lies in."""
    end = max((one.offset + one.length for one in path.text), default=_PAGE + 1)
    if end > _PAGE or sum(one.length for one in path.text) > _PAGE:
        raise StuckError("code is mapped that is larger than a page")
    if any(one.offset < 0 for one in path.text):
        raise StuckError("code is mapped that lies in front of its entry")
    return end


def _meet(cells: Sequence[Cell], twin: Sequence[Cell], root: Term, paging: Paging) -> list[Fact]:
    """That the walk from `root` reads the cells `twin`, and comes to where that of `cells` does."""
    facts: list[Fact] = []
    table = root
    for n, (here, cell, shift) in enumerate(zip(twin, cells, paging.shifts, strict=False)):
        facts += owe(Rel.EQ, here.addr, slot(table, CODE, shift))
        if n + 1 == len(twin):
            facts += owe(Rel.EQ, here.entry, cell.entry)
            continue
        bits = mk_and(here.entry, ECst(PRESENT + LARGE + paging.reserved))
        facts += owe(Rel.EQ, bits, ECst(PRESENT))
        facts += owe(Rel.EQ, mk_and(here.entry, _RIGHTS), mk_and(cell.entry, _RIGHTS))
        table = here.entry
    return facts


# -- finding it ------------------------------------------------------------------------------------


def enter(steps: Steps, path: Path, root: Term, through: Sequence[Term] = ()) -> Ghost:
    """A step towards code that is mapped in the space `root`, through entries given or found."""
    if steps.paging is None:
        raise StuckError("page tables are changed, but the annotation has no `platform`")
    shifts = steps.paging.shifts
    if through:
        items = [steps.entry(path, one) for one in through]
    else:
        items, lacking = steps.aliases.walk(path, root, CODE, shifts)
        if lacking is not None:
            supply = steps.supply(path, lacking)
            if supply is None:
                raise StuckError(f"there is no `{steps.wording.term(lacking)} |->e ..`")
            return supply
    cells = [cell for n in items if (cell := cell_of(path.items[n])) is not None]
    whole = [k for k, n in enumerate(items) if isinstance(path.items[n].share, FOne)]
    if not whole:
        raise StuckError("no entry on its way is owned whole, to have it noted")
    place = whole[-1]
    for k, (n, cell, shift) in enumerate(zip(items, cells, shifts, strict=False)):
        region, marked = Region(shift, root, CODE), k == place
        ghost = steps.readied(path, n, region, marked=marked)
        if ghost is not None:
            return ghost
        why = steps.unusable(path, cell, region, marked=marked)
        if why:
            raise StuckError(f"the entry at {steps.wording.term(cell.addr)} {why}", item=n)
    if shifts[len(items) - 1] not in LEAF_SHIFTS:
        raise StuckError("the last of the entries on its way is of no page")
    return GCode(tuple(items), place, _twin(steps, path, items, cells, shifts), root)


def _twin(
    steps: Steps, path: Path, items: Sequence[int], cells: Sequence[Cell], shifts: Sequence[int]
) -> tuple[int, ...]:
    """The first entries on the way of the code here, up to one that is the same there."""
    say = steps.wording.term
    here, lacking = steps.aliases.walk(path, path.root, CODE, shifts)
    equal = steps.aliases.rewriting(path).equal
    different = ""
    for k, (n, cell) in enumerate(zip(here, cells, strict=False)):
        one = cell_of(path.items[n])
        if one is None or n == items[k]:
            break
        if equal(one.entry, cell.entry):
            return tuple(here[: k + 1])
        different = f"the entry at {say(cell.addr)} is not what that at {say(one.addr)} is"
    if lacking is not None and not different:
        different = f"there is no `{say(lacking)} |->e ..`, to compare its way here with that there"
    raise StuckError(different)
