# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocqgen.rocq.sexp import Sexp, SexpError, Symbol, dump, parse, parse_many

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
TREES = st.recursive(TEXT, lambda inner: st.lists(inner, max_size=5).map(tuple), max_leaves=30)


def read_back(tree: object) -> Sexp:
    if isinstance(tree, tuple):
        return [read_back(part) for part in tree]
    return str(tree)


@given(TREES)
def test_what_is_written_is_read_back(tree: str | tuple) -> None:
    assert parse(dump(tree).encode()) == read_back(tree)


@given(st.binary(max_size=40))
def test_decimal_escapes_give_their_bytes(data: bytes) -> None:
    quoted = b'"' + b"".join(b"\\%03d" % byte for byte in data) + b'"'
    assert parse(quoted) == data.decode("utf-8", "replace")


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        found = parse_many(data)
    except SexpError:
        return
    assert isinstance(found, list)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"(Answer 0 Ack)", ["Answer", "0", "Ack"]),
        (b'(pp(Pp_string": ")(x y))', ["pp", ["Pp_string", ": "], ["x", "y"]]),
        (b'(t nil inf 007 "")', ["t", "nil", "inf", "007", ""]),
        (rb'"a\n\t\\\"\195\169\x41"', 'a\n\t\\"éA'),
        ('"é∗"'.encode(), "é∗"),
        (b"()", []),
    ],
)
def test_answers_of_the_prover(data: bytes, expected: Sexp) -> None:
    assert parse(data) == expected


@pytest.mark.parametrize("data", [b"", b"(", b")", b"a b", b'"abc', b'("a)', b"(a))"])
def test_what_is_not_one_expression_is_refused(data: bytes) -> None:
    with pytest.raises(SexpError):
        parse(data)


def test_depth_is_no_matter() -> None:
    depth = 100_000
    tree = parse(b"(" * depth + b")" * depth)
    for _ in range(depth - 1):
        assert isinstance(tree, list)
        tree = tree[0]
    assert tree == []


def test_symbols_are_not_quoted() -> None:
    assert dump((Symbol("Add"), (), "x")) == '(Add () "x")'
