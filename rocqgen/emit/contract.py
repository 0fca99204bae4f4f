# SPDX-License-Identifier: Apache-2.0
"""Calls by contract: what the callee's variables stand for, and the state at its exits.

A mirror of `theories/auto/contract.v`.  The engine takes the values of the variables as given;
they are found here, by matching the callee's precondition with the state at the call: registers
first, then items at addresses that are known by then, and last the addresses of other items.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rocqgen.emit.entail import solve
from rocqgen.emit.flags import FlagsAny
from rocqgen.emit.items import content, place, place_names, same_kind, subst_item
from rocqgen.emit.normal import ECst, EVar, Term, subst, variables
from rocqgen.emit.symbolic import Fact, FOne, FVar, HCall, Item, Share, SState
from rocqgen.source.spec import Rel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rocqgen.emit.goal import Specified
    from rocqgen.emit.paths import Path
    from rocqgen.source.spec import Assertion, Contract

    Owed = list[tuple[Fact, Assertion | None]]

_APART = 1 << 32
"""Added to the callee's variables while both sides' are in sight."""

Shares = dict[int, Share]
Mapped = tuple[tuple[Term, Share], ...]
"""Spaces in which code is mapped, with shares."""


@dataclass(frozen=True, slots=True)
class Called:
    """A contract as a caller sees it: `number` in its list, and the address `entry`.

    `fixed` are variables of the contract that are certain parameters of the caller.  It is that of
    an annotated function, of the caller itself (`own`), or `assumed`.
    """

    name: str
    number: int
    entry: Term
    contract: Specified
    fixed: tuple[tuple[int, Term], ...] = ()
    own: bool = False
    assumed: Contract | None = None


class UnmetError(Exception):
    """The precondition of a callee is not met: a part of it, and its line."""

    def __init__(self, why: str, part: Assertion | None) -> None:
        super().__init__(why)
        self.why = why
        self.part = part


def instantiate(path: Path, called: Called) -> HCall:
    """The values of the callee's variables at a call in the state of `path`.

    What nothing determines is 0, or the whole.
    """
    names, pre = called.contract.names, called.contract.pre.state
    numbers = sorted({*names.words.values(), 1})
    apart: dict[int, Term] = {number: EVar(number + _APART) for number in numbers}
    shares = sorted(names.fractions.values())
    known = {1: called.entry, **dict(called.fixed)}
    matching = _Matching(
        path,
        instance(pre, apart, {number: FVar(number + _APART) for number in shares}),
        {number + _APART: term for number, term in known.items()},
        {number + _APART for number in numbers if number not in known},
        {number + _APART for number in shares},
    )
    matching.go()
    return HCall(
        called.number,
        {n: matching.values.get(n + _APART, ECst(0)) for n in numbers},
        {n: matching.shares.get(n + _APART, FOne()) for n in shares},
    )


def instance(state: SState, words: Mapping[int, Term], shares: Mapping[int, Share]) -> SState:
    """A state of a contract at values of its variables."""

    def share(one: Share) -> Share:
        return shares.get(one.x, one) if isinstance(one, FVar) else one

    def item(one: Item) -> Item:
        return replace(subst_item(one, words), share=share(one.share))

    def fact(one: Fact) -> Fact:
        return Fact(one.rel, subst(one.a, words), subst(one.b, words))

    return SState(
        subst(state.root, words),
        tuple((reg, subst(term, words)) for reg, term in state.regs),
        tuple(map(item, state.items)),
        tuple((subst(root, words), share(one)) for root, one in state.code),
        tuple(map(fact, state.facts)),
    )


class _Matching:
    """Finds values for the open variables of `want`, which stand for parts of a path's state."""

    def __init__(
        self,
        path: Path,
        want: SState,
        values: dict[int, Term],
        words: set[int],
        fractions: set[int],
    ) -> None:
        self.path = path
        self.want = want
        self.values = values
        self.open = words
        self.fractions = fractions
        self.shares: Shares = {}

    def go(self) -> None:
        while True:
            before = len(self.open), len(self.shares)
            self._from_values()
            if before == (len(self.open), len(self.shares)) and not self._from_addresses():
                return

    def _solve(self, pattern: Term, value: Term) -> None:
        solve(pattern, value, self.values, self.open)

    def _share(self, wanted: Share, had: Share) -> Share:
        """What `wanted` stands for, where `had` would do."""
        if isinstance(wanted, FVar) and wanted.x in self.fractions:
            return self.shares.setdefault(wanted.x, had)
        return wanted

    def _from_values(self) -> None:
        path = self.path
        self._solve(self.want.root, path.root)
        for reg, term in self.want.regs:
            if reg in path.regs:
                self._solve(term, path.regs[reg])
        have: list[Item | None] = list(path.items)
        for item in self.want.items:
            wanted = subst_item(item, self.values)
            if self.open.isdisjoint(place_names(wanted)):
                self._take(wanted, have)
        for root, share in self.want.code:
            there = subst(root, self.values)
            for other, had in path.code:
                if other == there:
                    self._share(share, had)
                    break
        for fact in self.want.facts:
            if fact.rel is Rel.EQ:
                self._equate(subst(fact.a, self.values), subst(fact.b, self.values))

    def _equate(self, left: Term, right: Term) -> None:
        if self.open.isdisjoint(variables(right)):
            self._solve(left, right)
        elif self.open.isdisjoint(variables(left)):
            self._solve(right, left)

    def _take(self, wanted: Item, have: list[Item | None]) -> bool:
        """Take what lies at the place of `wanted`, and read off what is there."""
        there = [
            (n, item)
            for n, item in enumerate(have)
            if item is not None
            and place(item) == place(wanted)
            and same_kind(item, replace(wanted, share=item.share))
        ]
        fit = [n for n, item in there if self._fits(item, wanted)]
        for n, item in there:
            # Where the shares differ, a step of the proof may help.
            if n in fit[:1] or not fit:
                self._share(wanted.share, item.share)
                have[n] = None
                for pattern, value in zip(content(wanted), content(item), strict=True):
                    self._solve(pattern, value)
                return True
        return False

    def _fits(self, item: Item, wanted: Item) -> bool:
        """Whether an item at the place of what is wanted serves, with a share that is open yet."""
        share = wanted.share
        if isinstance(share, FVar) and share.x in self.fractions:
            share = self.shares.get(share.x, item.share)
        return same_kind(item, replace(wanted, share=share))

    def _from_addresses(self) -> bool:
        """Read names off the address of the first item that could be meant."""
        have: list[Item | None] = list(self.path.items)
        left = []
        for item in self.want.items:
            wanted = subst_item(item, self.values)
            if not self.open.isdisjoint(place_names(wanted)) or not self._take(wanted, have):
                left.append(wanted)
        for wanted in left:
            for candidate in have:
                if candidate is None or type(candidate) is not type(wanted):
                    continue
                if not self._fits(candidate, wanted):
                    continue
                before = len(self.open)
                for pattern, value in zip(place(wanted), place(candidate), strict=True):
                    self._solve(pattern, value)
                if len(self.open) < before:
                    return True
        return False


