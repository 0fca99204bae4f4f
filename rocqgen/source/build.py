# SPDX-License-Identifier: Apache-2.0
"""Ties an annotation to the code behind its entry: decodes, checks, and gives the fragment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from rocqgen.source import raw
from rocqgen.source.annotations import parse_marks, parse_spec, refused
from rocqgen.source.blocks import Block, LineMark
from rocqgen.source.decode import decode
from rocqgen.source.location import Location
from rocqgen.source.machine import Instr, Mem, Op
from rocqgen.source.object import ObjectCode
from rocqgen.source.reserved import IDENTIFIER, why_refused
from rocqgen.source.scope import Labels, check_hint, check_spec
from rocqgen.source.spec import At, Claim, Expectation, Expr, Fragment, Hint, Label, Spec, VirtPt
from rocqgen.source.terms import normal


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


def build_fragment(part: Part, block: Block, spec: raw.RawSpec, notes: Sequence[Note]) -> Fragment:
    """The fragment of one block; `notes` whose lines are those of its instructions are used."""
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
    checked = check_spec(spec, scope)
    _check_exits(checked, instrs)
    hints: list[Hint] = []
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
                hints += _hints(item, here, checked, scope)
            elif expect is not None:
                raise refused(
                    f"a second expectation; the first is in line {expect.location.line}",
                    item.location,
                    "at most one `expect` in a fragment",
                )
            else:
                expect = Expectation(item.outcome, here[0].offset, item.location)
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
        spec=replace(checked, hints=tuple(hints)),
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


_IMPLICIT = {Op.PUSH, Op.POP, Op.CALL, Op.RET, Op.LEAVE, Op.REP_STOSQ}


def accesses(instr: Instr) -> int:
    """How many times an instruction accesses memory, fetches aside; a read-modify-write is one."""
    memory = sum(isinstance(operand, Mem) for operand in instr.operands)
    if instr.op in {Op.LEA, Op.INVLPG, Op.NOP}:
        return 0
    return memory + (instr.op in _IMPLICIT)


def _hints(item: raw.RawHint, here: list[Instr], spec: Spec, scope: Labels) -> tuple[Hint, ...]:
    """The hints of one line, for the one instruction there that accesses memory."""
    candidates = [instr for instr in here if accesses(instr)]
    if len(candidates) != 1:
        raise refused(
            "no instruction on this line accesses memory"
            if not candidates
            else f"{len(candidates)} instructions on this line access memory",
            item.location,
            "`at` on the line of one instruction that accesses memory",
        )
    instr = candidates[0]
    if len(item.addresses) != accesses(instr):
        raise refused(
            f"`at` with {len(item.addresses)} addresses",
            item.location,
            f"{accesses(instr)}: one for each memory access of `{instr.text}`, in order",
        )
    hints = check_hint(item, instr.offset, spec, scope)
    known = {normal(address) for address in _addresses(spec)}
    for hint in hints:
        if normal(hint.address) not in known:
            raise refused(
                "the precondition has nothing at this address",
                hint.address.location,
                "the address of a virtual points-to or of a claim behind `requires`",
            )
    return hints


def _addresses(spec: Spec) -> Iterator[Expr]:
    """The virtual addresses that the precondition knows, in any space."""
    for item in spec.pre:
        for inner in item.items if isinstance(item, At) else (item,):
            if isinstance(inner, VirtPt):
                yield inner.addr
            elif isinstance(inner, Claim):
                yield inner.va
