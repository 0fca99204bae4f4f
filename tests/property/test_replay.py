# SPDX-License-Identifier: Apache-2.0
"""Saved counterexamples that someone has changed are run or refused, and never a traceback."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rocqgen.check.search import Options, check, replay
from rocqgen.errors import UserError
from rocqgen.source import load_fragments
from rocqgen.source.spec import Fragment

TWIN = Path(__file__).parents[2] / "examples" / "trampoline" / "trampoline.wrong-space.s"

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.text(max_size=8),
    st.integers(-1, 2**66).map(hex),
    st.sampled_from(["1/0", "0", "2", "-1/2", "nan", "1e9", {}, [], [1, 2, 3]]),
)


@cache
def case() -> tuple[Fragment, dict[str, Any]]:
    (fragment,) = load_fragments(TWIN)
    choice = check(fragment, Options(simplify=False)).choice
    assert choice is not None
    return fragment, choice


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    inside = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        inside = enumerate(value)
    return [path] * bool(path) + [one for key, item in inside for one in places(item, (*path, key))]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_changed_choice_is_run_or_refused(data: st.DataObject) -> None:
    fragment, choice = case()
    changed = copy.deepcopy(choice)
    for _ in range(data.draw(st.integers(1, 2))):
        all_places = places(changed)
        *path, last = data.draw(st.sampled_from(all_places))
        inside = changed
        for key in path:
            inside = inside[key]
        if data.draw(st.booleans()):
            inside[last] = data.draw(ODD)
        else:
            del inside[last]
        if not places(changed):
            break
    try:
        result = replay(fragment, changed)
    except UserError as error:
        said = error.message
        assert said.startswith("the saved state")
    else:
        assert result.states == 1