def take(path: Path, want: SState, called: Called) -> Owed:
    """Take the state `want` out of that of `path`: what is left there is the frame.

    Gives the facts that are owed, each with the part of the precondition that it stems from.
    """
    written = called.contract.pre
    owed: Owed = []
    if path.root != want.root:
        owed.append((Fact(Rel.EQ, path.root, want.root), None))
    for (reg, term), part in zip(want.regs, written.regs, strict=True):
        value = path.regs.pop(reg, None)
        if value is None:
            raise UnmetError(_why(there=False), part)
        owed += _owe(value, term, part)
    for item, that in zip(want.items, written.items, strict=True):
        n = _find(item, path.items)
        if n is None:
            raise UnmetError(_why(there=any(place(one) == place(item) for one in path.items)), that)
        for value, term in zip(content(path.items[n]), content(item), strict=True):
            owed += _owe(value, term, that)
        path.remove(n)
    path.code = _without(path.code, zip(want.code, written.code, strict=True))
    for fact, pure in zip(want.facts, written.facts, strict=True):
        if fact.rel is not Rel.EQ or fact.a != fact.b:
            owed.append((fact, pure))
    return owed


def _why(*, there: bool) -> str:
    if there:
        return "whose share or rights differ here (a name for a fraction stands for one share)"
    return "which is not there"


def _without(code: Mapped, wanted: Iterable[tuple[tuple[Term, Share], Assertion]]) -> Mapped:
    left = list(code)
    for one, part in wanted:
        if one not in left:
            raise UnmetError(_why(there=any(root == one[0] for root, _ in left)), part)
        left.remove(one)
    return tuple(left)


def give_back(path: Path, state: SState, lent: Mapped) -> None:
    """Add what holds at the exit of a callee, to which `lent` code was given, to the frame."""
    if path.root != state.root:
        path.root, path.root_writer = state.root, path.last
    for reg, term in state.regs:
        path.regs.setdefault(reg, term)
        if path.last is not None:
            path.reg_writer[reg] = path.last
    for item in state.items:
        path.append(item)
    left = list(lent)
    for one in state.code:
        if one in left:
            left.remove(one)
            path.code = (*path.code, one)
    path.assumed = (*reversed(state.facts), *path.assumed)
    path.flags = FlagsAny()


def _owe(have: Term, want: Term, part: Assertion) -> Owed:
    return [] if have == want else [(Fact(Rel.EQ, have, want), part)]


def _find(want: Item, have: Sequence[Item]) -> int | None:
    for n, item in enumerate(have):
        if same_kind(item, want) and place(item) == place(want):
            return n
    return None
