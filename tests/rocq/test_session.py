# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rocqgen.rocq.answers import Span
from rocqgen.rocq.document import Kind, check
from rocqgen.rocq.limits import (
    Cancelled,
    Limits,
    ProverDiedError,
    ProverHungError,
    ProverMemoryError,
    ProverUnavailableError,
)
from rocqgen.rocq.server import Server
from rocqgen.rocq.sexp import Symbol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rocqgen.rocq.document import Checked
    from rocqgen.rocq.session import Session
    from rocqgen.rocq.toolchain import Toolchain

pytestmark = pytest.mark.rocq

LIMITS = Limits(sentence=60, theory=120, memory=2000)
PRELOAD = ("From Coq Require ZArith.", "From no.such Require thing.", "From Coq Require List.")


def serve(toolchain: Toolchain, limits: Limits = LIMITS, **options: object) -> Server:
    return Server(
        toolchain.sertop,
        toolchain.environ(),
        limits=limits,
        **options,  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def server(toolchain: Toolchain) -> Iterator[Server]:
    with serve(toolchain, preload=PRELOAD) as running:
        yield running


@pytest.fixture
def session(server: Server) -> Iterator[Session]:
    with server.session() as one:
        yield one


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_dead(pid: int) -> bool:
    for _ in range(200):
        if not alive(pid):
            return True
        time.sleep(0.02)
    return False


def test_sentences_have_numbers_and_bytes(session: Session) -> None:
    added, error, _ = session.add("Definition é := 3. (* ∗ *) Check é.", 10)
    assert error is None
    assert [one.span for one in added] == [Span(0, 19), Span(30, 39)]
    assert session.execute(added[-1].sid, 10) == (None, False)
    assert session.feedback[added[-1].sid][0].text == "é\n     : nat"


@pytest.mark.parametrize("text", ["\\ \\n \\065 é \t ( ) ; #| '", '""', "\f\v\r\n\n"])
def test_any_text_reaches_the_prover_as_it_is(session: Session, text: str) -> None:
    added, error, _ = session.add(f'(* "{text}" *) Check 1.', 10)
    assert error is None
    assert added[0].span.start == len(f'(* "{text}" *) '.encode())


def test_goals_and_their_absence(session: Session) -> None:
    added, _, _ = session.add("Lemma a (n : nat) : n = n. Proof. reflexivity. Qed.", 10)
    for one in added:
        assert session.execute(one.sid, 10) == (None, False)
    shown = [session.goals(one.sid) for one in added]
    assert shown[0] == "1 goal\n\n  n : nat\n  ============================\n  n = n"
    assert shown[2] == "No more goals."
    assert shown[3] is None


def test_an_error_leaves_the_session_usable_after_cancel(session: Session) -> None:
    added, _, _ = session.add("Lemma a : 1 = 2. Proof. reflexivity. Qed. Check 1.", 10)
    error, _ = session.execute(added[2].sid, 10)
    assert error is not None
    assert 'Unable to unify "2" with "1"' in error.message
    assert session.cancel(added[2].sid) is None
    assert "1 = 2" in (session.goals(added[1].sid) or "")


def test_queries_answer_or_err(session: Session) -> None:
    added, _, _ = session.add("Axiom a : False.", 10)
    session.execute(added[0].sid, 10)
    assert session.query(added[0].sid, "Print Assumptions a.") == ("Axioms:\na : False", None)
    said, error = session.query(added[0].sid, "Print Assumptions b.")
    assert said == ""
    assert error is not None


@pytest.mark.parametrize("loop", ["do 1000000000 idtac", "let rec f := f in f", "cbv"])
def test_an_endless_sentence_is_interrupted_and_the_session_survives(
    session: Session, loop: str
) -> None:
    text = f"Goal Nat.pow 2 40 = 3. Proof. {loop}."
    added, _, _ = session.add(text, 10)
    error, late = session.execute(added[2].sid, 1.0)
    assert late
    assert error is not None
    session.cancel(added[2].sid)
    assert "= 3" in (session.goals(added[1].sid) or "")


def test_one_that_heeds_no_interrupt_is_killed(session: Session) -> None:
    added, _, _ = session.add("Goal True. do 1000000000 idtac.", 10)
    os.kill(session.process.pid, signal.SIGSTOP)
    with pytest.raises(ProverHungError, match="killed"):
        session.execute(added[1].sid, 0.5)
    assert wait_dead(session.process.pid)


def test_the_virtual_machine_is_ended_one_way_or_the_other(session: Session) -> None:
    # It looks at signals only now and then.
    added, _, _ = session.add("Goal Nat.pow 2 40 = 3. Proof. vm_compute.", 10)
    try:
        error, late = session.execute(added[2].sid, 0.5)
    except ProverHungError:
        assert wait_dead(session.process.pid)
    else:
        assert late
        assert error is not None


def test_a_clone_has_the_library_and_nothing_of_its_siblings(server: Server) -> None:
    with server.session() as one, server.session() as other:
        assert one.process.pid != other.process.pid
        added, error, _ = one.add("Definition x := ZArith.BinInt.Z.add. Check x.", 10)
        assert error is None
        assert one.execute(added[-1].sid, 10) == (None, False)
        added, _, _ = other.add("Check x.", 10)
        assert other.execute(added[0].sid, 10)[0] is not None
    assert server.can_fork


def test_the_library_is_loaded_once(server: Server) -> None:
    server.session().close()
    starts = server.starts
    for _ in range(5):
        server.session().close()
    assert server.starts == starts


def test_without_fork_every_session_loads_for_itself(toolchain: Toolchain) -> None:
    with serve(toolchain, preload=PRELOAD[-1:]) as own:
        own.can_fork = False
        for starts in (1, 2):
            with own.session() as one:
                added, error, _ = one.add("Check Lists.List.map.", 10)
                assert (error, own.starts) == (None, starts)
                assert one.execute(added[0].sid, 10) == (None, False)


def test_a_killed_session_is_noticed_and_the_next_one_works(server: Server) -> None:
    with server.session() as one:
        added, _, _ = one.add("Goal True. do 1000000000 idtac.", 10)
        killer = threading.Timer(0.3, os.kill, (one.process.pid, signal.SIGKILL))
        killer.start()
        with pytest.raises(ProverDiedError):
            one.execute(added[1].sid, 60)
        with pytest.raises(ProverDiedError, match="closed"):
            one.add("Check 1.", 10)
    with server.session() as one:
        assert one.add("Check 1.", 10)[1] is None


def test_a_killed_parent_is_started_again(toolchain: Toolchain) -> None:
    with serve(toolchain) as own:
        own.session().close()
        assert own._parent is not None
        os.kill(own._parent.process.pid, signal.SIGKILL)
        with own.session() as one:
            assert one.add("Check 1.", 10)[1] is None
        assert own.starts == 2


def test_memory_is_limited(toolchain: Toolchain) -> None:
    with serve(toolchain, Limits(60, 120, memory=400)) as own, own.session() as one:
        added, _, _ = one.add("Definition x := Eval vm_compute in Nat.pow 2 30.", 10)
        with pytest.raises(ProverMemoryError, match="400 MB"):
            one.execute(added[0].sid, 60)
        assert wait_dead(one.process.pid)


def test_a_cancelled_run_ends_at_once(toolchain: Toolchain) -> None:
    cancel = threading.Event()
    with serve(toolchain, cancel=cancel) as own, own.session() as one:
        added, _, _ = one.add("Goal True. do 1000000000 idtac.", 10)
        threading.Timer(0.3, cancel.set).start()
        with pytest.raises(Cancelled):
            one.execute(added[1].sid, 60)


def test_nothing_is_left_behind(toolchain: Toolchain) -> None:
    with serve(toolchain) as own:
        sessions = [own.session() for _ in range(3)]
        added, _, _ = sessions[0].add("Goal True. do 1000000000 idtac.", 10)
        sessions[0]._send(
            (Symbol("Exec"), added[1].sid), 1
        )  # leave it in the middle of a conversation
        assert own._parent is not None
        assert own._folder is not None
        pids = [one.process.pid for one in (*sessions, own._parent)]
        folder = own._folder
    assert all(wait_dead(pid) for pid in pids)
    assert not folder.exists()


def test_a_prover_that_cannot_be_started_is_said(tmp_path: Path) -> None:
    for program in (tmp_path / "missing", Path("/bin/false")):
        with (
            Server(program, {}) as own,
            pytest.raises(ProverUnavailableError, match="started"),
        ):
            own.session()


# -- whole texts -----------------------------------------------------------------------------------


def run(server: Server, text: str, **options: bool) -> Checked:
    with server.session() as one:
        return check(text, one, LIMITS, **options)


def test_a_good_text(server: Server) -> None:
    found = run(server, "Lemma é : True.\nProof. exact I. Qed.\nLemma b : True.\nexact é. Qed.\n")
    assert found.failures == ()
    assert (found.sentences, found.finished, found.assumed) == (7, True, ())


MIDDLE = """\
Definition é := 3.
Lemma a : é = 4.
Proof.
  unfold é. (* ∗∗∗ *)
  exact eq_refl.
Qed.
Lemma b : True. Proof. exact I. Qed.
Lemma c : 3 = 4. Proof. exact a. Qed.
Lemma d : c = c. Proof. fail "here". Qed.
"""


def test_every_failing_proof_is_found_with_its_goal(server: Server) -> None:
    found = run(server, MIDDLE)
    first, second = found.failures
    assert MIDDLE[first.offset :].startswith("eq_refl.\nQed")
    assert first.sentence == "exact eq_refl."
    assert (first.kind, first.lemma) == (Kind.REFUSED, "a")
    assert first.goal == "1 goal\n\n  ============================\n  3 = 4"
    assert 'expected to have type\n"3 = 4"' in first.message
    assert second.lemma == "d"
    assert found.dependents == ("c",)
    assert found.finished


def test_the_first_failure_ends_it_on_request(server: Server) -> None:
    found = run(server, MIDDLE, keep_going=False)
    assert [one.lemma for one in found.failures] == ["a"]
    assert not found.finished


BAD = {
    "open goals": (
        "Lemma a : True /\\ True. Proof. split. exact I. Qed. Lemma b : True. Proof. exact I. Qed.",
        [("Qed. Lemma", "a", "incomplete proof")],
    ),
    "no Qed": (
        "Lemma a : True /\\ True. Proof. split. Lemma b : 1 = 2. Proof. reflexivity. Qed.",
        [("split.", "a", "not closed"), ("reflexivity.", "b", "Unable to unify")],
    ),
    "no Qed at the end": ("Lemma a : True. Proof. exact I.", [("exact I.", "a", "not closed")]),
    "comment without an end": (
        "Lemma a : True. Proof. exact (* I. Qed.",
        [("(* I. Qed.", "a", "Unterminated comment")],
    ),
    "comment without an end behind all": (
        "Lemma a : True. Proof. exact I. Qed. (* Lemma b : False.",
        [("(* Lemma b", None, "Unterminated comment")],
    ),
    "string without an end": (
        'Lemma a : True. Proof. idtac "I. Qed.',
        [('"I. Qed.', "a", "Unterminated string")],
    ),
    "no full stop": (
        "Lemma a : True. Proof. exact I. Qed",
        [("", "a", "'.' expected")],
    ),
    "syntax": (
        (
            "Lemma a : True. Proof. exact I ). Qed. Lemma b : = 2. Proof. Qed. "
            "Lemma c : 1 = 2. split. Qed."
        ),
        [(").", "a", "Syntax error"), ("= 2.", "b", "Syntax error"), ("split.", "c", "unify")],
    ),
    "notation": (
        'Notation "x +++ y" := (x * y) (at level 40, at level 3). Lemma a : True. exact I. Qed.',
        [("at level 3", None, "already assigned")],
    ),
    "definition": (
        "Definition x : nat := true. Lemma a : True. exact I. Qed. Check x.",
        [("true.", None, "has type"), ("x.", None, "not found")],
    ),
    "statement": (
        "Lemma a : nope. Proof. exact I. Qed. Lemma b : True. Proof. exact I. Qed.",
        [("nope.", "a", "not found")],
    ),
    "missing library": (
        "From no.such Require Import thing. Lemma b : True. Proof. exact I. Qed.",
        [("thing.", None, "Cannot find")],
    ),
    "bullets": (
        (
            "Lemma a : True /\\ True. Proof. split. - exact I. - { foo. } Qed. "
            "Lemma b : True. exact I. Qed."
        ),
        [("foo. }", "a", "not found")],
    ),
    "kernel": (
        "Lemma a : nat. Proof. exact ((fix f (n : nat) : nat := f n) 0). Qed.",
        [("fix f", "a", "ill-formed")],
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_found_where_it_is(server: Server, name: str) -> None:
    text, expected = BAD[name]
    found = run(server, text)
    assert len(found.failures) == len(expected)
    for one, (place, lemma, message) in zip(found.failures, expected, strict=True):
        assert text[one.offset :].startswith(place)
        assert one.lemma == lemma
        assert message in one.message
    assert found.finished


def test_assumptions_are_noticed(server: Server) -> None:
    text = "Lemma a : False. Proof. Admitted. Axiom x : 1 = 2. Lemma b : False. exact a. Qed."
    found = run(server, text)
    assert found.failures == ()
    assert [text[at:].split(maxsplit=1)[0] for at in found.assumed] == ["Admitted.", "Axiom"]


def test_a_late_sentence_is_a_timeout_and_the_rest_is_checked(server: Server) -> None:
    text = "Lemma a : True. do 1000000000 idtac. Qed. Lemma b : 1 = 2. split. Qed."
    with server.session() as one:
        found = check(text, one, Limits(sentence=1, theory=60))
    assert [(one.kind, one.lemma) for one in found.failures] == [
        (Kind.TIMEOUT, "a"),
        (Kind.REFUSED, "b"),
    ]
    assert found.failures[0].sentence == "do 1000000000 idtac."


def test_a_late_theory_ends_there(server: Server) -> None:
    text = "Lemma a : True. do 1000000000 idtac. Qed. Lemma b : 1 = 2. split. Qed."
    with server.session() as one:
        found = check(text, one, Limits(sentence=60, theory=1))
    assert [one.kind for one in found.failures] == [Kind.TIMEOUT]
    assert not found.finished


def test_a_theory_that_heeds_no_interrupt_is_late_too(server: Server) -> None:
    text = "Lemma a : True. do 1000000000 idtac. Qed. Lemma b : True. exact I. Qed."
    with server.session() as one:
        threading.Timer(0.3, os.kill, (one.process.pid, signal.SIGSTOP)).start()
        found = check(text, one, Limits(sentence=1, theory=60))
    assert [(one.kind, one.lemma) for one in found.failures] == [(Kind.HUNG, "a")]
    assert found.failures[0].message == "no answer within the limit of 1 s"


def test_a_death_is_a_failure_of_the_sentence_at_work(server: Server) -> None:
    text = "Lemma a : True. exact I. Qed. Lemma b : True. do 1000000000 idtac. Qed."
    with server.session() as one:
        threading.Timer(0.5, os.kill, (one.process.pid, signal.SIGKILL)).start()
        found = check(text, one, LIMITS)
    assert [(one.kind, one.lemma, one.sentence) for one in found.failures] == [
        (Kind.DIED, "b", "do 1000000000 idtac.")
    ]
    assert not found.finished
