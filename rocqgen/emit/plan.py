# SPDX-License-Identifier: Apache-2.0
"""Plans the proof of a fragment: what the engine will say, what is left, and what is to blame.

The plan does not decide anything: where it errs, the theory does not compile.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rocqgen.emit.aliases import Aliases
from rocqgen.emit.encode import BASE, Encoded, Numbering, encode
from rocqgen.emit.entail import find_witnesses, match_state, similar_item, subst_state
from rocqgen.emit.execute import Run, run
from rocqgen.emit.normal import ECst
from rocqgen.emit.support import refuse_unsupported
from rocqgen.emit.symbolic import (
    Goal,
    Missing,
    Post,
    Residual,
    Stuck,
    Tag,
    TFact,
    TInstr,
    TItem,
    TReg,
    TRoot,
    Verdict,
)
from rocqgen.source.print import print_expr, print_item

if TYPE_CHECKING:
    from rocqgen.emit.normal import Term
    from rocqgen.source.machine import Instr
    from rocqgen.source.spec import Assertion, Fragment

MAX_STEPS_PER_INSTR = 4
"""Code may run an instruction several times (a local function); what runs longer does not end."""


@dataclass(frozen=True, slots=True)
class Blame:
    """The instruction that a part of the proof stands or falls with, and what it is `about`."""

    instr: Instr
    about: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The proof of a fragment.

    `posts` are the postconditions with the assertions that they were written as; `blames` has one
    entry for each fact of a residual verdict; `block` is to blame if there is no such verdict.
    """

    goal: Goal
    names: Numbering
    pre: Encoded
    posts: tuple[Encoded, ...]
    fuel: int
    hints: tuple[tuple[int, int], ...]
    verdict: Verdict
    blames: tuple[Blame, ...]
    block: Blame


def plan(fragment: Fragment) -> Plan:
    """Plan the proof of `fragment`; a UserError where the prover has no rule for an instruction."""
    spec, instrs = fragment.spec, fragment.instrs
    refuse_unsupported(instrs)
    names = Numbering.of(spec.params)
    pre = encode(spec.pre, spec.space, names)
    exits = [names.term(item.address) for item in spec.exits]
    given: dict[int, list[Term]] = defaultdict(list)
    for hint in spec.hints:
        given[hint.offset].append(names.term(hint.address))
    limit = 64 + MAX_STEPS_PER_INSTR * len(instrs)
    aliases = Aliases(pre.state, given)
    done = run(BASE, instrs, exits, pre.state, names.next, aliases, limit=limit)
    fuel = max(1, done.steps)
    # Names of the run come first, and there is at most one for each step.
    bound, first = [], names.next + fuel
    for item in spec.exits:
        bound.append(range(first, first + len(item.exists)))
        first += len(item.exists)
    scopes = [
        names.extended(item.exists, numbers.start)
        for item, numbers in zip(spec.exits, bound, strict=True)
    ]
    posts = tuple(
        encode(item.post, item.space, scope) for item, scope in zip(spec.exits, scopes, strict=True)
    )
    values: list[dict[int, Term]] = [
        find_witnesses(done, post.state, numbers) if n == done.exit else {}
        for n, (post, numbers) in enumerate(zip(posts, bound, strict=True))
    ]
    goal = Goal(
        BASE,
        instrs,
        pre.state,
        tuple(
            Post(address, _witness(numbers, found), post.state)
            for address, numbers, found, post in zip(exits, bound, values, posts, strict=True)
        ),
        names.next,
    )
    ending = _Ending(fragment, done, posts)
    verdict, blames, block = ending.judge(goal, values)
    return Plan(goal, names, pre, posts, fuel, tuple(done.hints), verdict, blames, block)


def _witness(numbers: range, found: dict[int, Term]) -> tuple[tuple[int, Term], ...]:
    return tuple((number, found.get(number, ECst(0))) for number in numbers)


class _Ending:
    """What comes of a run that has ended."""

    def __init__(self, fragment: Fragment, done: Run, posts: tuple[Encoded, ...]) -> None:
        self.fragment = fragment
        self.done = done
        self.posts = posts
        self.by_offset = {instr.offset: instr for instr in fragment.instrs}
        self.last = done.last or fragment.instrs[0]

    def judge(
        self, goal: Goal, values: list[dict[int, Term]]
    ) -> tuple[Verdict, tuple[Blame, ...], Blame]:
        """The verdict, who is to blame for each residual fact, and for the verdict itself."""
        done = self.done
        if done.stuck is not None:
            offset, why = done.stuck
            return Stuck(offset, why), (), Blame(self.by_offset[offset], why)
        if done.exit is None:
            raise AssertionError("a run ends at an exit or is stuck")
        n, post = done.exit, goal.posts[done.exit]
        matched, taken = match_state(done, post.state, values[n])
        if isinstance(matched, Missing):
            return matched, (), self._missing(matched, post, values[n])
        facts = tuple((TInstr(offset), fact) for offset, fact in done.facts) + matched
        verdict = Residual(n, (*done.defs, *post.witness), facts)
        blames = tuple(self._blame(tag, taken) for tag, _ in facts)
        return verdict, blames, Blame(self.last)

    def _missing(self, missing: Missing, post: Post, values: dict[int, Term]) -> Blame:
        about = self._about(missing.tag) + ": not there at the exit"
        match missing.tag:
            case TItem(k) if k < len(post.state.items):
                n = similar_item(self.done, subst_state(post.state, values).items[k])
                writer = None if n is None else self.done.item_writer.get(n)
                return Blame(writer or self.last, about)
            case _:
                return Blame(self.last, about)

    def _blame(self, tag: Tag, taken: list[int]) -> Blame:
        done, writer = self.done, None
        match tag:
            case TInstr(offset):
                return Blame(self.by_offset[offset])
            case TRoot():
                writer = done.root_writer
            case TReg(reg):
                writer = done.reg_writer.get(reg)
            case TItem(k):
                writer = done.item_writer.get(taken[k])
            case TFact():
                pass
        return Blame(writer or self.last, self._about(tag))

    def _about(self, tag: Tag) -> str:
        """The part of the postcondition that a tag means, and its line."""
        if self.done.exit is None:
            return ""
        post, exit_ = self.posts[self.done.exit], self.fragment.spec.exits[self.done.exit]
        one: Assertion
        match tag:
            case TReg(reg):
                one = next(item for item in post.regs if item.reg is reg)
            case TItem(k):
                one = (*post.items, *post.code)[k]
            case TFact(k):
                one = post.facts[k]
            case _:
                return f"space {print_expr(exit_.space)} (line {exit_.location.line})"
        return f"{print_item(one)} (line {one.location.line})"
