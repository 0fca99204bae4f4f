# SPDX-License-Identifier: Apache-2.0
"""What the theory of a fragment consists of: a development for each function that it calls, and its
own.

So a theory stands for itself: it is checked and kept without regard to those of other fragments.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rocqgen.emit.callees import Assuming, alone, refuse_cycles
from rocqgen.emit.goal import specified
from rocqgen.emit.names import Scope, constants
from rocqgen.emit.plan import Plan, plan
from rocqgen.emit.symbolic import Residual
from rocqgen.source.location import refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocqgen.emit.goal import Specified
    from rocqgen.source.spec import Contract, Fragment


@dataclass(frozen=True, slots=True)
class Development:
    """The proof of one fragment in a theory.

    `pieces` is the code of the functions that it calls, directly or not: their distances, and the
    names of their code.  `assuming` are the contracts that are premises of its theorem.
    """

    fragment: Fragment
    made: Plan
    scope: Scope
    pieces: tuple[tuple[int, str], ...]
    assuming: tuple[Contract, ...]

    @property
    def foreseen(self) -> str:
        """What is to be said of a run that fails."""
        return "" if isinstance(self.made.verdict, Residual) else self.made.block.about

    @property
    def own(self) -> str:
        """The name of its own code."""
        return f"{self.scope.theory}_{'own' if self.pieces else 'code'}"


@dataclass(frozen=True, slots=True)
class Assumption:
    """A contract that is a premise in a theory."""

    contract: Contract
    spec: Specified
    scope: Scope


@dataclass(slots=True)
class _Group:
    """The developments that there are already, by the names of their fragments."""

    found: dict[str, Development] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    def add(self, fragment: Fragment) -> Development:
        """Develop a fragment whose callees are there."""
        known: dict[str, Assuming] = {
            name: tuple(contract.name for contract in one.assuming)
            for name, one in self.found.items()
        }
        made = plan(fragment, known)
        distances = {one.fragment.name: one.distance for one in fragment.callees}
        pieces: dict[int, str] = {}
        assuming: dict[str, Contract] = {}
        for called in made.called:
            if called.assumed is not None:
                assuming[called.name] = called.assumed
            elif not called.own:
                callee, distance = self.found[called.name], distances[called.name]
                pieces[distance] = callee.own
                pieces |= {distance + more: name for more, name in callee.pieces}
                assuming |= {one.name: one for one in callee.assuming}
        order = [one for one in fragment.assumes if one.name in assuming]
        facts = made.verdict.facts if isinstance(made.verdict, Residual) else ()
        names = made.verdict.names if isinstance(made.verdict, Residual) else ()
        run = {number: made.titles.get(number, f"t{number}") for number, _ in names}
        self.taken |= constants(fragment.name, len(facts))
        scope = Scope.of(fragment.name, made.spec, run, self.taken)
        one = Development(fragment, made, scope, tuple(sorted(pieces.items())), tuple(order))
        self.found[fragment.name] = one
        return one


def develop(fragment: Fragment) -> tuple[Development, ...]:
    """The developments of the theory of `fragment`, its own last."""
    refuse_cycles(fragment)
    group = _Group()
    for number, callee in enumerate(fragment.callees):
        if callee.distance != 0:
            group.add(alone(fragment, number))
    own = group.add(fragment)
    needed = _needed(own, group)
    return (*(one for name, one in group.found.items() if name in needed), own)


def _needed(own: Development, group: _Group) -> set[str]:
    """The functions that are called, directly or not."""
    needed: set[str] = set()
    waiting = [own]
    while waiting:
        for called in waiting.pop().made.called:
            if called.assumed is None and not called.own and called.name not in needed:
                needed.add(called.name)
                waiting.append(group.found[called.name])
    return needed


def assumptions(developments: Sequence[Development]) -> tuple[Assumption, ...]:
    """What the developments of a theory assume, in the order of their names' first use."""
    taken = {
        name for one in developments for name in constants(one.scope.theory, len(one.made.blames))
    }
    found: dict[str, Assumption] = {}
    for one in developments:
        for contract in one.assuming:
            if contract.name in {other.fragment.name for other in developments}:
                raise refused(
                    f"`{contract.name}` is the name of a fragment, too",
                    contract.location,
                    expected="another name for the function pointer",
                )
            if contract.name not in found:
                spec = specified(contract)
                scope = Scope.of(contract.name, spec, None, taken)
                found[contract.name] = Assumption(contract, spec, scope)
    return tuple(found.values())
