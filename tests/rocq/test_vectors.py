# SPDX-License-Identifier: Apache-2.0
"""The machine of the theories against the interpreter, which agrees with an emulator."""

from __future__ import annotations

import importlib
import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bench.agreement.rocq import make_case, make_cases, make_form, run
from rocqgen.cpu import arithmetic
from rocqgen.source.forms import CODES
from rocqgen.source.machine import Op

if TYPE_CHECKING:
    from bench.agreement.rocq import Case
    from rocqgen.cpu.arithmetic import Result
    from rocqgen.rocq.library import Library
    from rocqgen.rocq.toolchain import Toolchain

pytestmark = pytest.mark.rocq

STATES = 20


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return make_cases(STATES, 1)


def wrong_borrow(a: int, b: int, borrow: int, width: int) -> Result:
    value, flags = arithmetic.sub(a, b, borrow, width)
    return value, flags._replace(cf=not flags.cf)


def test_exec_gives_what_the_interpreter_gives(
    toolchain: Toolchain, library: Library, cases: list[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all cases none differ, but those whose digest or semantics is wrong on purpose."""
    assert {case.form.one.form.op for case in cases} == {form.op for form in CODES.values()}
    assert {case.form.one.instr.op for case in cases} == set(Op)
    corrupted = replace(cases[7], digest=cases[7].digest ^ 1 << 40, name="corrupted")
    with monkeypatch.context() as patch:
        patch.setattr(importlib.import_module("rocqgen.cpu.execute"), "sub", wrong_borrow)
        chosen = [case for case in cases if case.name in {"SUB_RM8_R8", "CMP_R64_RM64"}]
        wrong = [make_case(f"wrong {c.name}", c.form, STATES, c.seed) for c in chosen]
    assert run([*cases, corrupted, *wrong], toolchain, library) == [corrupted, *wrong]


def test_both_sides_make_states_of_their_own() -> None:
    """The number that a case is about depends on every state, and on the whole of it."""
    code = next(code for code, form in CODES.items() if form.op is Op.XADD)
    form = make_form(code, random.Random(1))
    digests = {make_case("", form, states, seed).digest for states in (1, 2, 3) for seed in (5, 7)}
    assert len(digests) == 6
