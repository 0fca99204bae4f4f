# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocqgen.emit.escape import LIBRARY, Fresh, comment, comment_lines, identifier
from rocqgen.errors import UserError


def closed(text: str) -> bool:
    """Whether `text` between comment signs is one comment, as Coq reads it."""
    return not any(sign in f" {text} " for sign in ("(*", "*)", '"')) and text.isprintable()


@given(st.text(alphabet=st.sampled_from('(*)" .\\\n\u202e\ue000aé'), max_size=30) | st.text())
def test_a_comment_stays_one(text: str) -> None:
    assert closed(comment(text))
    assert all(closed(line) for line in comment_lines(text))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("movq %rax, %cr3", "movq %rax, %cr3"),
        ("a *) Admitted. (* b", "a * ) Admitted. ( * b"),
        ("(*)", "( * )"),
        ('say "x', "say ''x"),
        ("tab\there", "tab here"),
        ("nul\0 and \u202e", "nul\\u0000 and \\u202e"),
        ("\udcff", "\\udcff"),
    ],
)
def test_what_is_escaped(text: str, shown: str) -> None:
    assert comment(text) == shown


@pytest.mark.parametrize("name", ["", "_", "1a", "a.b", "a b", "a\n", "Qed", "forall", "é", "x."])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(UserError, match="cannot be a name in a theory"):
        identifier(name)


def test_fresh_names_differ_from_all_others() -> None:
    fresh = Fresh({"x0"} | LIBRARY)
    assert [fresh(name) for name in ("x", "x", "vwp", "y'")] == ["x", "x1", "vwp0", "y'"]
