# SPDX-License-Identifier: Apache-2.0
"""What all items have: words that say where they are, words that say what is there, a share."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rocqgen.emit.normal import subst, variables
from rocqgen.emit.symbolic import IClaim, IPhys, IRes, IVirt, KBlock, KWalk

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rocqgen.emit.normal import Term
    from rocqgen.emit.symbolic import Item, Kind


def _keys(kind: Kind) -> int:
    """How many words say where a resource is (`kind_keys`)."""
    if isinstance(kind, KWalk):
        return 2
    return 2 if isinstance(kind, KBlock) and kind.writable is not None else 1


def place(item: Item) -> tuple[Term, ...]:
    """Where it is: compared word for word.  The root comes first, where there is one."""
    match item:
        case IPhys():
            return (item.addr,)
        case IVirt() | IClaim():
            return item.root, item.addr
        case IRes():
            return item.terms[: _keys(item.kind)]


def content(item: Item) -> tuple[Term, ...]:
    """What is there: equations may be left of it."""
    match item:
        case IRes():
            return item.terms[_keys(item.kind) :]
        case _:
            return (item.value,)


def same_kind(have: Item, want: Item) -> bool:
    """Whether `have` serves where `want` is wanted, but for the words: its share and rights."""
    if have.share != want.share:
        return False
    match have, want:
        case IVirt(), IVirt():
            return have.writable or not want.writable
        case IClaim(), IClaim():
            return have.writable == want.writable
        case IPhys(), IPhys():
            return True
        case IRes(), IRes():
            return have.kind == want.kind
        case _:
            return False


def map_item(item: Item, change: Callable[[Term], Term]) -> Item:
    """The same with all words changed."""
    match item:
        case IPhys():
            return replace(item, addr=change(item.addr), value=change(item.value))
        case IVirt() | IClaim():
            return replace(
                item,
                root=change(item.root),
                addr=change(item.addr),
                value=change(item.value),
            )
        case IRes():
            return replace(item, terms=tuple(map(change, item.terms)))


def subst_item(item: Item, values: Mapping[int, Term]) -> Item:
    """The same with variables replaced."""
    return map_item(item, lambda term: subst(term, values))


def place_names(item: Item) -> set[int]:
    """The variables of where it is."""
    found: set[int] = set()
    return found.union(*map(variables, place(item)))
