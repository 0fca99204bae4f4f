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
from rocqgen.source.resolve import Labels
from rocqgen.source.scope import Place, check_ghost, check_hint, check_spec
from rocqgen.source.spec import (
    Assertion,
    At,
    Claim,
    Entry,
    Expectation,
    Expr,
    Fragment,
    Ghost,
    Hint,
    Label,
    PhysPt,
    Spec,
    VirtPt,
)
from rocqgen.source.spec import (
    Block as Words,
)
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
                hints += _hints(item, here, checked, scope)
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
        spec=replace(checked, hints=tuple(hints), ghosts=tuple(ghosts)),
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
    if len(item.places) != accesses(instr):
        raise refused(
            f"`at` with {len(item.places)} addresses",
            item.location,
            f"{accesses(instr)}: one for each memory access of `{instr.text}`, in order",
        )
    hints = check_hint(item, instr.offset, spec, scope)
    virtual = {normal(address) for address in _addresses(spec)}
    physical = {normal(address) for address in _physical(spec)}
    for hint in hints:
        if hint.via is not None and normal(hint.address) not in physical:
            raise refused(
                "the precondition has nothing at this physical address",
                hint.address.location,
                "the address of an entry or of physical memory behind `requires` or `holds`",
            )
        place = hint.address if hint.via is None else hint.via
        if normal(place) not in virtual:
            raise refused(
                "the precondition has nothing at this address",
                place.location,
                "the address of a virtual points-to, block or claim behind `requires` or `holds`",
                "at ADDRESS via PAGE, for what lies at a physical address"
                if normal(place) in physical
                else "at ADDRESS[i], for the word with the number i of a block"
                if any(isinstance(item, Words) for item in _assertions(spec))
                else None,
            )
    return hints


def _assertions(spec: Spec) -> Iterator[Assertion]:
    """What is known in front of an instruction, without what steps and calls on the way bring."""
    for items in (spec.pre, *(item.holds for item in spec.invariants)):
        for item in items:
            yield from item.items if isinstance(item, At) else (item,)


def _addresses(spec: Spec) -> Iterator[Expr]:
    """The virtual addresses that are known, in any space."""
    for item in _assertions(spec):
        match item:
            case VirtPt() | Words(virtual=True):
                yield item.addr
            case Claim():
                yield item.va
            case _:
                pass


def _physical(spec: Spec) -> Iterator[Expr]:
    for item in _assertions(spec):
        if isinstance(item, PhysPt | Entry) or (isinstance(item, Words) and not item.virtual):
            yield item.addr
