# SPDX-License-Identifier: Apache-2.0
"""The contracts that a fragment may call: of functions of its file, and those that it assumes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rocqgen.emit.contract import Called
from rocqgen.emit.encode import BASE
from rocqgen.emit.goal import specified
from rocqgen.emit.normal import EVar, mk_add
from rocqgen.source.calls import direct_target
from rocqgen.source.location import refused
from rocqgen.source.spec import Callee

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rocqgen.emit.goal import Specified
    from rocqgen.source.spec import Fragment

Assuming = tuple[str, ...]
"""The contracts that a theorem has as premises, by name."""


def contracts(
    fragment: Fragment, spec: Specified, known: Mapping[str, Assuming] | None
) -> tuple[Called, ...]:
    """The contracts that `fragment` may call; `known` has those that callees assume."""
    found: list[Called] = []
    if known is None:
        known = {
            one.fragment.name: _assumed(one.fragment, specified(one.fragment.spec))
            for one in fragment.callees
        }
    for one in fragment.callees:
        own = one.distance == 0
        if not own and one.fragment.name not in known:
            continue
        name, entry = one.fragment.name, mk_add(BASE, one.distance)
        contract = specified(one.fragment.spec)
        _refuse_other_platform(fragment, spec, name, contract)
        _refuse_other_arrays(fragment, spec, name, contract)
        assumed = _assumed(fragment, spec) if own else known[name]
        fixed = tuple(
            (contract.names.words[pointer], _pointer(pointer, name, fragment, spec))
            for pointer in assumed
        )
        found.append(Called(name, len(found), entry, contract, fixed, own=own))
    for assumption in fragment.assumes:
        number = spec.names.words.get(assumption.name)
        if number is not None:
            contract, entry = specified(assumption), EVar(number)
            _refuse_other_arrays(fragment, spec, assumption.name, contract)
            found.append(
                Called(
                    assumption.name,
                    len(found),
                    entry,
                    contract,
                    ((BASE.x, entry),),
                    assumed=assumption,
                )
            )
    return tuple(found)


def _refuse_other_platform(
    fragment: Fragment, spec: Specified, callee: str, contract: Specified
) -> None:
    """A callee must not ask for more than the caller knows of the processor."""
    own, other = spec.platform, contract.platform
    if other is None or (own and (own.la57, own.maxphyaddr) == (other.la57, other.maxphyaddr)):
        return
    place = fragment.spec.location
    words = f"platform {'la57 ' if other.la57 else ''}maxphyaddr {other.maxphyaddr}"
    raise refused(
        f"`{callee}` is for another platform than `{fragment.name}`, which calls it",
        place,
        expected=f"`{words}` in the spec of `{fragment.name}`, too",
    )


def _refuse_other_arrays(
    fragment: Fragment, spec: Specified, callee: str, contract: Specified
) -> None:
    """The arrays of a callee are its caller's, by their numbers: a call cannot choose others."""
    own, other = spec.names.arrays, contract.names.arrays
    if other.items() <= own.items():
        return
    place = fragment.spec.location
    names = " ".join(other)
    raise refused(
        f"the arrays of `{callee}` are not the first ones of `{fragment.name}`, which calls it",
        place,
        expected=f"`forall {names} : array` in the spec of `{fragment.name}`, in front of others",
    )


def _assumed(fragment: Fragment, spec: Specified) -> Assuming:
    return tuple(one.name for one in fragment.assumes if one.name in spec.names.words)


def _pointer(pointer: str, callee: str, fragment: Fragment, spec: Specified) -> EVar:
    """The parameter of the caller that a callee's function pointer is."""
    number = spec.names.words.get(pointer)
    if number is None:
        place = fragment.spec.location
        raise refused(
            f"`{callee}` assumes a contract of `{pointer}`, which `{fragment.name}` does not have",
            place,
            expected=f"a parameter `{pointer} : word` of `{fragment.name}`, too",
        )
    return EVar(number)


def alone(fragment: Fragment, number: int) -> Fragment:
    """The callee of that number as a fragment with callees of its own, those in front of it."""
    one = fragment.callees[number]
    before = (
        Callee(other.distance - one.distance, other.fragment)
        for other in fragment.callees[:number]
        if other.distance != 0
    )
    return replace(one.fragment, callees=(*before, Callee(0, one.fragment)))


def refuse_cycles(fragment: Fragment) -> None:
    """Raise a UserError where functions call each other; one may call itself."""
    order = {one.distance: number for number, one in enumerate(fragment.callees)}
    for number, one in enumerate(fragment.callees):
        for instr in one.fragment.instrs if one.distance else ():
            target = direct_target(instr)
            there = one.distance + (target or 0)
            if target and (there == 0 or order.get(there, -1) > number):
                raise refused(
                    f"`{one.fragment.name}` and what it calls call each other",
                    instr.location,
                    expected="functions that call themselves alone, or others without a way back",
                )
