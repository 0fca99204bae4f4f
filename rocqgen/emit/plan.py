# SPDX-License-Identifier: Apache-2.0
"""Plans the proof of a fragment: what the engine will say, what is left, and what is to blame.

The plan does not decide anything: where it errs, the theory does not compile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rocqgen.emit.encode import BASE, Encoded, Numbering, encode, with_roots
from rocqgen.emit.entail import find_witnesses, match_state, similar_item, subst_state
from rocqgen.emit.execute import run
from rocqgen.emit.infer import Inference
from rocqgen.emit.normal import ECst
from rocqgen.emit.paths import Path, Run
from rocqgen.emit.support import refuse_features, refuse_unsupported
from rocqgen.emit.symbolic import (
    Defs,
    Goal,
    Hint,
    Missing,
    Owe,
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

    `posts` are the postconditions with the assertions that they were written as; `witnesses` are
    the values of the names that exits bind, path by path, where they are not those of `goal`;
    `blames` has one entry for each fact of a residual verdict; `block` is to blame if there is no
    such verdict.
    """

    goal: Goal
    names: Numbering
    pre: Encoded
    posts: tuple[Encoded, ...]
    fuel: int
    hints: tuple[tuple[int, Hint], ...]
    witnesses: tuple[Defs, ...]
    verdict: Verdict
    blames: tuple[Blame, ...]
    block: Blame


def plan(fragment: Fragment) -> Plan:
    """Plan the proof of `fragment`; a UserError where the prover has no rule for an instruction."""
    spec, instrs = fragment.spec, fragment.instrs
    refuse_features(fragment)
    refuse_unsupported(instrs)
    names = Numbering.of(spec.params)
    pre = encode(spec.pre, spec.space, names, needed=True)
    pre = with_roots(pre, spec.params, names, spec.platform)
    exits = [names.term(item.address) for item in spec.exits]
    wanted = []
    for item in spec.exits:
        numbers = range(names.next, names.next + len(item.exists))
        scope = names.extended(item.exists, names.next)
        wanted.append((encode(item.post, item.space, scope).state, numbers))
    limit = 64 + MAX_STEPS_PER_INSTR * len(instrs)
    guide = Inference.of(spec, names, pre.state.facts, wanted)
    done = run(BASE, instrs, exits, pre.state, names.next, guide, limit=limit)
    # Names of the run come first, and there is at most one for each step.
    bound, first = [], names.next + max(1, done.steps)
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
    ends = [
        _End(path, n, posts[n], find_witnesses(path, posts[n].state, bound[n]))
        for path in done.paths
        for n in path.ends
    ]
    first_values: dict[int, dict[int, Term]] = {}
    for end in ends:
        first_values.setdefault(end.exit, end.values)
    goal = Goal(
        BASE,
        instrs,
        pre.state,
        tuple(
            Post(address, _witness(numbers, first_values.get(n, {})), post.state)
            for n, (address, numbers, post) in enumerate(zip(exits, bound, posts, strict=True))
        ),
        names.next,
    )
    given_values = [_witness(bound[end.exit], end.values) for end in ends]
    usual = all(
        values == goal.posts[end.exit].witness
        for end, values in zip(ends, given_values, strict=True)
    )
    verdict, blames, block = _Judge(fragment, done, ends).judge()
    return Plan(
        goal,
        names,
        pre,
        posts,
        max(1, done.depth),
        tuple(done.hints),
        () if usual else tuple(given_values),
        verdict,
        blames,
        block,
    )


def _witness(numbers: range, found: dict[int, Term]) -> Defs:
    return tuple((number, found.get(number, ECst(0))) for number in numbers)


@dataclass(frozen=True, slots=True)
class _End:
    """A path that ended at an exit, its postcondition, and the values of what that binds."""

    path: Path
    exit: int
    post: Encoded
    values: dict[int, Term]


class _Judge:
    """What comes of a run that has ended."""

    def __init__(self, fragment: Fragment, done: Run, ends: list[_End]) -> None:
        self.fragment = fragment
        self.done = done
        self.ends = ends
        self.by_offset = {instr.offset: instr for instr in fragment.instrs}

    def judge(self) -> tuple[Verdict, tuple[Blame, ...], Blame]:
        """The verdict, who is to blame for each residual fact, and for the verdict itself."""
        done = self.done
        if done.stuck is not None:
            offset, why = done.stuck
            return Stuck(offset, why), (), Blame(self.by_offset[offset], why)
        owed = [Owe(path, TInstr(offset), fact) for path, offset, fact in done.facts]
        blames = [
            Blame(*done.blamed.get(n, (self.by_offset[offset], "")))
            for n, (_, offset, _) in enumerate(done.facts)
        ]
        for end in self.ends:
            matched, taken = match_state(end.path, end.post.state, end.values)
            if isinstance(matched, Missing):
                return matched, (), self._missing(matched, end)
            owed += (Owe(end.path.assumed, tag, fact) for tag, fact in matched)
            blames += (self._blame(tag, taken, end) for tag, _ in matched)
        block = Blame(self._last(self.ends[-1]) if self.ends else self.fragment.instrs[0])
        return Residual(tuple(done.defs), tuple(owed)), tuple(blames), block

    def _last(self, end: _End) -> Instr:
        return end.path.last or self.fragment.instrs[0]

    def _missing(self, missing: Missing, end: _End) -> Blame:
        about = self._about(missing.tag, end) + ": not there at the exit"
        if end.path.lacking:
            about += f" ({end.path.lacking[0]})"
        match missing.tag:
            case TItem(k) if k < len(end.post.state.items):
                n = similar_item(end.path, subst_state(end.post.state, end.values).items[k])
                writer = None if n is None else end.path.item_writer.get(n)
                return Blame(writer or self._last(end), about)
            case _:
                return Blame(self._last(end), about)

    def _blame(self, tag: Tag, taken: list[int], end: _End) -> Blame:
        path, writer = end.path, None
        match tag:
            case TRoot():
                writer = path.root_writer
            case TReg(reg):
                writer = path.reg_writer.get(reg)
            case TItem(k):
                writer = path.item_writer.get(taken[k])
            case _:
                pass
        return Blame(writer or self._last(end), self._about(tag, end))

    def _about(self, tag: Tag, end: _End) -> str:
        """The part of the postcondition that a tag means, and its line."""
        post, exit_ = end.post, self.fragment.spec.exits[end.exit]
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
