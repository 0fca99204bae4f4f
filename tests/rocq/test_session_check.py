# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rocqgen.emit.theory import Mark, Role, Step, Theory
from rocqgen.exits import ExitCode
from rocqgen.prove.outcome import Status
from rocqgen.prove.run import exit_code, run
from rocqgen.prove.setup import checker
from rocqgen.prove.store import Store
from rocqgen.rocq.limits import Limits
from rocqgen.source.location import Location

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rocqgen.prove.check import Checker
    from rocqgen.prove.outcome import Outcome
    from rocqgen.rocq.toolchain import Toolchain

pytestmark = pytest.mark.rocq


def theory(
    body: str, *, name: str = "swtch", theorem: str = "t", fail: int | None = None
) -> Theory:
    """A theory in which line ``n`` of the text stems from line ``10 n`` of the assembly."""
    marks, start = [], 0
    for number, line in enumerate(body.splitlines(keepends=True), 1):
        end = start + len(line)
        marks.append(Mark(start, end, Location("a.s", 10 * number), Role.BLOCK, f"insn {number}"))
        start = end
    return Theory(
        name=name,
        text=body,
        theorem=theorem,
        source="a.s",
        digest="0",
        marks=tuple(marks),
        instrs=(Step(Location("a.s", 7), "mov %rax, %cr3"), Step(Location("a.s", 8), "ret", 1)),
        expect=None if fail is None else Location("a.s", fail),
    )


GOOD = theory("(* é ∗ *)\nLemma é : True.\nProof. exact I. Qed.\nLemma t : True. exact é. Qed.\n")


@contextmanager
def make(toolchain: Toolchain, *theories: Theory, **options: object) -> Iterator[Checker]:
    options.setdefault("limits", Limits(20, 20, 2000))
    with checker(toolchain, theories, **options) as ready:  # type: ignore[arg-type]
        yield ready


@pytest.fixture(scope="module")
def ready(toolchain: Toolchain) -> Iterator[Checker]:
    with make(toolchain) as one:
        yield one


def test_proved(ready: Checker) -> None:
    outcome = ready.check(0, GOOD)
    assert (outcome.status, outcome.assumptions, outcome.troubles) == (Status.PROVED, (), ())
    assert outcome.good
    assert outcome.prover == ready.prover
    assert outcome.seconds > 0
    assert outcome.peak_mb > 0


def test_failed_at_the_assembly_line_with_the_goal(ready: Checker) -> None:
    bad = theory(
        "(* ∗∗∗ *)\nLemma t : exists n, n = 3.\nProof.\n  exists 4.\n  reflexivity.\nQed.\n"
    )
    outcome = ready.check(1, bad)
    assert outcome.status is Status.FAILED
    assert not outcome.good
    assert outcome.location == Location("a.s", 50)
    first = outcome.first
    assert first is not None
    assert first.text == "insn 5"
    assert first.goal == "\n  ============================\n  4 = 3".lstrip("\n")
    assert first.generated == Location("swtch.v", 5, 3)
    assert 'Unable to unify "3" with "4"' in first.message


def test_the_engine_s_message_gives_the_instruction(ready: Checker) -> None:
    text = (
        "Lemma t : True.\nProof.\n  let a := constr:(8 + 8) in\n"
        '  fail 0 "rocqgen-stuck" 1 "the stack of the new space is not mapped at" a.\nQed.\n'
    )
    outcome = ready.check(2, theory(text, fail=8))
    first = outcome.first
    assert first is not None
    assert (first.location, first.text) == (Location("a.s", 8), "ret")
    assert first.message == "the stack of the new space is not mapped at (8 + 8)"
    assert outcome.good
    assert outcome.verdict == "failed as expected at line 8"
    assert not replace(outcome, expect=Location("a.s", 7)).good


