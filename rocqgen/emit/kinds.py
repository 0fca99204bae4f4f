# SPDX-License-Identifier: Apache-2.0
"""Prints the kinds of resources as Gallina."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocqgen.emit.symbolic import KBlock, KWalk

if TYPE_CHECKING:
    from rocqgen.emit.symbolic import Kind


def kind_data(kind: Kind) -> str:
    """A kind of resources, without parentheses."""
    if isinstance(kind, KBlock):
        space = "None" if kind.writable is None else f"(Some {str(kind.writable).lower()})"
        if kind.array is not None:
            return f"KBlock {space} (CArr {kind.array})"
        return f"KBlock {space} {'CFill' if kind.filled else 'CAny'}"
    if isinstance(kind, KWalk):
        flags = (str(one).lower() for one in (kind.below, kind.mapped))
        return f"KWalk {next(flags)} [{'; '.join(map(str, kind.shifts))}] {next(flags)}"
    lists = (kind.reach, kind.claimed, kind.owed)
    return " ".join(["KCell", *(f"[{'; '.join(map(_shift, one))}]" for one in lists)])


def _shift(shift: int | None) -> str:
    return "None" if shift is None else f"Some {shift}"
