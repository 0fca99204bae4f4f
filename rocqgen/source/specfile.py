# SPDX-License-Identifier: Apache-2.0
"""Reads a `.spec` file: the annotations of code that was compiled elsewhere.

It has one line `object "FILE"` that names the ELF file, and for each function a block that begins
with `spec SYMBOL` and goes on like a block of `#@` lines.  Below a block stand its marks, each
with the offset of an instruction from the symbol: `+0x1c: at p + 8`.  Invariants stand there, too,
and may have several lines: `+0x1c: invariant ...`.  Contracts of function pointers, which begin
with `assume NAME`, are blocks of their own.
"""

from __future__ import annotations

import enum
import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path

from rocqgen.source.annotations import Piece
from rocqgen.source.blocks import Assumed, Block, LineMark
from rocqgen.source.location import Location, refused
from rocqgen.source.text import read_text

_OBJECT = re.compile(r"\s*object\s+\"(?P<path>[^\"]+)\"\s*(?:#.*)?")
_HEADER = re.compile(r"\s*spec(?P<symbol>\s+[A-Za-z_.$][A-Za-z0-9_.$]*)(?P<rest>.*)")
_ASSUME = re.compile(r"\s*assume\b.*")
_INVARIANT = re.compile(r"\s*invariant\b.*")
_MARK = re.compile(r"\s*\+\s*(?P<offset>0[xX][0-9a-fA-F]{1,16}|[0-9]{1,16})\s*:(?P<rest>.*)")
_SHAPE = (
    'a line `object "FILE"`, then blocks that begin with `spec SYMBOL`, each with its marks '
    "`+0xOFFSET: ...` below it"
)


@dataclass(frozen=True, slots=True)
class SpecBlock:
    """The annotation of one function, its marks with their offsets from its symbol, and the text
    of its invariants with theirs."""

    block: Block
    marks: tuple[tuple[int, LineMark], ...] = ()
    invariants: tuple[tuple[int, tuple[Piece, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class SpecFile:
    """A `.spec` file; `object_path` is as it is to be opened."""

    path: str
    digest: str
    object_path: str
    object_location: Location
    blocks: tuple[SpecBlock, ...]
    assumed: tuple[Assumed, ...] = ()


def read_spec_file(path: str | Path) -> SpecFile:
    """Read the `.spec` file at `path`; what does not belong there is a `UserError`."""
    name = str(path)
    data, text = read_text(path, expected="a .spec file: " + _SHAPE)
    reader = _Reader(name, text.split("\n"))
    reader.read()
    if reader.named is None:
        raise refused(
            "the file names no object", Location(name, 1), _SHAPE, f'object "{Path(name).stem}.o"'
        )
    digest = hashlib.sha256(data).hexdigest()
    return SpecFile(name, digest, *reader.named, tuple(reader.blocks), tuple(reader.assumed))


class _More(enum.Enum):
    """What the lines that follow belong to."""

    SPEC = enum.auto()
    ASSUME = enum.auto()
    INVARIANT = enum.auto()


class _Reader:
    """Sorts the lines of a file."""

    def __init__(self, path: str, lines: list[str]) -> None:
        self.path, self.lines = path, lines
        self.named: tuple[str, Location] | None = None
        self.blocks: list[SpecBlock] = []
        self.assumed: list[Assumed] = []
        self._going_on: _More | None = None

    def read(self) -> None:
        """Read all lines."""
        for number, line in enumerate((one.removesuffix("\r") for one in self.lines), start=1):
            self._line(number, line)

    def _line(self, number: int, line: str) -> None:
        place = Location(self.path, number, len(line) - len(line.lstrip()) + 1)
        if found := _HEADER.fullmatch(line):
            self.blocks.append(_begin(self.lines, number, found, place))
            self._going_on = _More.SPEC
        elif _ASSUME.fullmatch(line):
            pieces = (Piece(number, 1, line),)
            self.assumed.append(Assumed(pieces, place, _doc(self.lines, number)))
            self._going_on = _More.ASSUME
        elif found := _MARK.fullmatch(line):
            self._mark(number, found, place)
        elif not line.strip() or line.lstrip().startswith("#"):
            pass
        elif self._going_on is not None:
            self._more(self._going_on, Piece(number, 1, line))
        elif (found := _OBJECT.fullmatch(line)) and self.named is None:
            self.named = (str(Path(self.path).parent / found["path"]), place)
        else:
            what = "a second `object` line" if found else f"unexpected `{line.strip()}`"
            raise refused(what, place, _SHAPE)

    def _mark(self, number: int, found: re.Match[str], place: Location) -> None:
        if not self.blocks:
            raise refused("a mark in front of any block", place, _SHAPE)
        piece = Piece(number, found.start("rest") + 1, found["rest"])
        last, offset = self.blocks[-1], int(found["offset"], 0)
        if _INVARIANT.fullmatch(found["rest"]):
            self.blocks[-1] = replace(last, invariants=(*last.invariants, (offset, (piece,))))
            self._going_on = _More.INVARIANT
        else:
            mark = LineMark(piece, place)
            self.blocks[-1] = replace(last, marks=(*last.marks, (offset, mark)))
            self._going_on = None

    def _more(self, kind: _More, piece: Piece) -> None:
        """Add a line to what was begun last."""
        if kind is _More.ASSUME:
            contract = self.assumed[-1]
            self.assumed[-1] = replace(contract, pieces=(*contract.pieces, piece))
            return
        last = self.blocks[-1]
        if kind is _More.SPEC:
            block = replace(last.block, pieces=(*last.block.pieces, piece))
            self.blocks[-1] = replace(last, block=block)
        else:
            offset, pieces = last.invariants[-1]
            invariants = (*last.invariants[:-1], (offset, (*pieces, piece)))
            self.blocks[-1] = replace(last, invariants=invariants)


def _begin(lines: list[str], number: int, found: re.Match[str], place: Location) -> SpecBlock:
    """A block from its first line: the symbol is blanked, so that columns stay."""
    symbol = found["symbol"]
    column = found.start("symbol") + len(symbol) - len(symbol.lstrip()) + 1
    line = found.string
    text = line[: found.start("symbol")] + " " * len(symbol) + found["rest"]
    entry_location = Location(place.file, number, column)
    doc = _doc(lines, number)
    block = Block((Piece(number, 1, text),), place, symbol.strip(), entry_location, doc)
    return SpecBlock(block)


def _doc(lines: list[str], number: int) -> str:
    """The paragraph of comment that stands directly above line `number`."""
    above: list[str] = []
    for line in reversed(lines[: number - 1]):
        text = line.strip()
        if not text.startswith("#"):
            break
        above.append(text.removeprefix("#").strip())
    return "\n".join(text for text in above[::-1] if not text.startswith("SPDX-")).strip()
