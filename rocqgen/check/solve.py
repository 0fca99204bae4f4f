# SPDX-License-Identifier: Apache-2.0
"""Finds choices where drawing does not, and tells why there is none, with z3.

That no two things overlap is added where a candidate breaks it: so a
satisfiable precondition costs a few conditions instead of one for each pair of bytes.

Nothing in the language bounds a named share from below: what is shared by name fits beside what is
less than the whole.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

import z3

from rocqgen.check.choice import Choice, Mode, Page, base_of
from rocqgen.check.lessons import Lesson, lessons
from rocqgen.check.resident import Conflict
from rocqgen.check.subject import Subject
from rocqgen.check.terms import Terms, plain
from rocqgen.check.words import MASK, WORD_SIZE
from rocqgen.source.location import Location
from rocqgen.source.print import print_item

TIMEOUT: Final = 10_000
"""Milliseconds for one question, by the clock; a stop for what the next limit does not catch."""

EFFORT: Final = 4_000_000
"""The solver's own measure of work for one question, so that a busy machine changes no answer."""

ROUNDS: Final = 400
"""Conditions that are added, or wishes dropped, for one choice."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A part of the precondition in a contradiction: where it stands, and as it is written."""

    location: Location
    text: str


@dataclass(frozen=True, slots=True)
class Contradiction:
    """No state satisfies the precondition: these parts contradict each other."""

    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Repaired:
    """Words and frames that satisfy what the solver knows."""

    words: dict[str, int]
    frames: dict[Page, int]
    mode: Mode


