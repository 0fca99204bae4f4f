# SPDX-License-Identifier: Apache-2.0
"""Ties an annotation to the code behind its entry: decodes, checks, and gives the fragment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rocqgen.source import raw
from rocqgen.source.annotations import parse_marks, parse_spec
from rocqgen.source.blocks import Block, LineMark
from rocqgen.source.decode import decode
from rocqgen.source.location import Location, refused
from rocqgen.source.machine import Instr
from rocqgen.source.object import ObjectCode
from rocqgen.source.places import check_places, hints_of
from rocqgen.source.reserved import IDENTIFIER, why_refused
from rocqgen.source.resolve import Labels
from rocqgen.source.scope import Place, check_ghost, check_spec
from rocqgen.source.spec import Expectation, Fragment, Ghost, Hint, Label, Spec


@dataclass(frozen=True, slots=True)
class Part:
    """The code of one fragment: the bytes from `start` to `end` of a section.

    `where` gives the source line of the instruction at an offset of the section, and what is
    written there.  `source` and `digest` are those of the file with the annotation.
    """

    code: ObjectCode
    start: int
    end: int
    where: Callable[[int], tuple[Location, str]]
    source: str
    digest: str


@dataclass(slots=True)
class Note:
    """A mark, parsed, and whether some fragment has it."""

    mark: LineMark
    items: tuple[raw.RawMark, ...]
    used: bool = False


def parse_block(file: str, block: Block) -> raw.RawSpec:
    """The specification that a block of `file` says."""
    return parse_spec(file, block.pieces)


def parse_note(file: str, mark: LineMark) -> Note:
    """A mark of `file`."""
    return Note(mark, parse_marks(file, mark.piece))


def check_entry(block: Block) -> None:
    """Refuse an entry whose name cannot be that of a theorem."""
    reason = why_refused(block.entry)
    if reason is not None:
        raise refused(
            f"`{block.entry}` cannot be the name of a theorem: {reason}",
            block.entry_location,
            "another label",
        )


def end_of(code: ObjectCode, entry: str, start: int, later: list[int]) -> int:
    """Where a fragment ends: at its `.size`, else at the next entry, else with its section."""
    ends = [len(code.text), *later[:1]]
    if size := code.symbols[entry].size:
        ends.append(start + size)
    return min(ends)


def build_fragment(
    part: Part,
    block: Block,
    spec: raw.RawSpec,
    notes: Sequence[Note],
    invariants: Sequence[Place] = (),
) -> Fragment:
    """The fragment of one block; `notes` whose lines are those of its instructions are used.

    The offsets of `invariants` count from the entry.
    """
    if part.start == part.end:
        raise refused(
            f"there is no code behind `{block.entry}`", block.entry_location, "an instruction"
        )
    instrs = decode(part.code, part.start, part.end, part.where)
    labels = {
        symbol.name: symbol.offset - part.start
        for symbol in part.code.symbols.values()
        if part.start <= symbol.offset <= part.end and IDENTIFIER.match(symbol.name)
    }
    outside = frozenset(part.code.symbols) | part.code.elsewhere
    scope = Labels(labels, outside - set(labels))
    checked = check_spec(spec, scope, invariants)
    _check_exits(checked, instrs)
    _check_invariants(checked, instrs)
    hints: list[Hint] = []
    ghosts: list[Ghost] = []
    expect: Expectation | None = None
    for note in notes:
        place = note.mark.location
        here = [
            instr
            for instr in instrs
            if (instr.location.file, instr.location.line) == (place.file, place.line)
        ]
        if not here:
            continue
        note.used = True
        for item in note.items:
            if isinstance(item, raw.RawHint):
                hints += hints_of(item, here, checked, scope)
            elif isinstance(item, raw.RawGhost):
                instr = here[-1] if item.after else here[0]
                ghosts.append(check_ghost(item, instr.offset, checked, scope))
            elif expect is not None:
                raise refused(
                    f"a second expectation; the first is in line {expect.location.line}",
                    item.location,
                    "at most one `expect` in a fragment",
                )
            else:
                expect = Expectation(item.outcome, here[0].offset, item.location)
    annotated = replace(checked, hints=tuple(hints), ghosts=tuple(ghosts))
    check_places(annotated, instrs)
    return Fragment(
        name=block.entry,
        source=part.source,
        digest=part.digest,
        doc=block.doc,
        instrs=instrs,
        labels=tuple(
            sorted(
                ((name, offset) for name, offset in labels.items() if why_refused(name) is None),
                key=lambda pair: (pair[1], pair[0]),
            )
        ),
        spec=annotated,
        location=block.entry_location,
        expect=expect,
    )


def _check_exits(spec: Spec, instrs: tuple[Instr, ...]) -> None:
    """A label may be an exit only where an instruction begins, or at the end."""
    starts = {instr.offset for instr in instrs} | {instrs[-1].offset + instrs[-1].length}
    for item in spec.exits:
        if isinstance(item.address, Label):
            if item.address.offset not in starts:
                raise refused(
                    f"no instruction begins at `{item.address.ident}`",
                    item.address.location,
                    "a label in front of an instruction, or at the end of the code",
                )
            if item.address.offset == 0:
                raise refused(
                    f"`{item.address.ident}` is the entry",
                    item.address.location,
                    "an exit that is not where the code begins",
                )


def _check_invariants(spec: Spec, instrs: tuple[Instr, ...]) -> None:
    """An invariant holds where an instruction begins, and there is one for each place."""
    starts = {instr.offset for instr in instrs}
    seen: dict[int, Location] = {}
    for item in spec.invariants:
        if item.offset not in starts:
            raise refused(
                f"no instruction begins at {_shown(item.label, item.offset)}",
                item.location,
                "an invariant in front of a label with an instruction behind it",
            )
        if item.offset in seen:
            raise refused(
                f"a second invariant for one instruction; the first is in line "
                f"{seen[item.offset].line}",
                item.location,
                "one invariant for each place",
            )
        seen[item.offset] = item.location


def _shown(label: str | None, offset: int) -> str:
    return f"`{label}`" if label is not None else f"the offset {offset:#x}"