def test_a_wrong_twin_that_is_proved_is_not_good(ready: Checker) -> None:
    outcome = ready.check(3, replace(GOOD, expect=Location("a.s", 8)))
    assert (outcome.status, outcome.good) == (Status.PROVED, False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Lemma t : False.\nAdmitted.\n", "`Admitted`"),
        ("Lemma a : False.\nProof. admit.\nAdmitted.\nLemma t : False. exact a. Qed.", "`admit`"),
        ("Axiom a : False.\nLemma t : 1 = 2. destruct a. Qed.\n", "`Axiom`"),
        (
            (
                "From Coq Require Classical.\n"
                "Lemma t P : P \\/ ~ P.\nexact (Classical_Prop.classic P). Qed.\n"
            ),
            "Classical_Prop.classic",
        ),
        (
            (
                "Unset Guard Checking.\nFixpoint f (n : nat) : False := f n.\n"
                "Lemma t : False. exact (f 0). Qed.\n"
            ),
            "`Unset Guard Checking`",
        ),
        ("Lemma t : True. exact I. Qed.\n(* fine *) Lemma u : 1 = 2.\nAdmitted.\n", "`Admitted`"),
    ],
)
def test_admitted(ready: Checker, text: str, said: str) -> None:
    outcome = ready.check(4, theory(text))
    assert outcome.status is Status.ADMITTED
    assert any(said in one.message for one in outcome.troubles)
    assert outcome.location is not None


FUNEXT = theory(
    "From Coq Require Import FunctionalExtensionality.\n"
    "Lemma t (f g : nat -> nat) : (forall n, f n = g n) -> f = g.\n"
    "Proof. apply functional_extensionality. Qed.\n"
)


def test_axioms_are_denied_unless_they_are_allowed(toolchain: Toolchain) -> None:
    with make(toolchain, FUNEXT) as ready:
        denied = ready.check(0, FUNEXT)
    assert denied.status is Status.ADMITTED
    (name,) = denied.assumptions
    assert name.endswith("functional_extensionality_dep")
    for allow in (name, f"Coq.Logic.{name}"):
        with make(toolchain, FUNEXT, allow=frozenset({allow})) as ready:
            outcome = ready.check(0, FUNEXT)
        assert (outcome.status, outcome.assumptions) == (Status.PROVED, (name,))
    with make(toolchain, FUNEXT, allow=frozenset({"functional_extensionality"})) as ready:
        assert ready.check(0, FUNEXT).status is Status.ADMITTED


def test_late(toolchain: Toolchain) -> None:
    loop = theory("Lemma t : True.\ndo 1000000000 idtac.\nexact I. Qed.\n")
    with make(toolchain, limits=Limits(20, 1, 2000)) as ready:
        outcome = ready.check(0, loop)
    assert outcome.status is Status.TIMEOUT
    assert outcome.location == Location("a.s", 20)
    assert outcome.first is not None
    assert "--timeout" in outcome.first.message


def test_late_only_in_coqc(toolchain: Toolchain) -> None:
    # The file that coqc compiles is the same; what it may take is not.
    with make(toolchain) as ready:
        slow = replace(ready.coqc, limits=Limits(20, 0.05, 2000))
        outcome = replace(ready, coqc=slow).check(0, GOOD)
    assert outcome.status is Status.TIMEOUT


HOG = theory("Definition x :=\n  Eval vm_compute in Nat.pow 2 30.\nLemma t : True. exact I. Qed.\n")


def test_a_memory_hog(toolchain: Toolchain) -> None:
    with make(toolchain, limits=Limits(60, 60, 400)) as ready:
        outcome = ready.check(0, HOG)
        assert outcome.status is Status.ERROR
        assert outcome.first is not None
        assert "--memory" in outcome.first.message
        assert ready.check(1, GOOD).status is Status.PROVED


def test_a_memory_hog_only_in_coqc(toolchain: Toolchain) -> None:
    with make(toolchain) as ready:
        small = replace(ready.coqc, limits=Limits(20, 20, 10))
        outcome = replace(ready, coqc=small).check(0, GOOD)
    assert outcome.status is Status.ERROR
    assert outcome.first is not None
    assert "coqc used more than 10 MB" in outcome.first.message


def test_a_theorem_that_is_not_there(ready: Checker) -> None:
    outcome = ready.check(6, replace(GOOD, theorem="other"))
    assert outcome.status is Status.ERROR
    assert outcome.first is not None
    assert "other" in outcome.first.message


def children(pid: int) -> set[int]:
    """All processes below one, by walking /proc."""
    parents = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            after = place.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if after[0] != "Z":
            parents[int(place.parent.name)] = int(after[1])
    found, grew = {pid}, True
    while grew:
        more = {one for one, parent in parents.items() if parent in found}
        grew = not more <= found
        found |= more
    return found - {pid}


