# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocqgen.source.reserved import IDENTIFIER, theory_name, why_refused


@pytest.mark.parametrize("ident", ["po", "x'", "r12_0", "rbx1", "A", "flags"])
def test_accepted(ident: str) -> None:
    assert why_refused(ident) is None


@pytest.mark.parametrize(
    "ident",
    [
        *("", "_", "_x", "1a", "'a", "a.b", "a b", "x. Admitted", "é", "a\n", "x" * 65),
        *("rax", "eax", "AL", "RDI", "cr3", "r8d", "xmm3"),
        *("forall", "let", "fix", "Lemma", "Qed", "code", "word", "S"),
    ],
)
def test_refused(ident: str) -> None:
    assert why_refused(ident)


@pytest.mark.parametrize(
    ("path", "entry", "name"),
    [
        ("examples/switch/swtch.s", "swtch", "swtch"),
        ("swtch.wrong-offset.s", "swtch", "swtch_wrong_offset_swtch"),
        ("dir/9p.S", "f", "f_9p_f"),
    ],
)
def test_theory_names(path: str, entry: str, name: str) -> None:
    assert theory_name(path, entry) == name


def test_what_cannot_be_kept_is_told_apart() -> None:
    names = {theory_name(path, "f") for path in ("a b.s", "a+b.s", "a'b.s", "aéb.s")}
    assert len(names) == 4


@given(st.text(), st.from_regex(IDENTIFIER))
def test_theory_names_are_safe(path: str, entry: str) -> None:
    name = theory_name(path, entry)
    assert IDENTIFIER.match(name)
    assert name.isascii()
    assert len(name) < 200
