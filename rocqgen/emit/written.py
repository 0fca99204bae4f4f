# SPDX-License-Identifier: Apache-2.0
"""What the user wrote at instructions: where their accesses go, and steps of the proof."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rocqgen.emit.normal import Alu, ECst, mk_op
from rocqgen.source.spec import (
    AnswerPage,
    ClaimPage,
    MapCode,
    OpenEntry,
    Page,
    SplitBlock,
    UnclaimPage,
)

if TYPE_CHECKING:
    from rocqgen.emit.encode import Numbering
    from rocqgen.emit.normal import Term
    from rocqgen.source import spec as source
    from rocqgen.source.spec import Action, Expr, Hint


@dataclass(frozen=True, slots=True)
class Marks:
    """What the user wrote at instructions, by their offsets; its names have `names`.

    Marks with other names are for other parts of the fragment.
    """

    names: Numbering
    hints: tuple[Hint, ...] = ()
    ghosts: tuple[source.Ghost, ...] = ()

    def at(self, offset: int) -> list[tuple[Term, Term | None]]:
        """Where the accesses of an instruction go, each with the page that translates it."""
        found = []
        for one in self.hints:
            if one.offset == offset:
                address = self._term(one.address)
                index = None if one.index is None else self._term(one.index)
                if address is not None and index is not None:
                    address = mk_op(Alu.ADD, address, mk_op(Alu.SHL, index, ECst(3)))
                if address is not None and (index is None) == (one.index is None):
                    found.append((address, None if one.via is None else self._term(one.via)))
        return found

    def actions(self, offset: int, *, after: bool) -> list[Action]:
        """The steps of the proof in front of an instruction or behind it."""
        return [
            one.action
            for one in self.ghosts
            if one.offset == offset
            and one.after == after
            and all(self._term(expr) is not None for expr in _words(one.action))
        ]

    def _term(self, expr: Expr) -> Term | None:
        try:
            return self.names.term(expr)
        except KeyError:
            return None


def _words(action: Action) -> list[Expr]:
    """Words that a step of the proof is about, as far as they may have names of an invariant."""
    match action:
        case ClaimPage():
            return [action.va, action.root, *action.through]
        case MapCode():
            return [action.root, *action.through]
        case UnclaimPage():
            return [action.va, action.root]
        case AnswerPage():
            return [action.addr, action.page.va, action.page.root]
        case OpenEntry():
            pages = [one for one in action.pages if isinstance(one, Page)]
            return [action.addr, *(word for one in pages for word in (one.va, one.root))]
        case SplitBlock():
            return [action.addr, action.index]
        case _:
            return [action.addr]
