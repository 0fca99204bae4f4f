# SPDX-License-Identifier: Apache-2.0
"""A SerAPI session: sentences are added, executed, taken back, and asked about.

Every command carries a tag, so that an answer that comes late, after an interrupt, is not taken for
the answer to something else.  Feedback is kept by the sentence it is about, never by its order.
"""

from __future__ import annotations

import textwrap
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, Self

from rocqgen.rocq import answers
from rocqgen.rocq.limits import ProverDiedError, ProverHungError
from rocqgen.rocq.sexp import Symbol, dump, parse

if TYPE_CHECKING:
    from types import TracebackType

    from rocqgen.rocq.answers import Added, Feedback, RocqError
    from rocqgen.rocq.process import Process
    from rocqgen.rocq.sexp import Command, Sexp

_GRACE = 1.0
"""Seconds that an interrupted prover has to answer, each of three times, before it is killed."""

INTERRUPTED = answers.RocqError("interrupted", None, "Sys.Break")


@dataclass(frozen=True, slots=True)
class Reply:
    """All answers to one command, and whether it ran out of time and was interrupted."""

    bodies: tuple[list[Sexp], ...]
    timed_out: bool = False

    @property
    def error(self) -> RocqError | None:
        """The first error among the answers."""
        for body in self.bodies:
            if body[0] == "CoqExn":
                return answers.read_error(body)
        return INTERRUPTED if self.timed_out else None


class Session:
    """One conversation with one sertop process; not to be shared between threads.

    Every method takes the number of seconds it may use, and raises ProverError (died, hung, out of
    memory) when the process is of no further use, Cancelled when the run was ended by the user.
    """

    def __init__(self, process: Process) -> None:
        """Speak to ``process``, which it then owns."""
        self.process = process
        self.feedback: defaultdict[int, list[Feedback]] = defaultdict(list)
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        self.process.close()

    def add(self, text: str, seconds: float) -> tuple[list[Added], RocqError | None, bool]:
        """Parse ``text``; the sentences up to the first that does not parse, its error, and
        whether the time ran out.  Positions are bytes of ``text`` in UTF-8."""
        reply = self.command((Symbol("Add"), (), text), seconds)
        added = [answers.read_added(body) for body in reply.bodies if body[0] == "Added"]
        return [one for one in added if one is not None], reply.error, reply.timed_out

    def execute(self, sid: int, seconds: float) -> tuple[RocqError | None, bool]:
        """Check a sentence and all before it; its error and whether the time ran out."""
        reply = self.command((Symbol("Exec"), sid), seconds)
        return reply.error, reply.timed_out

    def cancel(self, sid: int, seconds: float = 30.0) -> RocqError | None:
        """Take back a sentence and all after it."""
        return self.command((Symbol("Cancel"), (sid,)), seconds).error

    def goals(self, sid: int, seconds: float = 30.0) -> str | None:
        """The open goals after an executed sentence, as the prover itself shows them; None outside
        a proof, a text without a rule where the proof is finished but not closed.

        SerAPI's own ``Query Goals`` prints coercions, reverses the hypotheses, and shifts the lines
        of an Iris goal; ``Show`` does not.
        """
        text, error = self.query(sid, "Show.", seconds)
        if error is not None:
            return None
        lines = [line.rstrip() for line in textwrap.dedent(text).splitlines()]
        return "\n".join(lines).strip("\n")

    def query(
        self, sid: int, sentence: str, seconds: float = 60.0, *, notes: bool = True
    ) -> tuple[str, RocqError | None]:
        """Run a vernacular query, such as ``Print Assumptions``, after an executed sentence; what
        it prints, without what it notes beside its answer where ``notes`` is False, and its error.
        The document stays as it is."""
        seen = len(self.feedback[sid])
        # PpStr: the default answers with the whole structure of what is printed.
        pretty = (Symbol("pp"), ((Symbol("pp_format"), Symbol("PpStr")),))
        options = ((Symbol("sid"), sid), pretty)
        reply = self.command((Symbol("Query"), options, (Symbol("Vernac"), sentence)), seconds)
        levels = {"Notice", "Info"} if notes else {"Notice"}
        said = [
            one.text
            for one in self.feedback[sid][seen:]
            if one.kind == "Message" and one.level in levels
        ]
        return "\n".join(said), reply.error

    def command(self, command: Command, seconds: float) -> Reply:
        """Send one command and collect its answers; at the end of the time interrupt it."""
        tag = self._send(command, seconds)
        return self._collect(tag, time.monotonic() + seconds)

    def raw(self, command: Command, until: str, seconds: float) -> list[Sexp]:
        """Send a command that has no tag and give the first message whose head is ``until``."""
        deadline = time.monotonic() + seconds
        if not self.process.write(dump(command).encode() + b"\n", deadline):
            self._give_up(seconds)
        while True:
            message = self._next(deadline)
            if message is None:
                self._give_up(seconds)
            elif message[:1] == [until]:
                return message

    def _send(self, command: Command, seconds: float) -> str:
        tag = f"q{self._count}"
        self._count += 1
        line = dump((Symbol(tag), command)).encode() + b"\n"
        if not self.process.write(line, time.monotonic() + seconds):
            self._give_up(seconds)
        return tag

    def _collect(self, tag: str, deadline: float) -> Reply:
        began = time.monotonic()
        bodies: list[list[Sexp]] = []
        tags, attempts = {tag}, 0
        while True:
            message = self._next(deadline)
            if message is None:
                if attempts == 3:
                    self._give_up(time.monotonic() - began)
                # A break that arrives between two commands swallows one without any answer.  The
                # empty command behind it tells that the prover listens again.
                attempts += 1
                self.process.interrupt()
                tags.add(self._send(Symbol("Noop"), _GRACE))
                deadline = time.monotonic() + _GRACE
            elif message[:1] == ["Answer"] and len(message) == 3 and message[1] in tags:
                body = message[2]
                if isinstance(body, list) and message[1] == tag:
                    bodies.append(body)
                elif body == "Completed" and (attempts == 0 or message[1] != tag):
                    return Reply(tuple(bodies), timed_out=attempts > 0)

    def _next(self, deadline: float) -> list[Sexp] | None:
        """The next message; feedback is filed on the way."""
        while True:
            data = self.process.read_message(deadline)
            if data is None:
                return None
            message = parse(data)
            if not isinstance(message, list):
                continue
            if message[:1] == ["Feedback"]:
                one = answers.read_feedback(message)
                if one is not None and one.kind in {"Message", "AddedAxiom"}:
                    self.feedback[one.sid].append(one)
                continue
            if message[:1] == ["Of_sexp_error"]:
                self.close()
                raise ProverDiedError(f"the prover does not understand a command: {message}")
            return message

    def _give_up(self, seconds: float) -> NoReturn:
        self.close()
        raise ProverHungError(f"the prover gave no answer within {seconds:.0f} s and was killed")
