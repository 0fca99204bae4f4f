# SPDX-License-Identifier: Apache-2.0
"""From a `.spec` file to its fragments: finds the functions in the ELF file that it names."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from rocqgen.errors import UserError
from rocqgen.exits import ExitCode
from rocqgen.source.annotations import parse_invariant
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
from rocqgen.source.decode import disassemble
from rocqgen.source.location import Location, refused
from rocqgen.source.object import ObjectCode, read_program
from rocqgen.source.scope import Place
from rocqgen.source.spec import Fragment
from rocqgen.source.specfile import SpecBlock, SpecFile, read_spec_file

_MAGIC = b"\x7fELF"
_LONGEST = 15  # bytes of one instruction (SDM vol. 2, 2.3.11)


def is_elf(path: str | Path) -> bool:
    """Whether the file at `path` can be read and begins like an ELF file."""
    try:
        with Path(path).open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def load_compiled(path: str | Path) -> tuple[Fragment, ...]:
    """The fragments of the `.spec` file at `path`, in its order.

    Anything that is wrong with it or with its object is a `UserError`; its exit code is 5 where
    the file has no block at all, else 4.
    """
    spec = read_spec_file(path)
    if not spec.blocks:
        raise UserError(
            "no function is annotated",
            file=spec.path,
            line=1,
            expected="blocks that begin with `spec SYMBOL` (docs/annotations.md)",
            exit_code=ExitCode.NOTHING_FOUND,
        )
    data = _read(spec)
    program = read_program(data, spec.object_path)
    digest = hashlib.sha256(spec.digest.encode() + data).hexdigest()
    seen: dict[str, Location] = {}
    placed = []
    for one in spec.blocks:
        name, place = one.block.entry, one.block.entry_location
        if name in seen:
            raise refused(
                f"a second block for `{name}`; the first is in line {seen[name].line}",
                place,
                "one block for each function",
            )
        seen[name] = place
        placed.append(_fragment(spec, one, program, digest))
        _refuse_alias(placed)
    fragments = assume(spec.path, spec.assumed, [one.fragment for one in placed])
    pairs = zip(placed, fragments, strict=True)
    return link([replace(one, fragment=fragment) for one, fragment in pairs])


def _refuse_alias(placed: list[Placed]) -> None:
    """Refuse a second block for one piece of code, under another name."""
    *others, last = placed
    for other in others:
        if (other.section, other.start) == (last.section, last.start):
            raise refused(
                f"`{other.fragment.name}` and `{last.fragment.name}` are names of one function",
                last.fragment.location,
                "one block for each function",
            )


def _read(spec: SpecFile) -> bytes:
    try:
        return Path(spec.object_path).read_bytes()
    except OSError as err:
        place = spec.object_location
        raise refused(
            f"cannot read {spec.object_path}: {err.strerror or err}",
            place,
            expected="the path of an ELF file, from the folder of this file",
        ) from err


def _fragment(
    spec: SpecFile, one: SpecBlock, program: dict[str, ObjectCode], digest: str
) -> Placed:
    block = one.block
    check_entry(block)
    code = program.get(block.entry)
    if code is None:
        near = get_close_matches(block.entry, program, 1)
        raise refused(
            f"`{block.entry}` is no function of {spec.object_path}",
            block.entry_location,
            "a symbol that the ELF file defines once, in a section with code",
            near[0] if near else None,
        )
    start = code.symbols[block.entry].offset
    later = sorted(symbol.offset for symbol in code.symbols.values() if symbol.offset > start)
    end = end_of(code, block.entry, start, later)
    raw = parse_block(spec.path, block)
    notes = [parse_note(spec.path, mark) for _, mark in one.marks]
    part = Part(code, start, end, _Where(one, code, start), spec.path, digest)
    invariants = [
        Place(offset, None, parse_invariant(spec.path, pieces)) for offset, pieces in one.invariants
    ]
    fragment = build_fragment(part, block, raw, notes, invariants)
    _refuse_unused(one, notes)
    return Placed(id(code), start, fragment)


class _Where:
    """An instruction's place is its mark, else the block that it belongs to.

    What stands there is shown as a disassembler shows it, with the compiler's source line.
    """

    def __init__(self, one: SpecBlock, code: ObjectCode, start: int) -> None:
        self._one = one
        self._code = code
        self._start = start
        self._marks = {offset: mark.location for offset, mark in reversed(one.marks)}

    def __call__(self, offset: int) -> tuple[Location, str]:
        block, inside = self._one.block, offset - self._start
        shown = disassemble(self._code.text[offset : offset + _LONGEST], inside)
        text = f"{block.entry}+{inside:#x}: {shown}"
        if (row := self._code.row_at(offset)) is not None:
            text += f"  ({Path(row.file).name}:{row.line})"
        return self._marks.get(inside, block.entry_location), text


def _refuse_unused(one: SpecBlock, notes: list[Note]) -> None:
    lines: dict[int, int] = {}
    for (offset, mark), note in zip(one.marks, notes, strict=True):
        first = lines.setdefault(offset, mark.location.line)
        if first != mark.location.line:
            raise refused(
                f"a second mark for {one.block.entry}+{offset:#x}; the first is in line {first}",
                mark.location,
                "all that concerns an instruction on one line",
            )
        if not note.used:
            raise refused(
                f"no instruction begins at {one.block.entry}+{offset:#x}",
                mark.location,
                "the offset of an instruction of the function, as a disassembler shows it",
            )
