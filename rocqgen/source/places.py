# SPDX-License-Identifier: Apache-2.0
"""The addresses that marks name, against the instructions and what the annotation knows."""

from __future__ import annotations

from collections.abc import Iterator

from rocqgen.source import raw
from rocqgen.source.location import refused
from rocqgen.source.machine import Instr, Mem, Op
from rocqgen.source.resolve import Labels
from rocqgen.source.scope import check_hint
from rocqgen.source.spec import (
    Assertion,
    At,
    Block,
    Claim,
    ClaimPage,
    Entry,
    Expr,
    Hint,
    PhysPt,
    Spec,
    SplitBlock,
    VirtPt,
    Walk,
)
from rocqgen.source.terms import normal

_IMPLICIT = {Op.PUSH, Op.POP, Op.CALL, Op.RET, Op.LEAVE, Op.REP_STOSQ}


def accesses(instr: Instr) -> int:
    """How many times an instruction accesses memory, fetches aside; a read-modify-write is one."""
    memory = sum(isinstance(operand, Mem) for operand in instr.operands)
    if instr.op in {Op.LEA, Op.INVLPG, Op.NOP}:
        return 0
    return memory + (instr.op in _IMPLICIT)


def hints_of(item: raw.RawHint, here: list[Instr], spec: Spec, scope: Labels) -> tuple[Hint, ...]:
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
    return check_hint(item, instr.offset, spec, scope)


def check_places(spec: Spec, instrs: tuple[Instr, ...]) -> None:
    """Refuse hints at addresses of which nothing is known.

    Behind a call, where a block is split and where there is a walk, there is more than what the
    annotation names.
    """
    if any(instr.op is Op.CALL for instr in instrs):
        return
    if any(isinstance(ghost.action, SplitBlock) for ghost in spec.ghosts):
        return
    if any(isinstance(item, Walk) for item in _assertions(spec)):
        return
    virtual = {normal(address) for address in _addresses(spec)}
    physical = {normal(address) for address in _physical(spec)}
    for hint in spec.hints:
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
                if any(isinstance(item, Block) for item in _assertions(spec))
                else None,
            )


def _assertions(spec: Spec) -> Iterator[Assertion]:
    """What is known in front of an instruction, without what steps and calls on the way bring."""
    for items in (spec.pre, *(item.holds for item in spec.invariants)):
        for item in items:
            yield from item.items if isinstance(item, At) else (item,)


def _addresses(spec: Spec) -> Iterator[Expr]:
    """The virtual addresses that are known, in any space."""
    for item in _assertions(spec):
        match item:
            case VirtPt() | Block(virtual=True):
                yield item.addr
            case Claim():
                yield item.va
            case _:
                pass
    for ghost in spec.ghosts:
        if isinstance(ghost.action, ClaimPage):
            yield ghost.action.va


def _physical(spec: Spec) -> Iterator[Expr]:
    for item in _assertions(spec):
        if isinstance(item, PhysPt | Entry) or (isinstance(item, Block) and not item.virtual):
            yield item.addr
