# SPDX-License-Identifier: Apache-2.0
"""From a file to its fragments: assembles, decodes, and ties annotations to the code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from rocqgen.errors import UserError
from rocqgen.exits import ExitCode
from rocqgen.source import raw
from rocqgen.source.annotations import parse_marks, parse_spec, refused
from rocqgen.source.assemble import assemble
from rocqgen.source.blocks import Block, LineMark, find_blocks, find_marks
from rocqgen.source.decode import decode
from rocqgen.source.location import Location
from rocqgen.source.machine import Instr, Mem, Op
from rocqgen.source.object import ObjectCode, read_object
from rocqgen.source.reserved import IDENTIFIER, why_refused
from rocqgen.source.scope import Labels, check_hint, check_spec
from rocqgen.source.spec import At, Claim, Expectation, Expr, Fragment, Hint, Label, Spec, VirtPt
from rocqgen.source.terms import normal
from rocqgen.source.text import SourceText, read_source


def load_fragments(path: str | Path) -> tuple[Fragment, ...]:
    """The annotated fragments of the GNU as file at `path`, in the order of their code.

    Anything that is wrong with the file is a `UserError` at its line and column; its exit code is
    5 where the file has no annotation at all, else 4.
    """
    source = read_source(path)
    blocks, marks = find_blocks(source), find_marks(source)
    if not blocks:
        _refuse_bare(source, marks)
    specs = [parse_spec(source.path, block.pieces) for block in blocks]
    notes = [_Note(mark, parse_marks(source.path, mark.piece)) for mark in marks]
    code = read_object(assemble(source.path), source.path)
    entries = [_entry(block, code) for block in blocks]
    order = sorted(range(len(blocks)), key=lambda k: entries[k])
    fragments = []
    for position, k in enumerate(order):
        later = [entries[other] for other in order[position + 1 :]]
        if later and later[0] == entries[k]:
            other = blocks[order[position + 1]]
            raise refused(
                f"`{blocks[k].entry}` and `{other.entry}` are labels of the same instruction",
                other.location,
                "one annotation for each entry",
            )
        end = _end(code, blocks[k].entry, entries[k], later)
        part = _Part(source, code, blocks[k].entry_location, entries[k], end)
        fragments.append(_fragment(part, blocks[k], specs[k], notes))
    for note in notes:
        if not note.used:
            raise refused(
                "no instruction of a fragment comes from this line",
                note.mark.location,
                "`at` and `expect` at the end of an instruction's line, below an annotated entry",
            )
    return tuple(fragments)


@dataclass(slots=True)
class _Note:
    """A mark and whether some fragment has it."""

    mark: LineMark
    items: tuple[raw.RawMark, ...]
    used: bool = False


@dataclass(frozen=True, slots=True)
class _Part:
    """The bytes of one fragment: `start` to `end` of `.text`."""

    source: SourceText
    code: ObjectCode
    entry: Location
    start: int
    end: int

    def where(self, offset: int) -> tuple[Location, str]:
        """The source line of the instruction at `offset` of `.text`."""
        row = self.code.row_at(offset)
        if row is None:
            return self.entry, ""
        text = self.source
        if row.file != text.path:
            try:
                text = read_source(row.file)
            except UserError:
                return Location(row.file, row.line), ""
        return text.at(row.line), text.statement(row.line)


def _refuse_bare(source: SourceText, marks: tuple[LineMark, ...]) -> NoReturn:
    place = marks[0].location if marks else Location(source.path, 1)
    raise UserError(
        "no entry is annotated",
        file=place.file,
        line=place.line,
        column=place.column,
        expected="lines that begin with `#@ spec` in front of a label (docs/annotations.md)",
        exit_code=ExitCode.USAGE if marks else ExitCode.NOTHING_FOUND,
    )


def _entry(block: Block, code: ObjectCode) -> int:
    """The offset of a block's entry in `.text`."""
    name, place = block.entry, block.entry_location
    reason = why_refused(name)
    if reason is not None:
        raise refused(f"`{name}` cannot be the name of a theorem: {reason}", place, "another label")
    if name not in code.symbols:
        raise refused(
            f"the entry `{name}` is not in the section .text",
            place,
            "a label of code that is assembled into .text",
            ".text",
        )
    return code.symbols[name].offset


def _end(code: ObjectCode, entry: str, start: int, later: list[int]) -> int:
    """Where a fragment ends: at its `.size`, else at the next entry, else with `.text`."""
    ends = [len(code.text), *later[:1]]
    if size := code.symbols[entry].size:
        ends.append(start + size)
    return min(ends)


def _fragment(part: _Part, block: Block, spec: raw.RawSpec, notes: list[_Note]) -> Fragment:
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
        source=part.source.path,
        digest=part.source.digest,
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


def accesses(instr: Instr) -> int:
    """How many times an instruction accesses memory, fetches aside; a read-modify-write is one."""
    memory = sum(isinstance(operand, Mem) for operand in instr.operands)
    if instr.op in {Op.LEA, Op.NOP}:
        return 0
    return memory + (instr.op in {Op.PUSH, Op.POP, Op.CALL, Op.RET})


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
