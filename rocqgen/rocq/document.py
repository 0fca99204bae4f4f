# SPDX-License-Identifier: Apache-2.0
"""Checks a whole text in a session and goes on behind every failure.

A proof that fails is taken back and admitted *in the session only*, so that what comes after it is
checked as well; `coqc` compiles no file of which that happened.  Positions count characters.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from rocqgen.rocq.limits import ProverError, ProverHungError, ProverMemoryError
from rocqgen.rocq.sentences import Sentence, blank, sentence_at, split

if TYPE_CHECKING:
    from rocqgen.rocq.answers import Added, RocqError
    from rocqgen.rocq.limits import Limits
    from rocqgen.rocq.session import Session

_WORD = re.compile(r"[^\W\d][\w']*")


class Kind(StrEnum):
    """How a sentence failed."""

    REFUSED = "refused"
    TIMEOUT = "timeout"
    HUNG = "hung"
    MEMORY = "memory"
    DIED = "died"


@dataclass(frozen=True, slots=True)
class Failure:
    """A sentence that the prover refuses, and the goal it found there.

    ``offset`` is the character at which the prover points, ``start`` to ``end`` the sentence;
    ``lemma`` the statement whose proof it is part of.
    """

    kind: Kind
    offset: int
    start: int
    end: int
    sentence: str
    message: str
    goal: str | None = None
    lemma: str | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of a text.

    ``assumed`` are the offsets of sentences that assume something (an axiom, ``Admitted``);
    ``dependents`` the lemmas that were accepted but lean on one whose proof failed, by its name.
    ``finished`` is false when the time ran out before the end of the text.
    """

    failures: tuple[Failure, ...]
    assumed: tuple[int, ...]
    dependents: tuple[str, ...]
    sentences: int
    seconds: float
    finished: bool = True


@dataclass(slots=True)
class _Run:
    text: str
    session: Session
    limits: Limits
    sentences: list[Sentence]
    began: float = field(default_factory=time.monotonic)
    failures: list[Failure] = field(default_factory=list)
    assumed: list[int] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    count: int = 0
    tip: int = 1
    position: int = 0

    def left(self) -> float:
        """Seconds that the next sentence may take."""
        return min(self.limits.sentence, self.began + self.limits.theory - time.monotonic())


def check(text: str, session: Session, limits: Limits, *, keep_going: bool = True) -> Checked:
    """Run ``text`` in a fresh session; raises only Cancelled.

    A prover that dies on a sentence is a failure of that sentence, and the last one: the session is
    of no further use.  Without ``keep_going`` the first failure of any kind is the last.
    """
    run = _Run(text, session, limits, split(text))
    position: int | None = 0
    dependents: tuple[str, ...] = ()
    try:
        while position is not None and text[position:].strip():
            position = _run_from(run, position)
            if run.failures and (not keep_going or run.left() <= 0):
                break
        dependents = _dependents(run)
    except ProverError as error:
        position = run.position
        _died(run, error)
    finished = position is None or not text[position:].strip()
    seconds = time.monotonic() - run.began
    failures, assumed = tuple(run.failures), tuple(run.assumed)
    return Checked(failures, assumed, dependents, run.count, seconds, finished)


def _run_from(run: _Run, base: int) -> int | None:
    """Check the text from ``base``; where to go on after a failure, None at the end."""
    rest = run.text[base:]
    run.position = len(run.text) - len(rest.lstrip())
    to_character = _Bytes(rest)
    added, error, timed_out = run.session.add(rest, max(run.left(), 0.0))
    for one in added:
        start = base + to_character(one.span.start)
        end = base + to_character(one.span.end)
        run.position = start
        problem, late = run.session.execute(one.sid, max(run.left(), 0.0))
        if any(said.kind == "AddedAxiom" for said in run.session.feedback[one.sid]):
            run.assumed.append(start)
        if problem is not None:
            offset = start
            if problem.span is not None:
                offset = base + to_character(problem.span.start)
            return _fail(run, one, start, end, offset, problem, late)
        run.count += 1
        run.tip = one.sid
        _note_accepted(run, start)
    if error is not None:
        start = base + to_character(added[-1].span.end) if added else base
        return _fail_to_parse(run, base, start, to_character, error, timed_out)
    if run.tip > 1 and run.session.goals(run.tip) is not None:
        _unfinished(run, len(run.text.rstrip()), "before the end of the file")
    return None


def _fail(
    run: _Run,
    added: Added,
    start: int,
    end: int,
    offset: int,
    error: RocqError,
    late: bool,
) -> int:
    goal = run.session.goals(run.tip) if run.tip > 1 else None
    run.session.cancel(added.sid)
    _record(run, start, end, offset, error, late, goal)
    return _recover(run, end, inside=goal is not None)


