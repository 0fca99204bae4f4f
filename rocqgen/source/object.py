# SPDX-License-Identifier: Apache-2.0
"""Reads ELF files with code: the bytes of a section, symbols, lines and relocations.

DWARF 5, section 6.2 (line tables); x86-64 psABI, section 4.4 (relocations).
"""

from __future__ import annotations

import bisect
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.enums import ENUM_RELOC_TYPE_x64

from rocqgen.errors import UserError

_EXECUTABLE = 0x4  # SHF_EXECINSTR
_RELOCATION_NAMES = {number: name for name, number in ENUM_RELOC_TYPE_x64.items()}
_PLAIN = frozenset({"STT_NOTYPE", "STT_FUNC", "STT_OBJECT", "STT_SECTION"})
_RELATIVE = frozenset({"R_X86_64_PC32", "R_X86_64_PLT32"})


@dataclass(frozen=True, slots=True)
class Symbol:
    """A symbol of a section, at `offset` in it: `size` is 0 where nothing tells it."""

    name: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Relocation:
    """A field that only the linker can fill: `symbol` is as it is named to a reader."""

    offset: int
    kind: str
    symbol: str
    addend: int


@dataclass(frozen=True, slots=True)
class Row:
    """The bytes from `offset` to the next row come from `line` of `file`."""

    offset: int
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class ObjectCode:
    """One section with code: `.text`, in what the assembler makes.

    Offsets count from its beginning.  `relocations` are those that are left: references that stay
    inside the section have been filled into `text` already.
    """

    text: bytes
    symbols: dict[str, Symbol]
    elsewhere: frozenset[str]
    rows: tuple[Row, ...]
    relocations: tuple[Relocation, ...]

    def row_at(self, offset: int) -> Row | None:
        """The row of the byte at `offset`, if the line table covers it."""
        index = bisect.bisect_right(self.rows, offset, key=lambda row: row.offset) - 1
        return self.rows[index] if index >= 0 else None


def read_object(data: bytes, path: str) -> ObjectCode:
    """The `.text` of the object `data`, which was assembled from `path`.

    Code outside `.text` is a `UserError` at the line where it begins.
    """
    try:
        elf = ELFFile(io.BytesIO(data))
        names = [section.name for section in elf.iter_sections()]
        index = names.index(".text")
        rows = _rows(elf, index, path)
        _refuse_other_code(elf, index, rows, path)
        return _code(elf, index, names, tuple(rows.get(index, ())))
    except (ELFError, ValueError) as err:
        raise UserError(f"the assembler's object cannot be read: {err}", file=path) from err


def read_program(data: bytes, path: str) -> dict[str, ObjectCode]:
    """The code behind each symbol of an ELF file that a compiler or a linker made.

    A name that several sections or places define is left out: it names no one piece of code.  What
    is not an ELF file for x86-64 with symbols is a `UserError`.
    """
    try:
        found = _sections_with_code(data, path)
    except UserError:
        raise
    # pyelftools stumbles over broken files in many ways, assertions and its parser's own errors
    # among them; each means the same to the user.
    except Exception as err:
        raise _no_program(f"it cannot be read ({type(err).__name__}: {err})", path) from err
    owners: dict[str, ObjectCode] = {}
    twice = set()
    for code in found:
        for name in code.symbols:
            if name in owners:
                twice.add(name)
            owners[name] = code
    return {name: owner for name, owner in owners.items() if name not in twice}


def _sections_with_code(data: bytes, path: str) -> list[ObjectCode]:
    elf = ELFFile(io.BytesIO(data))
    if elf["e_machine"] != "EM_X86_64" or elf["e_type"] not in {"ET_REL", "ET_EXEC", "ET_DYN"}:
        raise _no_program(f"it is {elf['e_type']} for {elf['e_machine']}", path)
    if elf.get_section_by_name(".symtab") is None:
        raise _no_program("it has no symbols (it was stripped)", path)
    names = [section.name for section in elf.iter_sections()]
    code = [
        index
        for index, section in enumerate(elf.iter_sections())
        if section["sh_flags"] & _EXECUTABLE and section["sh_type"] == "SHT_PROGBITS"
    ]
    rows = _rows(elf, code[0], path) if code else {}
    return [_code(elf, index, names, tuple(rows.get(index, ()))) for index in code]


def _no_program(why: str, path: str) -> UserError:
    return UserError(
        f"this is no code to verify: {why}",
        file=path,
        expected="an ELF object, executable or shared object for x86-64 with a symbol table",
    )


def _code(elf: Any, index: int, names: list[str], rows: tuple[Row, ...]) -> ObjectCode:
    text = bytearray(elf.get_section(index).data())
    symbols, elsewhere = _symbols(elf, index)
    left = tuple(_resolve(elf, index, text, names)) if _is_object(elf) else ()
    return ObjectCode(bytes(text), symbols, elsewhere, rows, left)


def _is_object(elf: Any) -> bool:
    """Whether it is still to be linked: addresses count from the beginning of each section."""
    return bool(elf["e_type"] == "ET_REL")


def _start(elf: Any, index: int) -> int:
    """What addresses of section `index` are counted from."""
    return 0 if _is_object(elf) else int(elf.get_section(index)["sh_addr"])


