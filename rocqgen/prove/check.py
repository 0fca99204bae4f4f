# SPDX-License-Identifier: Apache-2.0
"""Decides on one theory: belt, session, `coqc`, and the assumptions, in this order.

Only the last two make a theorem count as proved.  The session comes before them because it alone
finds every failing proof, and its goal.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rocqgen import __version__
from rocqgen.prove.locate import locate, position
from rocqgen.prove.outcome import Outcome, Status, Trouble
from rocqgen.rocq.assumptions import AssumptionsUnknownError, assumptions
from rocqgen.rocq.document import Checked, Failure, Kind, check
from rocqgen.rocq.limits import (
    Limits,
    ProverError,
    ProverMemoryError,
    ProverUnavailableError,
)
from rocqgen.rocq.sentences import violations

if TYPE_CHECKING:
    from rocqgen.emit.theory import Theory
    from rocqgen.rocq.coqc import Coqc
    from rocqgen.rocq.server import Server

GENERATED = "rocqgen_generated"
"""The logical root under which theories are compiled."""

_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ADVICE = {
    Kind.MEMORY: "allow it more with --memory MB",
    Kind.TIMEOUT: "allow it more with --timeout SECONDS",
    Kind.HUNG: "allow it more with --timeout SECONDS",
    Kind.DIED: "see whether the machine has enough free memory, and run again",
}
_STATUS = {
    Kind.REFUSED: Status.FAILED,
    Kind.TIMEOUT: Status.TIMEOUT,
    Kind.HUNG: Status.TIMEOUT,
    Kind.MEMORY: Status.ERROR,
    Kind.DIED: Status.ERROR,
}


@dataclass(frozen=True)
class Checker:
    """Checks theories with one server and one `coqc`; safe to share between threads.

    ``build`` is an empty folder, on the load path of both as `GENERATED`.
    ``inputs`` names the prover and the library by something that changes when they do; ``allow``
    are the permitted axioms.
    """

    server: Server
    coqc: Coqc
    build: Path
    limits: Limits
    prover: str
    inputs: tuple[str, ...] = ()
    allow: frozenset[str] = frozenset()
    keep_going: bool = True
    cancel: threading.Event = field(default_factory=threading.Event)

    def key(self, theory: Theory) -> str:
        """A hash of all that the verdict depends on; limits are not among it, because what they
        cut off is never reused."""
        value = [
            __version__,
            self.prover,
            *self.inputs,
            sorted(self.allow),
            self.keep_going,
            asdict(theory),
        ]
        return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()

    def check(self, number: int, theory: Theory) -> Outcome:
        """The verdict on a theory; ``number`` is part of its file's name.  Raises Cancelled."""
        try:
            return self._check(number, theory)
        except ProverUnavailableError as error:
            return self._outcome(theory, Status.ERROR, troubles=(Trouble(str(error)),))

    def _check(self, number: int, theory: Theory) -> Outcome:
        checked, peak = self._in_session(theory)
        if checked.failures:
            first = checked.failures[0]
            return self._outcome(
                theory,
                _STATUS[first.kind],
                seconds=checked.seconds,
                peak_mb=peak,
                troubles=tuple(_trouble(theory, one) for one in checked.failures),
                dependents=checked.dependents,
            )
        outcome = self._compiled(number, theory)
        return self._outcome(
            theory,
            outcome.status,
            seconds=checked.seconds + outcome.seconds,
            peak_mb=max(peak, outcome.peak_mb),
            troubles=outcome.troubles,
            assumptions=outcome.assumptions,
        )

    def _in_session(self, theory: Theory) -> tuple[Checked, float]:
        """Run the text in a session; once more in a new one where the prover just died."""
        spent = 0.0
        for attempt in (1, 2):
            with self.server.session() as session:
                checked = check(theory.text, session, self.limits, keep_going=self.keep_going)
                peak = session.process.peak_mb
            spent += checked.seconds
            died = any(one.kind is Kind.DIED for one in checked.failures)
            if attempt == 2 or not died:
                break
        return checked, peak

    def _compiled(self, number: int, theory: Theory) -> Outcome:
        """What `coqc` and the assumptions say of a theory that the session has accepted."""
        if not _MODULE.fullmatch(theory.name):
            raise ValueError(f"not the name of a module: {theory.name!r}")
        # Not in folders of their own: a server sees those alone that are there when it starts.
        file = self.build / f"t{number}_{theory.name}.v"
        file.write_text(theory.text, encoding="utf-8")
        try:
            compiled = self.coqc.compile(file)
        except ProverUnavailableError:
            raise
        except ProverError as error:
            kind = Kind.MEMORY if isinstance(error, ProverMemoryError) else Kind.DIED
            trouble = Trouble(f"{error}; {_ADVICE[kind]}")
            return self._outcome(theory, Status.ERROR, troubles=(trouble,))
        if not compiled.ok:
            status = Status.TIMEOUT if compiled.timed_out else Status.FAILED
            at = compiled.offset or 0
            failure = Failure(Kind.REFUSED, at, at, at, "", compiled.message)
            trouble = locate(theory, failure)
            return self._outcome(
                theory,
                status,
                seconds=compiled.seconds,
                peak_mb=compiled.peak_mb,
                troubles=(trouble,),
            )
        module = f"{GENERATED}.{file.stem}"
        asked = theory.closed or theory.theorem
        try:
            with self.server.session() as session:
                found = assumptions(session, module, asked, self.limits.theory)
        except (AssumptionsUnknownError, ProverError) as error:
            if isinstance(error, ProverUnavailableError):
                raise
            return self._outcome(theory, Status.ERROR, troubles=(Trouble(str(error)),))
        troubles = tuple(self._gaps(theory, found))
        return self._outcome(
            theory,
            Status.ADMITTED if troubles else Status.PROVED,
            seconds=compiled.seconds,
            peak_mb=compiled.peak_mb,
            assumptions=found,
            troubles=troubles,
        )

    def _gaps(self, theory: Theory, assumptions: tuple[str, ...]) -> list[Trouble]:
        """Why a theory that compiles is not proved."""
        found = []
        for violation in violations(theory.text):
            at = violation.offset
            failure = Failure(
                Kind.REFUSED, at, at, at, "", f"the theory contains `{violation.words}`"
            )
            found.append(locate(theory, failure))
        denied = [one for one in assumptions if not self._allowed(one)]
        if denied:
            start = theory.text.find(f" {theory.theorem}") + 1
            mark = theory.mark_at(start)
            found.append(
                Trouble(
                    f"the theorem assumes what is not on the allow-list: {', '.join(denied)}",
                    location=mark.location if mark else None,
                    text=mark.text if mark else "",
                    lemma=theory.theorem,
                    generated=position(theory, start),
                )
            )
        return found

    def _allowed(self, assumption: str) -> bool:
        """Whether it was permitted, by the name that is printed or a longer one of the same; a
        weaker check, which is a sentence and no name, never is."""
        return " " not in assumption and any(
            one == assumption or one.endswith(f".{assumption}") for one in self.allow
        )

    def _outcome(
        self,
        theory: Theory,
        status: Status,
        *,
        seconds: float = 0.0,
        peak_mb: float = 0.0,
        assumptions: tuple[str, ...] = (),
        troubles: tuple[Trouble, ...] = (),
        dependents: tuple[str, ...] = (),
    ) -> Outcome:
        return replace(
            blank_outcome(theory, status),
            seconds=round(seconds, 3),
            peak_mb=round(peak_mb, 1),
            assumptions=assumptions,
            troubles=troubles,
            dependents=dependents,
            prover=self.prover,
            key=self.key(theory),
        )


def blank_outcome(theory: Theory, status: Status, message: str = "") -> Outcome:
    """An outcome of now for a theory that no prover has seen; ``message`` says why."""
    return Outcome(
        fragment=theory.name,
        theorem=theory.theorem,
        source=theory.source,
        status=status,
        closed=theory.closed,
        assuming=theory.assuming,
        path=str(Path(theory.source).absolute()),
        digest=theory.digest,
        troubles=(Trouble(message),) if message else (),
        expect=theory.expect,
        when=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _trouble(theory: Theory, failure: Failure) -> Trouble:
    trouble = locate(theory, failure)
    advice = _ADVICE.get(failure.kind)
    if advice is None:
        return trouble
    return replace(trouble, message=f"{trouble.message}; {advice}")
