# SPDX-License-Identifier: Apache-2.0
"""Whatever is done to a spec, it loads or is refused in sentences that have places."""

from __future__ import annotations

import re
import tomllib

from hypothesis import given, settings
from hypothesis import strategies as st

from rocqgen.errors import UserError
from rocqgen.models import PagingModel, parse_model, resolve, shipped_models
from rocqgen.models.lines import find_places
from rocqgen.models.load import model_path

TEXTS = [model_path(name).read_text() for name in shipped_models()]
PIECE = re.compile(r'"[^"\n]*"|\w+|[^\w\s]|\s+')
WORDS = sorted({piece for text in TEXTS for piece in PIECE.findall(text)})
JUNK = [
    "-1",
    "1e9",
    "nan",
    "1979-05-27",
    "''",
    '""',
    "[]",
    "{}",
    "[[]]",
    "true",
    "0x1_0",
    "\0",
    "é",
]


@st.composite
def mutants(draw: st.DrawFn) -> str:
    """A shipped spec with some pieces replaced, dropped, doubled or moved."""
    pieces = PIECE.findall(draw(st.sampled_from(TEXTS)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(pieces) - 1))
        match draw(st.sampled_from(["replace", "drop", "double", "swap", "number"])):
            case "replace":
                pieces[at] = draw(st.sampled_from(WORDS + JUNK) | st.text(max_size=4))
            case "drop":
                pieces[at] = ""
            case "double":
                pieces[at] *= 2
            case "swap":
                other = draw(st.integers(0, len(pieces) - 1))
                pieces[at], pieces[other] = pieces[other], pieces[at]
            case "number":
                pieces[at] = str(draw(st.integers(0, 70)))
    return "".join(pieces)


def outcome(text: str) -> PagingModel | UserError:
    """What becomes of a text; anything but a model and a UserError is a defect."""
    try:
        return parse_model(text, file="m.toml")
    except UserError as error:
        return error


@settings(max_examples=400, deadline=None)
@given(mutants())
def test_a_mutant_loads_or_is_refused_with_a_place(text: str) -> None:
    found = outcome(text)
    if isinstance(found, UserError):
        assert found.line is not None
        assert 1 <= found.line <= text.count("\n") + 2
        assert found.render().startswith(f"m.toml:{found.line}:")
        return
    # What loads can be used, whatever the controls are.
    for value in (False, True):
        assert resolve(found, dict.fromkeys(found.controls, value)).levels


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
def test_any_text_is_refused(text: str) -> None:
    assert isinstance(outcome(text), UserError)


@settings(max_examples=200, deadline=None)
@given(mutants())
def test_every_key_of_a_text_has_a_place(text: str) -> None:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    places = find_places(text)

    def check(value: object, path: tuple[str | int, ...]) -> None:
        if path:
            line, column = places[path]
            assert 1 <= line <= text.count("\n") + 1
            assert column >= 1
        if isinstance(value, dict):
            for key, inner in value.items():
                check(inner, (*path, key))
        elif isinstance(value, list):
            for number, inner in enumerate(value):
                check(inner, (*path, number))

    check(data, ())


def test_places_are_those_of_the_text() -> None:
    text = (
        'a = 1\n[t]\n"b c" = [1,\n  { x = "]" }]\n'
        'd.e = """\n[no]\n"""\n[[l]]\nk = 2\n[[l]]\n[l.m]\nz=1 # [n]\n'
    )
    places = find_places(text)
    assert places["a",] == (1, 1)
    assert places["t", "b c"] == (3, 1)
    assert places["t", "b c", 1, "x"] == (4, 5)
    assert places["t", "d", "e"] == (5, 1)
    assert places["l", 0, "k"] == (9, 1)
    assert places["l", 1] == (10, 1)
    assert places["l", 1, "m", "z"] == (12, 1)
    assert ("n",) not in places
