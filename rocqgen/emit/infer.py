# SPDX-License-Identifier: Apache-2.0
"""Finds what the engine has to be told: where accesses go, and which steps of the proof to do.

What is written in the annotation comes first.  Nothing that is found here decides anything: the
engine leaves facts to prove for it, or is stuck.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocqgen.emit import entering
from rocqgen.emit.access import find_element, find_place
from rocqgen.emit.accesses import Accesses
from rocqgen.emit.arrive import opinion
from rocqgen.emit.cells import Paging, cell_of
from rocqgen.emit.entail import find_witnesses, subst_state
from rocqgen.emit.ghost import apply
from rocqgen.emit.ghosts import GSplitBlock
from rocqgen.emit.normal import ECst, EVar
from rocqgen.emit.paths import FirstError, StuckError
from rocqgen.emit.symbolic import FOne, HAt
from rocqgen.emit.walks import walk_of
from rocqgen.emit.wanted import Wanted
from rocqgen.emit.written import Marks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rocqgen.emit.encode import Numbering
    from rocqgen.emit.ghosts import Ghost
    from rocqgen.emit.normal import Term
    from rocqgen.emit.paths import Path
    from rocqgen.emit.symbolic import Fact, SState
    from rocqgen.source import spec as source
    from rocqgen.source.machine import Instr

_APART = 1 << 32
"""Added to the names of an end while values for them are sought: a run has numbers of its own."""


_STEPS = 3
"""Steps of the proof that make a walk longer by one entry."""


class Inference(Accesses):
    """What the engine is told on the paths of a run; implements `Guide`.

    `given` are the facts that hold on all paths; `ends` has for each end of the run what is wanted
    there, and the numbers of the names that it binds.
    """

    def __init__(
        self,
        given: Iterable[Fact],
        marks: Marks,
        paging: Paging | None = None,
        ends: Sequence[tuple[SState, Sequence[int]]] = (),
    ) -> None:
        super().__init__(given, marks, paging, [state for state, _ in ends])
        self.ends = ends

    @staticmethod
    def of(
        spec: source.Spec,
        names: Numbering,
        given: Iterable[Fact],
        ends: Sequence[tuple[SState, Sequence[int]]],
    ) -> Inference:
        """For a segment of the run of a fragment, where `names` hold."""
        marks = Marks(names, spec.hints, spec.ghosts)
        platform = spec.platform
        paging = None if platform is None else Paging(platform.la57, platform.maxphyaddr)
        return Inference(given, marks, paging, ends)

    def storing(self, path: Path, addr: Term, hint: HAt | None, value: Term) -> None:
        """A word is about to be stored; may raise `FirstError`."""
        if not self.usable:
            return
        element = find_element(path, addr, hint)
        if element is None:
            self.editing.storing(path, find_place(path, addr, hint).item, value)
        elif hint is not None and hint.index is not None:
            block, rewriting = element.block, self.aliases.rewriting(path)
            word = element.word
            same = word is not None and rewriting.equal(value, word)
            if not same and block.count != ECst(1):
                # The store fills a block of one word.
                first = rewriting.number(hint.index) == 0
                raise FirstError(GSplitBlock(element.item, ECst(1) if first else hint.index))

    # -- steps of the proof ------------------------------------------------------------------------

    def first(self, instr: Instr, path: Path, done: int) -> Ghost | None:
        """The step that the annotation has in front of the instruction, behind `done` others."""
        return self._written(instr, path, done, after=False)

    def then(self, instr: Instr, path: Path, done: int) -> Ghost | None:
        """The same behind the instruction."""
        return self._written(instr, path, done, after=True)

    def _written(self, instr: Instr, path: Path, done: int, *, after: bool) -> Ghost | None:
        own = self.marks.actions(instr.offset, after=after)
        path.marks = 0 if done == 0 else path.marks
        if path.marks >= len(own):
            return None
        ghost, last = self.steps.of_action(own[path.marks], self.marks.names, path)
        path.marks += last
        return ghost

    def leave(self, path: Path) -> Ghost | None:
        """A step of the proof to be done where a path ends."""
        if path.chosen is None:
            path.chosen = self._likely(path)
        return self.provide(path, *self.ends[path.chosen])

    def _likely(self, path: Path) -> int:
        """Of several ends that of which the fewest facts are false, and then the most is there."""
        known, rewriting = (*path.assumed, *self.aliases.given), self.aliases.rewriting(path)
        false = {
            n: [opinion(fact, known, rewriting) for fact in self.ends[n][0].facts].count(False)
            for n in path.ends
        }
        fewest = [n for n in path.ends if false[n] == min(false.values())]
        if len(fewest) == 1:
            return fewest[0]
        return min(fewest, key=lambda n: self._distance(path, *self.ends[n]))

    def _distance(self, path: Path, state: SState, bound: Sequence[int]) -> int:
        """How much of an end is not there, or cannot be, after all steps that help."""
        trial = path.copy()
        walks = sum(len(walk.shifts) for item in state.items if (walk := walk_of(item)) is not None)
        for _ in range(len(state.items) + _STEPS * walks):
            ghost = self.provide(trial, state, bound)
            if ghost is None:
                break
            apply(ghost, trial, self.paging, None)
        rewriting = self.aliases.rewriting(path)
        pairs = [(path.regs.get(reg), term) for reg, term in state.regs]
        apart = [
            one is None or rewriting.apart(one, term)
            for one, term in [*pairs, (path.root, state.root)]
        ]
        return sum(apart) + len(
            Wanted.of(self.steps, trial, self._closed(trial, state, bound).items).missing
        )

    def provide(self, path: Path, state: SState, bound: Sequence[int]) -> Ghost | None:
        """A step towards what is wanted, whose open names are `bound`."""
        if not path.folding:
            path.lacking.clear()
        if not self.usable:
            return None
        want = self._closed(path, state, bound)
        for ghost in Wanted.of(self.steps, path, want.items).ghosts():
            try:
                apply(ghost, path.copy(), self.paging, None)
            except StuckError as error:
                path.lacks(error)
            else:
                return ghost
        return self._code(path, want)

    def _code(self, path: Path, want: SState) -> Ghost | None:
        """A step towards code in a space where it is wanted and not known to be."""
        for root, share in want.code:
            if isinstance(share, FOne) and not path.mapped(root):
                try:
                    self.enter(path, root)
                except FirstError as first:
                    return first.ghost
        return None

    def _closed(self, path: Path, state: SState, bound: Sequence[int]) -> SState:
        """What is wanted, with values of the open names."""
        apart: dict[int, Term] = {x: EVar(x + _APART) for x in bound}
        want = subst_state(state, apart)
        names = [x + _APART for x in bound]
        values = find_witnesses(path, want, names)
        return subst_state(want, {x: values[x] for x in names})

    def enter(self, path: Path, root: Term) -> str:
        """Raises `FirstError` where a step helps to map the code in a space; else says why not."""
        if not self.usable or not any(cell_of(item) is not None for item in path.items):
            return ""
        try:
            ghost = entering.enter(self.steps, path, root)
            apply(ghost, path.copy(), self.paging, None)
        except StuckError as error:
            return f": {error}"
        raise FirstError(ghost)

    def flush(self, _instr: Instr, path: Path, va: Term) -> HAt | None:
        """The cell whose debts `invlpg` pays, where the engine does not see it."""
        for n, item in enumerate(path.items):
            cell = cell_of(item)
            if cell is None or not isinstance(item.share, FOne):
                continue
            pages = [one for one in cell.owed if one is not None]
            seen = [self.aliases.same_page(path, one, path.root, va) for one in pages]
            if pages and all(seen) and any(one.root != path.root or one.va != va for one in pages):
                return HAt(n)
        return None
