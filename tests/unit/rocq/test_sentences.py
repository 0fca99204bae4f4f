# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocqgen.rocq.preload import preload
from rocqgen.rocq.sentences import blank, sentence_at, split, violations

TEXT = """\
(* A comment. With a "string. *) inside" and (* nesting *). *)
From iris.proofmode Require Import proofmode.
Lemma é' : "a. b." = "a. b.".
Proof. - { reflexivity. } Qed.
Definition x := 3.
#[global] Instance y : C. Proof. done. Defined.
"""


def heads(text: str) -> list[str]:
    return [one.head for one in split(text)]


def test_sentences_end_at_full_stops_before_space() -> None:
    assert [TEXT[one.start : one.end].rsplit(maxsplit=1)[-1] for one in split(TEXT)][1:3] == [
        'b.".',
        "Proof.",
    ]
    assert heads(TEXT) == [
        "From",
        "Lemma",
        "Proof",
        "reflexivity",
        "Qed",
        "Definition",
        "Instance",
        "Proof",
        "done",
        "Defined",
    ]


def test_names_and_proofs() -> None:
    found = {one.head: one for one in split(TEXT)}
    assert found["Lemma"].name == "é'"
    assert found["Lemma"].opens_proof
    assert not found["Definition"].opens_proof
    assert found["Instance"].opens_proof
    assert found["Qed"].closes_proof
    assert found["Defined"].closes_proof


def test_a_rest_without_a_full_stop_is_a_sentence_without_a_head() -> None:
    assert heads("Lemma a : b. Proof") == ["Lemma", ""]
    assert heads("Lemma a : b. (* only a comment. *) ") == ["Lemma"]


def test_the_sentence_that_holds_an_offset() -> None:
    sentences = split("aa. bb. cc.")
    assert [sentence_at(sentences, n).start for n in (0, 2, 4, 8)] == [0, 0, 4, 8]  # type: ignore[union-attr]
    assert sentence_at(sentences, 11) is None


@given(st.text(alphabet='(*) "ab.\né\\'))
def test_blanking_keeps_every_place(text: str) -> None:
    plain = blank(text)
    assert len(plain) == len(text)
    assert [n for n, c in enumerate(plain) if c == "\n"] == [
        n for n, c in enumerate(text) if c == "\n"
    ]
    assert all(new in (old, " ") for old, new in zip(text, plain, strict=True))


@given(st.text(alphabet='(*) "ab.\né'))
def test_sentences_are_in_order_and_cover_the_text(text: str) -> None:
    position = 0
    for one in split(text):
        assert position <= one.start < one.end <= len(text)
        assert not blank(text)[position : one.start].strip(" \n.")
        position = one.end
    assert not blank(text)[position:].strip(" \n.")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Lemma a : False. Proof. Admitted.", "Admitted"),
        ("Lemma a : False. Proof. intros; admit. Qed.", "admit"),
        ("Axiom a : False.", "Axiom"),
        ("Local Parameters a b : nat.", "Parameters"),
        ("#[bypass_check(guard)] Fixpoint f (n : nat) : nat := f n.", "bypass_check"),
        ("Unset  Guard\n Checking.", "Unset Guard Checking"),
        ("Unset Universe Checking.", "Unset Universe Checking"),
        ("Goal True. Abort.", "Abort"),
        ('Add LoadPath "/tmp" as x.', "Add LoadPath"),
        ('Declare ML Module "x".', "Declare ML"),
        ('Load "x".', "Load"),
        ("Rewrite Rule r := a => b.", "Rewrite Rule"),
    ],
)
def test_what_keeps_a_theory_from_counting(text: str, words: str) -> None:
    assert [one.words for one in violations(text)] == [words]
    found = violations(text)[0]
    assert text[found.offset :].startswith(words.split(maxsplit=1)[0])


@pytest.mark.parametrize(
    "text",
    [
        "(* Admitted. Axiom x : False. *) Lemma a : True. Proof. done. Qed.",
        'Goal "Admitted." = "Axiom". Proof. done. Qed.',
        "Lemma admitted_Axiom : True. Proof. done. Qed.",
        "Set Universe Polymorphism. Declare Scope x. Add Printing If bool.",
        "Section s. Context (n : nat). Hypothesis h : n = n. Variable m : nat. End s.",
    ],
)
def test_what_does_not(text: str) -> None:
    assert violations(text) == []


def test_only_plain_requires_are_loaded_ahead() -> None:
    texts = (
        "From a.b Require Import c\n d. Require Export e.f. Require Import (notations) g.",
        "(* From x Require y. *) From a.b Require c d. Require Export e.f.",
    )
    assert preload(texts) == ("From a.b Require c d.", "Require e.f.")
