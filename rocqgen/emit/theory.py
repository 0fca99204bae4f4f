# SPDX-License-Identifier: Apache-2.0
"""What the emitter hands on: the text of a theory and the map from it back to the assembly.

Offsets count characters of ``text`` (Python string indices), not bytes: the emitter builds strings.
Coq counts bytes of UTF-8; `rocqgen.rocq.document` converts once, at the edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rocqgen.source.location import Location


class Role(StrEnum):
    """What a stretch of a theory is there for."""

    CODE = "code"
    SPEC = "spec"
    BLOCK = "block"
    RESIDUAL = "residual"
    THEOREM = "theorem"
    CLOSED = "closed"
    USER = "user"
    CALLEE = "callee"
    """All that is about a function that the fragment calls; such marks become `Part`s."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The characters ``start`` to ``end`` (exclusive) of a theory stem from ``location``.

    ``text`` is the instruction's source text, or the fact, as messages show it.  Marks may nest.
    """

    start: int
    end: int
    location: Location
    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """An instruction, for messages of the engine that give its ``offset`` in bytes."""

    location: Location
    text: str
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """The characters ``start`` to ``end`` (exclusive) of a theory are about a function that the
    fragment calls: ``instrs``, ``words`` and ``foreseen`` as in `Theory`, of that function."""

    start: int
    end: int
    instrs: tuple[Step, ...]
    words: tuple[str, ...]
    foreseen: str = ""


@dataclass(frozen=True, slots=True)
class Theory:
    """A generated theory.

    ``name`` is the file's stem and module; ``theorem`` the headline theorem in it; ``source`` the
    path of the assembly as the user gave it and ``digest`` the SHA-256 of its bytes in hex.
    ``instrs`` has the fragment's instructions in the order of their offsets.
    ``words`` names the engine's variables, from 1 on.
    ``foreseen`` is what the emitter has to say of a run that it knows will fail.
    ``callees`` are the parts about functions that the fragment calls, in front of its own.
    ``expect`` is set for a wrong twin: the line at which its proof must fail.  ``closed`` is the
    theorem about the bare machine that follows from the headline at a concrete state, if there is
    one: what it assumes includes what the headline assumes.
    ``assuming`` names the contracts that are premises of the headline: nothing proves them.
    """

    name: str
    text: str
    theorem: str
    source: str
    digest: str
    marks: tuple[Mark, ...] = ()
    instrs: tuple[Step, ...] = ()
    words: tuple[str, ...] = ()
    foreseen: str = ""
    callees: tuple[Part, ...] = ()
    expect: Location | None = None
    closed: str | None = None
    assuming: tuple[str, ...] = ()

    def mark_at(self, offset: int) -> Mark | None:
        """The innermost mark around the character at ``offset``; of equals, the later one."""
        found: Mark | None = None
        for mark in self.marks:
            if mark.start <= offset < mark.end and (
                found is None or mark.end - mark.start <= found.end - found.start
            ):
                found = mark
        return found

    def part_at(self, offset: int) -> Part | Theory:
        """What the character at ``offset`` is about: a callee, or else the fragment itself."""
        return next((one for one in self.callees if one.start <= offset < one.end), self)