class Solver:
    """The conditions of one precondition; they grow with what candidates violate."""

    def __init__(self, subject: Subject, seed: int = 0, deadline: float = float("inf")) -> None:
        self.subject, self.deadline = subject, deadline
        # Bits alone: z3 is much faster here than where functions and rationals are mixed in.
        self.solver = z3.SolverFor("QF_BV")
        self.solver.set("random_seed", seed % (1 << 31))
        self.solver.set("timeout", TIMEOUT)
        self.solver.set("rlimit", EFFORT)
        self.reasons: dict[str, Reason] = {}
        self.conditions: dict[str, tuple[Any, ...]] = {}
        self.always: list[Any] = []
        self.terms = Terms(subject, self._always)
        platform = subject.fragment.spec.platform
        if platform is not None:
            self._always(self.terms.la57 == platform.la57)
        self._state()

    # -- questions ---------------------------------------------------------------------------------

    def contradiction(self) -> Contradiction | bool | None:
        """Why no state satisfies the precondition; False where one may, None where time was up."""
        answer = self.solver.check()
        if answer != z3.unsat:
            return None if answer == z3.unknown else False
        names = self._least({str(one).split("#")[0] for one in self.solver.unsat_core()})
        reasons = dict.fromkeys(self.reasons[name] for name in names)
        return Contradiction(tuple(sorted(reasons, key=lambda one: one.location)))

    def _least(self, names: set[str]) -> list[str]:
        """Of parts that contradict each other, some without which they would not."""
        kept = sorted(names & self.reasons.keys(), key=lambda name: self.reasons[name].location)
        for name in tuple(kept):
            solver = z3.Solver()
            solver.set("timeout", TIMEOUT)
            solver.set("rlimit", EFFORT)
            solver.add(*self.always)
            for one in kept:
                if one != name:
                    solver.add(*self.conditions[one])
            if solver.check() == z3.unsat:
                kept.remove(name)
        return kept

    def repair(self, choice: Choice, keep: Collection[str] = ()) -> Repaired | Contradiction | None:
        """The choice with as much of it kept as can be, the words of `keep` before all others.

        None where time was up.
        """
        wishes = list(self._wishes(choice))
        for _ in range(ROUNDS):
            if time.monotonic() > self.deadline:
                return None
            answer = self.solver.check(*(wish for wish, _ in wishes))
            if answer == z3.sat:
                return self._read(self.solver.model(), choice)
            if answer == z3.unknown:
                return None
            core = {one.get_id() for one in self.solver.unsat_core()}
            blamed = [wish for wish in wishes if wish[0].get_id() in core]
            if not blamed:
                found = self.contradiction()
                return found if isinstance(found, Contradiction) else None
            # Most addresses are canonical in five levels, too: four are not given up for a word.
            dropped = [wish for wish in blamed if wish[1] not in {*keep, "la57"}] or blamed
            gone = {wish[0].get_id() for wish in dropped}
            wishes = [wish for wish in wishes if wish[0].get_id() not in gone]
        return None

    def learn(self, conflict: Conflict) -> bool:
        """Add the condition that a candidate broke; whether there is one."""
        if not conflict.bytes:
            return False
        for lesson in lessons(self.terms, conflict):
            self._lesson(lesson)
        return True

    # -- the precondition --------------------------------------------------------------------------

    def _state(self) -> None:
        pre, terms = self.subject.pre, self.terms
        for fact in pre.facts:
            self._add(fact.location, print_item(fact), terms.fact(fact))
        for cell in pre.cells:
            item = cell.item
            self._add(item.location, print_item(item), *terms.mapped(cell.root, item.addr))
        for root, claim in pre.claims:
            va, pa = terms.word(claim.va), terms.word(claim.pa)
            self._add(
                claim.location,
                print_item(claim),
                *terms.mapped(root, claim.va),
                z3.ULE(pa, (1 << 52) - WORD_SIZE),
                terms.place(root, va, 0) == z3.Extract(51, 0, pa),
                terms.place(root, va, WORD_SIZE - 1) == z3.Extract(51, 0, pa + (WORD_SIZE - 1)),
            )
        for phys in pre.phys:
            self._add(
                phys.location,
                print_item(phys),
                z3.ULE(terms.word(phys.addr), (1 << 52) - WORD_SIZE),
            )
        for root, code in pre.code:
            self._add(code.location, print_item(code), *terms.code(root))

    def _add(self, location: Location, text: str, *conditions: Any) -> None:
        name = f"r{len(self.reasons)}"
        self.reasons[name] = Reason(location, text)
        self.conditions[name] = conditions
        for number, condition in enumerate(conditions):
            self.solver.assert_and_track(condition, f"{name}#{number}")

    def _lesson(self, lesson: Lesson) -> None:
        """A condition on several parts; in a contradiction all of them are named."""
        name, items = f"l{len(self.reasons)}", [plain(one) for one in lesson.items]
        text = " and ".join(dict.fromkeys(map(print_item, items)))
        location = max(one.location for one in items)
        self.reasons[name] = Reason(location, f"{text}, which own separate things")
        self.conditions[name] = (lesson.condition,)
        self.solver.assert_and_track(lesson.condition, f"{name}#0")

    def _always(self, condition: Any) -> None:
        self.always.append(condition)
        self.solver.add(condition)

    # -- candidates --------------------------------------------------------------------------------

    def _wishes(self, choice: Choice) -> Iterator[tuple[Any, str]]:
        yield self.terms.la57 == choice.mode.la57, "la57"
        for name, word in choice.words.items():
            term = self.terms.words.get(name)
            if term is not None and word <= MASK:
                yield z3.Extract(11, 0, term) == (word & 0xFFF), name
                yield z3.Extract(63, 12, term) == (word >> 12), name
        for (root, _), (frame, page) in self.terms.frames.items():
            # Different pages on different frames, nearly always.
            base = z3.Extract(19, 0, self.terms.base(root))
            low = z3.Extract(19, 0, page) ^ z3.RotateLeft(base, 7)
            yield frame == z3.ZeroExt(20, low ^ 0x5A5A5), "frame"

    def _read(self, model: Any, choice: Choice) -> Repaired:
        # Arrays without a name are no terms.
        words = choice.words | {
            name: model.eval(term, model_completion=True).as_long()
            for name, term in self.terms.words.items()
        }
        frames: dict[Page, int] = {}
        for (root, _), (frame, page) in self.terms.frames.items():
            number = model.eval(page, model_completion=True).as_long()
            frames[base_of(words[root]), number] = model.eval(
                frame, model_completion=True
            ).as_long()
        la57 = z3.is_true(model.eval(self.terms.la57, model_completion=True))
        largest = max((*frames.values(), *(words[name] >> 12 for name in self.subject.roots), 0))
        mode = choice.mode
        width = max(mode.maxphyaddr, min(52, 12 + largest.bit_length()))
        return Repaired(
            words,
            frames,
            Mode(mode.wp, mode.smep, mode.smap, mode.nxe, la57, width),
        )
