# SPDX-License-Identifier: Apache-2.0
"""The decoder and the interpreter against unicorn, form by form of the decoder's table.

`python -m bench.agreement` does the same with more states, and on the processor, too.
"""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from iced_x86 import Code

from bench.agreement import compare
from bench.agreement.compare import Agreement, flat, shift_count
from bench.agreement.encodings import encoding
from bench.agreement.hardware import Hardware, available
from bench.agreement.layout import STUBS
from bench.agreement.sdm import ROWS
from bench.agreement.states import vector
from rocqgen.cpu import OK, Flags, Ok, PageFault, Stuck, Unmodelled, arithmetic, execute
from rocqgen.source.forms import CODE_NAMES, CODES
from rocqgen.source.machine import Cond, Op, Reg, Width

if TYPE_CHECKING:
    from bench.agreement.compare import Tally
    from rocqgen.cpu.arithmetic import Result

STATES = 250


def by_op() -> dict[Op, list[int]]:
    """The forms, in groups whose names are short."""
    groups: dict[Op, list[int]] = {}
    for code, form in CODES.items():
        groups.setdefault(form.op, []).append(code)
    return groups


GROUPS = by_op()


@pytest.fixture(scope="module")
def agreement() -> Agreement:
    return Agreement()


@pytest.fixture(scope="module")
def hardware() -> Iterator[Hardware]:
    if not available():
        pytest.skip("no x86-64 processor under Linux to ask")
    with Hardware() as made:
        yield made


def test_every_operation_can_be_decoded() -> None:
    # Of loads and stores of control registers, one code stands for all registers.
    control = {Op.MOV_TO_CR0, Op.MOV_FROM_CR0, Op.MOV_TO_CR4, Op.MOV_FROM_CR4}
    assert set(GROUPS) == set(Op) - control