def kill_when_busy(parent: int, times: int) -> threading.Thread:
    """Kill whatever prover below ``parent`` has used more than 0.3 s of processor time."""

    def hunt() -> None:
        killed: set[int] = set()
        deadline = time.monotonic() + 30
        while len(killed) < times and time.monotonic() < deadline:
            for pid in children(parent) - killed:
                try:
                    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                if int(fields[11]) + int(fields[12]) > 30:
                    os.kill(pid, signal.SIGKILL)
                    killed.add(pid)
            time.sleep(0.02)

    thread = threading.Thread(target=hunt)
    thread.start()
    return thread


SLOW = theory(
    "Lemma t : True.\ndo 50000 (assert_succeeds (assert True by exact I)).\nexact I. Qed.\n"
)


def test_one_kill_is_survived(toolchain: Toolchain) -> None:
    with make(toolchain) as ready:
        hunter = kill_when_busy(os.getpid(), 1)
        outcome = ready.check(0, SLOW)
        hunter.join()
    assert outcome.status is Status.PROVED


def test_two_kills_are_an_error_and_the_next_theory_is_checked(toolchain: Toolchain) -> None:
    with make(toolchain) as ready:
        hunter = kill_when_busy(os.getpid(), 2)
        outcome = ready.check(0, SLOW)
        hunter.join()
        assert outcome.status is Status.ERROR
        assert outcome.location == Location("a.s", 20)
        assert ready.check(1, GOOD).status is Status.PROVED


BATCH = (
    GOOD,
    theory("Lemma t : 1 = 2.\nreflexivity. Qed.", name="bad"),
    theory("Lemma t : 1 = 2.\nreflexivity. Qed.", name="twin", fail=20),
    theory('Goal "\nLemma t : True. exact I. Qed.', name="broken"),
    theory("Lemma t : False. Admitted.", name="gap"),
)


def test_a_run_keeps_every_outcome_and_knows_it_the_next_time(
    toolchain: Toolchain, tmp_path: Path
) -> None:
    store = Store(tmp_path / "outcomes.jsonl")
    seen: list[Outcome] = []
    with make(toolchain, *BATCH) as ready:
        report = run(BATCH, ready, store, jobs=2, on_outcome=seen.append)
    assert [one.status.value for one in report.outcomes] == [
        "proved",
        "failed",
        "failed",
        "failed",
        "admitted",
    ]
    assert [one.good for one in report.outcomes] == [True, False, True, False, False]
    assert sorted(one.fragment for one in seen) == sorted(one.name for one in BATCH)
    assert len(list(store)) == len(BATCH)
    assert exit_code(report.outcomes, bad_inputs=0, interrupted=False) is ExitCode.FAILED

    with make(toolchain, *BATCH) as ready:
        again = run(BATCH, ready, store)
        assert ready.server.starts == 0
        assert all(one.cached for one in again.outcomes)
        assert again.outcomes == report.outcomes
        assert len(list(store)) == len(BATCH)
        fresh = run(BATCH[:1], ready, store, use_cache=False)
        assert not fresh.outcomes[0].cached
    with make(toolchain, *BATCH, allow=frozenset({"x"})) as ready:
        other = replace(GOOD, text=GOOD.text + "\n")
        keys = {ready.key(GOOD), ready.key(other), ready.key(replace(GOOD, source="b.s"))}
        assert len(keys) == 3
        assert not keys & {one.key for one in report.outcomes}


def test_a_run_that_is_to_stop_skips_the_rest(toolchain: Toolchain, tmp_path: Path) -> None:
    store = Store(tmp_path / "outcomes.jsonl")
    theories = (BATCH[1], *(replace(SLOW, name=f"s{n}") for n in range(4)))
    with make(toolchain, *theories, keep_going=False) as ready:
        report = run(theories, ready, store, jobs=1)
    assert report.outcomes[0].status is Status.FAILED
    assert report.outcomes[-1].status is Status.SKIPPED
    assert not report.interrupted


def test_without_a_prover_nothing_could_be_checked(toolchain: Toolchain, tmp_path: Path) -> None:
    gone = replace(toolchain, sertop=tmp_path / "sertop", coqc=tmp_path / "coqc")
    store = Store(tmp_path / "outcomes.jsonl")
    with make(gone, *BATCH[:2]) as ready:
        report = run(BATCH[:2], ready, store)
    assert [one.status for one in report.outcomes] == [Status.ERROR] * 2
    assert exit_code(report.outcomes, bad_inputs=0, interrupted=False) is ExitCode.INTERNAL
    assert [one.status for one in store] == [Status.ERROR] * 2
