# SPDX-License-Identifier: Apache-2.0
"""What the pre-check settles, the prover never sees; what it leaves, keeps its answer."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from rocqgen.cli.main import main
from rocqgen.emit import emit_theory
from rocqgen.exits import ExitCode
from rocqgen.prove.outcome import Outcome, Status
from rocqgen.prove.precheck import key, precheck
from rocqgen.prove.run import exit_code
from rocqgen.prove.store import Store
from rocqgen.report.table import Table
from rocqgen.source import load_fragments

EXAMPLES = Path(__file__).parents[3] / "examples"
RIGHT = EXAMPLES / "trampoline" / "trampoline.s"
TWIN = EXAMPLES / "trampoline" / "trampoline.wrong-space.s"

VACUOUS = """\
#@ spec forall r : root, p x : word
#@ space r requires rdi |->r p * p |->v x * x < 3 * 7 < x * code
#@ exit 0 ensures emp
f:
    ret
"""


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    path = tmp_path / "mine.s"
    path.write_text(TWIN.read_text().replace("#@ expect failed", ""))
    return path


def run(*paths: Path, **options: object):
    fragments = [one for path in paths for one in load_fragments(path)]
    theories = [emit_theory(one) for one in fragments]
    return precheck(fragments, theories, known={}, **options)


def test_a_counterexample_is_a_failure_at_its_line(wrong: Path) -> None:
    done = run(RIGHT, wrong)
    assert done.checks[0]["verdict"] == "ok"
    ((number, outcome),) = done.settled.items()
    assert (number, outcome.status, outcome.location.line) == (1, Status.FAILED, 31)
    assert outcome.refuted
    assert not outcome.good
    assert outcome.key == ""  # never taken for a verdict of the prover
    assert "#PF(0x0)" in outcome.first.message


def test_a_wrong_twin_is_left_to_the_prover() -> None:
    done = run(TWIN)
    assert done.settled == {}
    assert done.checks[0]["verdict"] == "fault"
    assert done.checks[0]["good"]


def test_a_vacuous_precondition_is_not_proved(tmp_path: Path) -> None:
    path = tmp_path / "v.s"
    path.write_text(VACUOUS)
    (outcome,) = run(path).settled.values()
    assert (outcome.status, outcome.good, outcome.verdict) == (Status.VACUOUS, False, "vacuous")
    assert "x < 3" in outcome.first.message
    assert exit_code([outcome], bad_inputs=0, interrupted=False) is ExitCode.FAILED


def test_a_run_that_stops_at_failures_stops(wrong: Path) -> None:
    done = run(wrong, RIGHT, keep_going=False)
    assert list(done.checks) == [0]


def test_an_interrupt_keeps_what_there_is(wrong: Path) -> None:
    def interrupt(_outcome: Outcome) -> None:
        raise KeyboardInterrupt

    done = run(wrong, RIGHT, on_outcome=interrupt)
    assert done.interrupted
    assert list(done.settled) == [0]


def test_known_answers_are_not_asked_again(tmp_path: Path) -> None:
    (fragment,) = load_fragments(RIGHT)
    theory = emit_theory(fragment)
    answer = {"verdict": "ok", "key": key(fragment), "states": -1}
    done = precheck([fragment], [theory], known={answer["key"]: answer})
    assert done.checks == {0: answer}
    store = Store(tmp_path / "outcomes.jsonl")
    store.append(Outcome("f", "f_spec", "f.s", Status.PROVED, check=answer))
    store.append(
        Outcome("g", "g_spec", "f.s", Status.FAILED, check={"verdict": "fault", "key": "x"})
    )
    assert store.checks() == {answer["key"]: answer}
    twin = Outcome("h", "h_spec", "f.s", Status.FAILED, expect=fragment.location)
    store.append(replace(twin, check={"verdict": "fault", "key": "y"}))
    store.append(replace(twin, check={"verdict": "unknown", "key": "z"}))
    assert store.checks().keys() == {answer["key"], "y"}


def test_the_command_needs_no_prover_for_it(
    wrong: Path, cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rocqgen.cli.prove.require_toolchain", lambda: pytest.fail("started"))
    out = wrong.with_name("out.json")
    assert main(["prove", str(wrong), "--json", str(out)]) == 1
    said = capsys.readouterr().out
    assert "(by the pre-check)" in said
    assert "mine.s:31: movq 24(%rdi), %rsp" in said
    assert "registers  rip" in said
    (outcome,) = json.loads(out.read_text())["outcomes"]
    assert outcome["check"]["verdict"] == "fault"
    (stored,) = Store(cache / "outcomes.jsonl").latest()
    assert Outcome.from_json(stored.to_json()) == stored


@pytest.mark.usefixtures("cache")
def test_without_the_check_the_prover_is_asked(
    wrong: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def require() -> None:
        asked.append(1)
        raise KeyboardInterrupt

    monkeypatch.setattr("rocqgen.cli.prove.require_toolchain", require)
    assert main(["prove", str(wrong), "--no-check"]) == 2
    assert asked


def test_the_row_says_who_decided(wrong: Path) -> None:
    (outcome,) = run(wrong).settled.values()
    out = io.StringIO()
    table = Table([outcome.theorem], file=out)
    table.row(outcome)
    assert out.getvalue().endswith("mine.s (by the pre-check)\n")
