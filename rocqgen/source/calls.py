# SPDX-License-Identifier: Apache-2.0
"""Ties fragments of one file together: who calls whom, and what is assumed of function pointers."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from rocqgen.source.annotations import parse_assume
from rocqgen.source.blocks import Assumed
from rocqgen.source.location import refused
from rocqgen.source.machine import Imm, Instr, Op
from rocqgen.source.scope import check_assume
from rocqgen.source.spec import Callee, Contract, Fragment, Sort

_TRANSFERS = {Op.CALL, Op.JMP, Op.JCC}


@dataclass(frozen=True, slots=True)
class Placed:
    """A fragment and where it lies: its section, and its entry's offset in that."""

    section: Hashable
    start: int
    fragment: Fragment


def link(placed: Sequence[Placed]) -> tuple[Fragment, ...]:
    """The fragments with their callees."""
    at = {(one.section, one.start): one for one in placed}
    linked = []
    for caller in placed:
        found: dict[int, Placed] = {}
        called = _after(caller, at, found)
        callees = tuple(Callee(one.start - caller.start, one.fragment) for one in called)
        linked.append(replace(caller.fragment, callees=callees))
    return tuple(linked)


def _after(
    caller: Placed, at: dict[tuple[Hashable, int], Placed], found: dict[int, Placed]
) -> list[Placed]:
    """What a fragment calls, those without callees first; `found` are those that were reached."""
    order: list[Placed] = []
    todo: list[tuple[Placed, Iterator[int]]] = [(caller, _targets(caller))]
    while todo:
        one, targets = todo[-1]
        target = next(targets, None)
        if target is None:
            todo.pop()
            # The fragment whose callees these are is one of them where something calls it.
            if todo:
                order.append(one)
        elif target not in found and (one.section, target) in at:
            found[target] = callee = at[one.section, target]
            todo.append((callee, _targets(callee) if callee is not caller else iter(())))
    return order


def _targets(one: Placed) -> Iterator[int]:
    """The offsets in the section that control goes to; a jump to the own entry is no call."""
    for instr in one.fragment.instrs:
        target = direct_target(instr)
        if target is not None and (target != 0 or instr.op is Op.CALL):
            yield one.start + target


def direct_target(instr: Instr) -> int | None:
    """Where a direct `call`, `jmp` or conditional jump goes, in bytes from the entry."""
    if instr.op not in _TRANSFERS or not isinstance(instr.operands[0], Imm):
        return None
    return instr.offset + instr.length + instr.operands[0].value


def assume(
    file: str, blocks: Sequence[Assumed], fragments: Sequence[Fragment]
) -> tuple[Fragment, ...]:
    """The fragments with the contracts of those of their parameters that have one above them."""
    contracts: dict[str, Contract] = {}
    for block in blocks:
        written = parse_assume(file, block.pieces)
        if written.name in contracts:
            first = contracts[written.name].location.line
            raise refused(
                f"a second contract for `{written.name}`; the first is in line {first}",
                written.name_location,
                "one contract for each function pointer",
            )
        contracts[written.name] = check_assume(written, block.doc)
    bound = [_assumed(fragment, contracts) for fragment in fragments]
    used = {one.name for fragment in bound for one in fragment.assumes}
    for contract in contracts.values():
        if contract.name not in used:
            names = [
                name.ident
                for fragment in fragments
                for name in fragment.spec.params
                if name.sort is Sort.WORD
            ]
            close = get_close_matches(contract.name, names, 1)
            raise refused(
                f"no spec below has a parameter `{contract.name}`",
                contract.location,
                "the contract of a word that a spec below it binds: the address that is called",
                "the contract above the spec"
                if contract.name in names
                else close[0]
                if close
                else f"forall {contract.name} : word",
            )
    return tuple(bound)


def _assumed(fragment: Fragment, contracts: dict[str, Contract]) -> Fragment:
    words = {name.ident for name in fragment.spec.params if name.sort is Sort.WORD}
    found = tuple(
        contract
        for contract in contracts.values()
        if contract.name in words and contract.location < fragment.spec.location
    )
    return replace(fragment, assumes=found)
