# SPDX-License-Identifier: Apache-2.0
"""From a file to its fragments: assembles what is assembly, finds the code of each annotation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from rocqgen.errors import UserError
from rocqgen.exits import ExitCode
from rocqgen.source.annotations import parse_invariant
from rocqgen.source.assemble import assemble
from rocqgen.source.blocks import Block, Blocks, LineMark, find_blocks, find_marks
from rocqgen.source.build import (
    Note,
    Part,
    build_fragment,
    check_entry,
    end_of,
    parse_block,
    parse_note,
)
from rocqgen.source.calls import Placed, assume, link
from rocqgen.source.compiled import is_elf, load_compiled
from rocqgen.source.location import Location, refused
from rocqgen.source.object import ObjectCode, read_object
from rocqgen.source.scope import Place
from rocqgen.source.spec import Fragment
from rocqgen.source.text import SourceText, read_source


def load_fragments(path: str | Path) -> tuple[Fragment, ...]:
    """The annotated fragments of the file at `path`, in the order of their code.

    It is a GNU as file, a `.spec` file, or an ELF file with a `.spec` file of the same name beside
    it.  Anything that is wrong with it is a `UserError` at its line and column; its exit code is
    5 where the file has no annotation at all, else 4.
    """
    if Path(path).suffix == ".spec":
        return load_compiled(path)
    if is_elf(path):
        return load_compiled(_beside(path))
    return _load_assembly(path)


def _beside(path: str | Path) -> Path:
    """The `.spec` file that describes the ELF file at `path`."""
    spec = Path(path).with_suffix(".spec")
    if not spec.is_file():
        raise UserError(
            "this is an ELF file, and nothing says what its code is to do",
            file=str(path),
            expected=f"a file {spec.name} beside it, or the .spec file itself as the argument "
            "(docs/annotations.md, 'Compiled code')",
            exit_code=ExitCode.NOTHING_FOUND,
        )
    return spec


def _load_assembly(path: str | Path) -> tuple[Fragment, ...]:
    source = read_source(path)
    found, marks = find_blocks(source), find_marks(source)
    blocks = found.specs
    if not blocks:
        _refuse_bare(source, found, marks)
    specs = [parse_block(source.path, block) for block in blocks]
    notes = [parse_note(source.path, mark) for mark in marks]
    loops = [parse_invariant(source.path, block.pieces) for block in found.invariants]
    code = read_object(assemble(source.path), source.path)
    entries = [_entry(block, code) for block in blocks]
    order = sorted(range(len(blocks)), key=lambda k: entries[k])
    places = [_label(block, code) for block in found.invariants]
    left = set(range(len(places)))
    placed = []
    for position, k in enumerate(order):
        later = [entries[other] for other in order[position + 1 :]]
        if later and later[0] == entries[k]:
            other = blocks[order[position + 1]]
            raise refused(
                f"`{blocks[k].entry}` and `{other.entry}` are labels of the same instruction",
                other.location,
                "one annotation for each entry",
            )
        end = end_of(code, blocks[k].entry, entries[k], later)
        where = _Where(source, code, blocks[k].entry_location)
        part = Part(code, entries[k], end, where, source.path, source.digest)
        mine = [n for n, place in enumerate(places) if entries[k] <= place < end]
        left -= set(mine)
        invariants = [
            Place(places[n] - entries[k], found.invariants[n].entry, loops[n]) for n in mine
        ]
        fragment = build_fragment(part, blocks[k], specs[k], notes, invariants)
        placed.append(Placed("", entries[k], fragment))
    _refuse_unused(notes)
    for n in sorted(left):
        raise refused(
            f"the label `{found.invariants[n].entry}` is in no fragment",
            found.invariants[n].location,
            "an invariant in front of a label of the code behind an annotated entry",
        )
    return link(
        [
            replace(one, fragment=fragment)
            for one, fragment in zip(
                placed,
                assume(source.path, found.assumed, [one.fragment for one in placed]),
                strict=True,
            )
        ]
    )


class _Where:
    """Finds the source lines of instructions; the entry's where the line table has none."""

    def __init__(self, source: SourceText, code: ObjectCode, entry: Location) -> None:
        self._source = source
        self._code = code
        self._entry = entry

    def __call__(self, offset: int) -> tuple[Location, str]:
        row = self._code.row_at(offset)
        if row is None:
            return self._entry, ""
        text = self._source
        if row.file != text.path:
            try:
                text = read_source(row.file)
            except UserError:
                return Location(row.file, row.line), ""
        return text.at(row.line), text.statement(row.line)


def _refuse_unused(notes: list[Note]) -> None:
    for note in notes:
        if not note.used:
            raise refused(
                "no instruction of a fragment comes from this line",
                note.mark.location,
                "`at` and `expect` at the end of an instruction's line, below an annotated entry",
            )


def _refuse_bare(source: SourceText, found: Blocks, marks: tuple[LineMark, ...]) -> NoReturn:
    places = [one.location for one in found.invariants]
    places += [one.location for one in found.assumed]
    places += [one.location for one in marks]
    place = min(places, default=Location(source.path, 1))
    raise UserError(
        "no entry is annotated",
        file=place.file,
        line=place.line,
        column=place.column,
        expected="lines that begin with `#@ spec` in front of a label (docs/annotations.md)",
        exit_code=ExitCode.USAGE if places else ExitCode.NOTHING_FOUND,
    )


def _label(block: Block, code: ObjectCode) -> int:
    """The offset in `.text` of the label that an invariant holds at."""
    if block.entry not in code.symbols:
        number = block.entry.isdigit()
        raise refused(
            f"the label `{block.entry}` is "
            + ("a number, which several places may have" if number else "not in the section .text"),
            block.entry_location,
            "a label with a name, in front of code in .text",
            f".L{block.entry}" if number else None,
        )
    return code.symbols[block.entry].offset


def _entry(block: Block, code: ObjectCode) -> int:
    """The offset of a block's entry in `.text`."""
    check_entry(block)
    if block.entry not in code.symbols:
        raise refused(
            f"the entry `{block.entry}` is not in the section .text",
            block.entry_location,
            "a label of code that is assembled into .text",
            ".text",
        )
    return code.symbols[block.entry].offset
