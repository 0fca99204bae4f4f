# SPDX-License-Identifier: Apache-2.0
"""What can be owned at once, as far as the text of an assertion tells."""

from __future__ import annotations

import pytest

from rocqgen.errors import UserError
from rocqgen.source.annotations import Piece, parse_spec
from rocqgen.source.resolve import Labels
from rocqgen.source.scope import check_spec

HEAD = "spec forall r s : root, a b n : word, A : array, q : fraction space r requires "


def check(requires: str) -> None:
    text = f"{HEAD}{requires} exit a ensures emp"
    check_spec(parse_spec("f.s", (Piece(1, 1, text),)), Labels({}))


@pytest.mark.parametrize(
    "requires",
    [
        "a |->v 0 * a + 8 |->v 0",
        "a |->v{1/2} 0 * a |->v{1/2} 0",
        "a |->v{q} 0 * a |->v{1/2} 0",
        "a |->v 0 * [s] { a |->v 0 } * a |->p 0",
        "a[4] |->v _ * a + 32 |->v 0 * a - 8 |->v 0",
        "a[4] |->v _ * (a + 32)[4] |->v _",
        "a[0] |->v _ * a |->v 0",
        "a[n] |->v _ * a[n] |->v _",
        "a |->e 0 * a + 8 |->e 0 * a |->v 0",
        "a |->e{1/2} 0 * a |->e{1/2} 0",
        "page a ~> b * page a + 4096 ~> b * [s] { page a ~> b }",
        "page a ~>{1/2} b * page a ~>{1/2} b",
        "page a ~>{1/2} b * a + 8 |->v 0 * a + 16 ~> b",
        "page a ~>{511/512} b * a + 4088 ~> b + 4088",
        "page a ~> b * a + 4096 |->v 0",
    ],
)
def test_can_be_owned(requires: str) -> None:
    check(requires)


@pytest.mark.parametrize(
    ("requires", "what"),
    [
        ("a |->v 0 * a + 7 |->v 0", "mapping of an address"),
        ("a |->v 0 * a - 7 |->v{1/2} 0", "mapping of an address"),
        ("a |->v 0 * a |->v{q} 0", "mapping of an address"),
        ("a[4] |->v _ * a + 24 |->v 0", "mapping of an address"),
        ("a[4] |->v _ * (a + 31)[4] |->v{q} _", "mapping of an address"),
        ("(a - 8)[2] |->p _ * a |->p{1/2} 0", "memory cell"),
        ("a[0xffffffffffffffff] |->p _ * a - 64 |->p 0", "memory cell"),
        ("a |->e 0 * a |->p{1/8} 0", "memory cell"),
        ("a |->e{2/3} 0 * a |->e{1/2} 0", "memory cell"),
        ("(a - 16)[4] |->p _ * a |->e 0", "memory cell"),
        ("[s] { a[2] |->vr _ * a + 8 ~> b }", "mapping of an address"),
        ("page a ~> b * page a ~>r{q} b", "claim of the page"),
        ("page a ~>{1/2} b * page a ~>{2/3} b", "claim of the page"),
        ("page a ~> b * a + 8 |->v{1/2} 0", "claim of the page"),
        ("page a ~>{511/512} b * a ~> b * a + 8 ~>{q} b", "claim of the page"),
        ("[s] { page a ~> b } * [s] { a + 4088 ~>r{q} b }", "claim of the page"),
        ("code * code{q}", "code"),
    ],
)
def test_more_than_there_is(requires: str, what: str) -> None:
    with pytest.raises(UserError, match=f"more than the whole {what}") as caught:
        check(requires)
    assert (caught.value.line, caught.value.expected is not None) == (1, True)
