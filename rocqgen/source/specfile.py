# SPDX-License-Identifier: Apache-2.0
"""Reads a `.spec` file: the annotations of code that was compiled elsewhere.

It has one line `object "FILE"` that names the ELF file, and for each function a block that begins
with `spec SYMBOL` and goes on like a block of `#@` lines.  Below a block stand its marks, each
with the offset of an instruction from the symbol: `+0x1c: at p + 8`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path

from rocqgen.source.annotations import Piece, refused
from rocqgen.source.blocks import Block, LineMark
from rocqgen.source.location import Location
from rocqgen.source.text import read_text

_OBJECT = re.compile(r"\s*object\s+\"(?P<path>[^\"]+)\"\s*(?:#.*)?")
_HEADER = re.compile(r"\s*spec(?P<symbol>\s+[A-Za-z_.$][A-Za-z0-9_.$]*)(?P<rest>.*)")
_MARK = re.compile(r"\s*\+\s*(?P<offset>0[xX][0-9a-fA-F]{1,16}|[0-9]{1,16})\s*:(?P<rest>.*)")
_SHAPE = (
    'a line `object "FILE"`, then blocks that begin with `spec SYMBOL`, each with its marks '
    "`+0xOFFSET: ...` below it"
)


@dataclass(frozen=True, slots=True)
class SpecBlock:
    """The annotation of one function, and its marks with their offsets from its symbol."""

    block: Block
    marks: tuple[tuple[int, LineMark], ...]


@dataclass(frozen=True, slots=True)
class SpecFile:
    """A `.spec` file; `object_path` is as it is to be opened."""

    path: str
    digest: str
    object_path: str
    object_location: Location
    blocks: tuple[SpecBlock, ...]


def read_spec_file(path: str | Path) -> SpecFile:
    """Read the `.spec` file at `path`; what does not belong there is a `UserError`."""
    name = str(path)
    data, text = read_text(path, expected="a .spec file: " + _SHAPE)
    lines = text.split("\n")
    named: tuple[str, Location] | None = None
    blocks: list[SpecBlock] = []
    open_block = False  # whether lines still go on with the last block
    for number, line in enumerate((line.removesuffix("\r") for line in lines), start=1):
        place = Location(name, number, len(line) - len(line.lstrip()) + 1)
        if found := _HEADER.fullmatch(line):
            blocks.append(_begin(lines, number, found, place))
            open_block = True
        elif found := _MARK.fullmatch(line):
            if not blocks:
                raise refused("a mark in front of any block", place, _SHAPE)
            mark = LineMark(Piece(number, found.start("rest") + 1, found["rest"]), place)
            marks = (*blocks[-1].marks, (int(found["offset"], 0), mark))
            blocks[-1] = replace(blocks[-1], marks=marks)
            open_block = False
        elif not line.strip() or line.lstrip().startswith("#"):
            continue
        elif open_block:
            last = blocks[-1]
            pieces = (*last.block.pieces, Piece(number, 1, line))
            blocks[-1] = replace(last, block=replace(last.block, pieces=pieces))
        elif (found := _OBJECT.fullmatch(line)) and named is None:
            named = (str(Path(path).parent / found["path"]), place)
        else:
            what = "a second `object` line" if found else f"unexpected `{line.strip()}`"
            raise refused(what, place, _SHAPE)
    if named is None:
        raise refused(
            "the file names no object", Location(name, 1), _SHAPE, f'object "{Path(name).stem}.o"'
        )
    return SpecFile(name, hashlib.sha256(data).hexdigest(), *named, tuple(blocks))


def _begin(lines: list[str], number: int, found: re.Match[str], place: Location) -> SpecBlock:
    """A block from its first line: the symbol is blanked, so that columns stay."""
    symbol = found["symbol"]
    column = found.start("symbol") + len(symbol) - len(symbol.lstrip()) + 1
    line = found.string
    text = line[: found.start("symbol")] + " " * len(symbol) + found["rest"]
    entry_location = Location(place.file, number, column)
    doc = _doc(lines, number)
    block = Block((Piece(number, 1, text),), place, symbol.strip(), entry_location, doc)
    return SpecBlock(block, ())


def _doc(lines: list[str], number: int) -> str:
    """The paragraph of comment that stands directly above line `number`."""
    above: list[str] = []
    for line in reversed(lines[: number - 1]):
        text = line.strip()
        if not text.startswith("#"):
            break
        above.append(text.removeprefix("#").strip())
    return "\n".join(text for text in above[::-1] if not text.startswith("SPDX-")).strip()
