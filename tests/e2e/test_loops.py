# SPDX-License-Identifier: Apache-2.0
"""Loops and calls by the real prover: what is proved, what is assumed, and who is blamed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.rocq, pytest.mark.usefixtures("library")]

COUNT = """\
#@ spec forall r : root, a n sp0 ra : word, q : fraction space r
#@   requires rax |->r a * rcx |->r n * rsp |->r sp0 * sp0 |->v ra * code{q} * n != 0 * n < 9
#@   exit ra
#@   ensures rax |->r a + n * rcx |->r 0 * rsp |->r sp0 + 8 * sp0 |->v ra * code{q}
count:
    nop
#@ invariant exists s i : word
#@   holds rax |->r s * rcx |->r i * s + i = a + n * i != 0 * rsp |->r sp0
#@   * sp0 |->v ra * code{q}
around:
    addq $1, %rax
    subq $1, %rcx
    jne around
    ret
    .size count, . - count
"""

THREE = """\
#@ spec forall r : root, a sp0 ra : word, q : fraction space r
#@   requires rax |->r a * rcx |->r _ * rsp |->r sp0 * sp0 |->v ra * sp0 - 8 |->v _ * code{q}
#@   exit ra
#@   ensures rax |->r a + 3 * rsp |->r sp0 + 8 * sp0 |->v ra * code{q}
three:
    movl $3, %ecx
    call count
    ret
    .size three, . - three
"""

ASSUME = """\
#@ assume step
#@   forall r : root, x sp1 back : word
#@   space r
#@   requires rax |->r x * rsp |->r sp1 * sp1 |->v back * x < 9
#@   exit back exists y : word
#@   ensures rax |->r y * y < 10 * rsp |->r sp1 + 8 * sp1 |->v back
"""

STEPS = """\
#@ spec forall r : root, step sp0 ra : word, q : fraction space r
#@   requires rax |->r _ * rbx |->r step * rsp |->r sp0 * sp0 |->v ra * sp0 - 8 |->v _ * code{q}
#@   exit ra exists z : word
#@   ensures rax |->r z * z < 11 * rsp |->r sp0 + 8 * sp0 |->v ra * code{q}
steps:
    movl $5, %eax
    call *%rbx
    addq $1, %rax
    ret
    .size steps, . - steps
"""

SOURCE = f"    .text\n{COUNT}\n{THREE}\n{ASSUME}\n{STEPS}"


def prove(folder: Path, text: str, *more: str) -> tuple[str, dict[str, dict[str, object]]]:
    """What is printed, and the outcomes by the names of fragments."""
    (folder / "f.s").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "rocqgen", "prove", "--no-cache", "--json", "out.json"]
    done = subprocess.run(
        [*command, *more, "f.s"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    found = json.loads((folder / "out.json").read_text(encoding="utf-8"))["outcomes"]
    return done.stdout + done.stderr, {
        one["theorem"].removesuffix("_correct"): one for one in found
    }


def test_loops_and_calls_are_proved(tmp_path: Path) -> None:
    shown, outcomes = prove(tmp_path, SOURCE)
    verdicts = {name: one["verdict"] for name, one in outcomes.items()}
    assert verdicts == {
        "count": "proved",
        "three": "proved",
        "steps": "proved, assuming step",
    }, shown
    assert all(one["assumptions"] == [] for one in outcomes.values())
    # Closed on a machine, with the code of what is called.
    assert [name for name, one in outcomes.items() if one["closed"]] == ["count", "three"]
    assert "proved, assuming step steps_correct" in shown
    assert "2 proved, 1 proved under assumptions" in shown


# The part, what is changed in it, and the instruction that is blamed with the words for it.  More
# of them are in tests/unit/emit, without a prover.
WRONG = {
    "lost": (COUNT, "subq $1, %rcx", "subq $2, %rcx", "jne", "invariant: s + i = a + n"),
    "gone": (COUNT, "holds rax", "holds rdx |->r s * rax", "nop", "invariant: rdx |->r s"),
    "none": (THREE, "movl $3", "movl $0", "call", "count requires n != 0"),
    "full": (THREE, "* sp0 - 8 |->v _ ", "", "call", "nothing is known of the word at sp0 - 8"),
    "high": (STEPS, "z < 11", "z < 10", "ret", "z < 10"),
    "arg": (STEPS, "movl $5", "movl $9", "call", "step requires x < 9"),
}


def renamed(text: str, name: str) -> str:
    for label in ("count:", "around", "three", "steps", ". - count", "size count"):
        text = text.replace(label, label.replace("count", name).replace("around", f"{name}_around"))
    return text.replace("three", name).replace("steps", name)


def test_who_is_to_blame(tmp_path: Path) -> None:
    parts = ["    .text", COUNT, ASSUME]
    for name, (part, old, new, *_) in WRONG.items():
        assert old in part
        parts.append(renamed(part.replace(old, new), name))
    text = "\n".join(parts)
    shown, outcomes = prove(tmp_path, text, "--no-check")
    assert outcomes.pop("count")["verdict"] == "proved"
    lines = text.split("\n")
    for name, (*_, instruction, words) in WRONG.items():
        trouble = outcomes[name]["troubles"][0]  # type: ignore[index]
        assert outcomes[name]["verdict"] == "failed"
        line = lines[trouble["location"]["line"] - 1]
        said = trouble["text"] + trouble["message"]
        assert (name, line.split()[0][:4]) == (name, instruction[:4]), shown
        assert words in said, shown
