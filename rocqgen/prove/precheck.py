# SPDX-License-Identifier: Apache-2.0
"""Checks fragments on concrete states before any prover starts.

What has a counterexample is not proved, and a precondition that no state satisfies proves
everything: both are settled here, in milliseconds.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from rocqgen import __version__
from rocqgen.check import Verdict
from rocqgen.check.limits import SECONDS, STATES, VERSION
from rocqgen.check.witness import Witness
from rocqgen.prove.check import blank_outcome
from rocqgen.prove.outcome import Outcome, Status, Trouble
from rocqgen.prove.workers import mapped
from rocqgen.source.location import Location

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rocqgen.check import Result
    from rocqgen.emit.theory import Theory
    from rocqgen.source.spec import Fragment


@dataclass(slots=True)
class Prechecked:
    """By the number of the theory: what the check said, and the outcomes that it settles."""

    checks: dict[int, dict[str, Any]] = field(default_factory=dict)
    settled: dict[int, Outcome] = field(default_factory=dict)
    interrupted: bool = False


def precheck(
    fragments: Sequence[Fragment],
    theories: Sequence[Theory],
    *,
    known: Mapping[str, dict[str, Any]],
    keep_going: bool = True,
    jobs: int = 1,
    on_outcome: Callable[[Outcome], None] = lambda _outcome: None,
) -> Prechecked:
    """Check each fragment, ``jobs`` at once; ``known`` has earlier answers by their keys.

    A wrong twin goes to the prover whatever is found, for there it must fail.  Ctrl-C gives what
    there is, and so does a failure where the run is not to go on behind one.
    """
    done = Prechecked()
    earlier = [known.get(key(fragment)) for fragment in fragments]
    new = [one for one, answer in zip(fragments, earlier, strict=True) if answer is None]
    answers = mapped(_check, new, jobs)
    try:
        for number, (theory, answer) in enumerate(zip(theories, earlier, strict=True)):
            done.checks[number] = found = answer or next(answers)
            outcome = _settle(theory, found)
            if outcome is not None:
                done.settled[number] = outcome
                on_outcome(outcome)
                if not keep_going:
                    break
    except KeyboardInterrupt:
        done.interrupted = True
    finally:
        answers.close()
    return done


def key(fragment: Fragment) -> str:
    """A hash of all that the check's answer depends on."""
    value = [__version__, VERSION, STATES, SECONDS, repr(fragment)]
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def _check(fragment: Fragment) -> dict[str, Any]:
    from rocqgen.check.closing import find_witness  # noqa: PLC0415 - slow to import
    from rocqgen.check.search import check  # noqa: PLC0415 - slow to import

    result = check(fragment)
    witness = None
    if result.verdict is Verdict.OK and fragment.expect is None:
        witness = find_witness(fragment)
    return {
        **result.to_json(),
        "key": key(fragment),
        "message": _message(result),
        "witness": witness and witness.to_json(),
    }


def witness_of(answer: Mapping[str, Any] | None) -> Witness | None:
    """The state that a check has found to close the theorem at, if it has found one."""
    found = answer and answer.get("witness")
    return Witness.from_json(found) if found else None


def _message(result: Result) -> str:
    """What the check found wrong, in a sentence; empty if nothing."""
    story = result.story
    if story is not None and story.part:
        at = f" (line {story.part_location.line})" if story.part_location else ""
        return (
            f"on a concrete state, {story.part}{at} is false at {story.place}: expected "
            f"{story.expected}, found {story.found}"
        )
    if story is not None:
        return f"on a concrete state, {story.message}"
    if result.core:
        parts = "".join(f"\n  line {one.location.line}: {one.text}" for one in result.core)
        return f"no state satisfies the precondition, so it proves everything:{parts}"
    return ""


def _settle(theory: Theory, answer: dict[str, Any]) -> Outcome | None:
    """The outcome that needs no prover, if the check gives one."""
    if answer["verdict"] == "vacuous":
        status = Status.VACUOUS
    elif answer["verdict"] in {"counterexample", "fault"} and theory.expect is None:
        status = Status.FAILED
    else:
        return None
    trouble = Trouble(answer["message"], role="check")
    story = answer["counterexample"]
    at = story["location"] if story else answer["core"][0]["location"] if answer["core"] else None
    if at is not None:
        text = story["text"] if story else f"the precondition of {answer['fragment']}"
        trouble = replace(trouble, location=_location(at), text=text)
    outcome = blank_outcome(theory, status)
    return replace(outcome, seconds=answer["seconds"], troubles=(trouble,), check=answer)


def _location(value: dict[str, Any]) -> Location:
    return Location(value["file"], value["line"], value["column"])
