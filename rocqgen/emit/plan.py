# SPDX-License-Identifier: Apache-2.0
"""Plans the proof of a fragment: what the engine will say, what is left, and what is to blame.

The plan does not decide anything: where it errs, the theory does not compile.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rocqgen.emit import callees
from rocqgen.emit.arrive import arrive
from rocqgen.emit.encode import BASE, Numbering
from rocqgen.emit.execute import Start, run
from rocqgen.emit.goal import specified
from rocqgen.emit.infer import Inference
from rocqgen.emit.judge import Blame, Judge
from rocqgen.emit.support import refuse_features
from rocqgen.emit.symbolic import HCall, LeafPlan, Residual, Segment, SegmentPlan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rocqgen.emit.callees import Assuming
    from rocqgen.emit.contract import Called
    from rocqgen.emit.goal import End, Specified
    from rocqgen.emit.symbolic import Fact, Told, Verdict
    from rocqgen.source.spec import Fragment

MAX_STEPS_PER_INSTR = 4
"""Code may run an instruction several times (a local function); what runs longer does not end."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The proof of a fragment.

    `called` are the contracts of the functions that it calls.  `segments` has what the engine is
    told of the run from the entry and of that from each invariant, as far as none is stuck.
    `titles` are names that values got by contracts have there.
    `blames` has one entry for each fact of a residual verdict; `block` is to blame if there is no
    such verdict.
    """

    spec: Specified
    called: tuple[Called, ...]
    fuel: int
    segments: tuple[SegmentPlan, ...]
    titles: Mapping[int, str]
    verdict: Verdict
    blames: tuple[Blame, ...]
    block: Blame

    @property
    def names(self) -> Numbering:
        """The numbers of the parameters."""
        return self.spec.names

    @property
    def given(self) -> tuple[Fact, ...]:
        """What is known of the parameters."""
        return self.spec.pre.state.facts


def plan(fragment: Fragment, known: Mapping[str, Assuming] | None = None) -> Plan:
    """Plan the proof of `fragment`; a UserError where it says what theories are not made for.

    `known` are the annotated functions that may be called, with the contracts that these assume;
    without it, all callees, with all contracts that they might assume.
    """
    refuse_features(fragment)
    spec = specified(fragment.spec)
    contracts = callees.contracts(fragment, spec, known)
    ends = [end.address for end in spec.ends]
    limit = 64 + MAX_STEPS_PER_INSTR * len(fragment.instrs)
    judge = Judge(fragment, spec)
    plans: list[SegmentPlan] = []
    segments: list[Segment] = []
    blames: list[Blame] = []
    titles: dict[int, str] = {}
    fuel = 1
    verdict: Verdict | None = None
    for cut in (None, *spec.cuts):
        start = _start(spec, cut)
        by_entry = {one.entry: one for one in contracts}
        done = run(start, fragment.instrs, ends, by_entry, _guide(fragment, spec, cut), limit=limit)
        arrived = [arrive(path, spec, start.given) for path in done.paths]
        fuel = max(fuel, done.depth)
        titles = done.titles | titles
        plans.append(
            SegmentPlan(
                done.hints.hints(),
                tuple(LeafPlan(one.number, one.witness, one.usual) for one in arrived),
            )
        )
        judged = judge.judge(done, arrived)
        if not isinstance(judged, Segment):
            verdict = judged
            break
        segments.append(judged)
        blames += judge.blames
    called, plans = _only_used(contracts, plans)
    return Plan(
        spec,
        called,
        fuel,
        tuple(plans),
        titles,
        verdict or Residual(tuple(segments)),
        tuple(blames),
        judge.block,
    )


def _start(spec: Specified, cut: End | None) -> Start:
    """Where a segment begins, and what is known there."""
    pre = spec.pre.state
    # Names of runs are above all others.
    first = max((spec.names.next, *(end.bound.stop for end in spec.ends if end.bound)))
    if cut is None:
        return Start(BASE, BASE, pre, pre.facts, first)
    return Start(BASE, cut.address, cut.holds.state, pre.facts, first, True, cut.bound)


def _guide(fragment: Fragment, spec: Specified, cut: End | None) -> Inference:
    """What a segment is told; marks with names of another invariant are not for this one."""
    names = spec.names if cut is None else cut.names
    facts = spec.pre.state.facts + (() if cut is None else cut.holds.state.facts)
    wanted = [(end.holds.state, end.bound) for end in spec.ends]
    return Inference.of(fragment.spec, names, facts, wanted)


def _only_used(
    contracts: tuple[Called, ...], plans: list[SegmentPlan]
) -> tuple[tuple[Called, ...], list[SegmentPlan]]:
    """The contracts that are called in a plan, numbered anew."""
    hints = [hint for one in plans for _, hint in one.hints]
    used = sorted({hint.contract for hint in hints if isinstance(hint, HCall)})
    number = {old: new for new, old in enumerate(used)}

    def told(hint: Told) -> Told:
        new = number[hint.contract] if isinstance(hint, HCall) else 0
        return replace(hint, contract=new) if isinstance(hint, HCall) else hint

    renumbered = [
        replace(one, hints=tuple((offset, told(hint)) for offset, hint in one.hints))
        for one in plans
    ]
    return tuple(replace(contracts[old], number=number[old]) for old in used), renumbered
