# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from rocqgen.rocq import answers
from rocqgen.rocq.answers import Added, Feedback, RocqError, Span
from rocqgen.rocq.assumptions import AssumptionsUnknownError, parse_assumptions
from rocqgen.rocq.coqc import _read_error
from rocqgen.rocq.limits import describe_exit
from rocqgen.rocq.sexp import parse

LOC = b"((fname ToplevelInput)(line_nb 1)(bol_pos 0)(line_nb_last 1)(bol_pos_last 0)(bp 3)(ep 15))"


def body(data: bytes) -> list:
    tree = parse(data)
    assert isinstance(tree, list)
    return tree


def test_added() -> None:
    assert answers.read_added(body(b"(Added 2 " + LOC + b" NewAddTip)")) == Added(2, Span(3, 15))


def test_an_error_in_the_text() -> None:
    data = b"(CoqExn((loc(" + LOC + b'))(stm_ids((9 10)))(exn Sys.Break)(str "User interrupt.")))'
    error = answers.read_error(body(data))
    assert error == RocqError("User interrupt.", Span(3, 15), "Sys.Break")
    assert error.interrupted


def test_an_error_in_a_library_file_has_no_place_in_the_text() -> None:
    elsewhere = LOC.replace(b"ToplevelInput", b"(InFile(dirpath(Some a.b))(file x.v))")
    data = b"(CoqExn((loc(" + elsewhere + b'))(exn x)(str "Tactic failure.")))'
    assert answers.read_error(body(data)) == RocqError("Tactic failure.", None, "x")


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        (b"Processed", Feedback(8, "Processed")),
        (b"AddedAxiom", Feedback(8, "AddedAxiom")),
        (b"(ProcessingIn master)", Feedback(8, "ProcessingIn")),
        (
            b'(Message(level Notice)(loc())(pp Pp_empty)(str "hi"))',
            Feedback(8, "Message", "Notice", "hi"),
        ),
    ],
)
def test_feedback(contents: bytes, expected: Feedback) -> None:
    data = b"(Feedback((doc_id 0)(span_id 8)(route 0)(contents " + contents + b")))"
    assert answers.read_feedback(body(data)) == expected


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ("Closed under the global context\n", ()),
        ("Axioms:\nb : False\na :\n  forall x : nat,\n  x = x\n", ("a", "b")),
        (
            (
                "Section Variables:\nv\n: nat\nAxioms:\nf is assumed to be guarded.\n"
                "I is assumed to be positive.\nq relies on an unsafe hierarchy.\n"
                "Theory:\nType hierarchy is collapsed (logic is inconsistent)\n"
            ),
            (
                "I is assumed to be positive",
                "Type hierarchy is collapsed (logic is inconsistent)",
                "f is assumed to be guarded",
                "q relies on an unsafe hierarchy",
                "v",
            ),
        ),
        ("Axioms:\nA.b_c' : T -> \n  T\nint : Set", ("A.b_c'", "int")),
    ],
)
def test_assumptions(said: str, names: tuple[str, ...]) -> None:
    assert parse_assumptions(said) == names


@pytest.mark.parametrize("said", ["", "hello", "Closed under the global context\nx : y"])
def test_what_is_no_answer_is_not_taken_for_closed(said: str) -> None:
    with pytest.raises(AssumptionsUnknownError):
        parse_assumptions(said)


def test_the_error_of_coqc_is_a_character_of_the_text() -> None:
    text = "Lemma a : True.\n (* é *) exact (* é *) é."
    said = (
        'File "./e.v", line 1, characters 0-3:\nWarning: x\n[y]\n'
        'File "./e.v", line 2, characters 25-27:\nError: The variable é\nwas not found.\n'
    )
    message, offset = _read_error(text, said)
    assert message == "The variable é\nwas not found."
    assert offset is not None
    assert text[offset:] == "é."
    assert _read_error(text, "Error: There are pending proofs") == (
        "Error: There are pending proofs",
        None,
    )


def test_how_a_process_ended() -> None:
    assert "SIGKILL" in describe_exit(-9)
    assert describe_exit(2) == "ended with exit code 2"
    assert describe_exit(None) == "ended unexpectedly"
