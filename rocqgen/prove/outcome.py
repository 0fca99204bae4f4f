# SPDX-License-Identifier: Apache-2.0
"""What became of a theorem."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from rocqgen.source.location import Location


class Status(StrEnum):
    """The verdict on a theorem."""

    PROVED = "proved"
    """Session and `coqc` accept it, and it assumes nothing that is not on the allow-list."""
    FAILED = "failed"
    """The prover refuses the theorem or a lemma on the way to it, or there is a counterexample."""
    VACUOUS = "vacuous"
    """No state satisfies the precondition, which therefore proves anything: not tried."""
    ADMITTED = "admitted"
    """Accepted, but something in it was assumed and not proved."""
    TIMEOUT = "timeout"
    ERROR = "error"
    """The prover was missing, died, or ran out of memory: nothing is known about the theorem."""
    SKIPPED = "skipped"
    """Not tried, because something before it failed and the run was to stop there."""
    CANCELLED = "cancelled"
    """The user ended the run before there was a verdict."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that went wrong, at the assembly line it stems from.

    ``text`` is that line's instruction or fact; ``lemma`` the statement whose proof failed;
    ``sentence`` and ``generated`` are what the prover refused and where it stands in the generated
    file.  ``location`` is None where the theory has no mark for the place.
    """

    message: str
    location: Location | None = None
    text: str = ""
    role: str = ""
    goal: str | None = None
    lemma: str | None = None
    sentence: str = ""
    generated: Location | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict on one fragment's theorem, and what it took.

    ``source`` is the assembly as the user gave it, ``path`` the same absolute, ``digest`` the
    SHA-256 of its bytes.
    ``when`` is UTC in ISO 8601; ``seconds`` wall-clock time in the prover, ``peak_mb`` its resident
    memory in MB with the library; ``assumptions`` are axioms by name, weaker checks by a sentence;
    ``dependents`` lemmas that lean on a failed one.  ``expect`` is the line at which a wrong twin
    must fail.  ``closed`` is the theorem about the bare machine at a concrete state that was
    checked with it, if there was one.  ``assuming`` names the contracts of other code that are
    premises of the theorem.  ``key`` hashes everything that the verdict depends on.
    ``check`` is what the pre-check said, as JSON (`rocqgen.check.Result`); None where it was not
    asked.
    """

    fragment: str
    theorem: str
    source: str
    status: Status
    path: str = ""
    digest: str = ""
    seconds: float = 0.0
    peak_mb: float = 0.0
    assumptions: tuple[str, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    dependents: tuple[str, ...] = ()
    expect: Location | None = None
    prover: str = ""
    key: str = ""
    when: str = ""
    closed: str | None = None
    assuming: tuple[str, ...] = ()
    check: dict[str, Any] | None = field(default=None, hash=False)
    cached: bool = field(default=False, compare=False)

    @property
    def first(self) -> Trouble | None:
        """The trouble that came first in the theory."""
        return self.troubles[0] if self.troubles else None

    @property
    def refuted(self) -> bool:
        """Whether the pre-check settled this, and no prover was started for it."""
        return self.first is not None and self.first.role == "check"

    @property
    def location(self) -> Location | None:
        """The assembly line of the first trouble."""
        return self.first.location if self.first else None

    @property
    def good(self) -> bool:
        """Whether this is as it should be: proved, or for a wrong twin failed at its line."""
        if self.expect is None:
            return self.status is Status.PROVED
        return self.status is Status.FAILED and _same_line(self.location, self.expect)

    @property
    def words(self) -> str:
        """The status, with the contracts that a theorem has as premises: never plainly proved."""
        if self.status is Status.PROVED and self.assuming:
            return f"{self.status.value}, assuming {', '.join(self.assuming)}"
        return self.status.value

    @property
    def verdict(self) -> str:
        """The status in words, with what was expected where something was."""
        if self.expect is None:
            return self.words
        if self.good:
            return f"failed as expected at line {self.expect.line}"
        if self.status is Status.FAILED and self.location is not None:
            at = f"line {self.location.line}"
            if self.location.file != self.expect.file:
                at += f" of {self.location.file}"
            return f"failed at {at}, expected at line {self.expect.line}"
        return f"{self.status.value}, expected to fail at line {self.expect.line}"

    def to_json(self) -> dict[str, Any]:
        """The outcome as JSON values; `from_json` reads it back."""
        return {**asdict(self), "status": self.status.value}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Outcome:
        """Read what `to_json` gave; KeyError, TypeError or ValueError for anything else."""
        troubles = tuple(
            Trouble(
                **{
                    **trouble,
                    "location": _location(trouble["location"]),
                    "generated": _location(trouble["generated"]),
                }
            )
            for trouble in value["troubles"]
        )
        return cls(
            **{
                **value,
                "status": Status(value["status"]),
                "assumptions": tuple(value["assumptions"]),
                "dependents": tuple(value["dependents"]),
                "assuming": tuple(value.get("assuming", ())),
                "troubles": troubles,
                "expect": _location(value["expect"]),
            }
        )


def _location(value: dict[str, Any] | None) -> Location | None:
    return None if value is None else Location(**value)


def _same_line(one: Location | None, other: Location) -> bool:
    return one is not None and (one.file, one.line) == (other.file, other.line)
