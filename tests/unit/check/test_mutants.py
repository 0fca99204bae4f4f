# SPDX-License-Identifier: Apache-2.0
"""The harness that counts killed mutants: what it changes, and how it judges."""

from __future__ import annotations

from pathlib import Path

from bench.mutants import holds, mutants, run
from rocqgen.check.search import Options
from rocqgen.source import load_fragments

EXAMPLES = Path(__file__).parents[3] / "examples"


def test_each_mutant_differs_in_one_place() -> None:
    source = "a:\n    movq 8(%rdi), %rax  # x\n    addq $3, %rax\n"
    found = {(one.kind, one.line, one.text) for one in mutants(source, [2, 3])}
    assert ("offset", 2, "movq 16(%rdi), %rax") in found
    assert ("register", 2, "movq 8(%rax), %rax") in found
    assert ("constant", 3, "addq $-4, %rax") in found
    assert ("operation", 3, "subq $3, %rax") in found
    assert ("left out", 3, "(left out)") in found
    assert ("order", 2, "addq $3, %rax") in found
    for one in mutants(source, [2, 3]):
        changed = [
            a != b for a, b in zip(source.splitlines(), one.source.splitlines(), strict=True)
        ]
        assert sum(changed) == (2 if one.kind == "order" else 1)


def test_the_judge_knows_right_from_wrong() -> None:
    (right,) = load_fragments(EXAMPLES / "kernel" / "account.s")
    (wrong,) = load_fragments(EXAMPLES / "kernel" / "account.wrong-clobber.s")
    assert holds(right) == (True, "")
    assert not holds(wrong)[0]


def test_every_fault_of_the_trampoline_is_caught(tmp_path: Path) -> None:
    file = EXAMPLES / "trampoline" / "trampoline.s"
    tally = run(file, tmp_path, Options(simplify=False))
    assert tally.counts["killed"] > 100
    assert tally.counts["equivalent"] > 0
    assert (tally.survivors, tally.disputed) == ([], [])
