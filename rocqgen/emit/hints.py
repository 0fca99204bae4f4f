# SPDX-License-Identifier: Apache-2.0
"""Prints what the engine is told as Gallina: hints, and steps of the proof."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from rocqgen.emit.ghosts import (
    GArray,
    GAscend,
    GClaim,
    GCode,
    GEmpty,
    GFold,
    GNothing,
    GOpen,
    GReach,
    GReachElsewhere,
    GSplit,
    GSplitBlock,
    GUnclaim,
)
from rocqgen.emit.kinds import kind_data
from rocqgen.emit.symbolic import HAt, HFirst

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rocqgen.emit.gallina import Printer
    from rocqgen.emit.ghosts import Ghost
    from rocqgen.emit.symbolic import Hint, Region


def hint_data(hint: Hint, printer: Printer) -> str:
    """A hint, without parentheses."""
    match hint:
        case HAt(item, data, index):
            where = "None" if data is None else f"(Some {_nat(data)})"
            inside = "None" if index is None else f"(Some {printer.data(index)})"
            return f"HAt {_nat(item)} {where} {inside}"
        case HFirst(ghost):
            return f"HFirst ({ghost_data(ghost, printer)})"
        case _:
            return f"HThen ({ghost_data(hint.ghost, printer)})"


def ghost_data(ghost: Ghost, printer: Printer) -> str:
    """A step of the proof, without parentheses."""
    data = printer.data
    match ghost:
        case GUnclaim(cell, claim):
            return f"GUnclaim {_nat(cell)} {_nat(claim)}"
        case GClaim(path, place, writable, root, va, pa):
            words = " ".join(map(data, (root, va, pa)))
            return f"GClaim {_nats(path)} {_nat(place)} {str(writable).lower()} {words}"
        case GCode(path, place, twin, root):
            return f"GCode {_nats(path)} {_nat(place)} {_nats(twin)} {data(root)}"
        case GOpen(cell, regions):
            pages = "; ".join(_region(one, printer) for one in regions)
            return f"GOpen {_nat(cell)} [{pages}]"
        case GReach(path, cell, shift, va):
            return f"GReach {_nats(path)} {_nat(cell)} {shift} {data(va)}"
        case GReachElsewhere(cell, shift, root, va):
            return f"GReachElsewhere {_nat(cell)} {shift} {data(root)} {data(va)}"
        case GSplit(item, first, second):
            shares = f"{printer.share_data(first)} {printer.share_data(second)}"
            return f"GSplit {_nat(item)} {shares}"
        case GSplitBlock(block, index):
            return f"GSplitBlock {_nat(block)} {data(index)}"
        case GArray() | GEmpty() | GAscend() | GNothing() | GFold():
            return _more_data(ghost, printer)
        case _:
            # What is left is about items by their numbers.
            numbers = [getattr(ghost, one.name) for one in fields(ghost)]
            return " ".join([type(ghost).__name__, *map(_nat, numbers)])


def _more_data(ghost: GArray | GEmpty | GAscend | GNothing | GFold, printer: Printer) -> str:
    """A step of the proof with an array or a walk."""
    data = printer.data
    match ghost:
        case GArray(block, array, index):
            return f"GArray {_nat(block)} {array} {data(index)}"
        case GEmpty(kind, terms):
            return f"GEmpty ({kind_data(kind)}) [{'; '.join(map(data, terms))}]"
        case GAscend(walk, entry):
            return f"GAscend {_nat(walk)} {data(entry)}"
        case GNothing(kind, terms):
            levels = "; ".join(map(str, kind.shifts))
            words = "; ".join(map(data, terms))
            return f"GNothing [{levels}] {str(kind.mapped).lower()} [{words}]"
        case GFold(cell, below, claim, table):
            under = "None" if below is None else f"(Some {_nat(below)})"
            page = "None" if claim is None else f"(Some ({_nat(claim[0])}, {data(claim[1])}))"
            return f"GFold {_nat(cell)} {under} {page} {data(table)}"


def _nat(number: int) -> str:
    return f"{number}%nat"


def _nats(numbers: Iterable[int]) -> str:
    return f"[{'; '.join(map(_nat, numbers))}]"


def _region(region: Region | None, printer: Printer) -> str:
    if region is None:
        return "None"
    return f"Some ({region.shift}, {printer.data(region.root)}, {printer.data(region.va)})"
