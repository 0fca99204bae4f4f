# SPDX-License-Identifier: Apache-2.0
"""Whole runs in processes of their own: ended by a signal, killed, and two at the same time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rocqgen.prove.outcome import Status
from rocqgen.prove.store import Store

pytestmark = [pytest.mark.rocq, pytest.mark.usefixtures("toolchain")]

# What `rocqgen prove` does behind the emitter, on theories that take known paths.
PROGRAM = """
import sys
from pathlib import Path
from rocqgen.emit.theory import Theory
from rocqgen.prove.run import run, exit_code
from rocqgen.prove.setup import checker
from rocqgen.prove.store import Store
from rocqgen.report.table import Table
from rocqgen.rocq.limits import Limits
from rocqgen.rocq.toolchain import require_toolchain

store, tag, *kinds = sys.argv[1:]
TEXTS = {
    "good": "Lemma t : True. exact I. Qed.",
    "loop": "Lemma t : True. do 1000000000 idtac. exact I. Qed.",
    "hang": "Lemma t : Nat.pow 2 40 = 0. vm_compute. Qed.",
}
theories = [
    Theory(f"{kind}{n}", f"(* {tag} *) {TEXTS[kind]}", "t", f"{tag}.s", "0")
    for n, kind in enumerate(kinds)
]
with checker(require_toolchain(), theories, limits=Limits(300, 300, 2000)) as ready:
    table = Table([one.theorem for one in theories])
    with table:
        report = run(theories, ready, Store(Path(store)), jobs=2, on_outcome=table.row)
    table.finish(report.outcomes)
print("workers gone", flush=True)
sys.exit(exit_code(report.outcomes, bad_inputs=0, interrupted=report.interrupted))
"""


def start(store: Path, tag: str, *kinds: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(store), tag, *kinds],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(store.parent)},
    )


def provers(pid: int) -> list[int]:
    """The sertop and coqc processes below ``pid``, at any depth."""
    below, grew = {pid}, True
    names: dict[int, str] = {}
    while grew:
        grew = False
        for place in Path("/proc").glob("[0-9]*/stat"):
            try:
                head, _, tail = place.read_text().rpartition(")")
            except OSError:
                continue
            number, parent = int(place.parent.name), int(tail.split()[1])
            if parent in below and number not in below and tail.split()[0] != "Z":
                below.add(number)
                names[number] = head.partition("(")[2]
                grew = True
    return [number for number, name in names.items() if name in {"sertop", "coqc"}]


def wait_for(condition: object, what: str) -> None:
    for _ in range(1500):
        if condition():  # type: ignore[operator]
            return
        time.sleep(0.02)
    pytest.fail(f"waited in vain for {what}")


def gone(pids: list[int]) -> bool:
    for pid in pids:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                return False
        except OSError:
            continue
    return True


@pytest.mark.parametrize("kind", ["loop", "hang"])
def test_an_interrupt_keeps_the_results_and_ends_the_workers(tmp_path: Path, kind: str) -> None:
    store = tmp_path / "outcomes.jsonl"
    with start(store, "a", "good", kind, "good", kind, kind) as process:
        # Both workers are stuck when both good theories are done.
        wait_for(lambda: len(list(Store(store))) == 2, "two outcomes")
        wait_for(lambda: len(provers(process.pid)) == 3, "the parent and two clones")
        started = provers(process.pid)
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=30)
    assert process.returncode == 2, errors
    assert "workers gone" in out
    assert out.count("cancelled") == 4  # a line for each, and the last line
    assert "Traceback" not in errors
    assert gone(started)
    assert [one.status for one in Store(store)] == [Status.PROVED] * 2
    assert list(tmp_path.iterdir()) == [store]


def test_a_killed_run_loses_nothing_and_leaves_no_prover(tmp_path: Path) -> None:
    store = tmp_path / "outcomes.jsonl"
    with start(store, "a", "good", "loop") as process:
        wait_for(lambda: len(list(Store(store))) == 1, "an outcome")
        started = provers(process.pid)
        process.kill()
        process.communicate()
    assert [one.status for one in Store(store)] == [Status.PROVED]
    # A prover at work has its limit of processor time; one at rest reads the end of its input.
    for pid in started:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    wait_for(lambda: gone(started), "the end of the provers")


def test_two_runs_at_the_same_time_do_not_disturb_each_other(tmp_path: Path) -> None:
    store = tmp_path / "outcomes.jsonl"
    with (
        start(store, "a", "good", "good", "good") as one,
        start(store, "b", "good", "good", "good") as other,
    ):
        for process in (one, other):
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors
    found = list(Store(store))
    assert [one.status for one in found] == [Status.PROVED] * 6
    assert sorted(one.source for one in found) == ["a.s"] * 3 + ["b.s"] * 3