def _symbols(elf: Any, index: int) -> tuple[dict[str, Symbol], frozenset[str]]:
    """The named symbols of section `index`, and the names that are defined or used elsewhere."""
    inside: dict[str, Symbol] = {}
    outside = set()
    table = elf.get_section_by_name(".symtab")
    for symbol in table.iter_symbols() if table is not None else ():
        if not symbol.name or symbol["st_info"]["type"] in {"STT_SECTION", "STT_FILE"}:
            continue
        if symbol["st_shndx"] == index:
            offset = symbol["st_value"] - _start(elf, index)
            inside[symbol.name] = Symbol(symbol.name, offset, symbol["st_size"])
        else:
            outside.add(symbol.name)
    return inside, frozenset(outside)


def _resolve(elf: Any, index: int, text: bytearray, names: list[str]) -> Iterator[Relocation]:
    """Fill in the references that stay in the section; yield the others."""
    for section, entry in _relocations(elf, index):
        table = elf.get_section(section["sh_link"])
        symbol = table.get_symbol(entry["r_info_sym"])
        kind = _RELOCATION_NAMES.get(entry["r_info_type"], f"type {entry['r_info_type']}")
        offset, addend = entry["r_offset"], entry["r_addend"]
        where = symbol["st_shndx"]
        # A weak definition may be replaced by another file's, an indirect one names no code.
        fixed = symbol["st_info"]["bind"] != "STB_WEAK" and symbol["st_info"]["type"] in _PLAIN
        if where == index and kind in _RELATIVE and fixed:
            distance = symbol["st_value"] + addend - offset
            text[offset : offset + 4] = (distance & 0xFFFFFFFF).to_bytes(4, "little")
            continue
        name = symbol.name or (names[where] if isinstance(where, int) else "an absolute address")
        yield Relocation(offset, kind, name, addend)


def _relocations(elf: Any, index: int) -> Iterator[tuple[Any, Any]]:
    """The relocations of section `index`, each with the section that lists it."""
    for section in elf.iter_sections():
        if section["sh_type"] in {"SHT_RELA", "SHT_REL"} and section["sh_info"] == index:
            for entry in section.iter_relocations():
                yield section, entry


def _rows(elf: Any, text: int, path: str) -> dict[int, list[Row]]:
    """The line table, by the index of the section that each part of it describes.

    Every section of an object starts at address 0, so the section of a sequence is taken from the
    relocation of the address that it starts with; both come in the same order.  In a linked file
    the address itself tells the section.
    """
    owners = _sequence_sections(elf)
    tables: dict[int, list[Row]] = {}
    current: list[Row] | None = None
    start = 0
    dwarf = elf.get_dwarf_info()
    for unit in dwarf.iter_CUs():
        program = dwarf.line_program_for_CU(unit)
        if program is None:
            continue
        for entry in program.get_entries():
            state = entry.state
            if state is None:
                continue
            if current is None:
                section = next(owners, text) if _is_object(elf) else _section_at(elf, state.address)
                current, start = tables.setdefault(section, []), _start(elf, section)
            if state.end_sequence:
                current = None
            else:
                file = _file(program, state.file, path)
                current.append(Row(state.address - start, file, state.line))
    for rows in tables.values():
        rows.sort(key=lambda row: row.offset)
    return tables


def _section_at(elf: Any, address: int) -> int:
    """The index of the section of a linked file that holds `address`; 0, the null one, if none."""
    for index, section in enumerate(elf.iter_sections()):
        if section["sh_flags"] & _EXECUTABLE and (
            section["sh_addr"] <= address < section["sh_addr"] + section["sh_size"]
        ):
            return index
    return 0


def _sequence_sections(elf: Any) -> Iterator[int]:
    """The sections that the line table's sequences describe, in order."""
    table_index = elf.get_section_index(".debug_line")
    if table_index is None:
        return
    for section, entry in sorted(
        _relocations(elf, table_index), key=lambda pair: int(pair[1]["r_offset"])
    ):
        if _RELOCATION_NAMES.get(entry["r_info_type"]) == "R_X86_64_64":
            table = elf.get_section(section["sh_link"])
            where = table.get_symbol(entry["r_info_sym"])["st_shndx"]
            yield where if isinstance(where, int) else 0


def _file(program: Any, index: int, path: str) -> str:
    """The name of file `index` of a line table; `path` itself where that is what it names."""
    files = program["file_entry"]
    first = 0 if program["version"] >= 5 else 1
    if not 0 <= index - first < len(files):
        return path
    entry = files[index - first]
    name: str = entry.name.decode(errors="replace")
    folders = program["include_directory"]
    if entry.dir_index and 0 <= entry.dir_index - first < len(folders):
        folder = folders[entry.dir_index - first]
        folder = folder if isinstance(folder, bytes) else bytes(folder)
        name = str(PurePath(folder.decode(errors="replace")) / name)
    return path if PurePath(name) == PurePath(path) else name


def _refuse_other_code(elf: Any, text: int, rows: dict[int, list[Row]], path: str) -> None:
    for index, section in enumerate(elf.iter_sections()):
        if index == text or not section["sh_flags"] & _EXECUTABLE or not section["sh_size"]:
            continue
        place = next(iter(rows.get(index, ())), None)
        raise UserError(
            f"there is code in the section `{section.name}`",
            file=path if place is None else place.file,
            line=None if place is None else place.line,
            expected="all code in the section .text",
            hint=".text",
        )
