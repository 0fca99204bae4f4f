# SPDX-License-Identifier: Apache-2.0
"""From a file to its fragments: assembles what is assembly, finds the code of each annotation."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

from rocqgen.errors import UserError
from rocqgen.exits import ExitCode
from rocqgen.source.annotations import refused
from rocqgen.source.assemble import assemble
from rocqgen.source.blocks import Block, LineMark, find_blocks, find_marks
from rocqgen.source.build import (
    Note,
    Part,
    build_fragment,
    check_entry,
    end_of,
    parse_block,
    parse_note,
)
from rocqgen.source.compiled import is_elf, load_compiled
from rocqgen.source.location import Location
from rocqgen.source.object import ObjectCode, read_object
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
    blocks, marks = find_blocks(source), find_marks(source)
    if not blocks:
        _refuse_bare(source, marks)
    specs = [parse_block(source.path, block) for block in blocks]
    notes = [parse_note(source.path, mark) for mark in marks]
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
        end = end_of(code, blocks[k].entry, entries[k], later)
        where = _Where(source, code, blocks[k].entry_location)
        part = Part(code, entries[k], end, where, source.path, source.digest)
        fragments.append(build_fragment(part, blocks[k], specs[k], notes))
    _refuse_unused(notes)
    return tuple(fragments)


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
    check_entry(block)
    if block.entry not in code.symbols:
        raise refused(
            f"the entry `{block.entry}` is not in the section .text",
            block.entry_location,
            "a label of code that is assembled into .text",
            ".text",
        )
    return code.symbols[block.entry].offset
