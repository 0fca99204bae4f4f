# SPDX-License-Identifier: Apache-2.0
"""A counterexample as text: the line that is blamed, the state on entry, and the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rocqgen.check.result import Line, Result, Row, Story


def render_result(result: Result) -> str:
    """What is to be said of a result behind its line; empty if nothing."""
    lines: list[str] = []
    if result.story is not None:
        lines += render_story(result.story)
    elif result.core:
        lines += _vacuous(result)
    elif result.reason:
        lines.append(f"{result.source}: {result.fragment}")
        lines.append(f"  {result.verdict.value}: {result.reason}")
    if result.oracle:
        lines.append(f"  the oracle disagrees, which is a defect of rocqgen: {result.oracle}")
    return "\n".join(lines)


def _vacuous(result: Result) -> Iterator[str]:
    first = result.core[0].location
    yield f"{first.file}:{first.line}: the precondition of {result.fragment}"
    yield "  vacuous: no state satisfies it; these parts contradict each other:"
    for why in result.core:
        yield f"    line {why.location.line}: {why.text}"


def render_story(story: Story) -> Iterator[str]:
    """A failed run, line by line; the first is ``file:line: instruction``."""
    yield f"{story.location.file}:{story.location.line}: {story.text}"
    if story.part:
        at = f" (line {story.part_location.line})" if story.part_location else ""
        yield f"  {story.verdict.value}: at {story.place}, {story.part} is false{at}"
        yield f"    expected {story.expected}"
        yield f"    found    {story.found}"
    else:
        yield f"  {story.verdict.value}: {story.message}"
    yield from render_state(story)


def render_state(story: Story) -> Iterator[str]:
    """The state on entry and the run."""
    yield f"  on entry ({story.settings}):"
    yield from _rows("registers", story.registers, equals=True)
    yield from _rows("memory", story.memory, equals=True)
    yield from _rows("pages", story.pages, equals=False)
    yield "  run:"
    yield from _trace(story.trace)


def _rows(title: str, rows: Sequence[Row], *, equals: bool) -> Iterator[str]:
    if not rows:
        return
    what = max(len(row.what) for row in rows)
    width = max(len(row.value) for row in rows)
    sign = "=" if equals else "->"
    for number, row in enumerate(rows):
        head = title if number == 0 else ""
        line = f"    {head:<9}  {row.what:<{what}} {sign} {row.value:<{width}}"
        yield (f"{line}  {row.about}" if row.about else line).rstrip()


def _trace(lines: Sequence[Line]) -> Iterator[str]:
    number = max((len(str(line.location.line)) for line in lines), default=0)
    width = min(36, max((len(line.text) for line in lines), default=0))
    for line in lines:
        effects = "; ".join(line.effects)
        yield f"    {line.location.line:>{number}}  {line.text:<{width}}  {effects}".rstrip()