def _fail_to_parse(
    run: _Run, base: int, start: int, to_character: _Bytes, error: RocqError, late: bool
) -> int:
    """The prover's parser stopped behind ``start``: the sentence there is at fault."""
    start = len(run.text) - len(run.text[start:].lstrip())
    goal = run.session.goals(run.tip) if run.tip > 1 else None
    offset = start
    if error.span is not None:
        offset = min(base + to_character(error.span.start), max(start, len(run.text) - 1))
    sentence = sentence_at(run.sentences, start)
    end = sentence.end if sentence else len(run.text)
    if goal is not None and sentence and sentence.opens_proof and "Nested" in error.message:
        # The proof before it was never closed, and that is what is wrong, not this statement.
        _unfinished(run, len(run.text[:start].rstrip()), "before the next statement")
        _admit(run)
        return sentence.start
    _record(run, start, end, offset, error, late, goal)
    return _recover(run, end, inside=goal is not None)


def _unfinished(run: _Run, end: int, where: str) -> None:
    """Report a proof that has no end before the character ``end``."""
    last = max((one.start for one in run.sentences if one.end <= end), default=0)
    lemma = _lemma_around(run, last)
    run.failures.append(
        Failure(
            Kind.REFUSED,
            last,
            last,
            end,
            run.text[last:end],
            f"the proof of {lemma or 'a statement'} is not closed: there is no Qed {where}",
            run.session.goals(run.tip),
            lemma,
        )
    )


def _died(run: _Run, error: ProverError) -> None:
    kinds = {ProverHungError: Kind.HUNG, ProverMemoryError: Kind.MEMORY}
    sentence = sentence_at(run.sentences, run.position)
    start, end = (sentence.start, sentence.end) if sentence else (run.position, len(run.text))
    late = isinstance(error, ProverHungError)
    run.failures.append(
        Failure(
            kinds.get(type(error), Kind.DIED),
            run.position,
            start,
            end,
            run.text[start:end],
            _too_late(run.limits) if late else str(error),
            lemma=_lemma_around(run, start),
        )
    )


def _too_late(limits: Limits) -> str:
    return f"no answer within the limit of {min(limits.sentence, limits.theory):g} s"


def _record(
    run: _Run,
    start: int,
    end: int,
    offset: int,
    error: RocqError,
    late: bool,
    goal: str | None,
) -> None:
    run.failures.append(
        Failure(
            Kind.TIMEOUT if late else Kind.REFUSED,
            offset,
            start,
            end,
            run.text[start:end].strip(),
            _too_late(run.limits) if late else error.message,
            goal,
            _lemma_around(run, start),
        )
    )


def _recover(run: _Run, end: int, *, inside: bool) -> int:
    """Where the text goes on: behind the failing proof, which is admitted, or the sentence."""
    failing = sentence_at(run.sentences, end - 1)
    if not inside and (failing is None or not failing.opens_proof):
        return end
    if inside:
        _admit(run)
    if failing is not None and failing.closes_proof:
        return end
    for one in run.sentences:
        if one.start < end or one is failing:
            continue
        if one.closes_proof:
            return one.end
        if one.opens_proof:
            return one.start
    return end if not inside else len(run.text)


def _admit(run: _Run) -> None:
    added, error, _ = run.session.add("Admitted.", 10.0)
    if added and error is None:
        error, _ = run.session.execute(added[0].sid, 10.0)
    if added and error is None:
        run.tip = added[0].sid
    elif added:
        run.session.cancel(added[0].sid)
    if error is not None or not added:
        # Some proofs cannot be admitted, for example one whose statement still has holes.
        aborted, _, _ = run.session.add("Abort.", 10.0)
        if aborted:
            run.session.execute(aborted[0].sid, 10.0)
            run.tip = aborted[0].sid


def _note_accepted(run: _Run, start: int) -> None:
    sentence = sentence_at(run.sentences, start)
    if sentence is not None and sentence.closes_proof:
        lemma = _lemma_around(run, sentence.start)
        if lemma is not None:
            run.accepted.append(lemma)


def _lemma_around(run: _Run, position: int) -> str | None:
    """The name of the statement whose proof holds the sentence at ``position``."""
    name = None
    for one in run.sentences:
        if one.start > position:
            break
        if one.opens_proof:
            name = one.name
        elif one.closes_proof and one.end <= position:
            name = None
    return name


def _dependents(run: _Run) -> tuple[str, ...]:
    """The accepted lemmas that name one that failed, or one that does so, in their text.

    To ask the prover for their assumptions takes seconds each, since all of Iris is looked through.
    """
    leaning = {one.lemma for one in run.failures if one.lemma}
    if not leaning:
        return ()
    plain, accepted, found = blank(run.text), set(run.accepted), []
    name, start = None, 0
    for one in run.sentences:
        if one.opens_proof:
            name, start = one.name, one.start
        elif one.closes_proof and name is not None:
            if name in accepted and leaning & set(_WORD.findall(plain, start, one.end)):
                leaning.add(name)
                found.append(name)
            name = None
    return tuple(found)


class _Bytes:
    """Turns bytes of a text's UTF-8 into characters."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._encoded = None if text.isascii() else text.encode()

    def __call__(self, offset: int) -> int:
        if self._encoded is None:
            return min(offset, len(self._text))
        return len(self._encoded[:offset].decode("utf-8", "ignore"))
