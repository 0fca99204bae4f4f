# SPDX-License-Identifier: Apache-2.0
"""What a run asks for where the engine does not see by itself how to go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocqgen.emit.cells import Paging
    from rocqgen.emit.ghosts import Ghost
    from rocqgen.emit.normal import Term
    from rocqgen.emit.paths import Path
    from rocqgen.emit.symbolic import HAt, SState
    from rocqgen.emit.wording import Wording
    from rocqgen.source.machine import Instr


class Guide(Protocol):
    """Says what the engine is to be told: where accesses go, and which steps of the proof to do."""

    paging: Paging | None
    wording: Wording

    def part(self, instr: Instr, path: Path, addr: Term, offsets: Sequence[int], /) -> int:
        """The offset, in a word that the state has, of an access below 64 bits at `addr`."""

    def access(self, instr: Instr, path: Path, addr: Term, *, write: bool) -> HAt | None:
        """What an access goes to, or `None` where the engine sees it; may raise `FirstError`."""

    def string(self, instr: Instr, path: Path, addr: Term, count: Term, /) -> HAt:
        """The block of `count` words that `rep stosq` fills; may raise `FirstError`."""

    def storing(self, path: Path, addr: Term, hint: HAt | None, value: Term, /) -> None:
        """A word is about to be stored; may raise `FirstError`."""

    def first(self, instr: Instr, path: Path, done: int, /) -> Ghost | None:
        """A step of the proof in front of `instr`, where so many have been done."""

    def then(self, instr: Instr, path: Path, done: int, /) -> Ghost | None:
        """The same behind `instr`, where so many have been done."""

    def enter(self, path: Path, root: Term, /) -> str:
        """Raises `FirstError` where a step helps to map the code in a space; else says why not."""

    def flush(self, instr: Instr, path: Path, va: Term, /) -> HAt | None:
        """The cell whose debts `invlpg` pays, where the engine does not see it."""

    def provide(self, path: Path, state: SState, bound: Sequence[int]) -> Ghost | None:
        """A step of the proof towards `state`, which is wanted now and has `bound` names open."""

    def leave(self, path: Path, /) -> Ghost | None:
        """A step of the proof to be done where a path ends, so that what is wanted is there."""
