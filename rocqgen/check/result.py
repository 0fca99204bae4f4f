# SPDX-License-Identifier: Apache-2.0
"""What the pre-check says of a fragment."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from rocqgen.source.location import Location


class Verdict(StrEnum):
    """What became of the states that were run."""

    OK = "ok"
    """The postcondition held in all of them."""
    COUNTEREXAMPLE = "counterexample"
    """A run reached an exit whose postcondition is false."""
    FAULT = "fault"
    """A run faulted, left the code, or touched what the precondition does not give."""
    VACUOUS = "vacuous"
    """No state satisfies the precondition: any theorem about it is true, and useless."""
    UNKNOWN = "unknown"
    """No state was found, or no run came to an end, in the time that there was."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a trace: the source's line, its text, and what the instruction did."""

    location: Location
    text: str
    effects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """Something of the state on entry: what it is, its value, and what the annotation calls it."""

    what: str
    value: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """A failed run as text: the state on entry as far as it matters, and the instructions.

    `location` and `text` are the instruction that is blamed; `part` is the part of the
    postcondition that is false, at `part_location`, with the value that was `expected` and the one
    that was `found`; without one, `message` tells the fault.
    """

    verdict: Verdict
    message: str
    location: Location
    text: str
    settings: str
    registers: tuple[Row, ...]
    pages: tuple[Row, ...]
    memory: tuple[Row, ...]
    trace: tuple[Line, ...]
    part: str = ""
    part_location: Location | None = None
    expected: str = ""
    found: str = ""
    place: str = "the exit"

    def to_json(self) -> dict[str, Any]:
        """JSON values; `from_json` reads them back."""
        return {**asdict(self), "verdict": self.verdict.value}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Story:
        """Read what `to_json` gave; KeyError, TypeError or ValueError for anything else."""
        rows = {
            name: tuple(Row(**one) for one in data[name])
            for name in ("registers", "pages", "memory")
        }
        trace = tuple(
            Line(Location(**one["location"]), one["text"], tuple(one["effects"]))
            for one in data["trace"]
        )
        part = data["part_location"]
        return cls(
            **{
                **data,
                **rows,
                "verdict": Verdict(data["verdict"]),
                "location": Location(**data["location"]),
                "trace": trace,
                "part_location": None if part is None else Location(**part),
            }
        )


@dataclass(frozen=True, slots=True)
class Why:
    """A part of the precondition in a contradiction."""

    location: Location
    text: str


@dataclass(frozen=True, slots=True)
class Result:
    """The verdict on one fragment.

    `states` were run, by the choices of `seed`; `seconds` is wall-clock time.  `expect` is the line
    at which a wrong twin must fail.  `choice` is what determines the failing state, as JSON;
    `reason` why nothing is known; `core` the contradiction in a vacuous precondition.
    """

    fragment: str
    source: str
    digest: str
    verdict: Verdict
    states: int = 0
    seed: int = 0
    seconds: float = 0.0
    expect: Location | None = None
    story: Story | None = None
    choice: dict[str, Any] | None = None
    core: tuple[Why, ...] = ()
    reason: str = ""
    oracle: str = ""

    @property
    def failed(self) -> bool:
        """Whether a run went wrong."""
        return self.verdict in {Verdict.COUNTEREXAMPLE, Verdict.FAULT}

    @property
    def location(self) -> Location | None:
        """The line that is blamed."""
        return self.story.location if self.story else None

    @property
    def good(self) -> bool:
        """Whether this is as it should be: ok, or for a wrong twin failed at its line."""
        if self.oracle:
            return False
        if self.expect is None:
            return self.verdict is Verdict.OK
        at = self.location
        here = at is not None and (at.file, at.line) == (self.expect.file, self.expect.line)
        return self.failed and here

    @property
    def words(self) -> str:
        """The verdict in words, with what was expected where something was."""
        if self.expect is None:
            return self.verdict.value
        if self.good:
            return f"failed as expected at line {self.expect.line}"
        if self.failed and self.location is not None:
            return f"failed at line {self.location.line}, expected at line {self.expect.line}"
        return f"{self.verdict.value}, expected to fail at line {self.expect.line}"

    def to_json(self) -> dict[str, Any]:
        """JSON values, with `good` and the verdict in words."""
        return {
            "fragment": self.fragment,
            "source": self.source,
            "digest": self.digest,
            "verdict": self.verdict.value,
            "good": self.good,
            "words": self.words,
            "states": self.states,
            "seed": self.seed,
            "seconds": self.seconds,
            "expect": None if self.expect is None else asdict(self.expect),
            "counterexample": None if self.story is None else self.story.to_json(),
            "choice": self.choice,
            "core": [asdict(one) for one in self.core],
            "reason": self.reason,
            "oracle": self.oracle,
        }
