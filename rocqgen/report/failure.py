# SPDX-License-Identifier: Apache-2.0
"""A failed proof as text: the assembly line and instruction, what is wrong, and the goal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocqgen.check.result import Story
from rocqgen.report.counterexample import render_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rocqgen.prove.outcome import Outcome, Trouble

_GOAL_LINES = 60
"""A goal of more lines is cut; JSON has all of it."""


def render_failure(outcome: Outcome) -> str:
    """All troubles of an outcome, in order; empty where there are none.

    The first line of each is ``file:line: instruction``, as compilers and editors know it.
    """
    parts = ["\n".join(_trouble(outcome, one)) for one in outcome.troubles]
    story = outcome.check["counterexample"] if outcome.refuted and outcome.check else None
    if story:
        parts[0] += "\n" + "\n".join(render_state(Story.from_json(story)))
    if outcome.dependents:
        names = ", ".join(outcome.dependents)
        parts.append(f"  accepted, but on the strength of what failed: {names}")
    return "\n\n".join(parts)


def _trouble(outcome: Outcome, trouble: Trouble) -> Iterator[str]:
    where = trouble.location
    place = f"{where.file}:{where.line}" if where else outcome.source
    yield f"{place}: {trouble.text}" if trouble.text else f"{place}: {outcome.theorem}"
    first, *rest = trouble.message.splitlines() or [""]
    yield f"  {outcome.status.value}: {first}"
    yield from (f"  {line}" for line in rest)
    about = [f"in the proof of {trouble.lemma}"] if trouble.lemma else []
    if trouble.generated is not None:
        about.append(f"at {trouble.generated}")
    if about:
        yield f"  {' '.join(about)}"
    if trouble.goal:
        yield "  goal:"
        lines = trouble.goal.splitlines()
        yield from (f"    {line}".rstrip() for line in lines[:_GOAL_LINES])
        if len(lines) > _GOAL_LINES:
            yield f"    ... {len(lines) - _GOAL_LINES} more lines (--json has them)"
