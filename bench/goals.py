# SPDX-License-Identifier: Apache-2.0
"""What the measurements are held against."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.examples import Cost
    from bench.measure import Row
    from bench.precheck import Checked
    from bench.proofs import Tally
    from bench.whole import LibraryBuild, Prove

MS_PER_INSTRUCTION: Final = 0.1
SECONDS_PER_BLOCK: Final = 0.1
FACTS: Final = 30
TIMES_THE_SCRIPT: Final = 100
LIBRARY_SECONDS: Final = 240
WARM_SECONDS: Final = 10
CHECK_SECONDS: Final = 1
EXAMPLE_MS: Final = 1
EXAMPLE_SECONDS: Final = 0.3
EXAMPLES_SECONDS: Final = 30
MUTANTS: Final = 200


def judge(
    rows: Sequence[Row],
    build: LibraryBuild | None,
    runs: Sequence[Prove],
    checked: Sequence[Checked] = (),
    costs: Sequence[Cost] = (),
    tallies: Sequence[Tally] = (),
) -> list[tuple[str, bool]]:
    """Each goal that was measured, with the worst figure, and whether it is reached."""
    return [
        *_blocks(rows),
        *_whole(build, runs),
        *_checked(checked),
        *_examples(costs),
        *_mutants(tallies),
    ]


def _blocks(rows: Sequence[Row]) -> Iterator[tuple[str, bool]]:
    measured = [row for row in rows if not row.engine.problem]
    # Fewer instructions take less than the clock's step.
    long = [row for row in measured if row.length >= 100]
    if long:
        worst = max(long, key=lambda row: row.engine_steps / row.length)
        figure = 1000 * worst.engine_steps / worst.length
        text = (
            f"engine, run and Qed: {figure:.3f} ms per instruction at most, in blocks of 100 and "
            f"more ({_name(worst)}); goal {MS_PER_INSTRUCTION} ms"
        )
        yield text, figure <= MS_PER_INSTRUCTION
    blocks = [row for row in measured if row.facts == FACTS]
    for what, left_out in (
        ("run, statement, proof and their Qed", ("code", "data")),
        ("the same with the specification as data", ("code",)),
    ):
        if blocks:
            seconds, worst = max(
                ((_without(row, left_out), row) for row in blocks), key=lambda pair: pair[0]
            )
            text = (
                f"engine, {what}: {seconds:.3f} s per block of {FACTS} facts at most "
                f"({_name(worst)}); goal {SECONDS_PER_BLOCK} s"
            )
            yield text, seconds <= SECONDS_PER_BLOCK
    ratios = [(row.ratio_steps, row) for row in measured if row.ratio_steps is not None]
    if ratios:
        ratio, row = min(ratios, key=lambda pair: pair[0])
        text = (
            f"engine and script, per instruction: {ratio:.0f} times at least ({_name(row)}); "
            f"goal {TIMES_THE_SCRIPT} times"
        )
        yield text, ratio >= TIMES_THE_SCRIPT


def _without(row: Row, parts: Sequence[str]) -> float:
    """Seconds for a block apart from some of its parts."""
    return row.engine.total - sum(row.engine.parts[part] for part in parts)


def _whole(build: LibraryBuild | None, runs: Sequence[Prove]) -> Iterator[tuple[str, bool]]:
    if build is not None:
        yield (
            f"library: {build.seconds:.0f} s; goal {LIBRARY_SECONDS} s",
            build.seconds <= LIBRARY_SECONDS,
        )
    for run in runs:
        if run.name == "warm":
            yield (
                f"warm prove of all examples: {run.seconds:.1f} s; goal {WARM_SECONDS} s",
                run.code == 0 and run.seconds <= WARM_SECONDS,
            )


def _checked(rows: Sequence[Checked]) -> Iterator[tuple[str, bool]]:
    right = [row for row in rows if row.verdict == "ok"]
    if right:
        worst = max(right, key=lambda row: row.seconds)
        text = (
            f"pre-check: {worst.states} states in {worst.seconds:.2f} s at most ({worst.name}); "
            f"goal {CHECK_SECONDS} s"
        )
        yield text, worst.seconds <= CHECK_SECONDS


def _examples(costs: Sequence[Cost]) -> Iterator[tuple[str, bool]]:
    if not costs:
        return
    good = [one for one in costs if not one.sample.problem]
    failed = len(costs) - len(good)
    yield f"examples: {len(good)} of {len(costs)} proved", not failed
    if not good:
        return
    instructions = sum(one.instructions for one in good)
    run = sum(one.ms_per_instruction * one.instructions for one in good) / instructions
    yield (
        f"examples: {run:.2f} ms per instruction, run and Qed, on average; goal {EXAMPLE_MS} ms",
        run <= EXAMPLE_MS,
    )
    whole = sum(one.seconds for one in good)
    block = whole / sum(one.blocks for one in good)
    text = f"examples: {block:.2f} s per basic block on average, statement, facts and proof"
    text += f" ({whole / len(good):.2f} s per theorem)"
    yield f"{text}; goal {EXAMPLE_SECONDS} s", block <= EXAMPLE_SECONDS
    text = f"examples: all {len(good)} theorems in {whole:.1f} s with the library loaded"
    yield f"{text}; goal {EXAMPLES_SECONDS} s", not failed and whole <= EXAMPLES_SECONDS
    by_hand = [one.name for one in good if one.by_hand and not one.name.startswith("buddy/")]
    yield f"examples: proof lines by hand in {by_hand or 'none'} but buddy's region", not by_hand


def _mutants(tallies: Sequence[Tally]) -> Iterator[tuple[str, bool]]:
    if tallies:
        judged = sum(one.total for one in tallies)
        survived = sum(one.counts["survived"] for one in tallies)
        text = f"mutants: {survived} of {judged} survived; goal 0 of {MUTANTS} or more"
        yield text, survived == 0 and judged >= MUTANTS


def _name(row: Row) -> str:
    return f"{row.kind}, {row.length} instructions, {row.facts} facts"
