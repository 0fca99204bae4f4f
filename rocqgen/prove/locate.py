# SPDX-License-Identifier: Apache-2.0
"""From a place in a generated theory back to the assembly line that it stems from.

The engine's call stands for a whole block, so its mark can only tell the block.  It fails with
``rocqgen-stuck <offset> <why>``, where the offset in bytes is that of an instruction, whose own
line is meant; or with ``rocqgen-missing <what>``, where the final state lacks a part of the
postcondition.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rocqgen.emit.theory import Role
from rocqgen.prove.explain import explain
from rocqgen.prove.outcome import Trouble
from rocqgen.source.location import Location

if TYPE_CHECKING:
    from rocqgen.emit.theory import Theory
    from rocqgen.rocq.document import Failure

# The prover breaks lines where it likes, may put the whole in quotes, may print a number in
# parentheses and with a scope, and adds "(level n)" and a full stop.
_STUCK = re.compile(
    r"rocqgen-stuck[\"']?\s*\(?\s*(\d+)\s*(?:%\w+)?\s*\)?\s*(?:%\w+)?\s*[:,;]?(.*)", re.DOTALL
)
_MISSING = re.compile(r"rocqgen-missing[\"']?\s*(.*)", re.DOTALL)
# Of these reasons the emitter knows more than the engine, if it was stuck as well.
_FORESEEN = re.compile(r"\(?(?:OutOfFuel|BadHint|Needs|NotAtEntry|CalleeCode|OutOfScope)\b")
_TAIL = re.compile(r"(?:\s+|\(level \d+\)|\"(?:%\w+)?|\.)+\Z")


@dataclass(frozen=True, slots=True)
class Stuck:
    """The engine's message: the offset of the instruction it can't execute, and the reason."""

    offset: int
    why: str


def read_stuck(message: str) -> Stuck | None:
    """Find the engine's message in an error's text; of several the first."""
    match = _STUCK.search(message)
    if match is None:
        return None
    rest = match[2].split("rocqgen-stuck")[0]
    why = " ".join(_TAIL.sub("", rest).strip(" \n\t\"'").split())
    return Stuck(int(match[1]), why)


def locate(theory: Theory, failure: Failure) -> Trouble:
    """The failure as the user sees it: the assembly line, what stands there, and the goal."""
    mark = theory.mark_at(failure.offset) or theory.mark_at(failure.start)
    location = mark.location if mark else None
    text = mark.text if mark else ""
    message = failure.message
    stuck = read_stuck(failure.message)
    part = theory.part_at(failure.offset)
    missing = _MISSING.search(failure.message)
    if stuck is not None:
        foreseen = part.foreseen if _FORESEEN.match(stuck.why) else ""
        message = (
            foreseen
            or explain(stuck.why, part.words)
            or "the engine cannot execute this instruction"
        )
        step = next((one for one in part.instrs if one.offset == stuck.offset), None)
        if step is not None:
            location, text = step.location, step.text
        else:
            message += f" (at offset {stuck.offset})"
    elif missing is not None:
        message = part.foreseen or explain(_TAIL.sub("", missing[1]), part.words)
    elif "rocqgen-fact" in failure.message:
        message = (
            "this fact was not found to be true; correct the code or the annotation, or prove it in"
            " its region of the theory: rocqgen gen -o proofs writes one, beside the source"
        )
    elif mark is not None and mark.role is Role.CLOSED:
        message = (
            "the theorem is accepted, but not at the concrete state that the pre-check found;"
            f" please report it (--no-check proves without such a state): {message}"
        )
    return Trouble(
        message=message,
        location=location,
        text=text,
        role=mark.role.value if mark else "",
        goal=failure.goal and first_goal(failure.goal),
        lemma=failure.lemma,
        sentence=failure.sentence,
        generated=position(theory, failure.offset),
    )


def first_goal(text: str) -> str:
    """Of what ``Show`` prints, the goal that is in focus, without the list of the others."""
    shown = re.split(r"\n\s*\n\s*goal 2 is:", text)[0]
    return re.sub(r"\A\s*\d+ goals?\s*\n(?:\s*\n)?", "", shown).rstrip()


def position(theory: Theory, offset: int) -> Location:
    """Line and column of a character of the generated text."""
    before = theory.text[:offset]
    line = before.count("\n") + 1
    return Location(f"{theory.name}.v", line, offset - (before.rfind("\n") + 1) + 1)
