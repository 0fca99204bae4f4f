# SPDX-License-Identifier: Apache-2.0
"""Counterexamples are saved, run again, and compared with another machine."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from rocqgen.check.oracle import unicorn_oracle
from rocqgen.check.result import Story
from rocqgen.check.saved import load, save
from rocqgen.check.search import Options, check, replay
from rocqgen.cli.main import main
from rocqgen.errors import UserError
from rocqgen.source import load_fragments

EXAMPLES = Path(__file__).parents[3] / "examples"
TWIN = EXAMPLES / "trampoline" / "trampoline.wrong-space.s"


def test_what_was_saved_fails_again_in_the_same_way(tmp_path: Path) -> None:
    (fragment,) = load_fragments(TWIN)
    result = check(fragment)
    path = save([result], tmp_path / "found.json")
    (saved,) = load(path)
    again = replay(fragment, saved.choice)
    assert (again.story, again.verdict) == (result.story, result.verdict)
    assert result.story is not None
    assert Story.from_json(json.loads(json.dumps(result.story.to_json()))) == result.story


def test_the_command_saves_and_replays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], cache: Path
) -> None:
    mine = tmp_path / "mine.s"
    mine.write_text(TWIN.read_text().replace("#@ expect failed", ""))
    assert main(["check", str(mine)]) == 1
    first = capsys.readouterr().out
    saved = next((cache / "counterexamples").glob("*.json"))
    assert f"rocqgen check --replay {saved}" in first
    assert main(["check", "--replay", str(saved)]) == 1
    again = capsys.readouterr().out
    shown = first[first.index("mine.s:31") : first.index("1 fault")]
    assert shown in again
    # A source that is mended since: the state runs through.
    mine.write_text((EXAMPLES / "trampoline" / "trampoline.s").read_text())
    assert main(["check", "--replay", str(saved)]) == 0
    assert "has changed since it was saved" in capsys.readouterr().err


def test_json_has_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(TWIN), "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert (result["verdict"], result["good"]) == ("fault", True)
    assert result["counterexample"]["location"]["line"] == 31
    assert result["choice"]["words"]["tf"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "this is not JSON"),
        ("[" * 100_000, "this is not JSON"),
        ("[]", "something is missing"),
        ('{"kind": "x", "format": 1}', "no such file"),
        ('{"kind": "rocqgen counterexamples", "format": 1}', "something is missing"),
        (
            '{"kind": "rocqgen counterexamples", "format": 1, "counterexamples": [{"source": 1}]}',
            "something is missing",
        ),
    ],
)
def test_a_file_that_is_not_ours_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(UserError, match=says) as caught:
        load(path)
    assert caught.value.file == str(path)


def test_a_state_of_another_fragment_is_refused() -> None:
    (one,) = load_fragments(TWIN)
    (other,) = load_fragments(EXAMPLES / "switch" / "swtch.s")
    choice = check(one).choice
    assert choice is not None
    with pytest.raises(UserError, match="does not fit `swtch`"):
        replay(other, choice)
    with pytest.raises(UserError, match="does not fit"):
        replay(one, {})
    words = {**choice["words"], "pf": "0x12345"}
    with pytest.raises(UserError, match="does not satisfy the precondition"):
        replay(one, {**choice, "words": words})


def test_command_lines_that_mean_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    for line in (["check"], ["check", "x.s", "--replay", "y"], ["check", "x.s", "--states", "0"]):
        assert main(line) == 4
        assert "error:" in capsys.readouterr().err


# -- the oracle ------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", sorted(EXAMPLES.rglob("*.s")), ids=lambda file: file.stem)
def test_unicorn_agrees(file: Path) -> None:
    options = Options(states=12, seed=3, oracle=unicorn_oracle())
    for fragment in load_fragments(file):
        assert check(fragment, options).oracle == ""


def test_a_difference_is_seen() -> None:
    """A run that is not what the code does: the oracle must object."""
    from rocqgen.check.run import run
    from rocqgen.check.states import States
    from rocqgen.check.subject import Subject
    from rocqgen.source.machine import Reg

    (fragment,) = load_fragments(EXAMPLES / "switch" / "swtch.s")
    machine = States(Subject(fragment), 0).next(0)
    done = run(machine)
    assert unicorn_oracle()(machine, done) == ""
    done.state.regs[Reg.R12] ^= 1
    assert "r12" in unicorn_oracle()(machine, done)


def test_without_unicorn_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "unicorn", None)
    with pytest.raises(UserError, match="unicorn is not installed"):
        unicorn_oracle()