@pytest.mark.parametrize("op", list(GROUPS), ids=lambda op: op.value)
def test_a_form_does_what_the_emulator_does(
    agreement: Agreement, tallies: list[Tally], op: Op
) -> None:
    for code in GROUPS[op]:
        states = max(STATES, 2000 // len(GROUPS[op]))
        tally = agreement.form(code, states, encodings=states // 20)
        tallies.append(tally)
        assert tally.mismatches == [], str(tally.mismatches[0])
        assert tally.states >= states


def test_what_the_emulator_is_excused_for_is_what_the_processor_does(hardware: Hardware) -> None:
    agreement = Agreement(2, hardware)
    excused = 0
    for op in (Op.NEG, Op.CMPXCHG):
        for code in GROUPS[op]:
            tally = agreement.form(code, STATES, encodings=20)
            assert tally.mismatches == [], str(tally.mismatches[0])
            excused += tally.excused
            if tally.excused and op is Op.CMPXCHG:
                assert tally.name == "CMPXCHG_RM32_R32"
    assert 0 < excused < STATES * len(GROUPS[Op.NEG])


def test_faults_are_compared(tallies: list[Tally]) -> None:
    if {tally.op for tally in tallies} == set(GROUPS):
        faulting = {tally.op for tally in tallies if tally.faults}
        silent = {Op.LEA, Op.NOP, Op.INVLPG, Op.JCC, Op.MOV_TO_CR3, Op.MOV_FROM_CR3}
        assert faulting == set(GROUPS) - silent


# -- the comparison is able to fail ----------------------------------------------------------------


def wrong_borrow(a: int, b: int, borrow: int, width: int) -> Result:
    value, flags = arithmetic.sub(a, b, borrow, width)
    return value, flags._replace(cf=not flags.cf)


def wrong_sum(a: int, b: int, carry: int, width: int) -> Result:
    value, flags = arithmetic.add(a, b, carry, width)
    return value, flags._replace(of=False)


def wrong_product(a: int, b: int, width: int) -> Result:
    value, flags = arithmetic.imul(a, b, width)
    return value, flags._replace(zf=value == 0)


def wrong_count(count: int, _width: int) -> int:
    return count & 63


WRONG: list[tuple[str, Callable[..., object], int, str]] = [
    ("sub", wrong_borrow, Code.SUB_RM64_R64, "cf is"),
    ("sub", wrong_borrow, Code.CMPXCHG_RM16_R16, "cf is"),
    ("add", wrong_sum, Code.ADC_R8_RM8, "of is"),
    ("imul", wrong_product, Code.IMUL_R32_RM32, "undefined are"),
    ("count_of", wrong_count, Code.SHL_RM32_CL, ""),
    ("signed", lambda value, _width: value, Code.MOVSXD_R64_RM32, " is 0x"),
]


@pytest.mark.parametrize(
    ("name", "wrong", "code", "what"), WRONG, ids=[f"{row[0]} {row[2]}" for row in WRONG]
)
def test_wrong_semantics_are_caught(
    agreement: Agreement,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    wrong: Callable[..., object],
    code: int,
    what: str,
) -> None:
    monkeypatch.setattr(importlib.import_module("rocqgen.cpu.execute"), name, wrong)
    tally = agreement.form(code, 200)
    assert tally.mismatches
    assert what in tally.mismatches[0].what


def test_a_fault_that_comes_too_late_is_caught(
    agreement: Agreement, monkeypatch: pytest.MonkeyPatch
) -> None:
    def further(access: object, va: int) -> int | PageFault | Stuck:
        return flat(access, va - 1)  # type: ignore[arg-type]

    monkeypatch.setattr(compare, "flat", further)
    assert agreement.form(Code.MOV_R64_RM64, 20, faults=60).mismatches


# -- undefined flags -------------------------------------------------------------------------------


def test_the_table_of_undefined_flags_names_its_pages() -> None:
    assert all("Flags Affected" in row.page for row in ROWS)
    assert {flag for row in ROWS for _, flags in row.counts for flag in flags.split()} == {
        *Flags._fields
    }


READS: dict[Op, frozenset[str]] = {Op.ADC: frozenset({"cf"}), Op.SBB: frozenset({"cf"})}
BY_CONDITION = {
    Cond.O: "of",
    Cond.B: "cf",
    Cond.E: "zf",
    Cond.BE: "cf zf",
    Cond.S: "sf",
    Cond.P: "pf",
    Cond.L: "sf of",
    Cond.LE: "zf sf of",
}


def reads(op: Op, cond: Cond | None) -> frozenset[str]:
    """The flags that an instruction reads: SDM vol. 1, appendix B for conditions."""
    if cond is None:
        return READS.get(op, frozenset())
    index = list(Cond).index(cond)
    return frozenset(BY_CONDITION[list(Cond)[index & ~1]].split())


@pytest.mark.parametrize("op", list(GROUPS), ids=lambda op: op.value)
def test_an_unknown_flag_is_never_made_up(op: Op) -> None:
    """Stuck just where a flag is read; else what is known does not depend on what is not."""
    rng = random.Random(3)
    for code in GROUPS[op]:
        one = encoding(code, STUBS, rng)
        for _ in range(4):
            before = vector(one, rng)
            unknown = frozenset(name for name in Flags._fields if rng.random() < 0.3)
            partial, whole = before.state(STUBS), before.state(STUBS)
            partial.flags = before.flags._replace(**dict.fromkeys(unknown))
            outcome = execute(one.instr, partial, flat)
            expected = execute(one.instr, whole, flat)
            if unknown & reads(op, one.instr.cond):
                assert outcome == Stuck(Unmodelled.UNDEFINED_FLAG), CODE_NAMES[code]
                continue
            assert outcome == expected
            if not isinstance(outcome, Ok):
                continue
            kept = {
                name
                for name, old, new in zip(Flags._fields, partial.flags, whole.flags, strict=True)
                if old != new
            }
            assert kept <= unknown
            partial.flags = whole.flags
            assert partial == whole


@pytest.mark.parametrize("width", list(Width), ids=lambda width: str(int(width)))
def test_a_count_of_zero_keeps_unknown_flags_unknown(width: Width) -> None:
    rng = random.Random(4)
    for op in (Op.SHL, Op.SHR, Op.SAR, Op.ROL, Op.ROR):
        code = getattr(Code, f"{op.name}_RM{int(width)}_CL")
        one = encoding(code, STUBS, rng)
        before = vector(one, rng).state(STUBS)
        before.flags = Flags()
        if one.memory is None:
            before.regs[Reg.RCX] = 64 if width == 64 else 32
            assert execute(one.instr, before, flat) == OK
            assert before.flags == Flags()
            assert shift_count(one, tuple(before.regs.values())) % 32 == 0
