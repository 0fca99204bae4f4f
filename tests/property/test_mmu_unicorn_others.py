# SPDX-License-Identifier: Apache-2.0
"""Walks by RISC-V's and AArch64's models agree with an emulator that is not ours.

`python -m bench.mmu --only agreement` makes 100,000 accesses in each mode.
"""

from __future__ import annotations

import pytest

from bench.mmu.machines import MACHINES
from bench.mmu.others import agree_others
from rocqgen.models import load_model, parse_model
from rocqgen.models.load import model_path

ACCESSES = 1500
LEAVES = {
    "riscv-sv39": {4, 2 << 10, 1 << 20},
    "riscv-sv48": {4, 2 << 10, 1 << 20, 512 << 20},
    "riscv-sv57": {4, 2 << 10, 1 << 20, 512 << 20, 256 << 30},
    "aarch64-4k": {4, 2 << 10, 1 << 20},
}
"""The sizes of pages, in KiB."""


@pytest.mark.parametrize("name", MACHINES)
def test_agreement_with_unicorn(name: str) -> None:
    found = agree_others(load_model(name), MACHINES[name](), ACCESSES, seed=2)
    assert found.mismatches == []
    assert found.cases == ACCESSES
    assert found.undefined < ACCESSES / 10
    ends = set(found.outcomes)
    assert {f"page of {size} KiB" for size in LEAVES[name]} <= ends
    reasons = {"absent", "noncanonical", "protection"}
    reasons |= {"reserved"} if name.startswith("riscv") else {"accessed"}
    assert {end.split(":")[0] for end in ends if ":" in end} == reasons
    assert (found.updates > ACCESSES / 20) == name.startswith("riscv")


WRONG = {
    "SUM is ignored": ("riscv-sv39", "(!user | sum)", "!user"),
    "MXR is ignored": ("riscv-sv39", "(read | mxr & exec)", "read"),
    "user pages are executable to the supervisor": ("riscv-sv48", '"exec & !user"', '"exec"'),
    "large pages need not be aligned": ("riscv-sv39", '["[18:10]"]', '["never"]'),
    "the dirty bit is the other way round": ("riscv-sv57", 'leaf = "D"', 'leaf = "!D"'),
    "accessed bits are not set": ("riscv-sv39", '[accessed]\nleaf = "A"\n', "[accessed]\n"),
    "PAN is ignored": ("aarch64-4k", 'read = "!(user & pan)"', 'read = "always"'),
    "tables do not withhold writing": ("aarch64-4k", 'table = "!APTable1"', 'table = "always"'),
    "what EL0 may write, EL1 may execute": ("aarch64-4k", "(user | wxn)", "wxn"),
    "the status of permission faults": ("aarch64-4k", "value = 0x0c", "value = 0x08"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_model_is_found_out(what: str) -> None:
    name, old, new = WRONG[what]
    text = model_path(name).read_text()
    assert old in text
    wrong = parse_model(text.replace(old, new))
    found = agree_others(load_model(name), MACHINES[name](), ACCESSES, seed=2, model=wrong, most=1)
    assert found.mismatches
